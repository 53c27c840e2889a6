package newsletter

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/scaledbydesign/insights/content"
	"github.com/scaledbydesign/insights/subscribers"
)

// ErrOtherLibrary says that the caller's insights are not those the database
// knows, so nothing new was numbered.
var ErrOtherLibrary = errors.New("these insights are not the ones this database knows")

// Planner plans digests. Its fields are set once; it is safe for concurrent use.
type Planner struct {
	Store PlanStore
	Log   *slog.Logger
}

// Request is what a digest should be.
type Request struct {
	Cadence   subscribers.Cadence // "" = readers of every cadence
	Category  string              // slug; "" = all the reader's categories
	Only      int64               // one subscriber; 0 = all
	Subject   string
	Intro     string
	MinItems  int       // a reader with fewer unread gets nothing this time
	MaxItems  int       // insights that an email shows in full; 0 = all
	Approved  bool      // it needs no approval
	NotBefore time.Time // when it may go out at the earliest; zero = once approved
	Slot      *Slot     // nil = planned by staff
	Planner   string    // the daemon that plans the slot
	DryRun    bool      // store nothing
}

// Reasons why a plan is empty.
const (
	ReasonNoReaders  Reason = "no confirmed reader matches"
	ReasonNothingNew Reason = "nothing new for any reader"
	ReasonTooFew     Reason = "no reader has min_insights new insights yet"
)

// Plan works out who has what unread and freezes that as a digest. When nobody
// has anything unread, nothing is stored, the digest has no ID and Reason says
// why. ErrSlotTaken means that another process has planned the slot, ErrOtherLibrary
// that staff plan from a library that is not the site's: it lacks insights.
//
// An insight that lib can't show now is passed over: it stays unread, and a later digest
// carries it when it is back.
func (p *Planner) Plan(ctx context.Context, lib *content.Library, req Request) (Digest, error) {
	unread, passed, err := p.numbered(ctx, lib, req)
	if err != nil {
		return Digest{}, err
	}
	audience := Audience{Cadence: req.Cadence, Subscriber: req.Only}
	groups, err := p.Store.Groups(ctx, audience)
	if err != nil {
		return Digest{}, fmt.Errorf("group readers: %w", err)
	}
	draft := newDraft(req, unread, passed)
	for _, g := range groups {
		draft.addGroup(g)
	}
	for b, err := range p.Store.BusyReaders(ctx, audience) {
		if err != nil {
			return Digest{}, fmt.Errorf("list readers with emails on their way: %w", err)
		}
		draft.addBusy(b)
	}
	d := draft.digest()
	if d.Readers == 0 {
		d.Reason = ReasonNothingNew
		if draft.few {
			d.Reason = ReasonTooFew
		}
		if len(groups) == 0 && draft.seen == 0 {
			d.Reason = ReasonNoReaders
		}
		return d, nil
	}
	if req.DryRun {
		return d, nil
	}
	return p.store(ctx, req, d, draft, audience)
}

func (p *Planner) store(ctx context.Context, req Request, d Digest, draft *draft, audience Audience) (Digest, error) {
	var err error
	if d.ID, err = p.Store.Begin(ctx, d); err != nil {
		return Digest{}, fmt.Errorf("begin digest: %w", err)
	}
	frozen, err := p.fill(ctx, req, d, draft, audience)
	if err != nil {
		// A cancelled context must not prevent the cleanup.
		if discardErr := p.Store.Discard(context.WithoutCancel(ctx), d.ID); discardErr != nil {
			err = errors.Join(err, fmt.Errorf("discard digest %d: %w", d.ID, discardErr))
		}
		return Digest{}, err
	}
	p.Log.InfoContext(ctx, "digest planned", "digest", frozen.ID, "state", frozen.State,
		"readers", frozen.Readers, "variants", len(frozen.Variants), "insights", len(frozen.Items), "schedule", frozen.Schedule, "slot", frozen.Slot)
	return frozen, nil
}

