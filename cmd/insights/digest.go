package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/scaledbydesign/insights/cmd/insights/internal/app"
	"github.com/scaledbydesign/insights/cmd/insights/internal/config"
	"github.com/scaledbydesign/insights/cmd/insights/internal/console"
	"github.com/scaledbydesign/insights/newsletter"
)

func digestCommand(p *program) *cobra.Command {
	commands := []*cobra.Command{
		digestPlanCommand(p), digestSendCommand(p), digestTestCommand(p), digestPreviewCommand(p),
		digestListCommand(p), digestShowCommand(p), digestNextCommand(p), digestExplainCommand(p),
	}
	return noun("digest", "Plan, preview and send digests", append(commands, digestDecisions(p)...)...)
}

type digestJSON struct {
	ID         *int64            `json:"id"` // null: nothing was planned
	State      string            `json:"state"`
	Reason     string            `json:"reason"`
	Readers    int               `json:"readers"`
	Variants   []variantJSON     `json:"variants"`
	Insights   []newsletter.Item `json:"insights"`
	Subject    string            `json:"subject"` // of the largest variant
	Cadence    string            `json:"cadence"`
	Category   string            `json:"category"`
	Schedule   string            `json:"schedule"`
	Slot       string            `json:"slot"`
	Hash       string            `json:"hash"`
	Counts     map[string]int    `json:"counts,omitempty"`
	Marks      map[string]int    `json:"marks,omitempty"`     // accepted emails that came back or drew a complaint
	Withdrawn  []string          `json:"withdrawn,omitempty"` // slugs of insights that are left out
	NotBefore  *time.Time        `json:"not_before"`          // null: it goes out once it is approved
	CreatedAt  *time.Time        `json:"created_at"`
	ApprovedAt *time.Time        `json:"approved_at"`
	DoneAt     *time.Time        `json:"done_at"`
	DryRun     bool              `json:"dry_run,omitempty"`
}

type variantJSON struct {
	Number   int      `json:"number"`
	Readers  int      `json:"readers"`
	Subject  string   `json:"subject"`
	Insights []string `json:"insights"` // slugs
}

func digestDocument(d newsletter.Digest) digestJSON {
	document := digestJSON{
		State: string(d.State), Reason: string(d.Reason), Readers: d.Readers, Variants: []variantJSON{}, Insights: []newsletter.Item{}, Subject: d.MainSubject(),
		Cadence: string(d.Cadence), Category: d.Category, Schedule: d.Schedule, Slot: d.Slot, Hash: d.Hash, Counts: byName(d.Counts),
		NotBefore: console.Stamp(d.NotBefore), CreatedAt: console.Stamp(d.CreatedAt), ApprovedAt: console.Stamp(d.ApprovedAt), DoneAt: console.Stamp(d.DoneAt),
	}
	if d.ID != 0 {
		document.ID = &d.ID
	}
	if d.Marks != nil {
		document.Marks = byName(d.Marks)
	}
	for _, item := range d.WithdrawnItems() {
		document.Withdrawn = append(document.Withdrawn, item.Slug)
	}
	document.Insights = append(document.Insights, d.Items...)
	for _, v := range d.Variants {
		items := d.ItemsOf(v)
		variant := variantJSON{Number: v.Number, Readers: v.Readers, Subject: newsletter.SubjectFor(items, d.Subject), Insights: []string{}}
		for _, item := range items {
			variant.Insights = append(variant.Insights, item.Slug)
		}
		document.Variants = append(document.Variants, variant)
	}
	return document
}

// showPlan shows what staff need to decide about a digest.
func showPlan(out *console.Console, d newsletter.Digest) {
	name := "digest"
	if d.ID != 0 {
		name = fmt.Sprintf("digest %d", d.ID)
	}
	out.Line("%s: %s, %s in %s", name, console.Count(d.Readers, "reader"), console.Count(len(d.Items), "insight"), console.Count(len(d.Variants), "variant"))
	out.Line("")
	var rows [][]string
	for _, v := range d.Variants {
		for i, item := range d.ItemsOf(v) {
			variant, readers := "", ""
			if i == 0 {
				variant, readers = strconv.Itoa(v.Number), console.Thousands(v.Readers)
			}
			rows = append(rows, []string{variant, readers, item.Category, item.Title})
		}
	}
	out.Table([]string{"VARIANT", "READERS", "CATEGORY", "INSIGHT"}, rows)
}

