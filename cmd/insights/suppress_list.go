package main

import (
	"time"

	"github.com/spf13/cobra"

	"github.com/scaledbydesign/insights/cmd/insights/internal/app"
	"github.com/scaledbydesign/insights/cmd/insights/internal/console"
)

func suppressCommand(p *program) *cobra.Command {
	return noun("suppress", "Addresses that must not be written to", suppressListCommand(p), suppressAddCommand(p), suppressRemoveCommand(p), suppressImportCommand(p))
}

// suppressionJSON is a suppression as programs see it.
type suppressionJSON struct {
	Email  string     `json:"email"` // "" = kept as a hash alone
	Hash   string     `json:"hash"`
	Status string     `json:"status"`
	Cause  string     `json:"cause"`
	Reason string     `json:"reason"`
	At     *time.Time `json:"at"`
}

func suppressListCommand(p *program) *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List the addresses that must not be written to", Args: cobra.NoArgs,
		Long: "List the addresses that must not be written to, and those that were forgotten.\nOf one that is no subscriber's only the hash is kept.",
		RunE: func(cmd *cobra.Command, args []string) error {
			return withApp(cmd.Context(), p, func(a *app.App) error {
				documents := []suppressionJSON{}
				var rows [][]string
				for s, err := range a.Subscribers.Suppressions(cmd.Context()) {
					if err != nil {
						return err
					}
					documents = append(documents, suppressionJSON{s.Email, s.Hash, string(s.Status), string(s.Cause), s.Reason, console.Stamp(s.At)})
					who, cause := s.Email, string(s.Cause)
					if who == "" {
						who = "(hash " + s.Hash[:12] + ")"
					}
					if cause == "" {
						cause = string(s.Status)
					}
					rows = append(rows, []string{who, cause, console.Moment(s.At, a.Config.Zone()), s.Reason})
				}
				if done, err := p.out.Document(documents); done {
					return err
				}
				if len(rows) == 0 {
					p.out.Line("no address is suppressed")
					return nil
				}
				p.out.Table([]string{"WHO", "CAUSE", "SINCE", "REASON"}, rows)
				return nil
			})
		},
	}
}
