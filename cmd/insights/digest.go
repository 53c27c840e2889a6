package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/scaledbydesign/insights/content"
	"github.com/scaledbydesign/insights/newsletter"
	"github.com/scaledbydesign/insights/subscribers"
)

func (p *program) digestCommand() *cobra.Command {
	commands := []*cobra.Command{
		p.digestPlanCommand(), p.digestSendCommand(), p.digestTestCommand(), p.digestPreviewCommand(),
		p.digestListCommand(), p.digestShowCommand(), p.digestNextCommand(), p.digestExplainCommand(),
	}
	return noun("digest", "The digests", append(commands, p.digestDecisions()...)...)
}

// digestJSON is a digest as programs see it.
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
	NotBefore  *time.Time        `json:"not_before"` // null: it goes out once it is approved
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
		State: string(d.State), Reason: string(d.Reason), Readers: d.Readers, Variants: []variantJSON{}, Insights: []newsletter.Item{}, Subject: subjectOfDigest(d),
		Cadence: string(d.Cadence), Category: d.Category, Schedule: d.Schedule, Slot: d.Slot, Hash: d.Hash,
		NotBefore: stamp(d.NotBefore), CreatedAt: stamp(d.CreatedAt), ApprovedAt: stamp(d.ApprovedAt), DoneAt: stamp(d.DoneAt),
	}
	if d.ID != 0 {
		document.ID = &d.ID
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
	if d.Counts != nil {
		document.Counts = make(map[string]int)
		for state, n := range d.Counts {
			document.Counts[string(state)] = n
		}
	}
	return document
}

// subjectOfDigest is the subject that most readers see.
func subjectOfDigest(d newsletter.Digest) string {
	var largest newsletter.Variant
	for _, v := range d.Variants {
		if v.Readers > largest.Readers {
			largest = v
		}
	}
	return newsletter.SubjectFor(d.ItemsOf(largest), d.Subject)
}

func (p *program) digestPlanCommand() *cobra.Command {
	var cadence, category, only, intro, subject, at, out string
	var dryRun, failEmpty bool
	cmd := &cobra.Command{
		Use: "plan", Short: "Freeze a digest of what readers have unread; nobody is mailed yet", Args: cobra.NoArgs,
		Long: "Freeze a digest: who gets which unread insights.\nNobody is mailed until: insights digest send ID.",
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.withNewsroom(cmd.Context(), func(n *newsroom) error {
				request, err := n.planRequest(cmd.Context(), cadence, category, only, intro, subject)
				if err != nil {
					return err
				}
				if request.NotBefore, err = n.moment(at, time.Now()); err != nil {
					return err
				}
				request.DryRun = dryRun
				if dryRun && out != "" {
					return usageError("--out writes the mails of a digest that is planned: leave out --dry-run")
				}
				return p.plan(cmd.Context(), n, request, out, failEmpty)
			})
		},
	}
	cmd.Flags().StringVar(&cadence, "cadence", "", "only readers of this `cadence`: instant, daily, weekly, monthly (default: all)")
	cmd.Flags().StringVar(&category, "category", "", "only this `category` (default: all of each reader's)")
	cmd.Flags().StringVar(&only, "only", "", "only this subscriber's `address`")
	cmd.Flags().StringVar(&intro, "intro", "", "a text `file` that stands before the insights")
	cmd.Flags().StringVar(&subject, "subject", "", "the `subject` (default: made from the first title)")
	cmd.Flags().StringVar(&at, "at", "", "send it not before this `time`: 2026-12-01 09:00 in the site's\nzone, or with one: 2026-12-01T09:00:00Z")
	cmd.Flags().StringVar(&out, "out", "", "also write every mail, as it will be sent, into this `folder`")
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "only say what would be planned")
	cmd.Flags().BoolVar(&failEmpty, "fail-empty", false, "exit with 1 when there is nothing to send")
	p.completeCategories(cmd, "category")
	return cmd
}

// maxIntro bounds an edition text: a mail is to stay under 90 KB.
const maxIntro = 16 << 10

