package database

import (
	"context"
	"database/sql"
	"errors"
	"slices"

	"github.com/scaledbydesign/insights/newsletter"
)

// Record implements newsletter.OutboxStore. Outcomes come first, then marks: what
// one mail has brought a reader is known when the next one to them is looked at.
// Most mails are of one kind: sent to a reader who is as they were when it was
// planned. Those go through a few statements for all of them; every other one is
// looked at by itself.
func (db *DB) Record(ctx context.Context, worker string, entries []newsletter.Entry) ([]newsletter.Action, error) {
	actions := make([]newsletter.Action, len(entries))
	var sent []newsletter.Result
	var marks []mark
	for i, e := range entries {
		if e.Begin != nil && e.Begin.Ref.Message == 0 {
			marks = append(marks, mark{*e.Begin, i})
		}
		if e.Result != nil && isPlain(*e.Result) {
			sent = append(sent, *e.Result)
		}
	}
	err := db.bookkeep(ctx, func(tx *sql.Tx) error {
		at := now()
		if err := db.beginRecord(ctx, tx, entries); err != nil {
			return err
		}
		if err := db.settleSent(ctx, tx, worker, sent, at); err != nil {
			return err
		}
		for _, e := range entries {
			var err error
			switch {
			case e.Result == nil || isPlain(*e.Result):
			case e.Result.Ref.Message != 0:
				err = settleMessage(ctx, tx, worker, *e.Result, at)
			default:
				err = settleDelivery(ctx, tx, worker, *e.Result, at)
			}
			if err != nil {
				return err
			}
		}
		for i, e := range entries {
			if e.Begin == nil || e.Begin.Ref.Message == 0 {
				continue
			}
			var err error
			if actions[i], err = markMessage(ctx, tx, worker, *e.Begin, at); err != nil {
				return err
			}
		}
		return db.markDeliveries(ctx, tx, worker, marks, at, actions)
	})
	return actions, err
}

// isPlain says that a result is of the usual kind.
func isPlain(s newsletter.Result) bool {
	return s.Ref.Message == 0 && s.State == newsletter.Sent && s.Received
}

// mark is a delivery's mark with its place among the entries.
type mark struct {
	newsletter.Begin
	entry int
}

// asPlanned is a claimed delivery whose reader is exactly as they were when it was
// planned, with no other mail to them in doubt: ?1 now, ?2 worker.
const asPlanned = `deliveries.digest_id = v.digest AND deliveries.subscriber_id = v.subscriber AND deliveries.owner || '' = ?2 AND deliveries.state = 'claimed'
	AND EXISTS (SELECT 1 FROM digests d WHERE d.id = v.digest AND d.state = 'sending')
	AND EXISTS (SELECT 1 FROM subscribers s WHERE s.id = v.subscriber AND s.status = 'confirmed' AND s.paused_until <= ?1
		AND s.position_id = deliveries.base_id AND s.categories = deliveries.categories)
	AND NOT EXISTS (SELECT 1 FROM deliveries o WHERE o.subscriber_id = v.subscriber AND o.digest_id <> v.digest AND o.open = 1
		AND (o.state IN ('sending', 'uncertain') OR o.uncertain_at > 0))
	AND NOT ` + held

// markBatch is made for every mail.
var markBatch = batch{
	columns: []column{{"digest", integer}, {"subscriber", integer}, {"email", words}, {"message_id", words}},
	key:     2,
	fixed:   2,
	text: `UPDATE deliveries SET state = 'sending', attempts = attempts + 1, email = v.email, message_id = v.message_id, updated_at = ?1 FROM v
		WHERE ` + asPlanned,
}

// markDeliveries makes claimed deliveries `sending` where nothing has changed
// since they were planned, and looks closer at the others.
func (db *DB) markDeliveries(ctx context.Context, tx *sql.Tx, worker string, marks []mark, at int64, actions []newsletter.Action) error {
	// Two mails to one reader are not to be in flight together: the second is
	// looked at when the first one's mark stands.
	var together, others []mark
	seen := make(map[int64]bool, len(marks))
	for _, m := range marks {
		actions[m.entry] = newsletter.ActionSend
		if seen[m.Ref.Subscriber] {
			others = append(others, m)
		} else {
			together = append(together, m)
		}
		seen[m.Ref.Subscriber] = true
	}
	closer := func(m mark) (err error) {
		actions[m.entry], err = recheck(ctx, tx, worker, m.Begin, at)
		return err
	}
	for _, some := range [][]mark{together, others} {
		err := run(ctx, db, tx, &markBatch, []any{at, worker}, some, func(args []any, m mark) []any {
			return append(args, m.Ref.Digest, m.Ref.Subscriber, m.To, m.MessageID)
		}, closer)
		if err != nil {
			return err
		}
	}
	return nil
}

