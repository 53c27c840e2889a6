package database

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"iter"
	"strings"

	"github.com/scaledbydesign/insights/newsletter"
	"github.com/scaledbydesign/insights/subscribers"
)

const subscriberColumns = `s.id, s.public_id, s.email, s.name, s.status, s.reason, s.cadence, s.categories, s.position_id,
	s.paused_until, s.undo, s.nonce_expires_at, s.notified_at, s.created_at, s.confirmed_at, s.unsubscribed_at, s.source,
	s.cause, s.suppressed_at, s.asked, s.asked_since, s.new_email, s.former_ids`

// storedSubscriber is a row of subscribers.
type storedSubscriber struct {
	subscribers.Subscriber
	email    string
	newEmail string
	mask     int64
	position int64
}

// scanSubscriber reads the columns of subscriberColumns. With errUnreadable it has read
// everything but the address.
func scanSubscriber(scan func(...any) error, b bits) (s storedSubscriber, err error) {
	var former string
	err = scan(&s.ID, &s.PublicID, &s.email, &s.Name, &s.Status, &s.Reason, &s.Cadence, &s.mask, &s.position,
		instant(&s.PausedUntil), &s.Undo, instant(&s.NonceExpires), instant(&s.NotifiedAt), instant(&s.CreatedAt), instant(&s.ConfirmedAt), instant(&s.UnsubscribedAt), &s.Source,
		&s.Cause, instant(&s.SuppressedAt), &s.Asked, instant(&s.AskedSince), &s.newEmail, &former)
	if err != nil {
		return s, err
	}
	if s.Address, err = subscribers.ParseAddress(s.email); err != nil {
		err = fmt.Errorf("subscriber %d %w: %w", s.ID, errUnreadable, err)
	}
	s.NewAddress = storedAddress(s.newEmail) // of one that can't be read they must ask again
	s.Categories = b.slugs(s.mask)
	if former != "" {
		s.FormerIDs = strings.Fields(former)
	}
	return s, err
}

// storedAddress parses a stored address: the zero Address if there is none, or it can't
// be read.
func storedAddress(email string) subscribers.Address {
	a, _ := subscribers.ParseAddress(email)
	return a
}

// errUnreadable says that a stored address is not valid by today's rules. The rest of
// the subscriber can be used.
var errUnreadable = errors.New("has an unreadable address")

func subscriber(ctx context.Context, q querier, b bits, where string, args ...any) (storedSubscriber, error) {
	s, err := scanSubscriber(q.QueryRowContext(ctx, "SELECT "+subscriberColumns+" FROM subscribers s WHERE "+where, args...).Scan, b)
	if errors.Is(err, sql.ErrNoRows) {
		return s, subscribers.ErrNotFound
	}
	return s, explain(err)
}

// ByKey implements subscribers.Store.
func (db *DB) ByKey(ctx context.Context, key string) (subscribers.Subscriber, error) {
	return db.subscriber(ctx, "s.email_key = ?1", key)
}

// ByPublicID implements subscribers.Store.
func (db *DB) ByPublicID(ctx context.Context, publicID string) (subscribers.Subscriber, error) {
	s, err := db.subscriber(ctx, "s.public_id = ?1", publicID)
	if !errors.Is(err, subscribers.ErrNotFound) {
		return s, err
	}
	merged, err := db.mergedFrom(ctx, publicID)
	if err == nil && merged == 0 {
		err = subscribers.ErrNotFound
	}
	if err != nil {
		return subscribers.Subscriber{}, err
	}
	return db.subscriber(ctx, "s.id = ?1", merged)
}

// ByID implements newsletter.MessageStore.
func (db *DB) ByID(ctx context.Context, id int64) (subscribers.Subscriber, error) {
	return db.subscriber(ctx, "s.id = ?1", id)
}

func (db *DB) subscriber(ctx context.Context, where string, args ...any) (subscribers.Subscriber, error) {
	b, err := readBits(ctx, db.reader)
	if err != nil {
		return subscribers.Subscriber{}, explain(err)
	}
	s, err := subscriber(ctx, db.reader, b, where, args...)
	if err == nil {
		s.Confirmations, err = confirmations(ctx, db.reader, b, s.ID)
	}
	return s.Subscriber, explain(err)
}

// PositionOf implements newsletter.ExplainStore.
func (db *DB) PositionOf(ctx context.Context, subscriber int64) (newsletter.Position, error) {
	var vector string
	err := db.reader.QueryRowContext(ctx, "SELECT p.vector FROM subscribers s JOIN positions p ON p.id = s.position_id WHERE s.id = ?1", subscriber).Scan(&vector)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, subscribers.ErrNotFound
	}
	if err != nil {
		return nil, explain(err)
	}
	return newsletter.ParsePosition(vector)
}

// List implements subscribers.Store.
func (db *DB) List(ctx context.Context, f subscribers.Filter) iter.Seq2[subscribers.Subscriber, error] {
	b, err := readBits(ctx, db.reader)
	if err != nil {
		return failed[subscribers.Subscriber](err)
	}
	var mask int64
	if f.Category != "" {
		bit, ok := b[f.Category]
		if !ok { // nobody has chosen it yet
			return func(func(subscribers.Subscriber, error) bool) {}
		}
		mask = 1 << bit
	}
	return paged(ctx, db.reader, func(rows *sql.Rows) (subscribers.Subscriber, error) {
		s, err := scanSubscriber(rows.Scan, b)
		return s.Subscriber, err
	}, func(last *subscribers.Subscriber) (string, []any, bool) {
		var after int64
		if last != nil {
			after = last.ID
		}
		return "SELECT " + subscriberColumns + ` FROM subscribers s
			WHERE (CAST(?1 AS TEXT) = '' OR s.status = ?1) AND (CAST(?2 AS TEXT) = '' OR s.cadence = ?2) AND (CAST(?3 AS BIGINT) = 0 OR s.categories & ?3 <> 0)
			AND s.id > ?4 ORDER BY s.id LIMIT ?5`, []any{string(f.Status), string(f.Cadence), mask, after, pageSize}, true
	})
}

// History implements subscribers.Store.
func (db *DB) History(ctx context.Context, id int64) iter.Seq2[subscribers.Event, error] {
	type event struct {
		subscribers.Event
		id int64
	}
	events := paged(ctx, db.reader, func(rows *sql.Rows) (e event, err error) {
		err = rows.Scan(&e.id, instant(&e.At), &e.What, &e.Source, &e.Client, &e.Version, &e.Detail)
		return e, err
	}, func(last *event) (string, []any, bool) {
		var after int64
		if last != nil {
			after = last.id
		}
		return "SELECT id, at, what, source, client, version, detail FROM events WHERE subscriber_id = ?1 AND id > ?2 ORDER BY id LIMIT ?3", []any{id, after, pageSize}, true
	})
	return func(yield func(subscribers.Event, error) bool) {
		for e, err := range events {
			if !yield(e.Event, err) {
				return
			}
		}
	}
}

func isNotFound(err error) bool { return errors.Is(err, subscribers.ErrNotFound) }
