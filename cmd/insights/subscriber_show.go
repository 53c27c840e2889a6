package main

import (
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/scaledbydesign/insights/cmd/insights/internal/app"
	"github.com/scaledbydesign/insights/cmd/insights/internal/console"
	"github.com/scaledbydesign/insights/subscribers"
)

func subscriberShowCommand(p *program) *cobra.Command {
	return &cobra.Command{
		Use: "show ADDR", Short: "Show one subscriber with their history", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return withApp(cmd.Context(), p, func(a *app.App) error {
				s, err := findSubscriber(cmd.Context(), a, args[0])
				if err != nil {
					return err
				}
				document := subscriberDocument(s)
				position, err := a.Explain.PositionOf(cmd.Context(), s.ID)
				if err != nil {
					return err
				}
				document.Position = position
				for e, err := range a.Subscribers.History(cmd.Context(), s.ID) {
					if err != nil {
						return err
					}
					document.History = append(document.History, eventJSON{console.Stamp(e.At), e.What, e.Source, e.Detail})
				}
				if done, err := p.out.Document(document); done {
					return err
				}
				showSubscriber(p.out, a.Config.Zone(), s, document)
				return nil
			})
		},
	}
}

func showSubscriber(out *console.Console, zone *time.Location, s subscribers.Subscriber, document subscriberJSON) {
	out.Line("%s  %s", s.Address, strings.TrimSpace(string(s.Status)+" "+s.Reason))
	if s.Name != "" {
		out.Line("name        %s", s.Name)
	}
	out.Line("cadence     %s\ncategories  %s", s.Cadence, strings.Join(s.Categories, ", "))
	if !s.PausedUntil.IsZero() {
		out.Line("paused      until %s", console.Moment(s.PausedUntil, zone))
	}
	out.Line("confirmed   %s", console.Moment(s.ConfirmedAt, zone))
	out.Line("")
	for _, e := range document.History {
		out.Line("%s  %s by %s", console.Moment(*e.At, zone), e.What, e.Source)
		if e.Detail != "" {
			out.Line("    %s", e.Detail)
		}
	}
}
