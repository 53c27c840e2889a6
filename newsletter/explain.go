package newsletter

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/scaledbydesign/insights/content"
	"github.com/scaledbydesign/insights/subscribers"
)

// Standing is why an insight is, or is not, in a reader's next digest.
type Standing string

const (
	StandingIncluded   Standing = "included"
	StandingReceived   Standing = "received"
	StandingOnTheWay   Standing = "on_the_way"
	StandingUncertain  Standing = "uncertain"  // it is unknown whether it arrived
	StandingNotChosen  Standing = "not_chosen" // not one of their categories
	StandingTooNew     Standing = "too_new"    // its edit grace is not over
	StandingBefore     Standing = "before"     // published before they subscribed or chose the category
	StandingHidden     Standing = "hidden"     // a draft, or dated in the future
	StandingNotEmailed Standing = "not_mailed" // email: false
	StandingNoEmail    Standing = "no_mail"    // the reader gets no digests now
	StandingCameBack   Standing = "came_back"  // its email was accepted, and came back later
)

// Carried is a digest email to a reader with the insights it carried.
type Carried struct {
	Digest      int64
	DigestState DigestState
	State       DeliveryState
	At          time.Time // of the last change
	Seqs        []int64
	// Mark says what came of an accepted email later, at MarkedAt; Said is what the
	// bounce or complaint says.
	Mark     Mark
	MarkedAt time.Time
	Said     string
	Lost     bool // it was refused at their address, not at one to which that forwards
	Again    bool // a message of its own, which sent an email of the digest once more
}

// Explanation says what happens to one insight for one reader.
type Explanation struct {
	Insight  *content.Insight
	Standing Standing
	Reason   string    // for staff
	Digest   int64     // that carried it, 0 = none
	At       time.Time // when it was received, or can be sent; zero = unknown
}

// Explainer holds the facts that explanations are made from.
type Explainer struct {
	Reader    subscribers.Subscriber
	Position  Position
	Carried   []Carried
	Refusals  []Refusal            // of emails to them, oldest first
	Sequence  map[string]Numbered  // by insight id
	FirstSeen map[string]time.Time // of those that are not numbered yet
	Missing   map[string]bool      // ids of numbered insights whose files are not in the folder; see AddMissing
	Grace     time.Duration
	Next      *Slot // when the reader's schedule is due; nil = as soon as something appears
	Unserved  bool  // there are schedules, and none is for the reader's cadence
	Zone      *time.Location
}

// Explain says what happens to an insight for the reader, as of now.
func (e *Explainer) Explain(in *content.Insight, now time.Time) Explanation {
	explained := func(v Standing, digest int64, at time.Time, format string, args ...any) Explanation {
		why := fmt.Sprintf(format, args...)
		if e.Missing[in.ID] && v != StandingHidden {
			why += "; its file is missing or faulty"
		}
		return Explanation{Insight: in, Standing: v, Digest: digest, At: at, Reason: why}
	}
	n, numbered := e.Sequence[in.ID]
	has := numbered && e.Position.Has(n.Category, n.Seq)
	back := ""
	byTime := slices.Clone(e.Carried)
	slices.SortStableFunc(byTime, func(a, b Carried) int { return a.At.Compare(b.At) })
	for _, c := range slices.Backward(byTime) { // the latest counts
		if !numbered || !slices.Contains(c.Seqs, n.Seq) {
			continue
		}
		with := fmt.Sprintf("digest %d", c.Digest)
		if c.Again {
			with += ", sent once more"
		}
		switch {
		case c.State == Sent && c.Mark == Bounced && !has:
			back = fmt.Sprintf("accepted on %s with %s, came back on %s: %s", e.day(c.At), with, e.day(c.MarkedAt), c.Said)
			if !slices.Contains(e.Reader.Categories, n.Category) {
				return explained(StandingCameBack, c.Digest, c.MarkedAt, "%s; %s is no longer one of their categories", back, n.Category)
			}
			then := e.noEmail(now)
			if then == "" {
				then = e.comesAgain(in, n, now)
			}
			return explained(StandingCameBack, c.Digest, c.MarkedAt, "%s; %s", back, then)
		case c.State == Sent && c.Mark == Bounced && c.Lost:
			return explained(StandingBefore, c.Digest, c.MarkedAt, "accepted on %s with %s, came back on %s: %s; not sent again, as they subscribed or chose %s anew since",
				e.day(c.At), with, e.day(c.MarkedAt), c.Said, n.Category)
		case c.State == Sent && c.Mark == Complained:
			return explained(StandingReceived, c.Digest, c.At, "received on %s with %s; reported as spam on %s", e.day(c.At), with, e.day(c.MarkedAt))
		case c.State == Sent && c.Mark == Bounced:
			return explained(StandingReceived, c.Digest, c.At, "received on %s with %s; a copy came back on %s", e.day(c.At), with, e.day(c.MarkedAt))
		case c.State == Sent:
			return explained(StandingReceived, c.Digest, c.At, "received on %s with %s", e.day(c.At), with)
		case c.State == Uncertain:
			return explained(StandingUncertain, c.Digest, c.At, "sent on %s with %s; it is unknown whether it arrived", e.day(c.At), with)
		case !c.State.Terminal() && c.Again:
			return explained(StandingOnTheWay, c.Digest, time.Time{}, "on its way: digest %d is sent to them once more", c.Digest)
		case !c.State.Terminal() && n.Withdrawal.InEffect(now):
			continue // that email leaves it out
		case !c.State.Terminal() && c.DigestState != DigestPlanned:
			return explained(StandingOnTheWay, c.Digest, time.Time{}, "on its way with %s, which is %s", with, c.DigestState)
		}
	}
	if why, at := e.hidden(in, n, now); why != "" && !(e.Missing[in.ID] && (has || !slices.Contains(e.Reader.Categories, n.Category))) {
		if numbered && !has && slices.Contains(e.Reader.Categories, n.Category) {
			why += "; it comes with a digest once it is back"
		}
		return explained(StandingHidden, 0, at, "%s", why)
	}
	switch {
	case !in.Email:
		return explained(StandingNotEmailed, 0, time.Time{}, "excluded from digests: its file says email: false")
	case !numbered:
		return e.tooNew(in, now, explained)
	case !slices.Contains(e.Reader.Categories, n.Category):
		return explained(StandingNotChosen, 0, time.Time{}, "not one of their categories (%s)", n.Category)
	case has:
		return explained(StandingBefore, 0, time.Time{}, "published before they subscribed or chose %s", n.Category)
	}
	if why := e.noEmail(now); why != "" {
		return explained(StandingNoEmail, 0, time.Time{}, "%s", why)
	}
	var due time.Time
	if e.Next != nil {
		due = e.Next.Due
	}
	comes := e.comes()
	if e.isHole(n) {
		comes = "was not on the site when an earlier digest was planned; " + comes
	}
	return explained(StandingIncluded, 0, due, "%s", e.refusedWith(n)+comes)
}

