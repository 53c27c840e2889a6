package main

import (
	"context"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/scaledbydesign/insights/cmd/insights/internal/app"
	"github.com/scaledbydesign/insights/cmd/insights/internal/console"
	"github.com/scaledbydesign/insights/newsletter"
	"github.com/scaledbydesign/insights/subscribers"
)

func subscriberCommand(p *program) *cobra.Command {
	return noun("subscriber", "Add, import and look after readers of digests", subscriberListCommand(p), subscriberShowCommand(p), subscriberAddCommand(p),
		subscriberSetCommand(p), subscriberUnsubscribeCommand(p), subscriberResendCommand(p), subscriberHistoryCommand(p), subscriberForgetCommand(p),
		subscriberImportCommand(p), subscriberExportCommand(p))
}

type subscriberJSON struct {
	Email        string           `json:"email"`
	Name         string           `json:"name"`
	Status       string           `json:"status"`
	Reason       string           `json:"reason,omitempty"`
	Cadence      string           `json:"cadence"`
	Categories   []string         `json:"categories"`
	PausedUntil  *time.Time       `json:"paused_until"`
	CreatedAt    *time.Time       `json:"created_at"`
	ConfirmedAt  *time.Time       `json:"confirmed_at"`
	Unsubscribed *time.Time       `json:"unsubscribed_at"`
	Source       string           `json:"source"`
	Position     map[string]int64 `json:"received_up_to,omitempty"`
	// NotReceived are the numbers up to there that the reader lacks.
	NotReceived map[string][]int64 `json:"not_received,omitempty"`
	History     []eventJSON        `json:"history,omitempty"`
}

type eventJSON struct {
	At     *time.Time `json:"at"`
	What   string     `json:"what"`
	Source string     `json:"source"`
	Detail string     `json:"detail,omitempty"`
}

func subscriberDocument(s subscribers.Subscriber) subscriberJSON {
	return subscriberJSON{
		Email: s.Address.String(), Name: s.Name, Status: string(s.Status), Reason: s.Reason, Cadence: string(s.Cadence), Categories: s.Categories,
		PausedUntil: console.Stamp(s.PausedUntil), CreatedAt: console.Stamp(s.CreatedAt), ConfirmedAt: console.Stamp(s.ConfirmedAt), Unsubscribed: console.Stamp(s.UnsubscribedAt), Source: s.Source,
	}
}

func (d *subscriberJSON) addPosition(p newsletter.Position) {
	d.Position, d.NotReceived = make(map[string]int64), make(map[string][]int64)
	for category, reach := range p {
		d.Position[category] = reach.To
		if len(reach.Holes) > 0 {
			d.NotReceived[category] = reach.Holes
		}
	}
}

func subscriberListCommand(p *program) *cobra.Command {
	var status, cadence, category string
	var limit int
	cmd := &cobra.Command{
		Use: "list", Short: "List subscribers", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			limit, err := p.limitOf(cmd, limit)
			if err != nil {
				return err
			}
			return p.withApp(func(ctx context.Context, a *app.App, _ []string) error {
				filter, err := parseFilter(&a.Config, status, cadence, category)
				if err != nil {
					return err
				}
				return subscriberList.write(p.out, a.Subscribers.List(ctx, filter), limit)
			})(cmd, args)
		},
	}
	cmd.Flags().StringVar(&status, "status", "", "only this `status`: pending, confirmed, unsubscribed, suppressed")
	cmd.Flags().StringVar(&cadence, "cadence", "", "only this `cadence`: instant, daily, weekly, monthly")
	categoryFlag(p, cmd, &category, "only readers of this `category`")
	limitFlag(cmd, &limit)
	return cmd
}

var subscriberList = long[subscribers.Subscriber]{
	header:   []string{"EMAIL", "STATUS", "CADENCE", "CATEGORIES"},
	document: func(s subscribers.Subscriber) any { return subscriberDocument(s) },
	row: func(s subscribers.Subscriber) []string {
		return []string{s.Address.String(), string(s.Status), string(s.Cadence), strings.Join(s.Categories, ",")}
	},
	none: "no subscribers match", more: "--limit 0 lists all; --status, --cadence and --category narrow the list",
}

func subscriberShowCommand(p *program) *cobra.Command {
	return &cobra.Command{
		Use: "show ADDR", Short: "Show one subscriber with their history", Args: cobra.ExactArgs(1),
		RunE: p.withApp(func(ctx context.Context, a *app.App, args []string) error {
			s, err := findSubscriber(ctx, a, args[0])
			if err != nil {
				return err
			}
			document := subscriberDocument(s)
			position, err := a.Explain.PositionOf(ctx, s.ID)
			if err != nil {
				return err
			}
			document.addPosition(position)
			if document.History, err = history(ctx, a, s.ID); err != nil {
				return err
			}
			showSubscriber(p.out, a.Config.Zone(), s, document)
			return p.out.Document(document)
		}),
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