func (p *Planner) fill(ctx context.Context, req Request, d Digest, draft *draft, audience Audience) (Digest, error) {
	if err := p.Store.AddGroups(ctx, d.ID, audience, draft.groups); err != nil {
		return d, fmt.Errorf("write deliveries: %w", err)
	}
	for _, busy := range draft.busy {
		if len(busy.Subscribers) == 0 {
			continue
		}
		if err := p.Store.AddReaders(ctx, d.ID, *busy); err != nil {
			return d, fmt.Errorf("write deliveries: %w", err)
		}
	}
	d.State = DigestPlanned
	if req.Approved {
		d.State = DigestApproved
	}
	var slot *SlotRecord
	if req.Slot != nil {
		record := req.Slot.record(req.Planner, SlotPlanned, "")
		slot = &record
	}
	return p.Store.Freeze(ctx, d, slot)
}

// numbered returns the insights in scope that a digest can carry, newest first, and the
// numbers of all insights by category, ascending. A dry run includes those that lib shows
// and that are not numbered yet.
func (p *Planner) numbered(ctx context.Context, lib *content.Library, req Request) (items []Item, all map[string][]int64, err error) {
	sequence, err := p.Store.Sequence(ctx)
	if err != nil {
		return nil, nil, fmt.Errorf("read numbered insights: %w", err)
	}
	if req.DryRun {
		sequence = append(sequence, unnumbered(lib, sequence)...)
	}
	all = make(map[string][]int64)
	for _, n := range sequence {
		all[n.Category] = append(all[n.Category], n.Seq)
		if n.Withdrawal.Is() || req.Category != "" && n.Category != req.Category {
			continue
		}
		in, ok := lib.ByID(n.InsightID)
		if !ok {
			if req.Slot == nil && !mayBeFaulty(lib, n.InsightID) {
				return nil, nil, fmt.Errorf("insight %s is not visible here: %w", n.InsightID, ErrOtherLibrary)
			}
			continue
		}
		if !in.Email {
			continue
		}
		name := n.Category
		if c, ok := lib.Category(n.Category); ok {
			name = c.Name
		}
		items = append(items, Item{
			Seq: n.Seq, InsightID: in.ID, Slug: in.Slug, Title: in.Title, Summary: in.Summary,
			Category: n.Category, CategoryName: name, Date: in.Date, Minutes: in.Minutes,
		})
	}
	slices.SortFunc(items, func(a, b Item) int { return cmp.Compare(b.Seq, a.Seq) })
	return items, all, nil
}

// beyond is above every sequence number and position there will ever be.
const beyond = 1 << 40

// unnumbered returns what a library shows beyond the sequence, with provisional numbers.
func unnumbered(lib *content.Library, sequence []Numbered) []Numbered {
	known := make(map[string]bool, len(sequence))
	for _, n := range sequence {
		known[n.InsightID] = true
	}
	visible := slices.DeleteFunc(VisibleIn(lib), func(v Visible) bool { return known[v.InsightID] })
	slices.SortFunc(visible, ByAppearance)
	var ahead []Numbered
	for i, v := range visible {
		if v.Email {
			ahead = append(ahead, Numbered{InsightID: v.InsightID, Seq: beyond + int64(i), Category: v.Category})
		}
	}
	return ahead
}

// ByAppearance is the order in which insights that appear together are numbered:
// the oldest first, so that the newest have the highest numbers.
func ByAppearance(a, b Visible) int {
	return cmp.Or(a.Date.Compare(b.Date), cmp.Compare(b.Order, a.Order), cmp.Compare(a.InsightID, b.InsightID))
}

// VisibleIn lists what lib shows, for a LibraryStore to number.
func VisibleIn(lib *content.Library) []Visible {
	insights := lib.Insights()
	visible := make([]Visible, len(insights))
	for i, in := range insights {
		visible[i] = Visible{InsightID: in.ID, Category: in.Category.Slug, Slug: in.Slug, Date: in.Date, Order: in.Order, Email: in.Email}
	}
	return visible
}

// draft collects who receives what while a digest is planned.
type draft struct {
	req      Request
	unread   []Item             // of the scope, newest first
	passed   map[string][]int64 // every number, by category, ascending
	cutoff   int64
	variants []Variant
	byKey    map[string]int // variant number by its insights
	groups   []PlannedGroup
	busy     map[GroupKey]*PlannedReaders // without readers: they receive nothing
	seen     int
	few      bool // someone has unread insights, but too few
}

