package database

import (
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
	wide           string
	all, domain    string // of sign_up_domains
	address, inbox string // hashes
}

// forMoves begins the names of the shared limits of moves.
const forMoves = ">"

// Ask implements subscribers.Store. What is refused takes no write transaction, which a
// flood would make sending wait for.
func (db *DB) Ask(ctx context.Context, a subscribers.Attempt, decide func(subscribers.Facts) subscribers.Decision) error {
	secret, err := db.suppressionKey(ctx, db.reader)
	if err != nil {
		return explain(err)
	}
	k := asking{db: db, a: a, wide: a.Wide, domain: a.Address.Domain(), address: hashOf(secret, a.Address.Key()), inbox: hashOf(secret, a.Address.Inbox())}
	if k.wide == "" {
		k.wide = a.Client
	}
	if a.Returns != "" {
		k.address = hashOf(secret, a.Returns+" "+a.Address.Key())
		k.inbox = k.address
	}
	if a.Moves {
		k.all, k.domain = forMoves, forMoves+k.domain
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

// lockWaiting makes transactions that judge sign-ups run one after the other.
func lockWaiting(ctx context.Context, tx *sql.Tx) error {
	var reserved int64
	return tx.QueryRowContext(ctx, "SELECT reserved FROM sign_up_domains WHERE domain = '' /*pg FOR UPDATE */").Scan(&reserved)
}

func (k *asking) facts(ctx context.Context, q querier) (f subscribers.Facts, err error) {
	if f.Network, f.OfNetwork, err = askedBy(ctx, q, k.a.Client); err != nil {
		return f, err
	}
	if f.Wide, _, err = askedBy(ctx, q, k.wide); err != nil {
		return f, err
	}
	err = q.QueryRowContext(ctx, `SELECT coalesce(sum(CASE WHEN address = ?3 THEN count END), 0), coalesce(max(CASE WHEN address = ?3 THEN last END), 0),
			coalesce(sum(CASE WHEN address <> ?3 THEN count END), 0) + (SELECT count(*) FROM waiting WHERE inbox = ?2 AND email_key <> ?4)
		FROM sign_up_mailboxes WHERE inbox = ?2 AND since > ?1`, millis(k.a.MailboxSince()), k.inbox, k.address, k.a.Address.Key()).
		Scan(&f.Address, instant(&f.AddressLast), &f.Inbox)
	if err != nil {
		return f, err
	}
	err = q.QueryRowContext(ctx, `SELECT coalesce((SELECT reserved FROM sign_up_domains WHERE domain = ?1), 0), coalesce((SELECT reserved FROM sign_up_domains WHERE domain = ?2), 0),
			(SELECT waiting FROM sign_up_domains WHERE domain = ''), coalesce((SELECT max(waiting) FROM sign_up_networks WHERE waiting > 0), 0),
			coalesce((SELECT min(reserved) FROM sign_up_domains WHERE waiting > 0 AND domain <> ''), -1)`, k.all, k.domain).
		Scan(instant(&f.All), instant(&f.Domain), &f.Waiting, &f.Most, free{&f.Free})
	if err != nil || k.a.Moves || f.Waiting == 0 {
		return f, err
	}
	var standing subscribers.Rank
	err = q.QueryRowContext(ctx, "SELECT asked, wide_asked, at FROM waiting WHERE email_key = ?1", k.a.Address.Key()).Scan(&standing.Network, &standing.Wide, instant(&standing.At))
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

// askedBy returns what a network asked for, and how many of its sign-ups wait.
func askedBy(ctx context.Context, q querier, network string) (a subscribers.Asked, waiting int, err error) {
	if network == "" {
		return a, 0, nil
	}
	err = q.QueryRowContext(ctx, "SELECT hour, asked, before, waiting FROM sign_up_networks WHERE name = ?1", network).Scan(&a.Hour, &a.Now, &a.Before, &waiting)
	if errors.Is(err, sql.ErrNoRows) {
		err = nil
	}
	return a, waiting, err
}

// store stores what was decided.
func (k *asking) store(ctx context.Context, tx *sql.Tx, d subscribers.Decision) error {
	if d.Verdict == subscribers.Refuse {
		return nil
	}
	if err := k.count(ctx, tx, d); err != nil {
		return err
	}
	if d.Verdict == subscribers.Admit {
		switch {
		case k.a.Links: // who gets it is counted with the subscriber
			return nil
		case k.a.Returns != "":
			return countMailbox(ctx, tx, k.inbox, k.address, k.a)
		}
		if err := reserve(ctx, tx, k.all, d.All); err != nil {
			return err
		}
		if err := reserve(ctx, tx, k.domain, d.Domain); err != nil {
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
		gone, err = aWaiting(ctx, tx, "network = (SELECT name FROM sign_up_networks WHERE waiting > 0 ORDER BY waiting DESC, name LIMIT 1) ORDER BY at DESC, id DESC LIMIT 1")
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
	_, err = tx.ExecContext(ctx, `INSERT INTO waiting (at, email, email_key, inbox, domain, name, cadence, categories, source, network, wide, asked, wide_asked)
		VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)`,
		millis(k.a.At), s.Address.String(), s.Address.Key(), k.inbox, s.Address.Domain(), s.Name, string(s.Cadence), strings.Join(s.Categories, " "), s.Source, s.Client, k.wide, d.Rank.Network, d.Rank.Wide)
	if err != nil {
		return err
	}
	return nowWaiting(ctx, tx, s.Client, s.Address.Domain(), 1)
}

// count counts an attempt for its networks, which moves their other sign-ups back.
func (k *asking) count(ctx context.Context, tx *sql.Tx, d subscribers.Decision) error {
	if k.a.Client == "" {
		return nil
	}
	upsert := func(name string, a subscribers.Asked) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO sign_up_networks (name, hour, asked, before, waiting) VALUES (?1, ?2, ?3, ?4, 0)
			ON CONFLICT (name) DO UPDATE SET hour = excluded.hour, asked = excluded.asked, before = excluded.before`, name, a.Hour, int64(a.Now), int64(a.Before))
		return err
	}
	if err := upsert(k.a.Client, d.Network); err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, "UPDATE waiting SET asked = ?2, wide_asked = ?3 WHERE network = ?1", k.a.Client, d.Rank.Network, d.Rank.Wide); err != nil {
		return err
	}
	if k.wide == k.a.Client {
		return nil
	}
	if err := upsert(k.wide, d.Wide); err != nil {
		return err
	}
	_, err := tx.ExecContext(ctx, "UPDATE waiting SET wide_asked = ?2 WHERE wide = ?1", k.wide, d.Rank.Wide)
	return err
}

// reserve sets up to when what a domain may have is reserved.
func reserve(ctx context.Context, tx *sql.Tx, domain string, until time.Time) error {
	_, err := tx.ExecContext(ctx, "INSERT INTO sign_up_domains (domain, reserved, waiting) VALUES (?1, ?2, 0) ON CONFLICT (domain) DO UPDATE SET reserved = excluded.reserved", domain, millis(until))
	return err
}

// countMailbox counts what is let through to a mailbox.
func countMailbox(ctx context.Context, tx *sql.Tx, inbox, address string, a subscribers.Attempt) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO sign_up_mailboxes (inbox, address, since, count, last) VALUES (?1, ?2, ?3, 1, ?3)
		ON CONFLICT (inbox, address) DO UPDATE SET last = excluded.last,
			count = CASE WHEN sign_up_mailboxes.since > ?4 THEN sign_up_mailboxes.count + 1 ELSE 1 END,
			since = CASE WHEN sign_up_mailboxes.since > ?4 THEN sign_up_mailboxes.since ELSE excluded.since END`, inbox, address, millis(a.At), millis(a.MailboxSince()))
	return err
}

// nowWaiting counts that more sign-ups wait, or fewer.
func nowWaiting(ctx context.Context, tx *sql.Tx, network, domain string, more int) error {
	if _, err := tx.ExecContext(ctx, "UPDATE sign_up_networks SET waiting = waiting + ?2 WHERE name = ?1", network, more); err != nil {
		return err
	}
	_, err := tx.ExecContext(ctx, `INSERT INTO sign_up_domains (domain, reserved, waiting) VALUES (?1, 0, ?2), ('', 0, ?2)
		ON CONFLICT (domain) DO UPDATE SET waiting = sign_up_domains.waiting + ?2`, domain, more)
	return err
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
	err = q.QueryRowContext(ctx, "SELECT id, at, email, email_key, inbox, domain, name, cadence, categories, source, network, wide FROM waiting WHERE "+where, args...).
		Scan(&w.id, instant(&w.At), &w.former, &w.key, &w.inbox, &w.domain, &w.Name, &w.Cadence, &categories, &w.Source, &w.Client, &w.Wide)
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
	return nowWaiting(ctx, tx, w.Client, w.domain, -1)
}
