package database

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"math"
	"slices"

	"github.com/scaledbydesign/insights/newsletter"
	"github.com/scaledbydesign/insights/subscribers"
)

// QueueTest implements newsletter.TestStore.
func (db *DB) QueueTest(ctx context.Context, to []subscribers.Address, payload string) (refs []newsletter.Ref, err error) {
	err = db.write(ctx, func(tx *sql.Tx) error {
		refs = nil
		for _, a := range to {
			var ref newsletter.Ref
			err := tx.QueryRowContext(ctx, "INSERT INTO messages (kind, email, payload, state, created_at, updated_at) VALUES ('test', ?1, ?2, 'pending', ?3, ?3) RETURNING id",
				a.String(), payload, now()).Scan(&ref.Message)
			if err != nil {
				return err
			}
			refs = append(refs, ref)
		}
		return nil
	})
	return refs, err
}

// readersOfMessages returns the subscribers whose messages a worker has, by id.
func readersOfMessages(ctx context.Context, q querier, worker string) (map[int64]subscribers.Subscriber, error) {
	b, err := readBits(ctx, q)
	if err != nil {
		return nil, err
	}
	found := make(map[int64]subscribers.Subscriber)
	err = each(ctx, q, func(rows *sql.Rows) error {
		s, err := scanSubscriber(rows.Scan, b)
		if found[s.ID] = s.Subscriber; errors.Is(err, errUnreadable) {
			err = nil // without an address an email ends by itself; the others go on
		}
		return err
	}, "SELECT "+subscriberColumns+" FROM subscribers s WHERE s.id IN (SELECT subscriber_id FROM messages WHERE state IN ('claimed', 'sending') AND owner = ?1)", worker)
	return found, err
}

// ClaimMessages implements newsletter.OutboxStore.
func (db *DB) ClaimMessages(ctx context.Context, worker string, again bool, limit int) ([]newsletter.Task, error) {
	at := now()
	// One that was not postponed is due at once, or a little later and was never tried.
	from, most := int64(0), 0
	if again {
		from, most = 1, math.MaxInt32
	}
	const isDue = "state IN ('pending', 'deferred') AND next_at >= ?1 AND next_at <= ?2 AND (next_at = 0 OR attempts <= ?3)"
	const wasTried = " AND (?3 = 0 OR attempts > 0)"
	var due bool
	err := db.reader.QueryRowContext(ctx, "SELECT EXISTS (SELECT 1 FROM messages WHERE "+isDue+wasTried+") AND NOT "+held, from, at, most).Scan(&due)
	if err != nil || !due {
		return nil, explain(err)
	}
	var tasks []newsletter.Task
	err = db.bookkeep(ctx, func(tx *sql.Tx) error {
		tasks = nil
		if attached, err := isAttached(ctx, tx, worker); err != nil || !attached {
			return err
		}
		err := each(ctx, tx, func(rows *sql.Rows) error {
			var t newsletter.Task
			var again newsletter.SentAgain
			var err error
			t.Asks, err = scanConfirmation(rows.Scan, &t.Ref.Message, &t.Ref.Subscriber, &t.Kind, &t.Payload, &t.Attempts, instant(&t.Created), &t.MessageID, &again.Digest.ID, &again.Variant, &t.To, &t.Turn)
			if t.Kind == newsletter.ResendEmail {
				t.Again = &again
			}
			tasks = append(tasks, t)
			return err
		}, `WITH due AS MATERIALIZED (SELECT id FROM messages WHERE `+isDue+wasTried+`
				ORDER BY CASE WHEN attempts <= ?6 THEN 0 ELSE 1 END, next_at, id LIMIT ?4 /*pg FOR UPDATE SKIP LOCKED */)
			UPDATE messages SET state = 'claimed', owner = ?5, updated_at = ?2 WHERE id IN (SELECT id FROM due)
			RETURNING id, coalesce(subscriber_id, 0), kind, payload, attempts, created_at, message_id, digest_id, variant, email, next_at > 0, email, `+confirmationColumns, from, at, most, limit, worker, seldomTried)
		if err != nil {
			return err
		}
		readers, err := readersOfMessages(ctx, tx, worker)
		if err != nil {
			return err
		}
		for i := range tasks {
			t := &tasks[i]
			if t.Again != nil {
				if err := loadResend(ctx, tx, t.Again); err != nil {
					return err
				}
			}
			if t.Ref.Subscriber != 0 {
				t.Subscriber = readers[t.Ref.Subscriber]
			} else {
				t.Subscriber.Address, _ = subscribers.ParseAddress(t.To) // as above
			}
		}
		slices.SortFunc(tasks, func(a, b newsletter.Task) int { return cmp.Compare(a.Ref.Message, b.Ref.Message) })
		return nil
	})
	return tasks, err
}