// ofWorker is a delivery of digest v.digest to reader v.subscriber that worker ?2
// still has. It is worded so that PostgreSQL looks for it by its key: from statistics
// of before it was claimed, it would think that a worker has next to none.
const ofWorker = `digest_id = v.digest AND subscriber_id = v.subscriber AND owner || '' = ?2 AND state IN ('claimed', 'sending')`

var (
	// sentBatch is made for every mail that was accepted and takes its reader where
	// its worker thinks it does.
	sentBatch = batch{
		columns: []column{{"digest", integer}, {"subscriber", integer}, {"base", integer}, {"target", integer}, {"code", integer}, {"reason", words}},
		key:     2,
		fixed:   2,
		text: `UPDATE deliveries SET state = 'sent', owner = '', next_at = -1, open = 0, code = v.code, reason = v.reason, updated_at = ?1 FROM v
			WHERE ` + ofWorker + ` AND base_id = v.base AND target_id = v.target`,
	}
	// receivedBatch moves readers who are where their mail found them.
	receivedBatch = batch{
		columns: []column{{"subscriber", integer}, {"base", integer}, {"target", integer}},
		key:     1,
		text: `UPDATE subscribers SET position_id = v.target FROM v
			WHERE subscribers.id = v.subscriber AND subscribers.position_id = v.base`,
	}
)

// settleSent records accepted deliveries and moves their readers. One that another
// worker took over is left as it is listed there: uncertain.
func (db *DB) settleSent(ctx context.Context, tx *sql.Tx, worker string, sent []newsletter.Result, at int64) error {
	others := make(map[newsletter.Ref]bool)
	err := run(ctx, db, tx, &sentBatch, []any{at, worker}, sent, func(args []any, s newsletter.Result) []any {
		return append(args, s.Ref.Digest, s.Ref.Subscriber, s.Change.Base, s.Change.Target, s.Code, s.Reason)
	}, func(s newsletter.Result) error {
		others[s.Ref] = true
		return settleDelivery(ctx, tx, worker, s, at)
	})
	if err != nil {
		return err
	}
	// A copy: the transaction may run again, with all of them.
	sent = slices.DeleteFunc(slices.Clone(sent), func(s newsletter.Result) bool { return others[s.Ref] })
	return run(ctx, db, tx, &receivedBatch, nil, sent, func(args []any, s newsletter.Result) []any {
		return append(args, s.Ref.Subscriber, s.Change.Base, s.Change.Target)
	}, func(s newsletter.Result) error {
		return received(ctx, tx, s.Ref.Subscriber, s.Change.Base, s.Change.Target)
	})
}

// recheck decides about a claimed delivery whose reader or digest has changed
// since it was planned.
func recheck(ctx context.Context, tx *sql.Tx, worker string, m newsletter.Begin, at int64) (newsletter.Action, error) {
	row := delivery{tx: tx, ref: m.Ref, at: at}
	err := tx.QueryRowContext(ctx, "SELECT variant, base_id, target_id FROM deliveries WHERE digest_id = ?1 AND subscriber_id = ?2 AND owner = ?3 AND state = 'claimed' /*pg FOR UPDATE */",
		m.Ref.Digest, m.Ref.Subscriber, worker).Scan(&row.variant, &row.base, &row.target)
	if errors.Is(err, sql.ErrNoRows) {
		return markedBefore(ctx, tx, "deliveries WHERE digest_id = ?1 AND subscriber_id = ?2 AND owner = ?3 AND state = 'sending'", m.Ref.Digest, m.Ref.Subscriber, worker)
	}
	if err != nil {
		return newsletter.ActionDrop, err
	}
	d, err := scanDigest(tx.QueryRowContext(ctx, "SELECT "+digestColumns+" FROM digests d WHERE d.id = ?1", m.Ref.Digest).Scan)
	if err != nil {
		return newsletter.ActionDrop, err
	}
	if d.State != newsletter.DigestSending {
		return newsletter.ActionDrop, row.giveBack(ctx, at, "")
	}
	var holds bool
	if err := tx.QueryRowContext(ctx, "SELECT "+held).Scan(&holds); err != nil || holds {
		return newsletter.ActionDrop, errors.Join(err, row.giveBack(ctx, at, ""))
	}
	b, err := readBits(ctx, tx)
	if err != nil {
		return newsletter.ActionDrop, err
	}
	reader, err := subscriber(ctx, tx, b, "s.id = ?1", m.Ref.Subscriber)
	switch {
	case isNotFound(err):
		return newsletter.ActionDrop, row.skip(ctx, "the subscriber is gone")
	case err != nil && !errors.Is(err, errUnreadable):
		return newsletter.ActionDrop, err
	case reader.Status != "confirmed":
		return newsletter.ActionDrop, row.skip(ctx, string(reader.Status))
	case millis(reader.PausedUntil) > at:
		return newsletter.ActionDrop, row.skip(ctx, "paused")
	}
	return row.replan(ctx, m, d, reader)
}

