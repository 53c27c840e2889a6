package database

import (
	"context"
	"database/sql"
	"errors"

	"github.com/scaledbydesign/insights/newsletter"
)

// Record implements newsletter.OutboxStore. In most cases the email was accepted, or its
// reader has not changed since it was planned. Those share a few statements; the others
// are looked at one by one.
func (db *DB) Record(ctx context.Context, worker string, entries []newsletter.Entry) (actions []newsletter.Action, err error) {
	err = db.record(ctx, func(ctx context.Context, tx *sql.Tx) error {
		r := recording{db: db, tx: tx, worker: worker, at: now(), actions: make([]newsletter.Action, len(entries))}
		if err := db.beginRecord(ctx, tx, entries); err != nil {
			return err
		}
		if err := r.finish(ctx, entries); err != nil {
			return err
		}
		var deliveries, messages []begin
		for i, e := range entries {
			switch {
			case e.Begin == nil:
			case e.Begin.Ref.Message != 0:
				messages = append(messages, begin{*e.Begin, i})
			default:
				deliveries = append(deliveries, begin{*e.Begin, i})
			}
		}
		if err := r.beginMessages(ctx, messages); err != nil {
			return err
		}
		actions = r.actions
		return r.beginDeliveries(ctx, deliveries)
	})
	if err == nil {
		db.noteAccepted(ctx, entries)
	}
	return actions, err
}

// finish records what became of emails.
func (r *recording) finish(ctx context.Context, entries []newsletter.Entry) error {
	var accepted, others []newsletter.Result
	for _, e := range entries {
		switch {
		case e.Result == nil:
		case isUsual(*e.Result):
			accepted = append(accepted, *e.Result)
		default:
			others = append(others, *e.Result)
		}
	}
	if err := r.finishAccepted(ctx, accepted); err != nil {
		return err
	}
	states, err := r.digestStates(ctx, others)
	if err != nil {
		return err
	}
	for _, result := range others {
		if result.Ref.Message != 0 {
			err = r.finishMessage(ctx, result)
		} else {
			err = r.finishDelivery(ctx, result.IfStopped(states[result.Ref.Digest]))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// isUsual reports whether a digest's email was accepted.
func isUsual(r newsletter.Result) bool {
	return r.Ref.Message == 0 && r.State == newsletter.Sent && r.Received
}

// ofWorker is a delivery of digest v.digest to reader v.subscriber that worker ?2
// still has. It is written so that PostgreSQL looks it up by key: by statistics from
// before the claim, it would assume that a worker has hardly any.
const ofWorker = `digest_id = v.digest AND subscriber_id = v.subscriber AND owner || '' = ?2 AND state IN ('claimed', 'sending')`

var (
	// acceptedBatch is run for every email that was accepted and moves its reader where
	// its worker expects.
	acceptedBatch = batch{
		columns: []column{{"digest", integer}, {"subscriber", integer}, {"base", integer}, {"target", integer}, {"code", integer}, {"reason", text}},
		key:     2,
		fixed:   2,
		text: `UPDATE deliveries SET state = 'sent', owner = '', next_at = -1, open = 0, code = v.code, reason = v.reason, updated_at = ?1 FROM v
			WHERE ` + ofWorker + ` AND base_id = v.base AND target_id = v.target AND mark = ''`,
	}
	// receivedBatch moves readers whose position is still the email's base.
	receivedBatch = batch{
		columns: []column{{"subscriber", integer}, {"base", integer}, {"target", integer}},
		key:     1,
		text: `UPDATE subscribers SET position_id = v.target FROM v
			WHERE subscribers.id = v.subscriber AND subscribers.position_id = v.base`,
	}
)

// finishAccepted records accepted deliveries and moves their readers. One that another
// worker took over stays uncertain.
func (r *recording) finishAccepted(ctx context.Context, accepted []newsletter.Result) error {
	others := make(map[newsletter.Ref]bool)
	err := update(ctx, r.db, r.tx, &acceptedBatch, []any{r.at, r.worker}, accepted, func(args []any, a newsletter.Result) []any {
		return append(args, a.Ref.Digest, a.Ref.Subscriber, a.Change.Base, a.Change.Target, a.Code, string(a.Reason))
	}, func(a newsletter.Result) error {
		others[a.Ref] = true
		return r.finishDelivery(ctx, a)
	})
	if err != nil {
		return err
	}
	moved := accepted
	if len(others) > 0 {
		moved = nil
		for _, a := range accepted {
			if !others[a.Ref] {
				moved = append(moved, a)
			}
		}
	}
	return update(ctx, r.db, r.tx, &receivedBatch, nil, moved, func(args []any, a newsletter.Result) []any {
		return append(args, a.Ref.Subscriber, a.Change.Base, a.Change.Target)
	}, func(a newsletter.Result) error {
		return received(ctx, r.tx, a.Ref.Subscriber, a.Change.Base, a.Change.Target)
	})
}

// statesQuery reads the states of digests.
var statesQuery = batch{
	columns: []column{{"digest", integer}},
	text:    "SELECT g.id, g.state FROM v JOIN digests g ON g.id = v.digest",
}

// digestStates returns the states of the digests with emails to be retried.
func (r *recording) digestStates(ctx context.Context, results []newsletter.Result) (map[int64]newsletter.DigestState, error) {
	states := make(map[int64]newsletter.DigestState)
	var ids []int64
	for _, result := range results {
		if id := result.Ref.Digest; id != 0 && !result.State.Terminal() && states[id] == "" {
			states[id] = newsletter.DigestSending // until read
			ids = append(ids, id)
		}
	}
	return states, find(ctx, r.db, r.tx, &statesQuery, nil, ids, func(args []any, id int64) []any { return append(args, id) }, func(rows *sql.Rows) error {
		var id int64
		var state newsletter.DigestState
		err := rows.Scan(&id, &state)
		states[id] = state
		return err
	})
}

// finishDelivery records what became of one delivery.
func (r *recording) finishDelivery(ctx context.Context, result newsletter.Result) error {
	next := int64(-1)
	if !result.State.Terminal() {
		next = millis(result.NextAt)
	}
	var base, target int64
	var variant int
	var lost bool
	err := r.tx.QueryRowContext(ctx, `UPDATE deliveries SET state = ?4, owner = '', next_at = ?5, open = ?10, code = ?6, reason = ?7, updated_at = ?8,
			uncertain_at = CASE CAST(?9 AS BIGINT) WHEN 1 THEN ?8 ELSE uncertain_at END
		WHERE digest_id = ?1 AND subscriber_id = ?2 AND owner = ?3 AND state IN ('claimed', 'sending')
		RETURNING base_id, target_id, variant, lost = 1`,
		result.Ref.Digest, result.Ref.Subscriber, r.worker, string(result.State), next, result.Code, string(result.Reason), r.at, oneIf(result.Uncertain), oneIf(result.State.Open())).Scan(&base, &target, &variant, &lost)
	if errors.Is(err, sql.ErrNoRows) {
		return nil // the worker was fenced off: the one that took over has made it uncertain
	}
	if err != nil || !result.Received {
		return err
	}
	err = received(ctx, r.tx, result.Ref.Subscriber, base, target)
	if err != nil || !lost {
		return err
	}
	return lose(ctx, r.tx, result.Ref.Digest, variant, result.Ref.Subscriber) // it came back before its outcome was stored
}
