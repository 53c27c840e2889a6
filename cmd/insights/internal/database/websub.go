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

// Mark implements websub.Store. It works in parts, so that others can write in between.
func (w *WebSub) Mark(ctx context.Context, topic, version string, at time.Time) error {
	var stale bool
	err := w.db.reader.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM websub_subscriptions WHERE topic = ?1 AND target < ?2)
		OR EXISTS (SELECT 1 FROM websub_subscriptions WHERE topic = ?1 AND target > ?2)`, topic, version).Scan(&stale)
	for from, more := "", stale; more && err == nil; {
		err = w.db.write(ctx, func(tx *sql.Tx) error {
			if err := lockHub(ctx, tx); err != nil {
				return err
			}
			var to sql.NullString
			err := tx.QueryRowContext(ctx, "SELECT max(callback) FROM (SELECT callback FROM websub_subscriptions WHERE topic = ?1 AND callback > ?2 ORDER BY callback LIMIT ?3) t", topic, from, hubPart).Scan(&to)
			if more = to.Valid; err != nil || !more {
				return err
			}
			const part = "topic = ?1 AND callback > ?3 AND callback <= ?4"
			_, err = tx.ExecContext(ctx, `UPDATE websub_subscriptions SET target = ?2, attempts = 0,
				due_at = CASE WHEN ?2 = '' OR version = ?2 THEN 0 ELSE CAST(?5 AS BIGINT) END
				WHERE `+part+` AND target <> ?2`, topic, version, from, to.String, millis(at))
			if err != nil {
				return err
			}
			_, err = tx.ExecContext(ctx, `UPDATE websub_hosts SET due_at = ?5 WHERE (due_at = 0 OR due_at > ?5)
				AND host IN (SELECT host FROM websub_subscriptions WHERE `+part+` AND target = ?2 AND due_at > 0)`, topic, version, from, to.String, millis(at))
			from = to.String
			return err
		})
	}
	return explain(err)
}

// lockHub makes transactions that change what is due to be pushed run one after the other.
// It comes before they read what they decide by.
func lockHub(ctx context.Context, tx *sql.Tx) error {
	_, err := tx.ExecContext(ctx, "/*pg SELECT FROM websub_hosts WHERE host = '' FOR UPDATE */")
	return err
}

// NextPush implements websub.Store.
func (w *WebSub) NextPush(ctx context.Context) (time.Time, error) {
	return w.nextOf(ctx, `SELECT coalesce(min(at), 0) FROM (
		SELECT min(due_at) AS at FROM websub_hosts WHERE slow = 0 AND due_at > 0
		UNION ALL SELECT min(due_at) FROM websub_hosts WHERE slow = 1 AND due_at > 0
		UNION ALL SELECT min(due_at) FROM websub_hosts WHERE slow >= 2 AND due_at > 0
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
		for _, statement := range []string{
			"UPDATE websub_hosts SET due_at = 1 WHERE host IN (SELECT host FROM websub_subscriptions WHERE claimed_until > 0 AND due_at > 0)", // looked at, and set right, by the first claim
			"UPDATE websub_subscriptions SET claimed_until = 0 WHERE claimed_until > 0",
			"UPDATE websub_requests SET claimed_until = 0 WHERE claimed_until > 0",
		} {
			if _, err := tx.ExecContext(ctx, statement); err != nil {
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
		at := now()
		if err := lockHub(ctx, tx); err != nil {
			return err
		}
		changed, err := affected(tx.ExecContext(ctx, "UPDATE websub_subscriptions SET attempts = 0, due_at = ?1 WHERE expires_at > ?1 AND "+lacking, at))
		if n = int(changed); err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, "UPDATE websub_hosts SET due_at = ?1 WHERE host IN (SELECT host FROM websub_subscriptions WHERE due_at = ?1)", at)
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
