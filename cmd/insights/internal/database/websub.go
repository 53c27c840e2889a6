package database

import (
	"context"
	"database/sql"
	"time"

	"github.com/scaledbydesign/insights/feeds/websub"
)

// WebSub stores the state of a hub, or of a publisher with an external hub: it is a
// websub.Store and a websub.PingStore.
type WebSub struct{ db *DB }

// WebSub returns the database as a store of package websub.
func (db *DB) WebSub() *WebSub { return &WebSub{db} }

// Topics implements websub.Store.
func (w *WebSub) Topics(ctx context.Context) (topics []string, err error) {
	err = each(ctx, w.db.reader, func(rows *sql.Rows) error {
		var topic string
		err := rows.Scan(&topic)
		topics = append(topics, topic)
		return err
	}, "SELECT topic FROM websub_subscriptions GROUP BY topic ORDER BY count(*) DESC, topic")
	return topics, explain(err)
}

// Mark implements websub.Store.
func (w *WebSub) Mark(ctx context.Context, topic, version string, at time.Time) error {
	var stale bool
	err := w.db.reader.QueryRowContext(ctx, "SELECT EXISTS (SELECT 1 FROM websub_subscriptions WHERE topic = ?1 AND target <> ?2)", topic, version).Scan(&stale)
	if err != nil || !stale {
		return explain(err)
	}
	return w.db.exec(ctx, `UPDATE websub_subscriptions SET target = ?2, attempts = 0,
			due_at = CASE WHEN ?2 = '' OR version = ?2 THEN 0 ELSE CAST(?3 AS BIGINT) END
			WHERE topic = ?1 AND target <> ?2`, topic, version, millis(at))
}

// claimTurns returns the statement that claims rows of one of the hub's tables. What a
// host has claimed counts among its turns. The update checks the claim again, for
// engines where two claims can run at once.
func claimTurns(table, returning string) string {
	return `WITH due AS MATERIALIZED (SELECT topic, callback FROM (
			SELECT topic, callback, due_at, claimed_until, row_number() OVER (
				PARTITION BY host ORDER BY CASE WHEN claimed_until > ?1 THEN 0 ELSE 1 END, attempts, due_at, topic, callback) AS turn
			FROM ` + table + ` WHERE due_at > 0 AND due_at <= ?1) t
		WHERE claimed_until <= ?1 AND turn <= ?4 ORDER BY turn, due_at, topic, callback LIMIT ?3)
	UPDATE ` + table + ` SET claimed_until = ?2
	WHERE (topic, callback) IN (SELECT topic, callback FROM due) AND claimed_until <= ?1
	RETURNING ` + returning
}

var (
	claimPushesStatement   = claimTurns("websub_subscriptions", "topic, callback, secret, expires_at, version, target, attempts, claimed_until")
	claimRequestsStatement = claimTurns("websub_requests", "topic, callback, host, mode, secret, lease, challenge, attempts")
)

