package database

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/scaledbydesign/insights/subscribers"
)

// Forget implements subscribers.Store. Afterwards no file of the database contains the
// address: SQLite overwrites deleted data (secure_delete), and its WAL, which still
// holds old pages, is truncated. A PostgreSQL server removes dead rows from its tables;
// its own write-ahead log and its backups are up to its operator.
func (db *DB) Forget(ctx context.Context, key string, at time.Time) error {
	err := db.forget(ctx, key, at)
	if err != nil && !isNotFound(err) {
		return err
	}
	return errors.Join(err, db.scrub(ctx))
}

// forget erases an address, and the subscriber who has it. ErrNotFound: nobody has.
func (db *DB) forget(ctx context.Context, key string, at time.Time) error {
	err := db.write(ctx, func(tx *sql.Tx) error {
		b, err := readBits(ctx, tx)
		if err != nil {
			return err
		}
		s, err := subscriber(ctx, tx, b, "s.email_key = ?1 /*pg FOR UPDATE */", key)
		if err != nil && !errors.Is(err, errUnreadable) {
			return err
		}
		if err := db.suppress(ctx, tx, key, subscribers.KeptOfErased(s.Subscriber, at)); err != nil {
			return err
		}
		if err := eraseElsewhere(ctx, tx, key); err != nil {
			return err
		}
		if err := erase(ctx, tx, s.ID, s.email); err != nil {
			return err
		}
		return eraseMessages(ctx, tx, key)
	})
	if isNotFound(err) {
		err = errors.Join(err, db.write(ctx, func(tx *sql.Tx) error {
			if err := eraseElsewhere(ctx, tx, key); err != nil {
				return err
			}
			return eraseMessages(ctx, tx, key)
		}))
	}
	return err
}

// scrub removes the remains of erased data from the files. It continues if ctx is
// cancelled. Its errors are ErrTraces: the data itself is erased.
func (db *DB) scrub(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), scrubFor)
	defer cancel()
	err := db.engine.scrub(ctx, db.writer)
	if err != nil && !errors.Is(err, subscribers.ErrTraces) {
		err = fmt.Errorf("%w: %w", subscribers.ErrTraces, err)
	}
	return err
}

// eraseElsewhere removes an address from other subscribers: those who wanted to move to
// it, those whose former address it is, and a sign-up that waits.
func eraseElsewhere(ctx context.Context, tx *sql.Tx, key string) error {
	var movers []int64
	err := each(ctx, tx, func(rows *sql.Rows) error {
		var id int64
		var email string
		err := rows.Scan(&id, &email)
		if isAddressOf(email, key) {
			movers = append(movers, id)
		}
		return err
	}, "SELECT id, new_email FROM subscribers WHERE new_email <> ''")
	for _, id := range movers {
		if err == nil {
			_, err = tx.ExecContext(ctx, "UPDATE subscribers SET new_email = '', nonce_expires_at = 0 WHERE id = ?1", id)
		}
	}
	if err != nil {
		return err
	}
	if err := eraseStaffMail(ctx, tx, key); err != nil {
		return err
	}
	if err := eraseWaiting(ctx, tx, key); err != nil {
		return err
	}
	return eraseFormer(ctx, tx, key)
}

// eraseStaffMail removes messages to staff that name an address.
func eraseStaffMail(ctx context.Context, tx *sql.Tx, key string) error {
	var found []int64
	err := each(ctx, tx, func(rows *sql.Rows) error {
		var id int64
		var text string
		err := rows.Scan(&id, &text)
		if strings.Contains(strings.ToLower(norm.NFC.String(text)), key) {
			found = append(found, id)
		}
		return err
	}, "SELECT id, text FROM bounces WHERE kind = 'other'")
	for _, id := range found {
		if err == nil {
			_, err = tx.ExecContext(ctx, "DELETE FROM bounces WHERE id = ?1", id)
		}
	}
	return err
}

// isAddressOf reports whether a stored address has this key.
func isAddressOf(email, key string) bool { return key != "" && storedAddress(email).Key() == key }

// formerDeliveries are the deliveries to readers who ever moved, with their addresses. The
// order of the joins keeps SQLite from reading all deliveries for each of them.
const formerDeliveries = `SELECT d.digest_id, d.subscriber_id, d.email FROM (SELECT DISTINCT subscriber_id FROM events WHERE what = 'moved') m CROSS JOIN digests g
	CROSS JOIN deliveries d WHERE d.digest_id = g.id AND d.subscriber_id = m.subscriber_id AND d.email <> ''`

// eraseFormer removes a reader's former address from the deliveries that went to it. It
// looks only at readers who ever moved, by key: a search through all deliveries would
// hold up sending.
func eraseFormer(ctx context.Context, tx *sql.Tx, key string) error {
	type sent struct{ digest, subscriber int64 }
	var found []sent
	err := each(ctx, tx, func(rows *sql.Rows) error {
		var m sent
		var email string
		err := rows.Scan(&m.digest, &m.subscriber, &email)
		if isAddressOf(email, key) {
			found = append(found, m)
		}
		return err
	}, formerDeliveries)
	for _, m := range found {
		if err == nil { // "" would mean their current address
			_, err = tx.ExecContext(ctx, "UPDATE deliveries SET email = ?3, reason = '' WHERE digest_id = ?1 AND subscriber_id = ?2", m.digest, m.subscriber, subscribers.ErasedAddress)
		}
	}
	return err
}

