package database

import (
	"context"
	"database/sql"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/scaledbydesign/insights/feeds/websub"
)

// dueOf are the pushes of the first hosts of one kind that have one to make: of each
// host, as many as it may have at once. It reads what it returns and little more, however
// much is due. A host without any is there, too.
func dueOf(kind string) string {
	var nth []string
	for n := range websub.PerHost {
		nth = append(nth, fmt.Sprintf(`SELECT h.host, %[1]d AS nth, (SELECT s.id FROM websub_subscriptions s
			WHERE s.host = h.host AND s.due_at > 0 AND s.due_at <= ?1 AND s.claimed_until <= ?1 ORDER BY s.due_at, s.id LIMIT 1 OFFSET %[1]d) AS id
			FROM h WHERE h.claimed + %[1]d < %[2]d`, n, websub.PerHost))
	}
	return `WITH h AS MATERIALIZED (SELECT host, slow, due_at, (SELECT count(*) FROM websub_subscriptions c WHERE c.host = w.host AND c.claimed_until > ?1) AS claimed
			FROM websub_hosts w WHERE slow ` + kind + ` AND due_at > 0 AND due_at <= ?1 ORDER BY slow, due_at, host LIMIT ?2),
		picked AS MATERIALIZED (` + strings.Join(nth, " UNION ALL ") + `)
		SELECT h.host, s.id, s.topic, s.callback, s.secret, s.expires_at, s.version, s.target, s.attempts
		FROM h LEFT JOIN picked p ON p.host = h.host LEFT JOIN websub_subscriptions s ON s.id = p.id
		ORDER BY p.nth, h.slow, h.due_at, h.host`
}

var dueOfProven, dueOfSlow, dueOfNew = dueOf(fmt.Sprint("= ", provenHost)), dueOf(fmt.Sprint("= ", slowHost)), dueOf(fmt.Sprint(">= ", newHost))

// claimPushesBatch claims subscriptions.
var claimPushesBatch = batch{
	columns: []column{{"id", integer}},
	key:     1,
	fixed:   1,
	text: `UPDATE websub_subscriptions SET claimed_until = ?1 FROM v
		WHERE websub_subscriptions.id = v.id`,
}

// turnBatch sets when hosts have their next turn: when a push is due, but not while they
// have as many under way as they may have. A host that has just had one is behind those
// that have waited.
var turnBatch = batch{
	columns: []column{{"host", text}},
	fixed:   2,
	text: `UPDATE websub_hosts SET due_at = CASE
			WHEN (SELECT count(*) FROM websub_subscriptions c WHERE c.host = v.host AND c.claimed_until > ?1) >= ?2
			THEN (SELECT min(c.claimed_until) FROM websub_subscriptions c WHERE c.host = v.host AND c.claimed_until > ?1)
			ELSE coalesce((SELECT min(at) FROM (
				SELECT at FROM (SELECT CASE WHEN s.due_at > ?1 THEN s.due_at ELSE ?1 END AS at FROM websub_subscriptions s
					WHERE s.host = v.host AND s.due_at > 0 AND s.claimed_until <= ?1 ORDER BY s.due_at LIMIT 1) a
				UNION ALL SELECT min(c.claimed_until) FROM websub_subscriptions c WHERE c.host = v.host AND c.claimed_until > ?1 AND c.due_at > 0) b), 0) END
		FROM v WHERE websub_hosts.host = v.host`,
}

// setTurns sets when hosts have their next turn.
func (w *WebSub) setTurns(ctx context.Context, tx *sql.Tx, hosts map[string]bool, at time.Time) error {
	return store(ctx, w.db, tx, &turnBatch, []any{millis(at), int64(websub.PerHost)}, slices.Sorted(maps.Keys(hosts)), func(args []any, host string) []any { return append(args, host) })
}