func (n *newsroom) planRequest(ctx context.Context, cadence, category, only, intro, subject string) (r newsletter.Request, err error) {
	if cadence != "" {
		if r.Cadence, err = subscribers.ParseCadence(cadence); err != nil {
			return r, usageError("%v", err)
		}
	}
	if r.Category, err = n.config.category(category); err != nil {
		return r, err
	}
	if only != "" {
		s, err := n.subscriber(ctx, only)
		if err != nil {
			return r, err
		}
		r.Only = s.ID
	}
	if intro != "" {
		text, err := os.ReadFile(intro)
		if err != nil {
			return r, fmt.Errorf("read the intro: %w", err)
		}
		if len(text) > maxIntro {
			return r, usageError("the intro %s has %d bytes; %d at most", intro, len(text), maxIntro)
		}
		if !utf8.Valid(text) || bytes.ContainsRune(text, 0) {
			return r, usageError("the intro %s is not UTF-8 text", intro)
		}
		r.Intro = strings.TrimSpace(string(text))
	}
	if !utf8.ValidString(subject) || strings.Map(printable, subject) != subject || strings.ContainsAny(subject, "\u2028\u2029") || len(subject) > 250 {
		return r, usageError("a subject is one line of at most 250 bytes, without control characters")
	}
	r.Subject = strings.TrimSpace(subject)
	return r, nil
}

// moment reads a time to come, as staff write it: by the site's clock unless it
// names its zone.
func (n *newsroom) moment(word string, now time.Time) (time.Time, error) {
	if word == "" {
		return time.Time{}, nil
	}
	t, err := time.Parse(time.RFC3339, word)
	for _, layout := range []string{"2006-01-02 15:04", "2006-01-02T15:04"} {
		if err != nil {
			t, err = time.ParseInLocation(layout, word, n.config.zone())
		}
	}
	switch {
	case err != nil:
		return t, usageError("--at %q is no time: write 2026-12-01 09:00, or with a zone 2026-12-01T09:00:00Z", word)
	case !t.After(now):
		return t, usageError("--at %s is past", moment(t, n.config.zone()))
	}
	return t, nil
}

func (p *program) plan(ctx context.Context, n *newsroom, request newsletter.Request, out string, failEmpty bool) error {
	lib, err := n.library()
	if err != nil {
		return err
	}
	if !request.DryRun {
		// Staff who plan by hand mean what is visible now: no edit grace.
		if _, _, err := n.db.Number(ctx, newsletter.VisibleIn(lib), newsletter.Numbering{}); err != nil {
			return otherLibrary(err)
		}
	}
	d, err := n.planner.Plan(ctx, lib, request)
	if err != nil {
		return otherLibrary(err)
	}
	if d.Readers == 0 {
		d.State = "skipped"
	}
	document := digestDocument(d)
	document.DryRun = request.DryRun
	if out != "" && d.ID != 0 {
		written, err := n.writeMails(ctx, d, out)
		if err != nil {
			return fmt.Errorf("digest %d is planned, but its mails could not be written: %w", d.ID, err)
		}
		p.out.note("wrote %s into %s", count(written, "mail"), out)
	}
	if done, err := p.out.document(document); done {
		return errors.Join(err, emptyError(d, failEmpty))
	}
	if d.Readers == 0 {
		p.out.line("nothing to send: %s", d.Reason)
		return emptyError(d, failEmpty)
	}
	p.showPlan(d)
	if !d.NotBefore.IsZero() {
		p.out.line("\nOnce approved it goes out at %s.", moment(d.NotBefore, n.config.zone()))
	}
	if request.DryRun {
		p.out.line("\ndry run: nothing was stored")
	} else {
		p.out.line("\nLook at it:  insights digest preview %d --text\nSend it:     insights digest send %d", d.ID, d.ID)
	}
	return nil
}

// otherLibrary says what to do about insights that are not the daemon's.
func otherLibrary(err error) error {
	if errors.Is(err, newsletter.ErrOtherLibrary) {
		return fmt.Errorf("nothing was numbered or planned: %w; use the daemon's content.dir here, or start the daemon once so that it takes these insights as the site's", err)
	}
	return err
}

func emptyError(d newsletter.Digest, failEmpty bool) error {
	if d.Readers == 0 && failEmpty {
		return &coded{errors.New(string(d.Reason)), exitFailed, true}
	}
	return nil
}

// showPlan says what a digest is, the way staff decide by.
func (p *program) showPlan(d newsletter.Digest) {
	name := "digest"
	if d.ID != 0 {
		name = fmt.Sprintf("digest %d", d.ID)
	}
	p.out.line("%s: %s, %s in %s", name, count(d.Readers, "reader"), count(len(d.Items), "insight"), count(len(d.Variants), "variant"))
	p.out.line("")
	var rows [][]string
	for _, v := range d.Variants {
		for i, item := range d.ItemsOf(v) {
			variant, readers := "", ""
			if i == 0 {
				variant, readers = strconv.Itoa(v.Number), thousands(v.Readers)
			}
			rows = append(rows, []string{variant, readers, item.Category, item.Title})
		}
	}
	p.out.table([]string{"VARIANT", "READERS", "CATEGORY", "INSIGHT"}, rows)
}