// hidden returns why no digest can carry an insight now, or "", and when it appears if
// that is known.
func (e *Explainer) hidden(in *content.Insight, n Numbered, now time.Time) (why string, at time.Time) {
	switch {
	case e.Missing[in.ID]:
		return "its file is missing or faulty", time.Time{}
	case in.Draft:
		return "a draft", time.Time{}
	case in.Date.After(now):
		return "appears on " + e.day(in.Date), in.Date
	case n.Withdrawal.How != WithdrawnFromFolder:
		return "withdrawn by staff on " + e.day(n.Withdrawal.Since), time.Time{}
	case n.Withdrawal.Is() && in.Email:
		return "withdrawn on " + e.day(n.Withdrawal.Since) + "; no running daemon has seen it since", time.Time{}
	}
	return "", time.Time{}
}

// isHole reports whether digests have passed over an insight.
func (e *Explainer) isHole(n Numbered) bool {
	return n.Seq > 0 && n.Seq <= e.Position[n.Category].To && !e.Position.Has(n.Category, n.Seq)
}

func (e *Explainer) comes() string {
	if e.Next == nil {
		return "comes with their next digest"
	}
	return "comes with their next digest, " + e.Next.Due.In(e.Zone).Format("Mon 2006-01-02 15:04 MST")
}

// refused says what was refused, and what came of it.
func (e *Explainer) refused(r Refusal) string {
	email := "an email"
	if r.Ref.Digest != 0 {
		email = fmt.Sprintf("digest %d", r.Ref.Digest)
	}
	return fmt.Sprintf("%s was refused on %s (%s), %s", email, e.day(r.At), r.Said, r.Says(e.Zone))
}

// refusedWith says that a digest which carried an insight was refused, or "".
func (e *Explainer) refusedWith(n Numbered) string {
	for _, r := range slices.Backward(e.Refusals) {
		for _, c := range e.Carried {
			if c.Digest == r.Ref.Digest && c.State == Failed && slices.Contains(c.Seqs, n.Seq) {
				return e.refused(r) + "; "
			}
		}
	}
	return ""
}

// comesAgain says when an insight whose email came back is sent again.
func (e *Explainer) comesAgain(in *content.Insight, n Numbered, now time.Time) string {
	why, _ := e.hidden(in, n, now)
	switch {
	case why == "" && in.Email:
		return strings.Replace(e.comes(), "comes", "comes again", 1)
	case why == "":
		why = "its file says email: false"
	}
	return "it comes again once it is back: " + why
}