// TurnPushes implements websub.Store.
func (w *WebSub) TurnPushes(ctx context.Context, tried []websub.TriedPush, c websub.Claim) (pushes []websub.Push, err error) {
	if len(tried) == 0 { // most looks find nothing: find that out without a write
		var due bool
		err = w.db.reader.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM websub_hosts WHERE slow = 0 AND due_at > 0 AND due_at <= ?1 AND CAST(?2 AS BIGINT) > 0)
			OR EXISTS (SELECT 1 FROM websub_hosts WHERE slow = 1 AND due_at > 0 AND due_at <= ?1 AND CAST(?3 AS BIGINT) > 0)
			OR EXISTS (SELECT 1 FROM websub_hosts WHERE slow >= 2 AND due_at > 0 AND due_at <= ?1 AND CAST(?4 AS BIGINT) > 0)
			OR EXISTS (SELECT 1 FROM websub_subscriptions WHERE expires_at <= ?1)`, millis(c.Now), int64(c.Limit), int64(c.Slow), int64(c.New)).Scan(&due)
		if err != nil || !due {
			return nil, explain(err)
		}
	}
	err = w.db.bookkeep(ctx, func(tx *sql.Tx) error {
		pushes = nil
		if err := lockHub(ctx, tx); err != nil {
			return err
		}
		looked := make(map[string]bool)
		if err := w.settlePushes(ctx, tx, c.Now, tried, looked); err != nil {
			return err
		}
		if err := w.expire(ctx, tx, c.Now); err != nil {
			return err
		}
		// Hosts of which something has ended come after those that have waited, but they may
		// be the only ones.
		if err := w.setTurns(ctx, tx, looked, c.Now); err != nil {
			return err
		}
		clear(looked)
		proven, err := w.due(ctx, tx, c, dueOfProven, c.Limit, looked)
		if err != nil {
			return err
		}
		fresh, err := w.due(ctx, tx, c, dueOfNew, min(c.New, c.Limit-len(proven)), looked)
		if err != nil {
			return err
		}
		slow, err := w.due(ctx, tx, c, dueOfSlow, c.Slow, looked)
		if err != nil {
			return err
		}
		for i := range fresh {
			fresh[i].New = true
		}
		for i := range slow {
			slow[i].Slow = true
		}
		pushes = slices.Concat(proven, fresh, slow)
		err = update(ctx, w.db, tx, &claimPushesBatch, []any{millis(c.Until)}, pushes, func(args []any, p websub.Push) []any { return append(args, p.ID) }, nil)
		if err != nil {
			return err
		}
		return w.setTurns(ctx, tx, looked, c.Now)
	})
	return pushes, err
}

// due returns pushes to claim, and adds the hosts that were looked at.
func (w *WebSub) due(ctx context.Context, tx *sql.Tx, c websub.Claim, statement string, limit int, looked map[string]bool) (pushes []websub.Push, err error) {
	if limit <= 0 {
		return nil, nil
	}
	err = each(ctx, tx, func(rows *sql.Rows) error {
		p := websub.Push{Claimed: fromMillis(millis(c.Until))}
		var id, expires, attempts sql.NullInt64
		var topic, callback, secret, version, target sql.NullString
		if err := rows.Scan(&p.Host, &id, &topic, &callback, &secret, &expires, &version, &target, &attempts); err != nil {
			return err
		}
		looked[p.Host] = true
		if !id.Valid || len(pushes) == limit {
			return nil
		}
		p.ID, p.Topic, p.Callback, p.Secret, p.Version, p.Target = id.Int64, topic.String, callback.String, secret.String, version.String, target.String
		p.Expires, p.Attempts = fromMillis(expires.Int64), int(attempts.Int64)
		pushes = append(pushes, p)
		return nil
	}, statement, millis(c.Now), int64(limit))
	return pushes, err
}

// expire removes subscriptions that have expired, and hosts that have no others.
func (w *WebSub) expire(ctx context.Context, tx *sql.Tx, at time.Time) error {
	hosts := make(map[string]bool)
	err := each(ctx, tx, func(rows *sql.Rows) error {
		var host string
		err := rows.Scan(&host)
		hosts[host] = true
		return err
	}, "DELETE FROM websub_subscriptions WHERE id IN (SELECT id FROM websub_subscriptions WHERE expires_at <= ?1 ORDER BY expires_at LIMIT ?2) RETURNING host", millis(at), hubPart)
	if err != nil {
		return err
	}
	return forgetHosts(ctx, w.db, tx, hosts)
}

// unusedBatch forgets hosts that have no subscription.
var unusedBatch = batch{
	columns: []column{{"host", text}},
	text:    "DELETE FROM websub_hosts WHERE host IN (SELECT host FROM v) AND NOT EXISTS (SELECT 1 FROM websub_subscriptions s WHERE s.host = websub_hosts.host)",
}

func forgetHosts(ctx context.Context, db *DB, tx *sql.Tx, hosts map[string]bool) error {
	return store(ctx, db, tx, &unusedBatch, nil, slices.Sorted(maps.Keys(hosts)), func(args []any, host string) []any { return append(args, host) })
}

var (
	deliveredBatch = batch{
		columns: columnsOf("id", integer, "claimed", integer, "content", text, "again", integer),
		key:     2,
		fixed:   1,
		text: `UPDATE websub_subscriptions SET version = v.content, attempts = 0, claimed_until = 0, delivered_at = ?1,
				due_at = CASE WHEN target = v.content THEN 0 ELSE v.again END FROM v
			WHERE websub_subscriptions.id = v.id AND claimed_until = v.claimed`,
	}
	laterBatch = batch{
		columns: columnsOf("id", integer, "claimed", integer, "wanted", text, "again", integer, "failed", integer),
		key:     2,
		text: `UPDATE websub_subscriptions SET claimed_until = 0,
				due_at = CASE WHEN target = v.wanted THEN v.again ELSE due_at END,
				attempts = CASE WHEN target = v.wanted THEN attempts + v.failed ELSE attempts END FROM v
			WHERE websub_subscriptions.id = v.id AND claimed_until = v.claimed`,
	}
	endedBatch = batch{
		columns: columnsOf("id", integer, "claimed", integer),
		text:    "DELETE FROM websub_subscriptions WHERE (id, claimed_until) IN (SELECT id, claimed FROM v)",
	}
	standingBatch = batch{
		columns: columnsOf("host", text, "was_slow", integer),
		text:    "UPDATE websub_hosts SET slow = v.was_slow FROM v WHERE websub_hosts.host = v.host AND slow <> v.was_slow",
	}
)

// settlePushes records what became of pushes, and adds their hosts.
func (w *WebSub) settlePushes(ctx context.Context, tx *sql.Tx, now time.Time, tried []websub.TriedPush, hosts map[string]bool) error {
	by := make(map[websub.Became][]websub.TriedPush)
	called, ended := make(map[string]bool), make(map[string]bool)
	for _, t := range tried {
		by[t.Became] = append(by[t.Became], t)
		hosts[t.Push.Host] = true
		if t.Called {
			called[t.Push.Host] = called[t.Push.Host] || t.Slow
		}
		if t.Became == websub.Ended {
			ended[t.Push.Host] = true
		}
	}
	err := update(ctx, w.db, tx, &deliveredBatch, []any{millis(now)}, by[websub.Delivered], func(args []any, t websub.TriedPush) []any {
		return append(args, t.Push.ID, millis(t.Push.Claimed), t.Version, millis(t.At))
	}, nil)
	if err != nil {
		return err
	}
	err = update(ctx, w.db, tx, &laterBatch, nil, by[websub.Later], func(args []any, t websub.TriedPush) []any {
		return append(args, t.Push.ID, millis(t.Push.Claimed), t.Push.Target, millis(t.At), oneIf(t.Failed))
	}, nil)
	if err != nil {
		return err
	}
	err = store(ctx, w.db, tx, &endedBatch, nil, by[websub.Ended], func(args []any, t websub.TriedPush) []any {
		return append(args, t.Push.ID, millis(t.Push.Claimed))
	})
	if err != nil {
		return err
	}
	err = store(ctx, w.db, tx, &standingBatch, nil, slices.Sorted(maps.Keys(called)), func(args []any, host string) []any {
		return append(args, host, oneIf(called[host]))
	})
	if err != nil {
		return err
	}
	return forgetHosts(ctx, w.db, tx, ended)
}