// ClaimPushes implements websub.Store.
func (w *WebSub) ClaimPushes(ctx context.Context, c websub.Claim) (pushes []websub.Push, err error) {
	// Most looks find nothing: find that out without a write.
	var due bool
	err = w.db.reader.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM websub_subscriptions WHERE due_at > 0 AND due_at <= ?1 AND claimed_until <= ?1)
		OR EXISTS (SELECT 1 FROM websub_subscriptions WHERE expires_at <= ?1)`, millis(c.Now)).Scan(&due)
	if err != nil || !due {
		return nil, explain(err)
	}
	err = w.db.bookkeep(ctx, func(tx *sql.Tx) error {
		pushes = nil
		if _, err := tx.ExecContext(ctx, "DELETE FROM websub_subscriptions WHERE expires_at <= ?1", millis(c.Now)); err != nil {
			return err
		}
		return each(ctx, tx, func(rows *sql.Rows) error {
			var p websub.Push
			err := rows.Scan(&p.Topic, &p.Callback, &p.Secret, instant(&p.Expires), &p.Version, &p.Target, &p.Attempts, instant(&p.Claimed))
			pushes = append(pushes, p)
			return err
		}, claimPushesStatement, millis(c.Now), millis(c.Until), c.Limit, c.PerHost)
	})
	return pushes, err
}

// Delivered implements websub.Store.
func (w *WebSub) Delivered(ctx context.Context, p websub.Push, version string, again time.Time) error {
	return w.db.execQuietly(ctx, `UPDATE websub_subscriptions SET version = ?4, attempts = 0, claimed_until = 0,
			due_at = CASE WHEN target = ?4 THEN 0 ELSE CAST(?5 AS BIGINT) END
			WHERE topic = ?1 AND callback = ?2 AND claimed_until = ?3`, p.Topic, p.Callback, millis(p.Claimed), version, millis(again))
}

// RetryPush implements websub.Store.
func (w *WebSub) RetryPush(ctx context.Context, p websub.Push, at time.Time, failed bool) error {
	return w.db.execQuietly(ctx, `UPDATE websub_subscriptions SET claimed_until = 0,
			due_at = CASE WHEN target = ?4 THEN ?5 ELSE due_at END,
			attempts = CASE WHEN target = ?4 THEN attempts + ?6 ELSE attempts END
			WHERE topic = ?1 AND callback = ?2 AND claimed_until = ?3`, p.Topic, p.Callback, millis(p.Claimed), p.Target, millis(at), oneIf(failed))
}

// End implements websub.Store.
func (w *WebSub) End(ctx context.Context, p websub.Push) error {
	return w.db.execQuietly(ctx, "DELETE FROM websub_subscriptions WHERE topic = ?1 AND callback = ?2 AND claimed_until = ?3", p.Topic, p.Callback, millis(p.Claimed))
}

// NextPush implements websub.Store.
func (w *WebSub) NextPush(ctx context.Context) (time.Time, error) {
	return w.nextOf(ctx, `SELECT coalesce(min(at), 0) FROM (
		SELECT min(CASE WHEN claimed_until > due_at THEN claimed_until ELSE due_at END) AS at FROM websub_subscriptions WHERE due_at > 0
		UNION ALL SELECT min(expires_at) FROM websub_subscriptions) t`)
}

// NextRequest implements websub.Store.
func (w *WebSub) NextRequest(ctx context.Context) (time.Time, error) {
	return w.nextOf(ctx, `SELECT coalesce(min(CASE WHEN claimed_until > due_at THEN claimed_until ELSE due_at END), 0) FROM websub_requests`)
}

func (w *WebSub) nextOf(ctx context.Context, query string) (time.Time, error) {
	var at int64
	err := w.db.reader.QueryRowContext(ctx, query).Scan(&at)
	return fromMillis(at), explain(err)
}

// Recover implements websub.Store. While this process is the only sender, no
// other can be alive.
func (w *WebSub) Recover(ctx context.Context) error {
	if !w.db.onlySender() {
		return nil
	}
	return w.db.bookkeep(ctx, func(tx *sql.Tx) error {
		for _, table := range []string{"websub_subscriptions", "websub_requests"} {
			if _, err := tx.ExecContext(ctx, "UPDATE "+table+" SET claimed_until = 0 WHERE claimed_until > 0"); err != nil {
				return err
			}
		}
		return nil
	})
}

// lacking is a subscription that lacks the current content of its topic.
const lacking = "version <> target AND target <> ''"

// Status implements websub.StatusStore.
func (w *WebSub) Status(ctx context.Context) (s websub.HubStatus, err error) {
	err = w.db.reader.QueryRowContext(ctx, `SELECT (SELECT count(*) FROM websub_subscriptions WHERE expires_at > ?1), (SELECT count(*) FROM websub_requests),
		(SELECT count(*) FROM websub_subscriptions WHERE expires_at > ?1 AND `+lacking+`)`, now()).Scan(&s.Subscriptions, &s.Requests, &s.Behind)
	return s, explain(err)
}

// PushNow implements websub.StatusStore.
func (w *WebSub) PushNow(ctx context.Context) (n int, err error) {
	err = w.db.write(ctx, func(tx *sql.Tx) error {
		changed, err := affected(tx.ExecContext(ctx, "UPDATE websub_subscriptions SET attempts = 0, due_at = ?1 WHERE expires_at > ?1 AND "+lacking, now()))
		n = int(changed)
		return err
	})
	return n, err
}

// Pinged implements websub.PingStore.
func (w *WebSub) Pinged(ctx context.Context, hub string) (map[string]string, error) {
	told := make(map[string]string)
	err := each(ctx, w.db.reader, func(rows *sql.Rows) error {
		var topic, version string
		err := rows.Scan(&topic, &version)
		told[topic] = version
		return err
	}, "SELECT topic, version FROM websub_pings WHERE hub = ?1", hub)
	return told, explain(err)
}

// SetPinged implements websub.PingStore.
func (w *WebSub) SetPinged(ctx context.Context, hub, topic, version string) error {
	return w.db.execQuietly(ctx, "INSERT INTO websub_pings (hub, topic, version) VALUES (?1, ?2, ?3) ON CONFLICT (hub, topic) DO UPDATE SET version = excluded.version", hub, topic, version)
}
