package database

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/scaledbydesign/insights/feeds/websub"
)

// dueRequests are those of one kind, in the order of websub.Place, with the subscriptions
// that they are about. Only so many are kept that all can be looked at.
const dueRequests = `SELECT r.topic, r.callback, r.host, r.client, r.wide, r.around, r.mode, r.secret, r.lease, r.challenge, r.asked_at, r.attempts,
		coalesce(s.term, 0), coalesce(s.earned_at, 0), coalesce(s.delivered_at, 0), coalesce(s.version <> s.target AND s.target <> '', 1 = 0),
		(SELECT count(*) FROM websub_requests c WHERE c.host = r.host AND c.claimed_until > ?1)
	FROM websub_requests r LEFT JOIN websub_subscriptions s ON s.topic = r.topic AND s.callback = r.callback AND s.expires_at > ?1
	WHERE r.slow = ?2 AND r.due_at <= ?1 AND r.claimed_until <= ?1 ORDER BY r.turn, r.wide_turn, r.around_turn, r.asked_at, r.id`

// ClaimRequests implements websub.Store.
func (w *WebSub) ClaimRequests(ctx context.Context, c websub.Claim) (requests []websub.Request, err error) {
	var due bool
	err = w.db.reader.QueryRowContext(ctx, "SELECT EXISTS (SELECT 1 FROM websub_requests WHERE due_at <= ?1 AND claimed_until <= ?1 AND (slow = 0 AND CAST(?2 AS BIGINT) > 0 OR slow = 1 AND CAST(?3 AS BIGINT) > 0))", millis(c.Now), int64(c.Limit), int64(c.Slow)).Scan(&due)
	if err != nil || !due {
		return nil, explain(err)
	}
	err = w.db.bookkeep(ctx, func(tx *sql.Tx) error {
		requests = nil
		if err := lockHub(ctx, tx); err != nil {
			return err
		}
		ofHost := make(map[string]int)
		for _, kind := range []struct {
			slow  bool
			limit int
		}{{false, c.Limit}, {true, c.Slow}} {
			if kind.limit <= 0 {
				continue
			}
			found, err := dueRequestsOf(ctx, tx, c, kind.slow, kind.limit, ofHost)
			if err != nil {
				return err
			}
			requests = append(requests, found...)
		}
		for _, r := range requests {
			_, err := tx.ExecContext(ctx, "UPDATE websub_requests SET claimed_until = ?4 WHERE topic = ?1 AND callback = ?2 AND challenge = ?3", r.Topic, r.Callback, r.Challenge, millis(c.Until))
			if err != nil {
				return err
			}
		}
		return nil
	})
	return requests, err
}

// dueRequestsOf returns requests to claim. ofHost counts those of each host.
func dueRequestsOf(ctx context.Context, tx *sql.Tx, c websub.Claim, slow bool, limit int, ofHost map[string]int) (requests []websub.Request, err error) {
	rows, err := tx.QueryContext(ctx, dueRequests, millis(c.Now), oneIf(slow))
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for len(requests) < limit && rows.Next() {
		r := websub.Request{Slow: slow}
		var lease, term int64
		var claimed int
		err := rows.Scan(&r.Topic, &r.Callback, &r.Host, &r.Asker.Client, &r.Asker.Wide, &r.Asker.Around, &r.Mode, &r.Secret, &lease, &r.Challenge, instant(&r.At), &r.Attempts,
			&term, instant(&r.Standing.Since), instant(&r.Standing.Delivered), &r.Standing.Behind, &claimed)
		if err != nil {
			return nil, err
		}
		if ofHost[r.Host]+claimed >= websub.PerHost {
			continue
		}
		ofHost[r.Host]++
		r.Lease, r.Standing.Term = time.Duration(lease)*time.Second, time.Duration(term)*time.Second
		requests = append(requests, r)
	}
	return requests, rows.Err()
}

// SettleRequests implements websub.Store.
func (w *WebSub) SettleRequests(ctx context.Context, now time.Time, tried []websub.TriedRequest) error {
	return w.db.write(ctx, func(tx *sql.Tx) error {
		if err := lockHub(ctx, tx); err != nil {
			return err
		}
		for _, t := range tried {
			if err := w.settleRequest(ctx, tx, now, t); err != nil {
				return err
			}
			if !t.Called {
				continue
			}
			if _, err := tx.ExecContext(ctx, "UPDATE websub_requests SET slow = ?2 WHERE host = ?1 AND slow <> ?2", t.Request.Host, oneIf(t.Slow)); err != nil {
				return err
			}
		}
		_, err := tx.ExecContext(ctx, "DELETE FROM websub_networks WHERE since <= ?1", millis(now.Add(-websub.AskedWithin)))
		return err
	})
}

