package database

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
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

// asPlanned says of a claimed delivery what newsletter.Facts.AsPlanned says: ?1 now,
// ?2 worker.
const asPlanned = `deliveries.digest_id = v.digest AND deliveries.subscriber_id = v.subscriber AND deliveries.owner || '' = ?2 AND deliveries.state = 'claimed'
	AND EXISTS (SELECT 1 FROM digests d WHERE d.id = v.digest AND d.state = 'sending')
	AND EXISTS (SELECT 1 FROM subscribers s WHERE s.id = v.subscriber AND s.status = 'confirmed' AND s.paused_until <= ?1
		AND s.position_id = deliveries.base_id AND s.categories = deliveries.categories)
	AND NOT EXISTS (SELECT 1 FROM deliveries o WHERE o.subscriber_id = v.subscriber AND o.digest_id <> v.digest AND o.open = 1
		AND (o.state IN ('sending', 'uncertain') OR o.uncertain_at > 0))
	AND NOT ` + held

// beginBatch is run for every email of a digest.
var beginBatch = batch{
	columns: []column{{"digest", integer}, {"subscriber", integer}, {"email", text}, {"message_id", text}},
	key:     2,
	fixed:   2,
	text: `UPDATE deliveries SET state = 'sending', attempts = attempts + 1, email = v.email, message_id = v.message_id, updated_at = ?1 FROM v
		WHERE ` + asPlanned,
}

