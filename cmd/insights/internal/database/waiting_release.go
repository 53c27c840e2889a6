package database

import (
	"context"
	"database/sql"
	"iter"
	"time"

	"github.com/scaledbydesign/insights/subscribers"
)

// firstWaiting is the first sign-up at a domain of which no more than ?1 is reserved. It
// reads in the order of subscribers.Rank and stops at the first one.
const firstWaiting = `id = (SELECT w.id FROM waiting w JOIN sign_up_domains d ON d.domain = w.domain WHERE d.reserved <= ?1
	ORDER BY w.asked, w.wide_asked, w.around_asked, w.at, w.id LIMIT 1)`

// ReleaseWaiting implements subscribers.Store.
func (db *DB) ReleaseWaiting(ctx context.Context, now time.Time, all, domain subscribers.Pace, may func(subscribers.Waiting, int) bool, change func(subscribers.Waiting, *subscribers.Subscriber) subscribers.Change) (r subscribers.Released, err error) {
	if r, err = turn(ctx, db.reader, now, all, domain); err != nil || !r.Done {
		return r, explain(err)
	}
	err = db.write(ctx, func(tx *sql.Tx) error {
		if err := lockWaiting(ctx, tx); err != nil {
			return err
		}
		if r, err = turn(ctx, tx, now, all, domain); err != nil || !r.Done {
			return err
		}
		w, err := aWaiting(ctx, tx, firstWaiting, millis(domain.Until(now)))
		if r.Done = w.id != 0; err != nil || !r.Done {
			return err
		}
		if err := w.remove(ctx, tx); err != nil {
			return err
		}
		if w.Address == (subscribers.Address{}) { // not valid by today's rules
			return nil
		}
		address, err := db.suppressionHash(ctx, tx, w.key)
		if err != nil {
			return err
		}
		var others int
		err = tx.QueryRowContext(ctx, "SELECT coalesce(sum(count), 0) FROM sign_up_mailboxes WHERE inbox = ?1 AND address <> ?2 AND since > ?3",
			w.inbox, address, millis(subscribers.Attempt{At: now}.MailboxSince())).Scan(&others)
		if err != nil || !may(w.Waiting, others) {
			return err
		}
		for name, pace := range map[string]subscribers.Pace{"": all, w.domain: domain} {
			if err := reserveNext(ctx, tx, name, pace, now); err != nil {
				return err
			}
		}
		if err := countMailbox(ctx, tx, w.inbox, address, subscribers.Attempt{At: now}); err != nil {
			return err
		}
		e := editing{db: db, tx: tx, lastID: db.engine.oneWriter()}
		_, err = e.edit(ctx, w.Address.Key(), func(s *subscribers.Subscriber) (subscribers.Change, error) { return change(w.Waiting, s), nil })
		if isNotFound(err) { // and nothing is to be entered
			err = nil
		}
		return err
	})
	return r, err
}

// turn says whether a sign-up that waits may have its turn, else when.
func turn(ctx context.Context, q querier, now time.Time, all, domain subscribers.Pace) (r subscribers.Released, err error) {
	var waiting int
	var reserved, first time.Time
	err = q.QueryRowContext(ctx, `SELECT waiting, reserved, coalesce((SELECT min(reserved) FROM sign_up_domains WHERE waiting > 0 AND domain <> ''), 0) FROM sign_up_domains WHERE domain = ''`).
		Scan(&waiting, instant(&reserved), instant(&first))
	if err != nil || waiting == 0 {
		return r, err
	}
	next := all.Free(reserved)
	if at := domain.Free(first); at.After(next) {
		next = at
	}
	if next.After(now) {
		return subscribers.Released{Next: next}, nil
	}
	return subscribers.Released{Done: true}, nil
}

func reserveNext(ctx context.Context, tx *sql.Tx, domain string, pace subscribers.Pace, now time.Time) error {
	var reserved time.Time
	err := tx.QueryRowContext(ctx, "SELECT reserved FROM sign_up_domains WHERE domain = ?1", domain).Scan(instant(&reserved))
	if err != nil {
		return err
	}
	return reserve(ctx, tx, domain, pace.Take(reserved, now))
}