func newDraft(req Request, unread []Item, passed map[string][]int64) *draft {
	d := &draft{req: req, unread: unread, passed: passed, byKey: make(map[string]int), busy: make(map[GroupKey]*PlannedReaders)}
	if len(unread) > 0 {
		d.cutoff = unread[0].Seq
	}
	return d
}

func (d *draft) addGroup(g Group) {
	variant, target, ok := d.choose(g.Categories, g.Position, g.Readers)
	if ok {
		d.groups = append(d.groups, PlannedGroup{Key: g.Key, Variant: variant, Base: g.Position, Target: target})
	}
}

func (d *draft) addBusy(b BusyReader) {
	d.seen++
	planned, known := d.busy[b.Key]
	if !known {
		base := b.Then
		planned = &PlannedReaders{}
		if variant, target, ok := d.choose(b.Categories, base, 0); ok {
			planned.PlannedGroup = PlannedGroup{Key: b.Key, Variant: variant, Base: base, Target: target}
		}
		d.busy[b.Key] = planned
	}
	if planned.Variant > 0 {
		planned.Subscribers = append(planned.Subscribers, b.Subscriber)
		d.variants[planned.Variant-1].Readers++
	}
}

// choose finds or adds the variant for readers with these categories at this position.
func (d *draft) choose(categories []string, base Position, readers int) (variant int, target Position, ok bool) {
	if d.req.Category != "" {
		if !slices.Contains(categories, d.req.Category) {
			return 0, nil, false
		}
		categories = []string{d.req.Category}
	}
	var seqs []int64
	for _, item := range d.unread {
		if slices.Contains(categories, item.Category) && !base.Has(item.Category, item.Seq) {
			seqs = append(seqs, item.Seq)
		}
	}
	if len(seqs) == 0 || len(seqs) < d.req.MinItems {
		d.few = d.few || len(seqs) > 0
		return 0, nil, false
	}
	key := fmt.Sprint(seqs)
	variant, known := d.byKey[key]
	if !known {
		variant = len(d.variants) + 1
		d.byKey[key] = variant
		d.variants = append(d.variants, Variant{Number: variant, Seqs: seqs})
	}
	d.variants[variant-1].Readers += readers
	carried := make(map[int64]bool, len(seqs))
	for _, seq := range seqs {
		carried[seq] = true
	}
	target = base
	for _, category := range categories {
		target = target.Reached(category, d.cutoff, d.passed[category], carried)
	}
	return variant, target, true
}

// digest returns the drafted digest, not yet stored.
func (d *draft) digest() Digest {
	used := make(map[int64]bool)
	digest := Digest{
		UID: strings.ToLower(rand.Text()[:12]), State: DigestPlanning,
		Cadence: d.req.Cadence, Category: d.req.Category, Only: d.req.Only, Subject: d.req.Subject, Intro: d.req.Intro,
		Cutoff: d.cutoff, MaxItems: d.req.MaxItems, NotBefore: d.req.NotBefore, Variants: d.variants, CreatedAt: time.Now(),
	}
	if d.req.Slot != nil {
		digest.Schedule, digest.Slot, digest.Manual = d.req.Slot.Schedule, d.req.Slot.Key, !d.req.Approved
	}
	for _, v := range d.variants {
		digest.Readers += v.Readers
		for _, seq := range v.Seqs {
			used[seq] = true
		}
	}
	for _, item := range d.unread {
		if used[item.Seq] {
			digest.Items = append(digest.Items, item)
		}
	}
	digest.Hash = digest.hash()
	return digest
}

// hash identifies what would be sent: equal plans have equal hashes.
func (d *Digest) hash() string {
	h := sha256.New()
	fmt.Fprintf(h, "%s\x00%s\x00%s\x00%s\x00%d\n", d.Cadence, d.Category, d.Subject, d.Intro, d.MaxItems)
	for _, item := range d.Items {
		fmt.Fprintf(h, "%d\x00%s\x00%s\x00%s\x00%s\n", item.Seq, item.InsightID, item.Slug, item.Title, item.Summary)
	}
	for _, v := range d.Variants {
		fmt.Fprintf(h, "%v\x00%d\n", v.Seqs, v.Readers)
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}
