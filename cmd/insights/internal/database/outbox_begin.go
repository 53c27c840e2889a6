package database

import (
	"cmp"
	"context"
	"database/sql"
	"slices"

	"github.com/scaledbydesign/insights/newsletter"
)

// begin is an email that is about to be sent, with its place among the entries.
type begin struct {
	newsletter.Begin
	entry int
}

// recording is one transaction of Record.
type recording struct {
	db      *DB
	tx      *sql.Tx
	worker  string
	at      int64
	actions []newsletter.Action // by entry
}

// asPlanned is newsletter.Facts.AsPlanned for a claimed delivery: ?1 now, ?2 worker.
const asPlanned = `deliveries.digest_id = v.digest AND deliveries.subscriber_id = v.subscriber AND deliveries.owner || '' = ?2 AND deliveries.state = 'claimed'
	AND EXISTS (SELECT 1 FROM digests d WHERE d.id = v.digest AND d.state = 'sending' AND d.withdrawn = '')
	AND EXISTS (SELECT 1 FROM subscribers s WHERE s.id = v.subscriber AND s.status = 'confirmed' AND s.paused_until <= ?1
		AND s.position_id = deliveries.base_id AND s.categories = deliveries.categories)
	AND NOT EXISTS (SELECT 1 FROM deliveries o WHERE o.subscriber_id = v.subscriber AND o.digest_id <> v.digest AND o.open = 1
		AND (o.state IN ('sending', 'uncertain') OR o.uncertain_at > 0))
	AND (deliveries.attempts > 0 OR deliveries.retried = 1 OR NOT EXISTS (SELECT 1 FROM refusals r WHERE r.subscriber_id = v.subscriber AND r.judged_at = 0 AND r.due_at > ?1))
	AND NOT ` + held

// beginBatch is run for every email of a digest.
var beginBatch = batch{
	columns: []column{{"digest", integer}, {"subscriber", integer}, {"email", text}, {"message_id", text}},
	key:     2,
	fixed:   2,
	text: `UPDATE deliveries SET state = 'sending', attempts = attempts + 1, email = v.email, message_id = v.message_id, updated_at = ?1,
			first_at = CASE first_at WHEN 0 THEN ?1 ELSE first_at END FROM v
		WHERE ` + asPlanned,
}

// beginDeliveries marks claimed deliveries as `sending` if nothing has changed since
// they were planned, and decides about the others. Two emails to one reader must not be
// in flight together: the second is looked at when the first is recorded.
func (r *recording) beginDeliveries(ctx context.Context, begins []begin) error {
	seen := make(map[int64]bool, len(begins))
	var first, later []begin
	for _, b := range begins {
		if seen[b.Ref.Subscriber] {
			later = append(later, b)
		} else {
			first = append(first, b)
		}
		seen[b.Ref.Subscriber] = true
	}
	if err := r.beginTogether(ctx, first); err != nil {
		return err
	}
	for i := range later { // usually there is none
		if err := r.beginTogether(ctx, later[i:i+1]); err != nil {
			return err
		}
	}
	return nil
}

// beginTogether begins deliveries to different readers.
func (r *recording) beginTogether(ctx context.Context, begins []begin) error {
	for _, b := range begins {
		r.actions[b.entry] = newsletter.ActionSend
	}
	var changed []begin
	err := update(ctx, r.db, r.tx, &beginBatch, []any{r.at, r.worker}, begins, func(args []any, b begin) []any {
		return append(args, b.Ref.Digest, b.Ref.Subscriber, b.To, b.MessageID)
	}, func(b begin) error {
		changed = append(changed, b)
		return nil
	})
	if err != nil || len(changed) == 0 {
		return err
	}
	facts, err := r.facts(ctx, changed)
	if err != nil {
		return err
	}
	return r.decide(ctx, changed, facts)
}

// decided is a delivery with the decision about it, as it is stored.
type decided struct {
	begin
	facts    *deliveryFacts
	decision newsletter.Decision
	variant  int
	target   int64 // the reader's position afterwards
	reason   newsletter.Reason
}

var (
	// changedBatch begins deliveries that move their readers elsewhere than planned.
	changedBatch = batch{
		columns: []column{{"digest", integer}, {"subscriber", integer}, {"email", text}, {"message_id", text}, {"base", integer}, {"target", integer}, {"mask", integer}},
		key:     2,
		fixed:   1,
		text: `UPDATE deliveries SET state = 'sending', attempts = attempts + 1, email = v.email, message_id = v.message_id, updated_at = ?1, first_at = CASE first_at WHEN 0 THEN ?1 ELSE first_at END,
			base_id = v.base, target_id = v.target, categories = v.mask FROM v
			WHERE digest_id = v.digest AND subscriber_id = v.subscriber`,
	}
	// returnedBatch gives deliveries back, or ends them.
	returnedBatch = batch{
		columns: []column{{"digest", integer}, {"subscriber", integer}, {"variant", integer}, {"target", integer}, {"next_at", integer}, {"open", integer}, {"state", text}, {"reason", text}},
		key:     2,
		fixed:   1,
		text: `UPDATE deliveries SET state = v.state, owner = '', variant = v.variant, target_id = v.target, next_at = v.next_at, open = v.open, reason = v.reason, updated_at = ?1 FROM v
			WHERE digest_id = v.digest AND subscriber_id = v.subscriber`,
	}
)