// Rerank implements subscribers.Store. It works in parts, so that others can write in
// between.
func (db *DB) Rerank(ctx context.Context, now time.Time, rank func(network, wide, around subscribers.Asked) subscribers.Rank) error {
	hour := now.Unix() / 3600
	err := db.bookkeep(ctx, func(tx *sql.Tx) error {
		for _, step := range []struct {
			statement string
			before    int64
		}{
			{"DELETE FROM sign_up_networks WHERE waiting = 0 AND crowd = 0 AND hour < ?1", hour - subscribers.AskedFor},
			{"DELETE FROM sign_up_domains WHERE waiting = 0 AND domain <> '' AND reserved < ?1", millis(now)},
			{"DELETE FROM sign_up_mailboxes WHERE last < ?1", millis(subscribers.Attempt{At: now}.MailboxSince())},
			{"DELETE FROM sign_up_refusals WHERE hour < ?1", now.Add(-subscribers.QueueWithin).Unix() / 3600},
		} {
			if _, err := tx.ExecContext(ctx, step.statement, step.before); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	type place struct {
		network, wide, around string
		subscribers.Rank
	}
	var moved []place
	err = each(ctx, db.reader, func(rows *sql.Rows) error {
		var p, is place
		var network, wide, around subscribers.Asked
		err := rows.Scan(&p.network, &p.wide, &p.around, &is.Network, &is.Wide, &is.Around, &network.Hour, &network.Now, &network.Before, &network.Earlier,
			&wide.Hour, &wide.Now, &wide.Before, &wide.Earlier, &around.Hour, &around.Now, &around.Before, &around.Earlier)
		if p.Rank = rank(network, wide, around); p.Network != is.Network || p.Wide != is.Wide || p.Around != is.Around {
			moved = append(moved, p)
		}
		return err
	}, `SELECT w.network, w.wide, w.around, max(w.asked), max(w.wide_asked), max(w.around_asked), coalesce(max(n.hour), 0), coalesce(max(n.asked), 0), coalesce(max(n.before), 0), coalesce(max(n.earlier), 0),
			coalesce(max(v.hour), 0), coalesce(max(v.asked), 0), coalesce(max(v.before), 0), coalesce(max(v.earlier), 0), coalesce(max(a.hour), 0), coalesce(max(a.asked), 0), coalesce(max(a.before), 0), coalesce(max(a.earlier), 0)
		FROM waiting w LEFT JOIN sign_up_networks n ON n.name = w.network LEFT JOIN sign_up_networks v ON v.name = w.wide LEFT JOIN sign_up_networks a ON a.name = w.around
		WHERE w.network <> '' GROUP BY w.network, w.wide, w.around`)
	for len(moved) > 0 && err == nil {
		part := moved[:min(len(moved), editPart)]
		moved = moved[len(part):]
		err = db.bookkeep(ctx, func(tx *sql.Tx) error {
			if err := lockWaiting(ctx, tx); err != nil {
				return err
			}
			for _, p := range part {
				if _, err := tx.ExecContext(ctx, "UPDATE waiting SET asked = ?4, wide_asked = ?5, around_asked = ?6 WHERE network = ?1 AND wide = ?2 AND around = ?3",
					p.network, p.wide, p.around, p.Network, p.Wide, p.Around); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return explain(err)
}

// AskedBy implements subscribers.Store.
func (db *DB) AskedBy(ctx context.Context, by subscribers.Asker) (subscribers.Facts, error) {
	f, err := askedBy(ctx, db.reader, named(by))
	return f, explain(err)
}

// Line implements subscribers.Store.
func (db *DB) Line(ctx context.Context) iter.Seq2[subscribers.Place, error] {
	return stream(ctx, db.reader, func(rows *sql.Rows) (p subscribers.Place, err error) {
		err = rows.Scan(&p.Network, &p.Wide, &p.Around, instant(&p.At), &p.Domain)
		return p, err
	}, "SELECT asked, wide_asked, around_asked, at, domain FROM waiting ORDER BY asked, wide_asked, around_asked, at, id")
}

// Queue implements subscribers.Store.
func (db *DB) Queue(ctx context.Context, since time.Time) (q subscribers.Queue, err error) {
	err = db.reader.QueryRowContext(ctx, `SELECT waiting, coalesce((SELECT min(at) FROM waiting), 0), (SELECT count(*) FROM sign_up_domains WHERE waiting > 0 AND domain <> '')
		FROM sign_up_domains WHERE domain = ''`).Scan(&q.Waiting, instant(&q.Since), &q.Domains)
	if err != nil {
		return q, explain(err)
	}
	q.Refused = make(map[subscribers.Limit]int)
	err = each(ctx, db.reader, func(rows *sql.Rows) error {
		var limit subscribers.Limit
		var n int
		err := rows.Scan(&limit, &n)
		q.Refused[limit] = n
		return err
	}, "SELECT limited, CAST(sum(count) AS BIGINT) FROM sign_up_refusals WHERE hour >= ?1 GROUP BY limited", since.Unix()/3600)
	return q, explain(err)
}

// SaveRefused implements subscribers.Store.
func (db *DB) SaveRefused(ctx context.Context, at time.Time, refused map[subscribers.Limit]int) error {
	return db.bookkeep(ctx, func(tx *sql.Tx) error {
		for limit, n := range refused {
			_, err := tx.ExecContext(ctx, `INSERT INTO sign_up_refusals (hour, limited, count) VALUES (?1, ?2, ?3)
				ON CONFLICT (hour, limited) DO UPDATE SET count = sign_up_refusals.count + excluded.count`, at.Unix()/3600, string(limit), n)
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// eraseWaiting removes a sign-up that waits.
func eraseWaiting(ctx context.Context, tx *sql.Tx, key string) error {
	w, err := aWaiting(ctx, tx, "email_key = ?1", key)
	if err != nil || w.id == 0 {
		return err
	}
	return w.remove(ctx, tx)
}
