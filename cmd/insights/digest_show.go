package main

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/scaledbydesign/insights/cmd/insights/internal/app"
	"github.com/scaledbydesign/insights/cmd/insights/internal/console"
)

func digestShowCommand(p *program) *cobra.Command {
	return &cobra.Command{
		Use: "show ID", Short: "Show a digest: what it carries, to how many, and what became of it", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return withApp(cmd.Context(), p, func(a *app.App) error {
				d, err := findDigest(cmd.Context(), a, args[0])
				if err != nil {
					return err
				}
				if done, err := p.out.Document(digestDocument(d)); done {
					return err
				}
				showPlan(p.out, d)
				zone := a.Config.Zone()
				p.out.Line("\nstate     %s", strings.TrimSpace(string(d.State)+" "+string(d.Reason)))
				p.out.Line("subject   %s", d.MainSubject())
				if !d.NotBefore.IsZero() {
					p.out.Line("goes out  %s, once approved", console.Moment(d.NotBefore, zone))
				}
				p.out.Line("planned   %s\napproved  %s\ndone      %s", console.Moment(d.PlannedAt, zone), console.Moment(d.ApprovedAt, zone), console.Moment(d.DoneAt, zone))
				p.out.Line("mails     %s", countsLine(d))
				return nil
			})
		},
	}
}
