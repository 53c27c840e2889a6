package main

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/scaledbydesign/insights/cmd/insights/internal/app"
)

func subscriberListCommand(p *program) *cobra.Command {
	var status, cadence, category string
	cmd := &cobra.Command{
		Use: "list", Short: "List subscribers", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			return withApp(cmd.Context(), p, func(a *app.App) error {
				filter, err := parseFilter(&a.Config, status, cadence, category)
				if err != nil {
					return err
				}
				documents := []subscriberJSON{}
				var rows [][]string
				for s, err := range a.Subscribers.List(cmd.Context(), filter) {
					if err != nil {
						return err
					}
					documents = append(documents, subscriberDocument(s))
					rows = append(rows, []string{s.Address.String(), string(s.Status), string(s.Cadence), strings.Join(s.Categories, ",")})
				}
				if done, err := p.out.Document(documents); done {
					return err
				}
				if len(rows) == 0 {
					p.out.Line("no subscriber matches")
					return nil
				}
				p.out.Table([]string{"EMAIL", "STATUS", "CADENCE", "CATEGORIES"}, rows)
				return nil
			})
		},
	}
	cmd.Flags().StringVar(&status, "status", "", "only this `status`: pending, confirmed, unsubscribed, suppressed")
	cmd.Flags().StringVar(&cadence, "cadence", "", "only this `cadence`: instant, daily, weekly, monthly")
	cmd.Flags().StringVar(&category, "category", "", "only readers of this `category`")
	completeCategories(p, cmd, "category")
	return cmd
}
