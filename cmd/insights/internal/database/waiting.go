package database

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"strings"
	"time"

	"github.com/scaledbydesign/insights/subscribers"
)

// asking is an attempt as it is stored.
type asking struct {
	db             *DB
	a              subscribers.Attempt
	by             subscribers.Asker // each network is named
	all, domain    string            // of sign_up_domains
	address, inbox string            // hashes
}

// named names the wider networks of an asker by the next one within, where they are not known.
func named(by subscribers.Asker) subscribers.Asker {
	by.Wide = cmp.Or(by.Wide, by.Client)
	by.Around = cmp.Or(by.Around, by.Wide)
	return by
}

// These begin the names of the shared limits of moves: of networks that have asked for little
// of late, and of the others.
const (
	forMoves       = ">"
	forSeldomMoves = ">>"
)

// Ask implements subscribers.Store. What is refused takes no write transaction, which a
// flood would make sending wait for.
func (db *DB) Ask(ctx context.Context, a subscribers.Attempt, decide func(subscribers.Facts) subscribers.Decision) error {
	secret, err := db.suppressionKey(ctx, db.reader)
	if err != nil {
		return explain(err)
	}
	k := asking{db: db, a: a, by: named(a.Asker), domain: a.Address.Domain(), address: hashOf(secret, a.Address.Key()), inbox: hashOf(secret, a.Address.Inbox())}
	if a.Returns != "" {
		k.address = hashOf(secret, a.Returns+" "+a.Address.Key())
		k.inbox = hashOf(secret, a.Returns) // of all that they call back to
	}
	facts, err := k.facts(ctx, db.reader)
	if err != nil || decide(facts).Verdict == subscribers.Refuse {
		return explain(err)
	}
	return db.write(ctx, func(tx *sql.Tx) error {
		if err := lockWaiting(ctx, tx); err != nil {
			return err
		}
		facts, err := k.facts(ctx, tx)
		if err != nil {
			return err
		}
		return k.store(ctx, tx, decide(facts))
	})
}

// forTurns begins the names of the turns of emails.
const forTurns = "="

// TakeTurn implements subscribers.Store.
func (db *DB) TakeTurn(ctx context.Context, domain string, next func(all, domain time.Time) (allThen, domainThen time.Time)) error {
	names := [2]string{forTurns, forTurns + domain}
	return db.bookkeep(ctx, func(tx *sql.Tx) error {
		if err := lockFor(ctx, tx, "turns"); err != nil {
			return err
		}
		var taken [2]time.Time
		for i, name := range names {
			err := tx.QueryRowContext(ctx, "SELECT reserved FROM sign_up_domains WHERE domain = ?1", name).Scan(instant(&taken[i]))
			if err != nil && !errors.Is(err, sql.ErrNoRows) {
				return err
			}
		}
		var then [2]time.Time
		then[0], then[1] = next(taken[0], taken[1])
		for i, name := range names {
			if err := reserve(ctx, tx, name, then[i]); err != nil {
				return err
			}
		}
		return nil
	})
}

// lockWaiting makes transactions that judge sign-ups run one after the other.
func lockWaiting(ctx context.Context, tx *sql.Tx) error {
	var reserved int64
	return tx.QueryRowContext(ctx, "SELECT reserved FROM sign_up_domains WHERE domain = '' /*pg FOR UPDATE */").Scan(&reserved)
}

func (k *asking) facts(ctx context.Context, q querier) (f subscribers.Facts, err error) {
	if f, err = askedBy(ctx, q, k.by); err != nil {
		return f, err
	}
	if k.a.Moves {
		k.all = forMoves
		if k.by.Client != "" && f.Around.AskedLittle(k.a.At) {
			k.all = forSeldomMoves
		}
		k.domain = k.all + k.a.Address.Domain()
	}
	err = q.QueryRowContext(ctx, `SELECT coalesce(sum(CASE WHEN address = ?3 THEN count END), 0), coalesce(max(CASE WHEN address = ?3 THEN last END), 0),
			coalesce(sum(CASE WHEN address <> ?3 THEN count END), 0) + (SELECT count(*) FROM waiting WHERE inbox = ?2 AND email_key <> ?4)
		FROM sign_up_mailboxes WHERE inbox = ?2 AND since > ?1`, millis(k.a.MailboxSince()), k.inbox, k.address, k.a.Address.Key()).
		Scan(&f.Address, instant(&f.AddressLast), &f.Inbox)
	if err != nil {
		return f, err
	}
	err = q.QueryRowContext(ctx, `SELECT coalesce((SELECT reserved FROM sign_up_domains WHERE domain = ?1), 0), coalesce((SELECT reserved FROM sign_up_domains WHERE domain = ?2), 0),
			coalesce((SELECT max(crowd) FROM sign_up_networks WHERE crowd > 0), 0),
			coalesce((SELECT min(reserved) FROM sign_up_domains WHERE waiting > 0 AND domain <> ''), -1)`, k.all, k.domain).
		Scan(instant(&f.All), instant(&f.Domain), &f.Most, free{&f.Free})
	if err != nil || k.a.Moves || f.Waiting == 0 {
		return f, err
	}
	var standing subscribers.Rank
	err = q.QueryRowContext(ctx, "SELECT asked, wide_asked, around_asked, at FROM waiting WHERE email_key = ?1", k.a.Address.Key()).Scan(&standing.Network, &standing.Wide, &standing.Around, instant(&standing.At))
	switch {
	case err == nil:
		f.Standing = &standing
	case errors.Is(err, sql.ErrNoRows):
		err = nil
	}
	return f, err
}

// free scans a time that may be 1970: nothing is reserved. Below that there is none.
type free struct{ t *time.Time }