// markedBefore answers a mark that finds its mail not claimed. Either another worker
// has it, or it is this mark come again, whose first commit was never answered:
// nobody has sent anything yet.
func markedBefore(ctx context.Context, tx *sql.Tx, own string, args ...any) (newsletter.Action, error) {
	var marked bool
	if err := tx.QueryRowContext(ctx, "SELECT EXISTS (SELECT 1 FROM "+own+")", args...).Scan(&marked); err != nil || !marked {
		return newsletter.ActionDrop, err
	}
	return newsletter.ActionSend, nil
}

// delivery is one row while it is rechecked.
type delivery struct {
	tx      *sql.Tx
	ref     newsletter.Ref
	at      int64
	variant int
	base    int64
	target  int64
}

func (r *delivery) giveBack(ctx context.Context, next int64, reason string) error {
	_, err := r.tx.ExecContext(ctx, "UPDATE deliveries SET state = 'pending', owner = '', next_at = ?3, reason = ?4, updated_at = ?5 WHERE digest_id = ?1 AND subscriber_id = ?2",
		r.ref.Digest, r.ref.Subscriber, next, reason, r.at)
	return err
}

func (r *delivery) skip(ctx context.Context, reason string) error {
	_, err := r.tx.ExecContext(ctx, "UPDATE deliveries SET state = 'skipped', owner = '', open = 0, reason = ?3, updated_at = ?4 WHERE digest_id = ?1 AND subscriber_id = ?2",
		r.ref.Digest, r.ref.Subscriber, reason, r.at)
	return err
}

// waitForOther is how long a mail waits for another one to the same reader.
const waitForOther = 60_000 // ms

// replan sends what is still unread and wanted: all of it, or another variant.
func (r *delivery) replan(ctx context.Context, m newsletter.Begin, d newsletter.Digest, reader storedSubscriber) (newsletter.Action, error) {
	variant, err := scanVariant(r.tx.QueryRowContext(ctx, "SELECT number, seqs, readers FROM variants WHERE digest_id = ?1 AND number = ?2", d.ID, r.variant).Scan)
	if err != nil {
		return newsletter.ActionDrop, err
	}
	current, err := position(ctx, r.tx, reader.position)
	if err != nil {
		return newsletter.ActionDrop, err
	}
	base, err := position(ctx, r.tx, r.base)
	if err != nil {
		return newsletter.ActionDrop, err
	}
	target, err := position(ctx, r.tx, r.target)
	if err != nil {
		return newsletter.ActionDrop, err
	}
	others, err := r.others(ctx)
	if err != nil {
		return newsletter.ActionDrop, err
	}
	if others.doubtful {
		return newsletter.ActionDrop, r.giveBack(ctx, r.at+waitForOther, "waits for another mail to this reader")
	}
	items := d.ItemsOf(variant)
	left, carried, arrived := newsletter.Recheck(items, base, target, current.Merge(others.uncertain), reader.Categories)
	switch {
	case len(left) == 0:
		return newsletter.ActionDrop, r.skip(ctx, "received meanwhile, or no longer chosen")
	case !arrived && others.earlier:
		return newsletter.ActionDrop, r.giveBack(ctx, r.at+waitForOther, "waits for an earlier mail to this reader")
	case !arrived:
		return newsletter.ActionDrop, r.skip(ctx, "an earlier mail did not arrive; what it carried comes with the next digest")
	case len(left) < len(items):
		return newsletter.ActionDrop, r.change(ctx, d, left)
	}
	to, err := intern(ctx, r.tx, current.Merge(carried))
	if err != nil {
		return newsletter.ActionDrop, err
	}
	_, err = r.tx.ExecContext(ctx, `UPDATE deliveries SET state = 'sending', attempts = attempts + 1, email = ?3, message_id = ?4, updated_at = ?5, base_id = ?6, target_id = ?7, categories = ?8
		WHERE digest_id = ?1 AND subscriber_id = ?2`, r.ref.Digest, r.ref.Subscriber, m.To, m.MessageID, r.at, reader.position, to, reader.mask)
	if err != nil {
		return newsletter.ActionDrop, err
	}
	return newsletter.ActionSend, nil
}

// others is what other digests have on their way to a reader.
type others struct {
	doubtful  bool                // one may be arriving just now: wait for its outcome
	earlier   bool                // one planned before is open
	uncertain newsletter.Position // where the reader is if those that nobody follows up arrived
}

