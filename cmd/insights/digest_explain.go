package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/scaledbydesign/insights/cmd/insights/internal/app"
	"github.com/scaledbydesign/insights/cmd/insights/internal/console"
	"github.com/scaledbydesign/insights/newsletter"
	"github.com/scaledbydesign/insights/subscribers"
)

func digestExplainCommand(p *program) *cobra.Command {
	var to, slug string
	cmd := &cobra.Command{
		Use: "explain --to ADDR", Short: "Explain which insights a reader gets, and why", Args: cobra.NoArgs,
		Long: `For each insight, show whether a reader has received it, gets it with their
next digest, or does not get it, and why. Nothing changes.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if to == "" {
				return usageError("--to ADDR is missing: the address of a subscriber")
			}
			return p.withApp(func(ctx context.Context, a *app.App, _ []string) error { return explain(ctx, p.out, a, to, slug) })(cmd, args)
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

func explain(ctx context.Context, out *console.Console, a *app.App, to, slug string) error {
	reader, err := findSubscriber(ctx, a, to)
	if err != nil {
		return err
	}
	lib, err := readInsights(out, &a.Publication)
	if err != nil {
		return err
	}
	now := time.Now()
	explainer := newsletter.Explainer{Grace: a.Config.Content.EditGrace, Zone: a.Config.Zone()}
	if err := explainer.Load(ctx, a.Explain, reader, a.Config.Schedules(), now); err != nil {
		return err
	}
	documents := []explanationJSON{}
	var rows [][]string
	for _, in := range slices.Concat(lib.All(), explainer.AddMissing(lib)) {
		if slug != "" && in.Slug != slug {
			continue
		}
		e := explainer.Explain(in, now)
		if slug == "" && explainer.Missing[in.ID] && (e.Standing == newsletter.StandingBefore || e.Standing == newsletter.StandingNotChosen) {
			continue // taken away long ago, and never meant for them
		}
		document := explanationJSON{Slug: in.Slug, ID: in.ID, Title: in.Title, Verdict: string(e.Standing), Reason: e.Reason, At: console.Stamp(e.At)}
		if e.Digest != 0 {
			document.Digest = &e.Digest
		}
		documents = append(documents, document)
		rows = append(rows, []string{string(e.Standing), e.Reason, in.Slug})
	}
	if slug != "" && len(documents) == 0 {
		return fmt.Errorf("there is no insight %q%s; see: insights content list", slug, didYouMean(slug, slugsOf(lib)))
	}
	out.Line("%s, %s, %s\n", reader.Address, reader.Status, subscribers.Preferences{Cadence: reader.Cadence, Categories: reader.Categories})
	out.Table([]string{"VERDICT", "WHY", "INSIGHT"}, rows)
	return out.Document(documents)
}
