package database

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/scaledbydesign/insights/subscribers"
)

// toMerge reports whether keys of addresses have more than one form: a migration says so.
const toMerge = "EXISTS (SELECT 1 FROM settings WHERE name = 'mailboxes')"

// mergeMailboxes gives the keys of addresses their one form and makes one subscriber of
// those who have one mailbox, a mailbox at a time: it may be interrupted and goes on.
func (db *DB) mergeMailboxes(ctx context.Context) error {
	mailboxes := make(map[string][]int64) // by key
	err := each(ctx, db.reader, func(rows *sql.Rows) error {
		var id int64
		var email string
		err := rows.Scan(&id, &email)
		if !ascii(email) {
			key := storedAddress(email).Key()
			mailboxes[key] = append(mailboxes[key], id)
		}
		return err
	}, "SELECT id, email FROM subscribers ORDER BY id")
	if err != nil {
		return explain(err)
	}
	delete(mailboxes, "") // unreadable
	for key, ids := range mailboxes {
		if err := db.write(ctx, func(tx *sql.Tx) error {
			e := editing{db: db, tx: tx}
			return e.mergeMailbox(ctx, key, ids)
		}); err != nil {
			return err
		}
	}
	return db.write(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "DELETE FROM settings WHERE name = 'mailboxes'")
		return err
	})
}

// mergeMailbox makes one subscriber of all who have a mailbox, and of what is kept of its
// address in other forms.
func (e *editing) mergeMailbox(ctx context.Context, key string, ids []int64) error {
	if err := e.begin(ctx); err != nil {
		return err
	}
	var all []storedSubscriber
	had := make(map[string]bool) // forms of the key
	for _, id := range ids {
		s, err := subscriber(ctx, e.tx, e.bits, "s.id = ?1 /*pg FOR UPDATE */", id)
		if errors.Is(err, subscribers.ErrNotFound) || err == nil && s.Address.Key() != key {
			continue // another process was here first
		}
		if err != nil {
			return err
		}
		var form string
		if err := e.tx.QueryRowContext(ctx, "SELECT email_key FROM subscribers WHERE id = ?1", id).Scan(&form); err != nil {
			return err
		}
		all, had[form] = append(all, s), true
	}
	if len(all) == 0 {
		return nil
	}
	now := time.Now()
	merged, events := all[0].Subscriber, []subscribers.Event(nil)
	for _, s := range all[1:] {
		var event subscribers.Event
		merged, event = subscribers.Merge(merged, s.Subscriber, now)
		events = append(events, event)
	}
	for _, form := range append(subscribers.FormerKeys(key), key) {
		if had[form] {
			continue
		}
		var kept subscribers.Subscriber
		if err := e.kept(ctx, form, &kept); err != nil {
			return err
		}
		if kept.Status != "" && kept.Status != merged.Status {
			var event subscribers.Event
			merged, event = subscribers.Merge(merged, kept, now)
			events = append(events, event)
		}
	}
	return e.replace(ctx, all, merged, events)
}

// replace stores the subscriber that others have become, with all that was theirs.
func (e *editing) replace(ctx context.Context, all []storedSubscriber, merged subscribers.Subscriber, events []subscribers.Event) error {
	stays := all[slices.IndexFunc(all, func(s storedSubscriber) bool { return s.ID == merged.ID })]
	is, err := position(ctx, e.tx, stays.position)
	if err != nil {
		return err
	}
	for _, s := range all {
		if s.ID == merged.ID {
			continue
		}
		theirs, err := position(ctx, e.tx, s.position)
		if err != nil {
			return err
		}
		is = is.Merge(theirs)
		if err := absorb(ctx, e.tx, s, merged.ID); err != nil {
			return err
		}
	}
	mask, err := e.bits.mask(ctx, e.tx, merged.Categories)
	if err != nil {
		return err
	}
	at, err := intern(ctx, e.tx, is)
	if err != nil {
		return err
	}
	// The categories are theirs already: none starts at now.
	stays.Categories, stays.Status, stays.position, stays.mask = merged.Categories, merged.Status, at, mask
	if _, err := e.save(ctx, stays, merged, 0); err != nil {
		return err
	}
	if len(events) == 0 {
		return nil
	}
	for _, event := range events {
		if _, err := e.tx.ExecContext(ctx, insertEvent+"VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)", eventValues(merged.ID, event)...); err != nil {
			return err
		}
	}
	var kept subscribers.Suppression
	if merged.Cause != "" {
		kept = subscribers.Suppression{Status: subscribers.Suppressed, Cause: merged.Cause, Reason: merged.Reason, At: merged.SuppressedAt, UnsubscribedAt: merged.UnsubscribedAt}
	}
	return e.db.suppress(ctx, e.tx, merged.Address.Key(), kept)
}

// absorb gives one subscriber what is another's, and removes that one. Of a digest that
// went to both, the other's delivery stays as one to nobody.
func absorb(ctx context.Context, tx *sql.Tx, from storedSubscriber, to int64) error {
	for _, statement := range []string{
		"UPDATE deliveries SET subscriber_id = ?2 WHERE subscriber_id = ?1 AND digest_id NOT IN (SELECT digest_id FROM deliveries WHERE subscriber_id = ?2)",
		"UPDATE deliveries SET email = '', message_id = '', reason = '' WHERE subscriber_id = ?1 AND CAST(?2 AS BIGINT) <> 0",
		"UPDATE messages SET subscriber_id = ?2 WHERE subscriber_id = ?1",
		"UPDATE bounces SET subscriber_id = ?2 WHERE subscriber_id = ?1",
		"UPDATE refusals SET subscriber_id = ?2 WHERE subscriber_id = ?1 AND NOT EXISTS (SELECT 1 FROM refusals r WHERE r.subscriber_id = ?2 AND r.digest_id = refusals.digest_id AND r.message_id = refusals.message_id)",
		"DELETE FROM refusals WHERE subscriber_id = ?1 AND CAST(?2 AS BIGINT) <> 0",
		"UPDATE events SET subscriber_id = ?2 WHERE subscriber_id = ?1",
		"DELETE FROM subscribers WHERE id = ?1 AND CAST(?2 AS BIGINT) <> 0",
		"UPDATE counters SET value = ?1 WHERE name = 'forgotten' AND value < ?1 AND CAST(?2 AS BIGINT) <> 0",
	} {
		if _, err := tx.ExecContext(ctx, statement, from.ID, to); err != nil {
			return err
		}
	}
	return nil
}

// mergedFrom returns the subscriber with whom one who had a public id was merged; 0 = none.
// There are few of them.
func (db *DB) mergedFrom(ctx context.Context, publicID string) (id int64, err error) {
	err = each(ctx, db.reader, func(rows *sql.Rows) error {
		var candidate int64
		var former string
		err := rows.Scan(&candidate, &former)
		if slices.Contains(strings.Fields(former), publicID) {
			id = candidate
		}
		return err
	}, "SELECT id, former_ids FROM subscribers WHERE former_ids <> ''")
	return id, explain(err)
}

// kept reads the suppression of one form of a key.
func (e *editing) kept(ctx context.Context, form string, s *subscribers.Subscriber) error {
	hash, err := e.db.suppressionHash(ctx, e.tx, form)
	if err != nil {
		return err
	}
	var at, no int64
	err = e.tx.QueryRowContext(ctx, "SELECT status, cause, reason, at, unsubscribed_at FROM suppressions WHERE hash = ?1", hash).Scan(&s.Status, &s.Cause, &s.Reason, &at, &no)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	fromSuppression(s, at, no)
	return err
}
