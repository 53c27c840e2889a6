package database

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/scaledbydesign/insights/feeds/websub"
)

// Ask implements websub.Store. What is refused writes nothing.
func (w *WebSub) Ask(ctx context.Context, r websub.Request, decide func(websub.Facts) websub.Decision) error {
	// Who asked too often costs no more than to find that out.
	facts, err := askedFacts(ctx, w.db.reader, r)
	if err == nil && !errors.Is(decide(facts).Refuse, websub.ErrTooMany) {
		facts, err = hubFacts(ctx, w.db.reader, r)
	}
	if err != nil {
		return explain(err)
	}
	if d := decide(facts); d.Refuse != nil {
		return d.Refuse
	}
	return w.db.write(ctx, func(tx *sql.Tx) error {
		if err := lockHub(ctx, tx); err != nil {
			return err
		}
		facts, err := hubFacts(ctx, tx, r)
		if err != nil {
			return err
		}
		d := decide(facts)
		if d.Refuse != nil {
			return d.Refuse
		}
		return keepRequest(ctx, tx, r, d)
	})
}

// askedFacts are of the facts what the networks asked for.
func askedFacts(ctx context.Context, q querier, r websub.Request) (f websub.Facts, err error) {
	if f.Asked, err = askedOfHub(ctx, q, r.Asker.Client); err != nil {
		return f, err
	}
	if f.WideAsked, err = askedOfHub(ctx, q, wideName(r.Asker)); err != nil {
		return f, err
	}
	f.AroundAsked, err = askedOfHub(ctx, q, aroundName(r.Asker))
	return f, err
}

func hubFacts(ctx context.Context, q querier, r websub.Request) (f websub.Facts, err error) {
	if f, err = askedFacts(ctx, q, r); err != nil {
		return f, err
	}
	var client sql.NullString
	at := millis(r.At)
	err = q.QueryRowContext(ctx, `SELECT (SELECT client FROM websub_subscriptions WHERE topic = ?1 AND callback = ?2 AND expires_at > ?4),
		EXISTS (SELECT 1 FROM websub_requests WHERE topic = ?1 AND callback = ?2 AND client = ?3)`, r.Topic, r.Callback, r.Asker.Client, at).Scan(&client, &f.Waits)
	if err != nil {
		return f, err
	}
	f.Subscribed, f.Own = client.Valid, client.Valid && client.String == r.Asker.Client
	err = q.QueryRowContext(ctx, `SELECT (SELECT count(*) FROM websub_requests WHERE own = 0), (SELECT count(*) FROM websub_requests WHERE host = ?1 AND own = 0),
			(SELECT count(*) FROM websub_requests WHERE client = ?2 AND own = 0), (SELECT count(*) FROM websub_requests WHERE wide = ?3 AND own = 0),
			(SELECT count(*) FROM websub_requests WHERE around = ?4 AND own = 0), (SELECT count(*) FROM websub_requests WHERE host = ?1 AND around = ?4 AND own = 0),
			(SELECT coalesce(max(n), 0) FROM (SELECT count(*) AS n FROM websub_requests WHERE own = 0 GROUP BY around) a),
			(SELECT coalesce(max(n), 0) FROM (SELECT count(*) AS n FROM websub_requests WHERE host = ?1 AND own = 0 GROUP BY around) b)`, r.Host, r.Asker.Client, r.Asker.Wide, r.Asker.Around).
		Scan(&f.Requests.All, &f.Requests.Host, &f.Requests.Client, &f.Requests.Wide, &f.Requests.Around, &f.ToHost, &f.Most, &f.MostToHost)
	f.Of = f.Requests.Around
	if err != nil || r.Mode != websub.Subscribe || f.Subscribed {
		return f, err
	}
	if r.OnDemand {
		// Each topic is looked up after the one before: there are few, of many subscriptions.
		err := q.QueryRowContext(ctx, `WITH RECURSIVE
				s (topic) AS (SELECT min(topic) FROM websub_subscriptions UNION ALL SELECT (SELECT min(n.topic) FROM websub_subscriptions n WHERE n.topic > s.topic) FROM s WHERE s.topic IS NOT NULL),
				r (topic) AS (SELECT min(topic) FROM websub_requests UNION ALL SELECT (SELECT min(n.topic) FROM websub_requests n WHERE n.topic > r.topic) FROM r WHERE r.topic IS NOT NULL)
			SELECT EXISTS (SELECT 1 FROM websub_subscriptions WHERE topic = ?1) OR EXISTS (SELECT 1 FROM websub_requests WHERE topic = ?1),
				(SELECT count(*) FROM (SELECT topic FROM s WHERE topic IS NOT NULL UNION SELECT topic FROM r WHERE topic IS NOT NULL) a),
				(SELECT count(*) FROM (SELECT topic FROM websub_subscriptions WHERE around = ?2 AND around <> '' UNION SELECT topic FROM websub_requests WHERE around = ?2 AND around <> '') b)`,
			r.Topic, r.Asker.Around).Scan(&f.Followed, &f.Topics, &f.TopicsOfAround)
		if err != nil {
			return f, err
		}
	}
	err = q.QueryRowContext(ctx, `SELECT (SELECT count(*) FROM websub_subscriptions WHERE expires_at > ?4), (SELECT count(*) FROM websub_subscriptions WHERE host = ?1 AND expires_at > ?4),
			(SELECT count(*) FROM websub_subscriptions WHERE client = ?2 AND client <> '' AND expires_at > ?4), (SELECT count(*) FROM websub_subscriptions WHERE wide = ?3 AND wide <> '' AND expires_at > ?4),
			(SELECT count(*) FROM websub_subscriptions WHERE around = ?5 AND around <> '' AND expires_at > ?4),
			(SELECT coalesce(max(n), 0) FROM (SELECT count(*) AS n FROM websub_subscriptions WHERE around <> '' AND expires_at > ?4 GROUP BY around) a)`,
		r.Host, r.Asker.Client, r.Asker.Wide, at, r.Asker.Around).
		Scan(&f.Subscriptions.All, &f.Subscriptions.Host, &f.Subscriptions.Client, &f.Subscriptions.Wide, &f.Subscriptions.Around, &f.MostSubscribed)
	return f, err
}

