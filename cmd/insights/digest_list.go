package main

import (
	"strconv"

	"github.com/spf13/cobra"

	"github.com/scaledbydesign/insights/cmd/insights/internal/app"
	"github.com/scaledbydesign/insights/cmd/insights/internal/console"
	"github.com/scaledbydesign/insights/newsletter"
)

func digestListCommand(p *program) *cobra.Command {
	var limit int
	cmd := &cobra.Command{
		Use: "list", Short: "List digests, newest first", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			return withApp(cmd.Context(), p, func(a *app.App) error {
				digests, err := a.Digests.Digests(cmd.Context(), limit)
				if err != nil {
					return err
				}
				documents := []digestJSON{}
				var rows [][]string
				for _, d := range digests {
					documents = append(documents, digestDocument(d))
					from := "staff"
					if d.Schedule != "" {
						from = d.Schedule + " " + d.Slot
					}
					rows = append(rows, []string{strconv.FormatInt(d.ID, 10), string(d.State), from, console.Thousands(d.Readers), console.Thousands(d.Counts[newsletter.Sent]), console.Moment(d.CreatedAt, a.Config.Zone()), d.MainSubject()})
				}
				if done, err := p.out.Document(documents); done {
					return err
				}
				if len(rows) == 0 {
					p.out.Line("no digest yet; see: insights digest plan --help")
					return nil
				}
				p.out.Table([]string{"ID", "STATE", "FROM", "READERS", "SENT", "PLANNED", "SUBJECT"}, rows)
				return nil
			})
		},
	}
	cmd.Flags().IntVar(&limit, "limit", 20, "at most this `number`")
	return cmd
}