// eraseMessages removes the single emails to an address, in any spelling. SQL's lower()
// matches the key's for ASCII only.
func eraseMessages(ctx context.Context, tx *sql.Tx, key string) error {
	argument := key
	condition := func(column string) string { return "lower(" + column + ") = ?1" }
	if !ascii(key) {
		argument = "%" + key[strings.LastIndexByte(key, '@'):]
		condition = func(column string) string { return column + " LIKE ?1" }
	}
	for _, t := range []struct{ table, column string }{{"messages", "email"}, {"inbox", "recipient"}} {
		var found []string
		err := each(ctx, tx, func(rows *sql.Rows) error {
			var email string
			err := rows.Scan(&email)
			if isAddressOf(email, key) {
				found = append(found, email)
			}
			return err
		}, "SELECT DISTINCT "+t.column+" FROM "+t.table+" WHERE "+condition(t.column), argument)
		if err != nil {
			return err
		}
		for _, email := range found {
			if _, err := tx.ExecContext(ctx, "DELETE FROM "+t.table+" WHERE "+t.column+" = ?1", email); err != nil {
				return err
			}
		}
	}
	return nil
}

func ascii(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r >= utf8.RuneSelf })
}

// eraseDeliveries removes what identifies reader ?1 from their deliveries.
const eraseDeliveries = `UPDATE deliveries SET email = '', message_id = '', reason = '' WHERE digest_id IN (SELECT id FROM digests) AND subscriber_id = ?1 AND (email <> '' OR message_id <> '' OR reason <> '')`

// lapsedSubscribers are those to forget whose links ended before ?1.
const lapsedSubscribers = `SELECT id, email, email_key, unsubscribed_at, cause FROM subscribers WHERE status = 'pending' AND nonce_expires_at < ?1 ORDER BY nonce_expires_at LIMIT ?2 /*pg FOR UPDATE */`

// erase removes a subscriber, with the emails to them. Deliveries of digests stay, for the
// counts, without anything that identifies their reader; they are found by their key, digest
// by digest.
func erase(ctx context.Context, tx *sql.Tx, id int64, email string) error {
	for _, step := range []struct {
		statement string
		args      []any
	}{
		{eraseDeliveries, []any{id}},
		{"DELETE FROM messages WHERE subscriber_id = ?1", []any{id}},
		{"DELETE FROM inbox WHERE recipient = ?1", []any{email}},
		{"UPDATE bounces SET subscriber_id = 0, text = '' WHERE subscriber_id = ?1", []any{id}},
		{"DELETE FROM refusals WHERE subscriber_id = ?1", []any{id}},
		{"DELETE FROM events WHERE subscriber_id = ?1", []any{id}},
		{"DELETE FROM subscribers WHERE id = ?1", []any{id}},
		// An id must never be reused: earlier deliveries are counted by it.
		{"UPDATE counters SET value = ?1 WHERE name = 'forgotten' AND value < ?1", []any{id}},
	} {
		if _, err := tx.ExecContext(ctx, step.statement, step.args...); err != nil {
			return err
		}
	}
	return nil
}

// Tidy implements subscribers.Store. Its statements do what subscribers.Tidied says.
func (db *DB) Tidy(ctx context.Context, before time.Time) (forgotten int, err error) {
	err = db.bookkeep(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, "UPDATE subscribers SET new_email = '', nonce_expires_at = 0 WHERE new_email <> '' AND nonce_expires_at < ?1", millis(before)); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, "UPDATE subscribers SET status = 'unsubscribed', nonce_expires_at = 0 WHERE status = 'pending' AND unsubscribed_at > 0 AND confirmed_at > 0 AND nonce_expires_at < ?1", millis(before))
		return err
	})
	for last := eraseChunk; err == nil && last == eraseChunk; forgotten += last {
		last = 0
		err = db.write(ctx, func(tx *sql.Tx) error {
			last = 0
			type reader struct {
				subscribers.Subscriber // only the fields that Tidied depends on
				email, key             string
			}
			var readers []reader
			err := each(ctx, tx, func(rows *sql.Rows) error {
				var r reader
				err := rows.Scan(&r.ID, &r.email, &r.key, instant(&r.UnsubscribedAt), &r.Cause)
				readers = append(readers, r)
				return err
			}, lapsedSubscribers, millis(before), eraseChunk)
			if err != nil {
				return err
			}
			for _, r := range readers {
				if kept, has := subscribers.KeptOfUnconfirmed(r.Subscriber); has {
					if err := db.suppress(ctx, tx, r.key, kept); err != nil {
						return err
					}
				}
				if err := erase(ctx, tx, r.ID, r.email); err != nil {
					return err
				}
				last++
			}
			return nil
		})
		if last == eraseChunk { // others have their turn
			select {
			case <-ctx.Done():
			case <-time.After(erasePause):
			}
		}
	}
	if err == nil && forgotten > 0 {
		err = db.scrub(ctx)
	}
	return forgotten, err
}