// beginDeliveries makes claimed deliveries `sending` where nothing has changed since
// they were planned, and decides about the others. Two emails to one reader must not
// be in flight together: the second is looked at when the first is on record.
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
	for i := range later { // hardly ever is there one
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

// deliveryFacts is what is known of a delivery before it is sent.
type deliveryFacts struct {
	newsletter.Facts
	state      newsletter.DeliveryState
	reason     newsletter.Reason
	variant    int
	readerMask int64
	readerAt   int64 // the reader's position, as the database refers to it
}

// factsQuery reads deliveries that worker ?1 has. One that is in flight already was
// begun by this same entry, whose first commit was never answered.
var factsQuery = batch{
	columns: []column{{"digest", integer}, {"subscriber", integer}},
	fixed:   1,
	text: `SELECT o.digest_id, o.subscriber_id, o.state, o.reason, o.variant, o.categories, b.vector, t.vector, w.seqs, g.state,
			coalesce(s.status, ''), coalesce(s.paused_until, 0), coalesce(s.categories, 0), coalesce(s.position_id, 0), coalesce(p.vector, '')
		FROM v CROSS JOIN deliveries o JOIN digests g ON g.id = o.digest_id
		JOIN variants w ON w.digest_id = o.digest_id AND w.number = o.variant JOIN positions b ON b.id = o.base_id JOIN positions t ON t.id = o.target_id
		LEFT JOIN subscribers s ON s.id = o.subscriber_id LEFT JOIN positions p ON p.id = s.position_id
		WHERE o.digest_id = v.digest AND o.subscriber_id = v.subscriber AND o.owner = ?1 AND o.state IN ('claimed', 'sending') /*pg FOR UPDATE OF o */`,
}

// othersQuery reads what other digests have on the way to readers. It comes after the
// statement that locks them.
var othersQuery = batch{
	columns: []column{{"digest", integer}, {"subscriber", integer}},
	text: `SELECT v.digest, v.subscriber, o.digest_id < v.digest, o.state, o.uncertain_at > 0, t.vector
		FROM v JOIN subscribers s ON s.id = v.subscriber JOIN deliveries o ON ` + onTheWay + ` JOIN positions t ON t.id = o.target_id
		WHERE o.digest_id <> v.digest`,
}

// itemsQuery reads what digests carry.
var itemsQuery = batch{
	columns: []column{{"digest", integer}},
	text:    `SELECT g.id, g.items FROM v JOIN digests g ON g.id = v.digest`,
}

// facts loads what the decisions about deliveries depend on, in five statements.
// What this worker no longer has is left out.
func (r *recording) facts(ctx context.Context, begins []begin) (map[newsletter.Ref]*deliveryFacts, error) {
	bits, err := readBits(ctx, r.tx)
	if err != nil {
		return nil, err
	}
	var holds bool
	if err := r.tx.QueryRowContext(ctx, "SELECT "+held).Scan(&holds); err != nil {
		return nil, err
	}
	facts := make(map[newsletter.Ref]*deliveryFacts, len(begins))
	ref := func(args []any, b begin) []any { return append(args, b.Ref.Digest, b.Ref.Subscriber) }
	err = find(ctx, r.db, r.tx, &factsQuery, []any{r.worker}, begins, ref, func(rows *sql.Rows) error {
		f := deliveryFacts{Facts: newsletter.Facts{Now: fromMillis(r.at), Held: holds}}
		var key newsletter.Ref
		var planned, pausedUntil int64
		var base, target, seqs, position string
		if err := rows.Scan(&key.Digest, &key.Subscriber, &f.state, &f.reason, &f.variant, &planned, &base, &target, &seqs, &f.Digest,
			&f.Reader.Status, &pausedUntil, &f.readerMask, &f.readerAt, &position); err != nil {
			return err
		}
		f.Reader.PausedUntil = fromMillis(pausedUntil)
		f.Categories, f.Reader.Categories = bits.slugs(planned), bits.slugs(f.readerMask)
		for _, p := range []struct {
			into *newsletter.Position
			text string
		}{{&f.Base, base}, {&f.Target, target}, {&f.Reader.Position, position}} {
			var err error
			if *p.into, err = newsletter.ParsePosition(p.text); err != nil {
				return err
			}
		}
		facts[key] = &f
		var numbers []int64
		if err := json.Unmarshal([]byte(seqs), &numbers); err != nil {
			return err
		}
		for _, n := range numbers { // their categories follow
			f.Items = append(f.Items, newsletter.Item{Seq: n})
		}
		return nil
	})
	if err != nil || len(facts) == 0 {
		return facts, err
	}
	if err := r.addItems(ctx, facts); err != nil {
		return nil, err
	}
	return facts, find(ctx, r.db, r.tx, &othersQuery, nil, begins, ref, func(rows *sql.Rows) error {
		var key newsletter.Ref
		var o newsletter.OtherDelivery
		var target string
		err := rows.Scan(&key.Digest, &key.Subscriber, &o.Earlier, &o.State, &o.Unanswered, &target)
		if f := facts[key]; err == nil && f != nil {
			o.Target, err = newsletter.ParsePosition(target)
			f.Others = append(f.Others, o)
		}
		return err
	})
}

// addItems replaces the numbers of what deliveries carry by their insights.
func (r *recording) addItems(ctx context.Context, facts map[newsletter.Ref]*deliveryFacts) error {
	var ids []int64
	for ref := range facts {
		ids = append(ids, ref.Digest)
	}
	slices.Sort(ids)
	digests := make(map[int64]*newsletter.Digest)
	err := find(ctx, r.db, r.tx, &itemsQuery, nil, slices.Compact(ids), func(args []any, id int64) []any { return append(args, id) }, func(rows *sql.Rows) error {
		var d newsletter.Digest
		var items string
		if err := rows.Scan(&d.ID, &items); err != nil {
			return err
		}
		digests[d.ID] = &d
		return json.Unmarshal([]byte(items), &d.Items)
	})
	if err != nil {
		return err
	}
	for ref, f := range facts {
		var v newsletter.Variant
		for _, item := range f.Items {
			v.Seqs = append(v.Seqs, item.Seq)
		}
		f.Items = digests[ref.Digest].ItemsOf(v)
	}
	return nil
}

// decided is a delivery with the decision about it, as it is stored.
type decided struct {
	begin
	facts    *deliveryFacts
	decision newsletter.Decision
	variant  int
	target   int64 // where it takes its reader
	reason   newsletter.Reason
}

var (
	// changedBatch begins deliveries that take their readers elsewhere than planned.
	changedBatch = batch{
		columns: []column{{"digest", integer}, {"subscriber", integer}, {"email", text}, {"message_id", text}, {"base", integer}, {"target", integer}, {"mask", integer}},
		key:     2,
		fixed:   1,
		text: `UPDATE deliveries SET state = 'sending', attempts = attempts + 1, email = v.email, message_id = v.message_id, updated_at = ?1,
			base_id = v.base, target_id = v.target, categories = v.mask FROM v
			WHERE digest_id = v.digest AND subscriber_id = v.subscriber`,
	}
	// returnedBatch gives deliveries back, or ends them.
	returnedBatch = batch{
		columns: []column{{"digest", integer}, {"subscriber", integer}, {"variant", integer}, {"next_at", integer}, {"open", integer}, {"state", text}, {"reason", text}},
		key:     2,
		fixed:   1,
		text: `UPDATE deliveries SET state = v.state, owner = '', variant = v.variant, next_at = v.next_at, open = v.open, reason = v.reason, updated_at = ?1 FROM v
			WHERE digest_id = v.digest AND subscriber_id = v.subscriber`,
	}
)

// decide decides about deliveries by the facts, and stores what is decided.
func (r *recording) decide(ctx context.Context, begins []begin, facts map[newsletter.Ref]*deliveryFacts) error {
	var sent, returned []decided
	for _, b := range begins {
		f := facts[b.Ref]
		switch {
		case f == nil:
			r.actions[b.entry] = newsletter.ActionDrop
			continue
		case f.state == newsletter.Sending:
			continue // begun before
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
		return append(args, d.Ref.Digest, d.Ref.Subscriber, d.variant, next, oneIf(state.Open()), string(state), string(d.reason))
	}, nil)
}

// internTargets interns where deliveries take their readers. Most that changed alike
// go to one position.
func (r *recording) internTargets(ctx context.Context, sent []decided) error {
	known := make(map[string]int64)
	for i := range sent {
		d := &sent[i]
		target := d.decision.Target
		if target == nil { // as planned by now
			target = d.facts.Target
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

// changeVariants gives deliveries that are planned again the variants that hold just
// what is left of them.
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
			if err := lockDigest(ctx, r.tx, digest); err != nil { // another worker may be about to add the same
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

// messageFactsQuery reads single emails that worker ?1 has.
var messageFactsQuery = batch{
	columns: []column{{"number", integer}},
	fixed:   1,
	text: `SELECT m.id, m.state, m.kind, coalesce(s.status, ''), coalesce(s.new_email, '') <> '', ` + held + `
		FROM v JOIN messages m ON m.id = v.number LEFT JOIN subscribers s ON s.id = m.subscriber_id
		WHERE m.owner = ?1 AND m.state IN ('claimed', 'sending') /*pg FOR UPDATE OF m */`,
}

var (
	beginMessageBatch = batch{
		columns: []column{{"number", integer}, {"message_id", text}},
		key:     1,
		fixed:   1,
		text:    "UPDATE messages SET state = 'sending', attempts = attempts + 1, message_id = v.message_id, updated_at = ?1 FROM v\n		WHERE id = v.number",
	}
	returnedMessageBatch = batch{
		columns: []column{{"number", integer}, {"state", text}, {"reason", text}},
		key:     1,
		fixed:   1,
		text: `UPDATE messages SET state = v.state, owner = '', reason = CASE v.reason WHEN '' THEN messages.reason ELSE v.reason END, updated_at = ?1 FROM v
			WHERE id = v.number`,
	}
)

// beginMessages decides about claimed single emails, and makes those `sending` that
// go out.
func (r *recording) beginMessages(ctx context.Context, begins []begin) error {
	if len(begins) == 0 {
		return nil
	}
	decisions, begun := make(map[int64]newsletter.Decision), make(map[int64]bool)
	err := find(ctx, r.db, r.tx, &messageFactsQuery, []any{r.worker}, begins, func(args []any, b begin) []any { return append(args, b.Ref.Message) }, func(rows *sql.Rows) error {
		var id int64
		var state newsletter.DeliveryState
		var f newsletter.MessageFacts
		if err := rows.Scan(&id, &state, &f.Kind, &f.Reader.Status, &f.Reader.Moving, &f.Held); err != nil {
			return err
		}
		decisions[id] = newsletter.DecideMessage(f)
		if begun[id] = state == newsletter.Sending; begun[id] {
			decisions[id] = newsletter.Decision{Action: newsletter.ActionSend}
		}
		return nil
	})
	if err != nil {
		return err
	}
	var sent, returned []begin
	for _, b := range begins {
		d := decisions[b.Ref.Message]
		r.actions[b.entry] = d.Action
		switch {
		case begun[b.Ref.Message], d.Action == newsletter.ActionDrop:
		case d.Action == newsletter.ActionSend:
			sent = append(sent, b)
		default:
			returned = append(returned, b)
		}
	}
	err = update(ctx, r.db, r.tx, &beginMessageBatch, []any{r.at}, sent, func(args []any, b begin) []any {
		return append(args, b.Ref.Message, b.MessageID)
	}, nil)
	if err != nil {
		return err
	}
	return update(ctx, r.db, r.tx, &returnedMessageBatch, []any{r.at}, returned, func(args []any, b begin) []any {
		d := decisions[b.Ref.Message]
		state := newsletter.Pending
		if d.Action == newsletter.ActionSkip {
			state = newsletter.Skipped
		}
		return append(args, b.Ref.Message, string(state), string(d.Reason))
	}, nil)
}
