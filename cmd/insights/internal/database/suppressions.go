package database

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"iter"
	"strconv"
	"time"

	"github.com/scaledbydesign/insights/subscribers"
)

// suppressionHash returns the hash that a suppression is stored under. Its key is
// created once, stays in the database and never changes, unlike the secret that signs
// links: suppressions must be found for as long as the database exists.
func (db *DB) suppressionHash(ctx context.Context, tx *sql.Tx, key string) (string, error) {
	secret, err := db.suppressionKey(ctx, tx)
	if err != nil {
		return "", err
	}
	return hashOf(secret, key), nil
}

func hashOf(secret []byte, key string) string {
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(key))
	return hex.EncodeToString(mac.Sum(nil)[:16])
}

func (db *DB) suppressionKey(ctx context.Context, q querier) ([]byte, error) {
	if secret := db.suppression.Load(); secret != nil {
		return *secret, nil
	}
	var secret []byte
	err := q.QueryRowContext(ctx, "SELECT value FROM settings WHERE name = 'suppression_key'").Scan(&secret)
	if errors.Is(err, sql.ErrNoRows) {
		err = errors.New("the setting suppression_key is missing: restore the database from a backup; without it, suppressed addresses are not recognized")
	}
	if err != nil {
		return nil, err
	}
	db.suppression.Store(&secret)
	return secret, nil
}

// MessageKey implements newsletter.OutboxStore. The key lies beside that of suppressions,
// and is copied and restored with it.
func (db *DB) MessageKey(ctx context.Context) (key []byte, err error) {
	err = db.reader.QueryRowContext(ctx, "SELECT value FROM settings WHERE name = 'message_key'").Scan(&key)
	if errors.Is(err, sql.ErrNoRows) {
		err = errors.New("the setting message_key is missing: restore the database from a backup; without it, Message-IDs could be guessed")
	}
	return key, explain(err)
}

// UndatedUntil is how long links to preferences work that older versions have made.
func (db *DB) UndatedUntil(ctx context.Context) (time.Time, error) {
	written, err := db.Setting(ctx, "undated_links_until")
	if err != nil || written == "" {
		return time.Time{}, err
	}
	ms, err := strconv.ParseInt(written, 10, 64)
	if err != nil {
		return time.Time{}, fmt.Errorf("the setting undated_links_until: %w", err)
	}
	return time.UnixMilli(ms), nil
}

// suppressed applies the suppression of its address to an unknown subscriber: the
// stricter one where there are some of several forms of the key.
func (e *editing) suppressed(ctx context.Context, key string, s *subscribers.Subscriber) error {
	if err := e.kept(ctx, key, s); err != nil {
		return err
	}
	for _, form := range subscribers.FormerKeys(key) {
		var other subscribers.Subscriber
		if err := e.kept(ctx, form, &other); err != nil {
			return err
		}
		stricter(s, other)
	}
	return nil
}

// stricter makes of s what is kept of an address in another form, if that is more.
func stricter(s *subscribers.Subscriber, other subscribers.Subscriber) {
	switch {
	case other.Status == "":
	case s.Status == "":
		*s = other
	default:
		*s, _ = subscribers.Merge(*s, other, time.Time{})
	}
}

// fromSuppression sets the times of a suppression.
func fromSuppression(s *subscribers.Subscriber, at, no int64) {
	s.UnsubscribedAt = fromMillis(no)
	if s.Status == subscribers.Suppressed {
		s.SuppressedAt = fromMillis(at)
	}
}

// keepSuppressions updates suppressions after a change of a subscriber. One who moves
// takes the new address first.
func (e *editing) keepSuppressions(ctx context.Context, before, s subscribers.Subscriber) error {
	at := time.Now()
	if kept, moved := subscribers.KeptOfFormer(before, s, at); moved {
		if err := e.take(ctx, s.Address.Key()); err != nil {
			return err
		}
		if err := e.db.suppress(ctx, e.tx, before.Address.Key(), kept); err != nil {
			return err
		}
	}
	kept, changed := subscribers.KeptAfter(before, s, at)
	if !changed {
		return nil
	}
	return e.db.suppress(ctx, e.tx, s.Address.Key(), kept)
}

// suppress stores a suppression of an address; the zero Suppression removes it.
func (db *DB) suppress(ctx context.Context, tx *sql.Tx, key string, s subscribers.Suppression) error {
	hash, err := db.suppressionHash(ctx, tx, key)
	if err != nil {
		return err
	}
	for _, form := range subscribers.FormerKeys(key) { // it has one form from now on
		former, err := db.suppressionHash(ctx, tx, form)
		if err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, "DELETE FROM suppressions WHERE hash = ?1", former); err != nil {
			return err
		}
	}
	if s == (subscribers.Suppression{}) {
		_, err = tx.ExecContext(ctx, "DELETE FROM suppressions WHERE hash = ?1", hash)
		return err
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO suppressions (hash, status, cause, reason, at, unsubscribed_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
		ON CONFLICT (hash) DO UPDATE SET status = excluded.status, cause = excluded.cause, reason = excluded.reason, at = excluded.at, unsubscribed_at = excluded.unsubscribed_at`,
		hash, string(s.Status), string(s.Cause), s.Reason, millis(s.At), millis(s.UnsubscribedAt))
	return err
}

// Suppressions implements subscribers.Store.
func (db *DB) Suppressions(ctx context.Context) iter.Seq2[subscribers.Suppression, error] {
	secret, err := db.suppressionKey(ctx, db.reader)
	if err != nil {
		return failed[subscribers.Suppression](err)
	}
	emails := make(map[string]string) // of those that are subscribers', by hash
	err = each(ctx, db.reader, func(rows *sql.Rows) error {
		var email, key string
		err := rows.Scan(&email, &key)
		for _, form := range append(subscribers.FormerKeys(key), key) {
			emails[hashOf(secret, form)] = email
		}
		return err
	}, "SELECT email, email_key FROM subscribers WHERE status = 'suppressed' OR cause <> ''")
	if err != nil {
		return failed[subscribers.Suppression](err)
	}
	return stream(ctx, db.reader, func(rows *sql.Rows) (s subscribers.Suppression, err error) {
		err = rows.Scan(&s.Hash, &s.Status, &s.Cause, &s.Reason, instant(&s.At), instant(&s.UnsubscribedAt))
		s.Email = emails[s.Hash]
		return s, err
	}, "SELECT hash, status, cause, reason, at, unsubscribed_at FROM suppressions ORDER BY at DESC, hash")
}