// decide decides about deliveries by the facts, and stores the decisions.
func (r *recording) decide(ctx context.Context, begins []begin, facts map[newsletter.Ref]*deliveryFacts) error {
	var sent, returned []decided
	for _, b := range begins {
		f := facts[b.Ref]
		switch {
		case f == nil:
			r.actions[b.entry] = newsletter.ActionDrop
			continue
		case f.state == newsletter.Sending:
			continue // already begun
		}
		decision := newsletter.Decide(&f.Facts)
		d := decided{begin: b, facts: f, decision: decision, variant: f.variant, reason: decision.Reason}
		switch r.actions[b.entry] = decision.Action; decision.Action {
		case newsletter.ActionSend:
			sent = append(sent, d)
		case newsletter.ActionReplan:
			d.reason = f.reason // nothing happened to it
			fallthrough
		default:
			returned = append(returned, d)
		}
	}
	if err := r.internTargets(ctx, sent); err != nil {
		return err
	}
	if err := r.internTargets(ctx, returned); err != nil {
		return err
	}
	if err := r.changeVariants(ctx, returned); err != nil {
		return err
	}
	err := update(ctx, r.db, r.tx, &changedBatch, []any{r.at}, sent, func(args []any, d decided) []any {
		return append(args, d.Ref.Digest, d.Ref.Subscriber, d.To, d.MessageID, d.facts.readerAt, d.target, d.facts.readerMask)
	}, nil)
	if err != nil {
		return err
	}
	return update(ctx, r.db, r.tx, &returnedBatch, []any{r.at}, returned, func(args []any, d decided) []any {
		state, next := newsletter.Pending, r.at
		switch d.decision.Action {
		case newsletter.ActionReplan:
			next = 0
		case newsletter.ActionWait:
			next = millis(d.decision.At)
		case newsletter.ActionSkip:
			state, next = newsletter.Skipped, -1
		}
		return append(args, d.Ref.Digest, d.Ref.Subscriber, d.variant, d.target, next, oneIf(state.Open()), string(state), string(d.reason))
	}, nil)
}

// internTargets interns the positions that deliveries lead to. Many lead to the same
// one.
func (r *recording) internTargets(ctx context.Context, sent []decided) error {
	known := make(map[string]int64)
	for i := range sent {
		d := &sent[i]
		target := d.decision.Target
		if target == nil { // as planned
			d.target = d.facts.takesTo
			continue
		}
		name := target.String()
		id, ok := known[name]
		if !ok {
			var err error
			if id, err = intern(ctx, r.tx, target); err != nil {
				return err
			}
			known[name] = id
		}
		d.target = id
	}
	return nil
}

// changeVariants gives replanned deliveries the variants with just their remaining
// insights.
func (r *recording) changeVariants(ctx context.Context, returned []decided) error {
	variants := make(map[int64][]newsletter.Variant)
	type move struct {
		digest  int64
		variant int
	}
	moves := make(map[move]int)
	for i := range returned {
		d := &returned[i]
		if d.decision.Action != newsletter.ActionReplan {
			continue
		}
		digest := d.Ref.Digest
		if _, ok := variants[digest]; !ok {
			if err := lockDigest(ctx, r.tx, digest); err != nil { // another worker may be adding the same one
				return err
			}
			known := newsletter.Digest{ID: digest}
			if err := addVariantsTo(ctx, r.tx, &known); err != nil {
				return err
			}
			variants[digest] = known.Variants
		}
		at := slices.IndexFunc(variants[digest], func(v newsletter.Variant) bool { return slices.Equal(v.Seqs, d.decision.Seqs) })
		if at < 0 {
			highest := slices.MaxFunc(variants[digest], func(a, b newsletter.Variant) int { return cmp.Compare(a.Number, b.Number) })
			added := newsletter.Variant{Number: highest.Number + 1, Seqs: d.decision.Seqs}
			if err := addVariant(ctx, r.tx, digest, added); err != nil {
				return err
			}
			at = len(variants[digest])
			variants[digest] = append(variants[digest], added)
		}
		moves[move{digest, d.variant}]--
		d.variant = variants[digest][at].Number
		moves[move{digest, d.variant}]++
	}
	for m, n := range moves {
		if n == 0 {
			continue
		}
		if _, err := r.tx.ExecContext(ctx, "UPDATE variants SET readers = readers + ?3 WHERE digest_id = ?1 AND number = ?2", m.digest, m.variant, n); err != nil {
			return err
		}
	}
	return nil
}