// wideName is the name under which what a wide network asked for is counted.
func wideName(a websub.Asker) string {
	if a.Client == "" || a.Wide == "" {
		return ""
	}
	return "/" + a.Wide // of IPv4, it is the client's own
}

// aroundName is the same of the widest network.
func aroundName(a websub.Asker) string {
	if a.Client == "" || a.Around == "" {
		return ""
	}
	return "//" + a.Around
}

func askedOfHub(ctx context.Context, q querier, network string) (a websub.Asked, err error) {
	if network == "" {
		return a, nil
	}
	err = q.QueryRowContext(ctx, "SELECT since, asked FROM websub_networks WHERE name = ?1", network).Scan(instant(&a.Since), &a.N)
	if errors.Is(err, sql.ErrNoRows) {
		err = nil
	}
	return a, err
}

// countAsked counts what a client asked for, for itself and the networks around it.
func countAsked(ctx context.Context, tx *sql.Tx, a websub.Asker, asked, wide, around websub.Asked) error {
	for name, asked := range map[string]websub.Asked{a.Client: asked, wideName(a): wide, aroundName(a): around} {
		if name == "" {
			continue
		}
		_, err := tx.ExecContext(ctx, "INSERT INTO websub_networks (name, since, asked) VALUES (?1, ?2, ?3) ON CONFLICT (name) DO UPDATE SET since = excluded.since, asked = excluded.asked", name, millis(asked.Since), asked.N)
		if err != nil {
			return err
		}
	}
	return nil
}

// keepRequest stores a request, in the place of another one if that gives way.
func keepRequest(ctx context.Context, tx *sql.Tx, r websub.Request, d websub.Decision) error {
	switch {
	case d.DisplaceToHost:
		if err := displaceRequest(ctx, tx, "own = 0 AND host = ?1", r.Host); err != nil {
			return err
		}
	case d.Displace:
		if err := displaceRequest(ctx, tx, "own = 0 AND ?1 = ''", ""); err != nil {
			return err
		}
	}
	if err := countAsked(ctx, tx, r.Asker, d.Asked, d.WideAsked, d.AroundAsked); err != nil {
		return err
	}
	turn, wideTurn, aroundTurn := websub.Place(r.Asker, d.Asked, d.WideAsked, d.AroundAsked)
	_, err := tx.ExecContext(ctx, `INSERT INTO websub_requests (topic, callback, host, client, wide, around, own, mode, secret, lease, challenge, asked_at, due_at, turn, wide_turn, around_turn, slow)
		VALUES (?1, ?2, ?3, ?4, ?5, ?13, ?14, ?6, ?7, ?8, ?9, ?10, ?10, ?11, ?12, ?15, coalesce((SELECT max(slow) FROM websub_requests WHERE host = ?3), 0))
		ON CONFLICT (topic, callback, client) DO UPDATE SET wide = excluded.wide, around = excluded.around, own = excluded.own, mode = excluded.mode, secret = excluded.secret, lease = excluded.lease, challenge = excluded.challenge,
			asked_at = excluded.asked_at, due_at = excluded.due_at, turn = excluded.turn, wide_turn = excluded.wide_turn, around_turn = excluded.around_turn, attempts = 0, claimed_until = 0`,
		r.Topic, r.Callback, r.Host, r.Asker.Client, r.Asker.Wide, string(r.Mode), r.Secret, int64(r.Lease/time.Second), r.Challenge, millis(r.At), turn, wideTurn,
		r.Asker.Around, oneIf(d.Own), aroundTurn)
	return err
}

// displaceRequest removes the newest request of the client with the most, in the network
// around it with the most, and so on, of those that meet a condition on ?1.
func displaceRequest(ctx context.Context, tx *sql.Tx, which, of string) error {
	most := []any{of} // and networks, from the widest
	for _, step := range []struct{ network, within string }{{"around", ""}, {"wide", " AND around = ?2"}, {"client", " AND around = ?2 AND wide = ?3"}} {
		var name string
		err := tx.QueryRowContext(ctx, "SELECT "+step.network+" FROM websub_requests WHERE "+which+step.within+" GROUP BY "+step.network+" ORDER BY count(*) DESC, "+step.network+" LIMIT 1", most...).Scan(&name)
		if err != nil {
			return err
		}
		most = append(most, name)
	}
	_, err := tx.ExecContext(ctx, "DELETE FROM websub_requests WHERE id = (SELECT id FROM websub_requests WHERE "+which+" AND around = ?2 AND wide = ?3 AND client = ?4 ORDER BY asked_at DESC, id DESC LIMIT 1)", most...)
	return err
}
