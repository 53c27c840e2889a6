package main

import (
	"github.com/spf13/cobra"

	"github.com/scaledbydesign/insights/cmd/insights/internal/app"
	"github.com/scaledbydesign/insights/cmd/insights/internal/console"
)

func subscriberHistoryCommand(p *program) *cobra.Command {
	return &cobra.Command{
		Use: "history ADDR", Short: "Show what happened to a reader, and how they consented", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return withApp(cmd.Context(), p, func(a *app.App) error {
				s, err := findSubscriber(cmd.Context(), a, args[0])
				if err != nil {
					return err
				}
				events := []eventJSON{}
				var rows [][]string
				for e, err := range a.Subscribers.History(cmd.Context(), s.ID) {
					if err != nil {
						return err
					}
					events = append(events, eventJSON{console.Stamp(e.At), e.What, e.Source, e.Detail})
					rows = append(rows, []string{console.Moment(e.At, a.Config.Zone()), e.What, e.Source, e.Detail})
				}
				if done, err := p.out.Document(events); done {
					return err
				}
				p.out.Table([]string{"WHEN", "WHAT", "BY", "DETAIL"}, rows)
				return nil
			})
		},
	}
}
