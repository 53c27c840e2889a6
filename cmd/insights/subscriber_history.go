package main

import (
	"context"
	"slices"

	"github.com/spf13/cobra"

	"github.com/scaledbydesign/insights/cmd/insights/internal/app"
	"github.com/scaledbydesign/insights/cmd/insights/internal/console"
	"github.com/scaledbydesign/insights/newsletter"
)

func subscriberHistoryCommand(p *program) *cobra.Command {
	return &cobra.Command{
		Use: "history ADDR", Short: "Show a subscriber's history and consent", Args: cobra.ExactArgs(1),
		Long: `Show a subscriber's history and consent, with what was refused or came back, and
what was judged of it.`,
		RunE: p.withApp(func(ctx context.Context, a *app.App, args []string) error {
			s, err := findSubscriber(ctx, a, args[0])
			if err != nil {
				return err
			}
			events, err := history(ctx, a, s.ID)
			if err != nil {
				return err
			}
			var rows [][]string
			for _, e := range events {
				rows = append(rows, []string{console.Moment(*e.At, a.Config.Zone()), e.What, e.Source, e.Detail})
			}
			return p.out.Listing(events, []string{"WHEN", "WHAT", "BY", "DETAIL"}, rows, "")
		}),
	}
}

// history is what happened to a subscriber, and to emails to them, in order.
func history(ctx context.Context, a *app.App, subscriber int64) ([]eventJSON, error) {
	events := []eventJSON{}
	for e, err := range a.Subscribers.History(ctx, subscriber) {
		if err != nil {
			return nil, err
		}
		events = append(events, eventJSON{console.Stamp(e.At), e.What, e.Source, e.Detail})
	}
	for b, err := range a.Bounces.BouncesOf(ctx, subscriber) {
		if err != nil {
			return nil, err
		}
		what := string(b.Kind)
		if b.Class != "" {
			what = string(b.Class) + " bounce"
		}
		detail := b.Text
		if r := b.Refusal; r != nil && r.Verdict == newsletter.NotJudged {
			detail += "; " + r.Says(a.Config.Zone())
		}
		events = append(events, eventJSON{console.Stamp(b.At), what, "email " + b.Ref.String(), detail})
	}
	refusals, err := a.Explain.RefusalsOf(ctx, subscriber)
	if err != nil {
		return nil, err
	}
	for _, r := range refusals {
		if r.Verdict != newsletter.NotJudged {
			events = append(events, eventJSON{console.Stamp(r.Judged), "refusal " + string(r.Verdict), "judgement", string(r.Reason)})
		}
	}
	slices.SortStableFunc(events, func(a, b eventJSON) int { return a.At.Compare(*b.At) })
	return events, nil
}