func (p *program) digestListCommand() *cobra.Command {
	var limit int
	cmd := &cobra.Command{
		Use: "list", Short: "List digests, newest first", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.withNewsroom(cmd.Context(), func(n *newsroom) error {
				digests, err := n.db.Digests(cmd.Context(), limit)
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
					rows = append(rows, []string{strconv.FormatInt(d.ID, 10), string(d.State), from, thousands(d.Readers), thousands(d.Counts[newsletter.Sent]), moment(d.CreatedAt, n.config.zone()), subjectOfDigest(d)})
				}
				if done, err := p.out.document(documents); done {
					return err
				}
				if len(rows) == 0 {
					p.out.line("no digest yet; see: insights digest plan --help")
					return nil
				}
				p.out.table([]string{"ID", "STATE", "FROM", "READERS", "SENT", "PLANNED", "SUBJECT"}, rows)
				return nil
			})
		},
	}
	cmd.Flags().IntVar(&limit, "limit", 20, "at most this `number`")
	return cmd
}

func (p *program) digestShowCommand() *cobra.Command {
	return &cobra.Command{
		Use: "show ID", Short: "Show a digest: what it carries, to how many, and what became of it", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.withNewsroom(cmd.Context(), func(n *newsroom) error {
				d, err := n.digest(cmd.Context(), args[0])
				if err != nil {
					return err
				}
				if done, err := p.out.document(digestDocument(d)); done {
					return err
				}
				p.showPlan(d)
				zone := n.config.zone()
				p.out.line("\nstate     %s", strings.TrimSpace(string(d.State)+" "+string(d.Reason)))
				p.out.line("subject   %s", subjectOfDigest(d))
				if !d.NotBefore.IsZero() {
					p.out.line("goes out  %s, once approved", moment(d.NotBefore, zone))
				}
				p.out.line("planned   %s\napproved  %s\ndone      %s", moment(d.PlannedAt, zone), moment(d.ApprovedAt, zone), moment(d.DoneAt, zone))
				p.out.line("mails     %s", countsLine(d))
				return nil
			})
		},
	}
}

// countsLine is "2 sent, 1 deferred": it adds up to the readers.
func countsLine(d newsletter.Digest) string {
	var parts []string
	for _, state := range newsletter.DeliveryStates {
		if n := d.Counts[state]; n > 0 {
			parts = append(parts, thousands(n)+" "+string(state))
		}
	}
	return dash(strings.Join(parts, ", "))
}

// digest finds one by what a person wrote.
func (n *newsroom) digest(ctx context.Context, word string) (newsletter.Digest, error) {
	id, err := strconv.ParseInt(word, 10, 64)
	if err != nil {
		return newsletter.Digest{}, usageError("%q is no digest: give its number; see: insights digest list", word)
	}
	d, err := n.db.Digest(ctx, id)
	if errors.Is(err, newsletter.ErrNotFound) {
		return d, fmt.Errorf("there is no digest %d; see: insights digest list", id)
	}
	return d, err
}

func (p *program) digestNextCommand() *cobra.Command {
	return &cobra.Command{
		Use: "next", Short: "Show when each schedule makes its next digest", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := p.config()
			if err != nil {
				return err
			}
			documents, rows := c.nextSlots(time.Now())
			if done, err := p.out.document(documents); done {
				return err
			}
			p.out.table([]string{"SCHEDULE", "CADENCE", "NEXT"}, rows)
			return nil
		},
	}
}

type nextSlotJSON struct {
	Schedule string     `json:"schedule"`
	Cadence  string     `json:"cadence"`
	Slot     string     `json:"slot"`
	Due      *time.Time `json:"due"`
}

func (c *Config) nextSlots(now time.Time) ([]nextSlotJSON, [][]string) {
	documents := []nextSlotJSON{}
	var rows [][]string
	for _, s := range c.schedules() {
		next := nextSlotJSON{Schedule: s.Name, Cadence: string(s.Cadence)}
		when := "as soon as an insight appears"
		if c.Content.EditGrace > 0 {
			when = duration(c.Content.EditGrace) + " after an insight appears"
		}
		if slot, ok := s.Next(now); ok {
			next.Slot, next.Due = slot.Key, stamp(slot.Due)
			when = moment(slot.Due, s.Zone)
		}
		documents = append(documents, next)
		rows = append(rows, []string{s.Name, string(s.Cadence), when})
	}
	return documents, rows
}

// library reads the insights that a command plans or previews with.
func (n *newsroom) library() (*content.Library, error) {
	lib, err := n.config.library(nil)
	if err != nil {
		return nil, unreadable(err)
	}
	return lib, nil
}