// messageFactsQuery reads single emails that worker ?1 has.
var messageFactsQuery = batch{
	columns: []column{{"number", integer}},
	fixed:   1,
	text: `SELECT m.id, m.state, m.kind, m.ended > 0, coalesce(s.public_id, ''), coalesce(s.status, ''), coalesce(s.cause, ''), coalesce(s.unsubscribed_at, 0), coalesce(s.new_email, '') <> '' OR m.back > 0, ` + held + `
		FROM v JOIN messages m ON m.id = v.number LEFT JOIN subscribers s ON s.id = m.subscriber_id
		WHERE m.owner = ?1 AND m.state IN ('claimed', 'sending') /*pg FOR UPDATE OF m */`,
}

var (
	beginMessageBatch = batch{
		columns: []column{{"number", integer}, {"message_id", text}},
		key:     1,
		fixed:   1,
		text:    "UPDATE messages SET state = 'sending', attempts = attempts + 1, message_id = v.message_id, updated_at = ?1, first_at = CASE first_at WHEN 0 THEN ?1 ELSE first_at END FROM v\n		WHERE id = v.number",
	}
	returnedMessageBatch = batch{
		columns: []column{{"number", integer}, {"state", text}, {"reason", text}},
		key:     1,
		fixed:   1,
		text: `UPDATE messages SET state = v.state, owner = '', reason = CASE v.reason WHEN '' THEN messages.reason ELSE v.reason END, updated_at = ?1 FROM v
			WHERE id = v.number`,
	}
)

// beginMessages decides about claimed single emails, and marks those as `sending` that
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
		var reader subscribers.Subscriber
		if err := rows.Scan(&id, &state, &f.Kind, &f.Ended, &reader.PublicID, &reader.Status, &reader.Cause, instant(&reader.UnsubscribedAt), &f.Reader.Moving, &f.Held); err != nil {
			return err
		}
		f.Reader.Status, f.Reader.MayGetLink = reader.Status, subscribers.MayGetLink(reader)
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

// finishMessage records what became of a single email.
func (r *recording) finishMessage(ctx context.Context, result newsletter.Result) error {
	var digest, subscriber int64
	var variant int
	var mark newsletter.Mark
	err := r.tx.QueryRowContext(ctx, `UPDATE messages SET state = ?3, owner = '', next_at = ?4, code = ?5, reason = ?6, updated_at = ?7,
			uncertain_at = CASE CAST(?8 AS BIGINT) WHEN 1 THEN ?7 ELSE uncertain_at END
		WHERE id = ?1 AND owner = ?2 AND state IN ('claimed', 'sending')
		RETURNING digest_id, coalesce(subscriber_id, 0), variant, mark`,
		result.Ref.Message, r.worker, string(result.State), millis(result.NextAt), result.Code, string(result.Reason), r.at, oneIf(result.Uncertain)).
		Scan(&digest, &subscriber, &variant, &mark)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	if err != nil || !result.Received || digest == 0 || mark == newsletter.Bounced {
		return err
	}
	return receive(ctx, r.tx, digest, variant, subscriber)
}
