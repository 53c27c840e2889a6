package database

import (
	"context"
	"database/sql"
	"errors"

	"github.com/scaledbydesign/insights/newsletter"
	"github.com/scaledbydesign/insights/subscribers"
)

// QueueResend implements newsletter.ResendStore.
func (db *DB) QueueResend(ctx context.Context, ref newsletter.Ref) (queued newsletter.Ref, err error) {
	err = db.write(ctx, func(tx *sql.Tx) error {
		var state newsletter.DeliveryState
		var status subscribers.Status
		var email string
		var variant int
		var open bool
		err := tx.QueryRowContext(ctx, `SELECT d.state, d.variant, coalesce(s.status, ''), coalesce(s.email, ''),
				EXISTS (SELECT 1 FROM messages m WHERE m.subscriber_id = d.subscriber_id AND m.digest_id = d.digest_id AND m.state IN ('pending', 'claimed', 'sending', 'deferred'))
			FROM deliveries d LEFT JOIN subscribers s ON s.id = d.subscriber_id WHERE d.digest_id = ?1 AND d.subscriber_id = ?2`,
			ref.Digest, ref.Subscriber).Scan(&state, &variant, &status, &email, &open)
		switch {
		case errors.Is(err, sql.ErrNoRows):
			return newsletter.ErrNotFound
		case err != nil:
			return err
		case state != newsletter.Sent:
			return newsletter.ErrNotAccepted
		case status != subscribers.Confirmed:
			return newsletter.ErrNotReader
		case open:
			return newsletter.ErrOnItsWay
		}
		gone, err := withdrawals(ctx, tx)
		if err != nil {
			return err
		}
		items, err := itemsOf(ctx, tx, ref.Digest, variant)
		if err != nil {
			return err
		}
		for _, item := range items {
			if gone[item.Seq].Is() {
				return newsletter.ErrTakenDown
			}
		}
		queued = newsletter.Ref{Subscriber: ref.Subscriber}
		return tx.QueryRowContext(ctx, `INSERT INTO messages (kind, subscriber_id, email, state, created_at, updated_at, digest_id, variant)
			VALUES ('resend', ?1, ?2, 'pending', ?3, ?3, ?4, ?5) RETURNING id`, ref.Subscriber, email, now(), ref.Digest, variant).Scan(&queued.Message)
	})
	return queued, err
}

// loadResend reads what an email of a digest says that is sent once more.
func loadResend(ctx context.Context, tx *sql.Tx, again *newsletter.SentAgain) error {
	found, err := bareDigests(ctx, tx, "d.id = ?1", again.Digest.ID)
	if err != nil || len(found) == 0 {
		return err
	}
	again.Digest = found[0]
	again.Body, _, err = scanBody(tx.QueryRowContext(ctx, "SELECT "+bodyColumns+" FROM variants WHERE digest_id = ?1 AND number = ?2", again.Digest.ID, again.Variant).Scan)
	return err
}

// skipTakenDown ends the emails to be sent once more that carry a withdrawn insight.
func skipTakenDown(ctx context.Context, tx *sql.Tx, gone map[int64]newsletter.Withdrawal) error {
	type again struct {
		id, digest int64
		variant    int
	}
	var waiting []again
	err := each(ctx, tx, func(rows *sql.Rows) error {
		var a again
		err := rows.Scan(&a.id, &a.digest, &a.variant)
		waiting = append(waiting, a)
		return err
	}, "SELECT id, digest_id, variant FROM messages WHERE state IN ('pending', 'deferred') AND kind = 'resend'")
	if err != nil {
		return err
	}
	for _, a := range waiting {
		items, err := itemsOf(ctx, tx, a.digest, a.variant)
		if err != nil {
			return err
		}
		for _, item := range items {
			if !gone[item.Seq].Is() {
				continue
			}
			_, err := tx.ExecContext(ctx, "UPDATE messages SET state = 'skipped', reason = ?2, updated_at = ?3 WHERE id = ?1 AND state IN ('pending', 'deferred')",
				a.id, string(newsletter.ReasonTakenDown), now())
			if err != nil {
				return err
			}
			break
		}
	}
	return nil
}