func (e *Explainer) tooNew(in *content.Insight, now time.Time, explained func(Standing, int64, time.Time, string, ...any) Explanation) Explanation {
	seen, ok := e.FirstSeen[in.ID]
	if !ok {
		return explained(StandingTooNew, 0, time.Time{}, "no daemon has seen it yet")
	}
	ready := seen.Add(e.Grace)
	if ready.Before(now) {
		return explained(StandingTooNew, 0, time.Time{}, "its edit grace is over; a running daemon numbers it shortly")
	}
	return explained(StandingTooNew, 0, ready, "its edit grace lasts until %s", ready.In(e.Zone).Format("15:04 MST"))
}

// noEmail returns why the reader gets no digest at all, or "".
func (e *Explainer) noEmail(now time.Time) string {
	switch {
	case e.Reader.Status == subscribers.Pending:
		return "unread, but they have not confirmed"
	case e.Reader.Status == subscribers.Unsubscribed:
		return "unread, but they have unsubscribed"
	case e.Reader.Status != subscribers.Confirmed:
		return "unread, but they are " + string(e.Reader.Status) + ": " + e.Reader.Reason
	case e.Reader.PausedUntil.After(now):
		return "unread, but they have paused until " + e.day(e.Reader.PausedUntil)
	case e.Unserved:
		return fmt.Sprintf("unread, but no schedule serves the %s cadence", e.Reader.Cadence)
	}
	for _, r := range slices.Backward(e.Refusals) {
		if r.Verdict == NotJudged && r.Due.After(now) {
			return fmt.Sprintf("unread; %s: they get no digest until then", e.refused(r))
		}
	}
	return ""
}

func (e *Explainer) day(t time.Time) string { return t.In(e.Zone).Format("2006-01-02") }

// ExplainStore provides the facts for explanations.
type ExplainStore interface {
	// PositionOf returns how far a subscriber has received insights, by category.
	PositionOf(ctx context.Context, subscriber int64) (Position, error)
	// CarriedTo returns every digest email to one subscriber with what it carried, oldest
	// digest first.
	CarriedTo(ctx context.Context, subscriber int64) ([]Carried, error)
	// RefusalsOf returns the hard refusals of emails to a subscriber, oldest first.
	RefusalsOf(ctx context.Context, subscriber int64) ([]Refusal, error)
	// Sequence returns every numbered insight, by number.
	Sequence(ctx context.Context) ([]Numbered, error)
	// FirstSeen returns when each insight that is not numbered yet was first seen.
	FirstSeen(ctx context.Context) (map[string]time.Time, error)
}

// Load fills an Explainer, whose Grace and Zone are set, for a reader. Next becomes the
// first slot after now of the schedules for the reader's cadence.
func (e *Explainer) Load(ctx context.Context, store ExplainStore, reader subscribers.Subscriber, schedules []Schedule, now time.Time) (err error) {
	e.Reader, e.Next = reader, NextSlot(schedules, reader.Cadence, now)
	e.Unserved = len(schedules) > 0 && !slices.ContainsFunc(schedules, func(s Schedule) bool { return s.Cadence == reader.Cadence })
	if e.Position, err = store.PositionOf(ctx, reader.ID); err != nil {
		return err
	}
	if e.Carried, err = store.CarriedTo(ctx, reader.ID); err != nil {
		return err
	}
	if e.Refusals, err = store.RefusalsOf(ctx, reader.ID); err != nil {
		return err
	}
	sequence, err := store.Sequence(ctx)
	if err != nil {
		return err
	}
	e.Sequence = make(map[string]Numbered, len(sequence))
	for _, numbered := range sequence {
		e.Sequence[numbered.InsightID] = numbered
	}
	e.FirstSeen, err = store.FirstSeen(ctx)
	return err
}

// AddMissing notes the insights that were numbered and that a library does not hold, and
// returns them, oldest first.
func (e *Explainer) AddMissing(lib *content.Library) (all []*content.Insight) {
	held := make(map[string]bool)
	for _, in := range lib.All() {
		held[in.ID] = true
	}
	e.Missing = make(map[string]bool)
	var missing []Numbered
	for id, n := range e.Sequence {
		if !held[id] {
			e.Missing[id] = true
			missing = append(missing, n)
		}
	}
	slices.SortFunc(missing, func(a, b Numbered) int { return cmp.Compare(a.Seq, b.Seq) })
	for _, n := range missing {
		all = append(all, &content.Insight{ID: n.InsightID, Slug: n.Slug, Title: n.Slug, Email: true})
	}
	return all
}

// NextSlot returns the first slot after t of the schedules for a cadence, or nil if
// there is none, as for instant.
func NextSlot(schedules []Schedule, cadence subscribers.Cadence, t time.Time) *Slot {
	var next *Slot
	for i := range schedules {
		if slot, ok := schedules[i].Next(t); ok && schedules[i].Cadence == cadence && (next == nil || slot.Due.Before(next.Due)) {
			next = &slot
		}
	}
	return next
}