// countsLine is "2 sent, 1 deferred": it adds up to the readers.
func countsLine(d newsletter.Digest) string { return tally(d.Counts, newsletter.DeliveryStates[:]) }

func digestListCommand(p *program) *cobra.Command {
	var limit int
	cmd := &cobra.Command{
		Use: "list", Short: "List digests, newest first", Args: cobra.NoArgs,
		RunE: p.withApp(func(ctx context.Context, a *app.App, args []string) error {
			digests, err := a.Digests.Digests(ctx, limit)
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
			return p.out.Listing(documents, []string{"ID", "STATE", "FROM", "READERS", "SENT", "PLANNED", "SUBJECT"}, rows, "no digests yet; see: insights digest plan --help")
		}),
	}
	cmd.Flags().IntVar(&limit, "limit", 20, "show at most this `number`")
	return cmd
}

func digestNextCommand(p *program) *cobra.Command {
	return &cobra.Command{
		Use: "next", Short: "Show when each schedule is next due", Args: cobra.NoArgs,
		RunE: p.withConfig(func(ctx context.Context, c config.Config, args []string) error {
			documents, rows := nextSlots(&c, time.Now())
			return p.out.Listing(documents, []string{"SCHEDULE", "CADENCE", "NEXT"}, rows, "")
		}),
	}
}

type nextSlotJSON struct {
	Schedule string     `json:"schedule"`
	Cadence  string     `json:"cadence"`
	Slot     string     `json:"slot"`
	Due      *time.Time `json:"due"`
}

func nextSlots(c *config.Config, now time.Time) ([]nextSlotJSON, [][]string) {
	documents := []nextSlotJSON{}
	var rows [][]string
	for _, s := range c.Schedules() {
		next := nextSlotJSON{Schedule: s.Name, Cadence: string(s.Cadence)}
		when := "as soon as an insight appears"
		if c.Content.EditGrace > 0 {
			when = console.Duration(c.Content.EditGrace) + " after an insight appears"
		}
		if slot, ok := s.Next(now); ok {
			next.Slot, next.Due = slot.Key, console.Stamp(slot.Due)
			when = console.Moment(slot.Due, s.Zone)
		}
		documents = append(documents, next)
		rows = append(rows, []string{s.Name, string(s.Cadence), when})
	}
	return documents, rows
}

func digestShowCommand(p *program) *cobra.Command {
	return &cobra.Command{
		Use: "show ID", Short: "Show a digest: its insights, readers and results", Args: cobra.ExactArgs(1),
		RunE: p.withApp(func(ctx context.Context, a *app.App, args []string) error {
			d, err := findDigest(ctx, a, args[0])
			if err != nil {
				return err
			}
			showPlan(p.out, d)
			zone := a.Config.Zone()
			p.out.Line("\nstate     %s", strings.TrimSpace(string(d.State)+" "+string(d.Reason)))
			p.out.Line("subject   %s", d.MainSubject())
			if !d.NotBefore.IsZero() {
				p.out.Line("send at   %s, once approved", console.Moment(d.NotBefore, zone))
			}
			p.out.Line("planned   %s\napproved  %s\ndone      %s", console.Moment(d.PlannedAt, zone), console.Moment(d.ApprovedAt, zone), console.Moment(d.DoneAt, zone))
			p.out.Line("emails    %s", countsLine(d))
			if n := d.Marks[newsletter.Bounced]; n > 0 {
				p.out.Line("returned  %s; see: insights delivery list --digest %d --bounced", console.Thousands(n), d.ID)
			}
			if n := d.Marks[newsletter.Complained]; n > 0 {
				p.out.Line("spam      %s; see: insights delivery list --digest %d --complained", console.Count(n, "complaint"), d.ID)
			}
			if d.State.Active() || d.State == newsletter.DigestPlanned {
				for _, item := range d.WithdrawnItems() {
					p.out.Line("left out  %s, which is not on the site: emails not yet sent go without it, unless it is back first", item.Title)
				}
			}
			return p.out.Document(digestDocument(d))
		}),
	}
}

// leftOut notes which insights of a digest the emails that are still to be sent leave out.
func leftOut(out *console.Console, d *newsletter.Digest) {
	for _, item := range d.WithdrawnItems() {
		out.Note("left out: %s, which was withdrawn from the site", item.Title)
	}
}