// others looks at the reader's other mails. Since nothing is sent to a reader while
// another mail to them is in flight or in doubt, there is never more than one such
// mail, and no two wait for one another.
func (r *delivery) others(ctx context.Context) (others, error) {
	o := others{uncertain: newsletter.Position{}}
	err := each(ctx, r.tx, func(rows *sql.Rows) error {
		var digest int64
		var state newsletter.DeliveryState
		var doubtful bool
		var vector string
		if err := rows.Scan(&digest, &state, &doubtful, &vector); err != nil {
			return err
		}
		earlier := digest < r.ref.Digest
		switch {
		case state == newsletter.Uncertain:
			target, err := newsletter.ParsePosition(vector)
			o.uncertain = o.uncertain.Merge(target)
			return err
		case state == newsletter.Sending, doubtful:
			o.doubtful = true
		}
		o.earlier = o.earlier || earlier
		return nil
	}, `SELECT o.digest_id, o.state, o.uncertain_at > 0, t.vector FROM deliveries o JOIN positions t ON t.id = o.target_id JOIN subscribers s ON s.id = ?2
		WHERE o.digest_id <> ?1 AND `+onTheWay, r.ref.Digest, r.ref.Subscriber)
	return o, err
}

// change gives the delivery the variant that holds just these insights.
func (r *delivery) change(ctx context.Context, d newsletter.Digest, left []newsletter.Item) error {
	seqs := make([]int64, len(left))
	for i, item := range left {
		seqs[i] = item.Seq
	}
	if err := lockDigest(ctx, r.tx, d.ID); err != nil { // another worker may be about to add the same
		return err
	}
	number, highest := 0, 0
	err := each(ctx, r.tx, func(rows *sql.Rows) error {
		v, err := scanVariant(rows.Scan)
		if slices.Equal(v.Seqs, seqs) {
			number = v.Number
		}
		highest = max(highest, v.Number)
		return err
	}, "SELECT number, seqs, readers FROM variants WHERE digest_id = ?1", d.ID)
	if err != nil {
		return err
	}
	if number == 0 {
		number = highest + 1
		if err := addVariant(ctx, r.tx, d.ID, newsletter.Variant{Number: number, Seqs: seqs}); err != nil {
			return err
		}
	}
	for variant, change := range map[int]int{r.variant: -1, number: 1} {
		if _, err := r.tx.ExecContext(ctx, "UPDATE variants SET readers = readers + ?3 WHERE digest_id = ?1 AND number = ?2", d.ID, variant, change); err != nil {
			return err
		}
	}
	_, err = r.tx.ExecContext(ctx, "UPDATE deliveries SET state = 'pending', owner = '', next_at = 0, variant = ?3, updated_at = ?4 WHERE digest_id = ?1 AND subscriber_id = ?2",
		r.ref.Digest, r.ref.Subscriber, number, r.at)
	return err
}

func settleDelivery(ctx context.Context, tx *sql.Tx, worker string, s newsletter.Result, at int64) error {
	if !s.State.Terminal() { // nothing is tried again of a digest that has ended meanwhile
		var ended string
		err := tx.QueryRowContext(ctx, "SELECT coalesce((SELECT state FROM digests WHERE id = ?1 AND state IN ('cancelled', 'failed')), '')", s.Ref.Digest).Scan(&ended)
		if err != nil {
			return err
		}
		if ended != "" {
			s.State, s.Reason = newsletter.Skipped, ended
		}
	}
	next := int64(-1)
	if s.State == newsletter.Pending || s.State == newsletter.Deferred {
		next = millis(s.NextAt)
	}
	open := oneIf(!s.State.Terminal() || s.State == newsletter.Uncertain)
	var base, target int64
	err := tx.QueryRowContext(ctx, `UPDATE deliveries SET state = ?4, owner = '', next_at = ?5, open = ?10, code = ?6, reason = ?7, updated_at = ?8,
			uncertain_at = CASE CAST(?9 AS BIGINT) WHEN 1 THEN ?8 ELSE uncertain_at END
		WHERE digest_id = ?1 AND subscriber_id = ?2 AND owner = ?3 AND state IN ('claimed', 'sending')
		RETURNING base_id, target_id`,
		s.Ref.Digest, s.Ref.Subscriber, worker, string(s.State), next, s.Code, s.Reason, at, oneIf(s.Uncertain), open).Scan(&base, &target)
	if errors.Is(err, sql.ErrNoRows) {
		return nil // fenced: whoever took it over has listed it as uncertain
	}
	if err != nil || !s.Received {
		return err
	}
	return received(ctx, tx, s.Ref.Subscriber, base, target)
}
