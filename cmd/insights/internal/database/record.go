package database

import (
	"context"
	"database/sql"
	"errors"
	"slices"

	"github.com/scaledbydesign/insights/newsletter"
)

// Record implements newsletter.OutboxStore.
func (db *DB) Record(ctx context.Context, worker string, entries []newsletter.Entry) ([]newsletter.Verdict, error) {
	verdicts := make([]newsletter.Verdict, len(entries))
	err := db.write(ctx, func(tx *sql.Tx) error {
		at := now()
		for i, e := range entries {
			var err error
			switch {
			case e.Mark != nil && e.Mark.Ref.Message != 0:
				verdicts[i], err = markMessage(ctx, tx, worker, *e.Mark, at)
			case e.Mark != nil:
				verdicts[i], err = markDelivery(ctx, tx, worker, *e.Mark, at)
			case e.Settle.Ref.Message != 0:
				err = settleMessage(ctx, tx, worker, *e.Settle, at)
			default:
				err = settleDelivery(ctx, tx, worker, *e.Settle, at)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	return verdicts, err
}

// markStatement is run once for every mail.
const markStatement = `UPDATE deliveries SET state = 'sending', attempts = attempts + 1, email = ?4, message_id = ?5, updated_at = ?6
	WHERE digest_id = ?1 AND subscriber_id = ?2 AND owner = ?3 AND state = 'claimed'
	AND EXISTS (SELECT 1 FROM digests d WHERE d.id = ?1 AND d.state = 'sending')
	AND EXISTS (SELECT 1 FROM subscribers s WHERE s.id = ?2 AND s.status = 'confirmed' AND s.paused_until <= ?6
		AND s.position_id = deliveries.base_id AND s.categories = deliveries.categories)
	AND NOT EXISTS (SELECT 1 FROM deliveries o WHERE o.subscriber_id = ?2 AND o.digest_id <> ?1 AND o.state IN (` + openStates + `)
		AND (o.state IN ('sending', 'uncertain') OR o.uncertain_at > 0))`

// markDelivery makes a claimed delivery `sending` if the reader is exactly as
// they were when it was planned and no other mail to them is in doubt; else it
// looks closer.
func markDelivery(ctx context.Context, tx *sql.Tx, worker string, m newsletter.Mark, at int64) (newsletter.Verdict, error) {
	n, err := affected(tx.ExecContext(ctx, markStatement,
		m.Ref.Digest, m.Ref.Subscriber, worker, m.To, m.MessageID, at))
	if err != nil {
		return newsletter.Drop, err
	}
	if n == 1 {
		return newsletter.Go, nil
	}
	return recheck(ctx, tx, worker, m, at)
}

// recheck decides about a claimed delivery whose reader or digest has changed
// since it was planned.
func recheck(ctx context.Context, tx *sql.Tx, worker string, m newsletter.Mark, at int64) (newsletter.Verdict, error) {
	row := delivery{tx: tx, ref: m.Ref, at: at}
	err := tx.QueryRowContext(ctx, "SELECT variant, base_id, target_id FROM deliveries WHERE digest_id = ?1 AND subscriber_id = ?2 AND owner = ?3 AND state = 'claimed'",
		m.Ref.Digest, m.Ref.Subscriber, worker).Scan(&row.variant, &row.base, &row.target)
	if errors.Is(err, sql.ErrNoRows) {
		return newsletter.Drop, nil // fenced: another worker has it
	}
	if err != nil {
		return newsletter.Drop, err
	}
	d, err := scanDigest(tx.QueryRowContext(ctx, "SELECT "+digestColumns+" FROM digests d WHERE d.id = ?1", m.Ref.Digest).Scan)
	if err != nil {
		return newsletter.Drop, err
	}
	if d.State != newsletter.DigestSending {
		return newsletter.Drop, row.giveBack(ctx, at, "")
	}
	b, err := readBits(ctx, tx)
	if err != nil {
		return newsletter.Drop, err
	}
	reader, err := subscriber(ctx, tx, b, "s.id = ?1", m.Ref.Subscriber)
	switch {
	case isNotFound(err):
		return newsletter.Drop, row.skip(ctx, "the subscriber is gone")
	case err != nil && !errors.Is(err, errUnreadable):
		return newsletter.Drop, err
	case reader.Status != "confirmed":
		return newsletter.Drop, row.skip(ctx, string(reader.Status))
	case millis(reader.PausedUntil) > at:
		return newsletter.Drop, row.skip(ctx, "paused")
	}
	return row.replan(ctx, m, d, reader)
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
	_, err := r.tx.ExecContext(ctx, "UPDATE deliveries SET state = 'skipped', owner = '', reason = ?3, updated_at = ?4 WHERE digest_id = ?1 AND subscriber_id = ?2",
		r.ref.Digest, r.ref.Subscriber, reason, r.at)
	return err
}

// waitForOther is how long a mail waits for another one to the same reader.
const waitForOther = 60_000 // ms

// replan sends what is still unread and wanted: all of it, or another variant.
func (r *delivery) replan(ctx context.Context, m newsletter.Mark, d newsletter.Digest, reader storedSubscriber) (newsletter.Verdict, error) {
	variant, err := scanVariant(r.tx.QueryRowContext(ctx, "SELECT number, seqs, readers FROM variants WHERE digest_id = ?1 AND number = ?2", d.ID, r.variant).Scan)
	if err != nil {
		return newsletter.Drop, err
	}
	current, err := position(ctx, r.tx, reader.position)
	if err != nil {
		return newsletter.Drop, err
	}
	base, err := position(ctx, r.tx, r.base)
	if err != nil {
		return newsletter.Drop, err
	}
	target, err := position(ctx, r.tx, r.target)
	if err != nil {
		return newsletter.Drop, err
	}
	others, err := r.others(ctx)
	if err != nil {
		return newsletter.Drop, err
	}
	if others.doubtful {
		return newsletter.Drop, r.giveBack(ctx, r.at+waitForOther, "waits for another mail to this reader")
	}
	items := d.ItemsOf(variant)
	left, carried, arrived := newsletter.Recheck(items, base, target, current.Merge(others.uncertain), reader.Categories)
	switch {
	case len(left) == 0:
		return newsletter.Drop, r.skip(ctx, "received meanwhile, or no longer chosen")
	case !arrived && others.earlier:
		return newsletter.Drop, r.giveBack(ctx, r.at+waitForOther, "waits for an earlier mail to this reader")
	case !arrived:
		return newsletter.Drop, r.skip(ctx, "an earlier mail did not arrive; what it carried comes with the next digest")
	case len(left) < len(items):
		return newsletter.Drop, r.change(ctx, d, left)
	}
	to, err := intern(ctx, r.tx, current.Merge(carried))
	if err != nil {
		return newsletter.Drop, err
	}
	_, err = r.tx.ExecContext(ctx, `UPDATE deliveries SET state = 'sending', attempts = attempts + 1, email = ?3, message_id = ?4, updated_at = ?5, base_id = ?6, target_id = ?7, categories = ?8
		WHERE digest_id = ?1 AND subscriber_id = ?2`, r.ref.Digest, r.ref.Subscriber, m.To, m.MessageID, r.at, reader.position, to, reader.mask)
	if err != nil {
		return newsletter.Drop, err
	}
	return newsletter.Go, nil
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
		case state == newsletter.InFlight, doubtful:
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
	_, err = r.tx.ExecContext(ctx, "UPDATE deliveries SET state = 'pending', owner = '', variant = ?3, updated_at = ?4 WHERE digest_id = ?1 AND subscriber_id = ?2",
		r.ref.Digest, r.ref.Subscriber, number, r.at)
	return err
}

// markMessage makes a claimed single mail `sending` if its reader still is in
// the state that asked for it.
func markMessage(ctx context.Context, tx *sql.Tx, worker string, m newsletter.Mark, at int64) (newsletter.Verdict, error) {
	n, err := affected(tx.ExecContext(ctx, `UPDATE messages SET state = 'sending', attempts = attempts + 1, message_id = ?3, updated_at = ?4
		WHERE id = ?1 AND owner = ?2 AND state = 'claimed' AND (kind = 'test'
			OR EXISTS (SELECT 1 FROM subscribers s WHERE s.id = messages.subscriber_id
				AND s.status = CASE messages.kind WHEN 'confirm' THEN 'pending' ELSE 'confirmed' END))`,
		m.Ref.Message, worker, m.MessageID, at))
	if err != nil {
		return newsletter.Drop, err
	}
	if n == 1 {
		return newsletter.Go, nil
	}
	_, err = tx.ExecContext(ctx, "UPDATE messages SET state = 'skipped', owner = '', reason = 'no longer needed', updated_at = ?3 WHERE id = ?1 AND owner = ?2 AND state = 'claimed'",
		m.Ref.Message, worker, at)
	return newsletter.Drop, err
}

func settleDelivery(ctx context.Context, tx *sql.Tx, worker string, s newsletter.Settlement, at int64) error {
	if !s.State.Terminal() { // nothing is tried again of a digest that was cancelled meanwhile
		var cancelled bool
		err := tx.QueryRowContext(ctx, "SELECT EXISTS (SELECT 1 FROM digests WHERE id = ?1 AND state = 'cancelled')", s.Ref.Digest).Scan(&cancelled)
		if err != nil {
			return err
		}
		if cancelled {
			s.State, s.Reason = newsletter.Skipped, "cancelled"
		}
	}
	var base, target int64
	err := tx.QueryRowContext(ctx, `UPDATE deliveries SET state = ?4, owner = '', next_at = ?5, code = ?6, reason = ?7, updated_at = ?8,
			uncertain_at = CASE ?9 WHEN 1 THEN ?8 ELSE uncertain_at END
		WHERE digest_id = ?1 AND subscriber_id = ?2 AND owner = ?3 AND state IN ('claimed', 'sending')
		RETURNING base_id, target_id`,
		s.Ref.Digest, s.Ref.Subscriber, worker, string(s.State), millis(s.NextAt), s.Code, s.Reason, at, oneIf(s.Uncertain)).Scan(&base, &target)
	if errors.Is(err, sql.ErrNoRows) {
		return nil // fenced: whoever took it over has listed it as uncertain
	}
	if err != nil || !s.Received {
		return err
	}
	return received(ctx, tx, s.Ref.Subscriber, base, target)
}

func settleMessage(ctx context.Context, tx *sql.Tx, worker string, s newsletter.Settlement, at int64) error {
	_, err := tx.ExecContext(ctx, `UPDATE messages SET state = ?3, owner = '', next_at = ?4, code = ?5, reason = ?6, updated_at = ?7,
			uncertain_at = CASE ?8 WHEN 1 THEN ?7 ELSE uncertain_at END
		WHERE id = ?1 AND owner = ?2 AND state IN ('claimed', 'sending')`,
		s.Ref.Message, worker, string(s.State), millis(s.NextAt), s.Code, s.Reason, at, oneIf(s.Uncertain))
	return err
}
