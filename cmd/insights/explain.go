package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/scaledbydesign/insights/content"
	"github.com/scaledbydesign/insights/newsletter"
	"github.com/scaledbydesign/insights/subscribers"
)

func (p *program) digestExplainCommand() *cobra.Command {
	var to, slug string
	cmd := &cobra.Command{
		Use: "explain --to ADDR", Short: "Say of each insight whether a reader gets it, and why", Args: cobra.NoArgs,
		Long: "Say of each insight whether a reader has received it, gets it with their next\ndigest, or does not, and why. Nothing changes.",
		RunE: func(cmd *cobra.Command, args []string) error {
			if to == "" {
				return usageError("--to ADDR says for whom")
			}
			return p.withNewsroom(cmd.Context(), func(n *newsroom) error { return p.explain(cmd.Context(), n, to, slug) })
		},
	}
	cmd.Flags().StringVar(&to, "to", "", "the subscriber's `address`")
	cmd.Flags().StringVar(&slug, "insight", "", "only this insight (its `slug`)")
	return cmd
}

type explanationJSON struct {
	Slug    string     `json:"slug"`
	ID      string     `json:"id"`
	Title   string     `json:"title"`
	Verdict string     `json:"verdict"`
	Reason  string     `json:"reason"`
	Digest  *int64     `json:"digest"`
	At      *time.Time `json:"at"`
}

func (p *program) explain(ctx context.Context, n *newsroom, to, slug string) error {
	reader, err := n.subscriber(ctx, to)
	if err != nil {
		return err
	}
	lib, err := n.library()
	if err != nil {
		return err
	}
	explainer, err := n.explainer(ctx, reader)
	if err != nil {
		return err
	}
	documents := []explanationJSON{}
	var rows [][]string
	now := time.Now()
	for _, in := range lib.All() {
		if slug != "" && in.Slug != slug {
			continue
		}
		e := explainer.Explain(in, now)
		document := explanationJSON{Slug: in.Slug, ID: in.ID, Title: in.Title, Verdict: string(e.Standing), Reason: e.Reason, At: stamp(e.At)}
		if e.Digest != 0 {
			document.Digest = &e.Digest
		}
		documents = append(documents, document)
		rows = append(rows, []string{string(e.Standing), e.Reason, in.Slug})
	}
	if slug != "" && len(documents) == 0 {
		return fmt.Errorf("there is no insight %q%s; see: insights content list", slug, suggestion(slug, slugs(lib)))
	}
	if done, err := p.out.document(documents); done {
		return err
	}
	p.out.line("%s, %s, %s\n", reader.Address, reader.Status, subscribers.Preferences{Cadence: reader.Cadence, Categories: reader.Categories})
	p.out.table([]string{"VERDICT", "WHY", "INSIGHT"}, rows)
	return nil
}

func slugs(lib *content.Library) (all []string) {
	for _, in := range lib.All() {
		all = append(all, in.Slug)
	}
	return all
}

// explainer gathers what explanations for a reader are made from.
func (n *newsroom) explainer(ctx context.Context, reader subscribers.Subscriber) (*newsletter.Explainer, error) {
	e := &newsletter.Explainer{Reader: reader, Grace: n.config.Content.EditGrace, Zone: n.config.zone(), Sequence: make(map[string]newsletter.Numbered)}
	var err error
	if e.Position, err = n.db.PositionOf(ctx, reader.ID); err != nil {
		return nil, err
	}
	if e.Carried, err = n.db.CarriedTo(ctx, reader.ID); err != nil {
		return nil, err
	}
	sequence, err := n.db.Sequence(ctx)
	if err != nil {
		return nil, err
	}
	for _, numbered := range sequence {
		e.Sequence[numbered.InsightID] = numbered
	}
	if e.FirstSeen, err = n.db.FirstSeen(ctx); err != nil {
		return nil, err
	}
	for _, schedule := range n.config.schedules() {
		if slot, ok := schedule.Next(time.Now()); ok && schedule.Cadence == reader.Cadence && (e.Next == nil || slot.Due.Before(e.Next.Due)) {
			e.Next = &slot
		}
	}
	return e, nil
}