func (w *WebSub) settleRequest(ctx context.Context, tx *sql.Tx, now time.Time, t websub.TriedRequest) error {
	r := t.Request
	if t.Became == websub.Later {
		return retryRequest(ctx, tx, now, t)
	}
	// Unless another has replaced it.
	n, err := affected(tx.ExecContext(ctx, "DELETE FROM websub_requests WHERE topic = ?1 AND callback = ?2 AND challenge = ?3", r.Topic, r.Callback, r.Challenge))
	if err != nil || n == 0 || t.Became == websub.Dropped {
		return err
	}
	if _, err := tx.ExecContext(ctx, "DELETE FROM websub_requests WHERE topic = ?1 AND callback = ?2 AND asked_at <= ?3", r.Topic, r.Callback, millis(r.At)); err != nil {
		return err
	}
	hosts := map[string]bool{r.Host: true}
	if t.Became == websub.Removed {
		if _, err := tx.ExecContext(ctx, "DELETE FROM websub_subscriptions WHERE topic = ?1 AND callback = ?2", r.Topic, r.Callback); err != nil {
			return err
		}
		if err := w.setTurns(ctx, tx, hosts, now); err != nil {
			return err
		}
		return forgetHosts(ctx, w.db, tx, hosts)
	}
	if _, err := tx.ExecContext(ctx, "DELETE FROM websub_subscriptions WHERE topic = ?1 AND callback = ?2 AND expires_at <= ?3", r.Topic, r.Callback, millis(now)); err != nil {
		return err
	}
	if err := w.makeRoom(ctx, tx, now, t); err != nil {
		return err
	}
	// A callback that answers again gets what it missed.
	_, err = tx.ExecContext(ctx, `INSERT INTO websub_subscriptions (topic, callback, host, client, wide, around, secret, expires_at, version, target, term, earned_at)
			VALUES (?1, ?2, ?3, ?4, ?5, ?12, ?6, ?7, ?8, ?8, ?9, ?10)
		ON CONFLICT (topic, callback) DO UPDATE SET secret = excluded.secret, expires_at = excluded.expires_at, client = excluded.client, wide = excluded.wide, around = excluded.around,
			term = excluded.term, earned_at = excluded.earned_at, attempts = 0,
			due_at = CASE WHEN websub_subscriptions.version = websub_subscriptions.target OR websub_subscriptions.target = '' THEN 0 ELSE CAST(?11 AS BIGINT) END`,
		r.Topic, r.Callback, r.Host, r.Asker.Client, r.Asker.Wide, r.Secret, millis(t.Expires), t.Version, int64(t.Standing.Term/time.Second), millis(t.Standing.Since), millis(now), r.Asker.Around)
	if err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, `INSERT INTO websub_hosts (host, slow)
			SELECT CAST(?1 AS TEXT), CAST(?2 AS BIGINT) + count(*) FROM websub_subscriptions WHERE around = ?3 AND around <> ''
		ON CONFLICT (host) DO NOTHING`, r.Host, newHost, r.Asker.Around); err != nil {
		return err
	}
	return w.setTurns(ctx, tx, hosts, now)
}

// makeRoom has a subscription of the network with the most give way to a new one, where there
// are as many as may be.
func (w *WebSub) makeRoom(ctx context.Context, tx *sql.Tx, now time.Time, t websub.TriedRequest) error {
	if t.Most == 0 {
		return nil
	}
	var all int
	var known bool
	err := tx.QueryRowContext(ctx, "SELECT count(*), EXISTS (SELECT 1 FROM websub_subscriptions WHERE topic = ?1 AND callback = ?2) FROM websub_subscriptions WHERE expires_at > ?3",
		t.Request.Topic, t.Request.Callback, millis(now)).Scan(&all, &known)
	if err != nil || known || all < t.Most {
		return err
	}
	most := []any{millis(now)} // and networks, from the widest
	for _, step := range []struct{ network, within string }{{"around", ""}, {"client", " AND around = ?2"}} {
		var name string
		err := tx.QueryRowContext(ctx, "SELECT "+step.network+" FROM websub_subscriptions WHERE around <> '' AND expires_at > ?1"+step.within+" GROUP BY "+step.network+" ORDER BY count(*) DESC, "+step.network+" LIMIT 1", most...).Scan(&name)
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		most = append(most, name)
	}
	var host string
	err = tx.QueryRowContext(ctx, `DELETE FROM websub_subscriptions WHERE id = (SELECT id FROM websub_subscriptions
		WHERE expires_at > ?1 AND around = ?2 AND client = ?3 ORDER BY term, id DESC LIMIT 1) RETURNING host`, most...).Scan(&host)
	if err == nil && host != t.Request.Host {
		gone := map[string]bool{host: true}
		if err := w.setTurns(ctx, tx, gone, now); err != nil {
			return err
		}
		return forgetHosts(ctx, w.db, tx, gone)
	}
	return err
}

// retryRequest keeps a request, in the place of one that is made now.
func retryRequest(ctx context.Context, tx *sql.Tx, now time.Time, t websub.TriedRequest) error {
	r := t.Request
	asked, err := askedOfHub(ctx, tx, r.Asker.Client)
	if err != nil {
		return err
	}
	wide, err := askedOfHub(ctx, tx, wideName(r.Asker))
	if err != nil {
		return err
	}
	around, err := askedOfHub(ctx, tx, aroundName(r.Asker))
	if err != nil {
		return err
	}
	asked, wide, around = asked.Again(now), wide.Again(now), around.Again(now)
	turn, wideTurn, aroundTurn := websub.Place(r.Asker, asked, wide, around)
	n, err := affected(tx.ExecContext(ctx, `UPDATE websub_requests SET attempts = attempts + ?5, due_at = ?4, claimed_until = 0, turn = ?6, wide_turn = ?7, around_turn = ?8
		WHERE topic = ?1 AND callback = ?2 AND challenge = ?3`, r.Topic, r.Callback, r.Challenge, millis(t.At), oneIf(t.Failed), turn, wideTurn, aroundTurn))
	if err != nil || n == 0 {
		return err
	}
	return countAsked(ctx, tx, r.Asker, asked, wide, around)
}
