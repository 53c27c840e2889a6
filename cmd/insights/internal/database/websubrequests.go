package database

import (
	"context"
	"database/sql"
	"time"

	"github.com/scaledbydesign/insights/feeds/websub"
)

// Ask implements websub.Store.
func (w *WebSub) Ask(ctx context.Context, r websub.Request, limits websub.Limits, at time.Time) error {
	return w.db.write(ctx, func(tx *sql.Tx) error {
		// Concurrent requests are counted.
		if err := lockTable(ctx, tx, "websub_requests"); err != nil {
			return err
		}
		full, err := hubIsFull(ctx, tx, r, limits, at)
		if err != nil {
			return err
		}
		if full {
			return websub.ErrFull
		}
		_, err = tx.ExecContext(ctx, `INSERT INTO websub_requests (topic, callback, host, mode, secret, lease, challenge, due_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
			ON CONFLICT (topic, callback) DO UPDATE SET mode = excluded.mode, secret = excluded.secret, lease = excluded.lease, challenge = excluded.challenge,
			due_at = excluded.due_at, attempts = 0, claimed_until = 0`,
			r.Topic, r.Callback, r.Host, string(r.Mode), r.Secret, int64(r.Lease/time.Second), r.Challenge, millis(at))
		return err
	})
}

// hubIsFull reports whether one more request of this host is one too many. A request
// counts as the subscription that it may become.
func hubIsFull(ctx context.Context, tx *sql.Tx, r websub.Request, limits websub.Limits, at time.Time) (bool, error) {
	const others = "NOT (topic = ?1 AND callback = ?2)"
	var subscribed bool
	var requests, ofHost, subscriptions, subscriptionsOfHost int
	err := tx.QueryRowContext(ctx, `SELECT
		EXISTS (SELECT 1 FROM websub_subscriptions WHERE topic = ?1 AND callback = ?2 AND expires_at > ?4),
		(SELECT count(*) FROM websub_requests WHERE `+others+`),
		(SELECT count(*) FROM websub_requests WHERE `+others+` AND host = ?3),
		(SELECT count(*) FROM websub_subscriptions WHERE expires_at > ?4),
		(SELECT count(*) FROM websub_subscriptions WHERE expires_at > ?4 AND host = ?3)`,
		r.Topic, r.Callback, r.Host, millis(at)).Scan(&subscribed, &requests, &ofHost, &subscriptions, &subscriptionsOfHost)
	if err != nil {
		return false, err
	}
	if subscribed {
		return false, nil // a full hub must not keep subscribers from renewing or leaving
	}
	if requests >= limits.Requests || ofHost >= limits.RequestsPerHost {
		return true, nil
	}
	return r.Mode == websub.Subscribe && (subscriptions+requests >= limits.Subscriptions || subscriptionsOfHost+ofHost >= limits.SubscriptionsPerHost), nil
}

// ClaimRequests implements websub.Store.
func (w *WebSub) ClaimRequests(ctx context.Context, c websub.Claim) (requests []websub.Request, err error) {
	var due bool
	err = w.db.reader.QueryRowContext(ctx, "SELECT EXISTS (SELECT 1 FROM websub_requests WHERE due_at <= ?1 AND claimed_until <= ?1)", millis(c.Now)).Scan(&due)
	if err != nil || !due {
		return nil, explain(err)
	}
	err = w.db.bookkeep(ctx, func(tx *sql.Tx) error {
		requests = nil
		return each(ctx, tx, func(rows *sql.Rows) error {
			var r websub.Request
			var lease int64
			err := rows.Scan(&r.Topic, &r.Callback, &r.Host, &r.Mode, &r.Secret, &lease, &r.Challenge, &r.Attempts)
			r.Lease = time.Duration(lease) * time.Second
			requests = append(requests, r)
			return err
		}, claimRequestsStatement, millis(c.Now), millis(c.Until), c.Limit, c.PerHost)
	})
	return requests, err
}

// Grant implements websub.Store.
func (w *WebSub) Grant(ctx context.Context, r websub.Request, version string, at, expires time.Time) error {
	return w.db.write(ctx, func(tx *sql.Tx) error {
		if ended, err := endRequest(ctx, tx, r); err != nil || !ended {
			return err
		}
		if _, err := tx.ExecContext(ctx, "DELETE FROM websub_subscriptions WHERE topic = ?1 AND callback = ?2 AND expires_at <= ?3", r.Topic, r.Callback, millis(at)); err != nil {
			return err
		}
		// A callback that answers again gets what it missed.
		_, err := tx.ExecContext(ctx, `INSERT INTO websub_subscriptions (topic, callback, host, secret, expires_at, version, target) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6)
			ON CONFLICT (topic, callback) DO UPDATE SET secret = excluded.secret, expires_at = excluded.expires_at, attempts = 0,
			due_at = CASE WHEN websub_subscriptions.version = websub_subscriptions.target OR websub_subscriptions.target = '' THEN 0 ELSE CAST(?7 AS BIGINT) END`,
			r.Topic, r.Callback, r.Host, r.Secret, millis(expires), version, millis(at))
		return err
	})
}

// Remove implements websub.Store.
func (w *WebSub) Remove(ctx context.Context, r websub.Request) error {
	return w.db.bookkeep(ctx, func(tx *sql.Tx) error {
		if ended, err := endRequest(ctx, tx, r); err != nil || !ended {
			return err
		}
		_, err := tx.ExecContext(ctx, "DELETE FROM websub_subscriptions WHERE topic = ?1 AND callback = ?2", r.Topic, r.Callback)
		return err
	})
}

// RetryRequest implements websub.Store.
func (w *WebSub) RetryRequest(ctx context.Context, r websub.Request, at time.Time) error {
	return w.db.execQuietly(ctx, `UPDATE websub_requests SET attempts = attempts + 1, due_at = ?4, claimed_until = 0
			WHERE topic = ?1 AND callback = ?2 AND challenge = ?3`, r.Topic, r.Callback, r.Challenge, millis(at))
}

// Drop implements websub.Store.
func (w *WebSub) Drop(ctx context.Context, r websub.Request) error {
	return w.db.bookkeep(ctx, func(tx *sql.Tx) error {
		_, err := endRequest(ctx, tx, r)
		return err
	})
}

// endRequest removes a request, unless another has replaced it.
func endRequest(ctx context.Context, tx *sql.Tx, r websub.Request) (ended bool, err error) {
	n, err := affected(tx.ExecContext(ctx, "DELETE FROM websub_requests WHERE topic = ?1 AND callback = ?2 AND challenge = ?3", r.Topic, r.Callback, r.Challenge))
	return n == 1, err
}