func (f free) Scan(value any) error {
	ms, ok := value.(int64)
	if !ok {
		return errors.New("not a number")
	}
	*f.t = time.Time{}
	if ms >= 0 {
		*f.t = time.UnixMilli(ms)
	}
	return nil
}

// askedBy returns of the facts what the networks asked for, and what waits of them and in
// all.
func askedBy(ctx context.Context, q querier, by subscribers.Asker) (f subscribers.Facts, err error) {
	err = q.QueryRowContext(ctx, "SELECT waiting, CASE WHEN waiting > 0 AND ?1 <> '' THEN (SELECT count(*) FROM waiting WHERE wide = ?1) ELSE 0 END FROM sign_up_domains WHERE domain = ''", by.Wide).
		Scan(&f.Waiting, &f.OfWide)
	if err != nil || by.Client == "" {
		return f, err
	}
	err = each(ctx, q, func(rows *sql.Rows) error {
		var name string
		var a subscribers.Asked
		var waiting, crowd int
		err := rows.Scan(&name, &a.Hour, &a.Now, &a.Before, &a.Earlier, &waiting, &crowd)
		if name == by.Client {
			f.Network, f.OfNetwork = a, waiting
		}
		if name == by.Wide {
			f.Wide = a
		}
		if name == by.Around {
			f.Around, f.OfAround = a, crowd
		}
		return err
	}, "SELECT name, hour, asked, before, earlier, waiting, crowd FROM sign_up_networks WHERE name IN (?1, ?2, ?3)", by.Client, by.Wide, by.Around)
	return f, err
}

// store stores what was decided.
func (k *asking) store(ctx context.Context, tx *sql.Tx, d subscribers.Decision) error {
	if d.Verdict == subscribers.Refuse {
		return nil
	}
	if err := k.count(ctx, tx, d); err != nil {
		return err
	}
	switch d.Verdict {
	case subscribers.Count:
		if d.All.IsZero() {
			return nil
		}
		return k.reserveBoth(ctx, tx, d)
	case subscribers.Admit:
		switch {
		case k.a.Links: // who gets it is counted with the subscriber
			return nil
		case k.a.Returns != "":
			return countMailbox(ctx, tx, k.inbox, k.address, k.a)
		}
		if err := k.reserveBoth(ctx, tx, d); err != nil {
			return err
		}
		return countMailbox(ctx, tx, k.inbox, k.address, k.a)
	}
	var gone waitingRow
	var err error
	switch d.Verdict {
	case subscribers.Replace:
		gone, err = aWaiting(ctx, tx, "email_key = ?1", k.a.Address.Key())
	case subscribers.Displace:
		gone, err = newestOfTheMost(ctx, tx)
	}
	if err != nil {
		return err
	}
	if gone.id != 0 {
		if err := gone.remove(ctx, tx); err != nil {
			return err
		}
	}
	s := k.a.SignUp
	_, err = tx.ExecContext(ctx, `INSERT INTO waiting (at, email, email_key, inbox, domain, name, cadence, categories, source, network, wide, around, asked, wide_asked, around_asked)
		VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)`,
		millis(k.a.At), s.Address.String(), s.Address.Key(), k.inbox, s.Address.Domain(), s.Name, string(s.Cadence), strings.Join(s.Categories, " "), s.Source,
		k.by.Client, k.by.Wide, k.by.Around, d.Rank.Network, d.Rank.Wide, d.Rank.Around)
	if err != nil {
		return err
	}
	return nowWaiting(ctx, tx, k.by, s.Address.Domain(), 1)
}

// newestOfTheMost returns the one that gives way: the newest of the network with the most, in
// the network around it with the most, and so on.
func newestOfTheMost(ctx context.Context, tx *sql.Tx) (w waitingRow, err error) {
	var most []any // from the widest
	for _, query := range []string{
		"SELECT name FROM sign_up_networks WHERE crowd > 0 ORDER BY crowd DESC, name LIMIT 1",
		"SELECT wide FROM waiting WHERE around = ?1 GROUP BY wide ORDER BY count(*) DESC, wide LIMIT 1",
		"SELECT network FROM waiting WHERE around = ?1 AND wide = ?2 GROUP BY network ORDER BY count(*) DESC, network LIMIT 1",
	} {
		var name string
		if err := tx.QueryRowContext(ctx, query, most...).Scan(&name); err != nil {
			return w, err
		}
		most = append(most, name)
	}
	return aWaiting(ctx, tx, "around = ?1 AND wide = ?2 AND network = ?3 ORDER BY at DESC, id DESC LIMIT 1", most...)
}

// waitingRow is a sign-up that waits, as it is stored.
type waitingRow struct {
	subscribers.Waiting
	id                         int64
	key, inbox, domain, former string // former is the address as it is stored
}

// aWaiting returns one that waits; the zero row if there is none.
func aWaiting(ctx context.Context, q querier, where string, args ...any) (w waitingRow, err error) {
	var categories string
	err = q.QueryRowContext(ctx, "SELECT id, at, email, email_key, inbox, domain, name, cadence, categories, source, network, wide, around FROM waiting WHERE "+where, args...).
		Scan(&w.id, instant(&w.At), &w.former, &w.key, &w.inbox, &w.domain, &w.Name, &w.Cadence, &categories, &w.Source, &w.Client, &w.Wide, &w.Around)
	w.Address, w.Categories = storedAddress(w.former), strings.Fields(categories)
	if errors.Is(err, sql.ErrNoRows) {
		return waitingRow{}, nil
	}
	return w, err
}

func (w waitingRow) remove(ctx context.Context, tx *sql.Tx) error {
	if _, err := tx.ExecContext(ctx, "DELETE FROM waiting WHERE id = ?1", w.id); err != nil {
		return err
	}
	return nowWaiting(ctx, tx, w.Asker, w.domain, -1)
}
