package database

import (
	"context"
	"database/sql"
	"errors"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/scaledbydesign/insights/subscribers"
)

// Edit implements subscribers.Store.
func (db *DB) Edit(ctx context.Context, key string, change func(*subscribers.Subscriber) (subscribers.Change, error)) (edited subscribers.Subscriber, err error) {
	err = db.write(ctx, func(tx *sql.Tx) error {
		e := editing{db: db, tx: tx, lastID: db.engine.oneWriter()}
		edited, err = e.edit(ctx, key, change)
		return err
	})
	return edited, err
}

// editing is a transaction that edits subscribers.
type editing struct {
	db   *DB
	tx   *sql.Tx
	bits bits
	many *many // of EditAll, otherwise nil

	lastID   bool // the engine returns the id of a new row without a query, which costs less
	numbered bool // insights are numbered already
}

func (e *editing) edit(ctx context.Context, key string, change func(*subscribers.Subscriber) (subscribers.Change, error)) (subscribers.Subscriber, error) {
	if err := e.begin(ctx); err != nil {
		return subscribers.Subscriber{}, err
	}
	// This transaction and others that change or email this reader wait for each other.
	const byKey = "s.email_key = ?1 /*pg FOR UPDATE */"
	before, err := subscriber(ctx, e.tx, e.bits, byKey, key)
	if errors.Is(err, subscribers.ErrNotFound) && !e.db.engine.oneWriter() {
		// A row that does not exist can't be locked: an address could be suppressed and sign up at once.
		if _, err = e.tx.ExecContext(ctx, "SELECT pg_advisory_xact_lock(hashtextextended(?1, 0))", key); err == nil {
			before, err = subscriber(ctx, e.tx, e.bits, byKey, key)
		}
	}
	if errors.Is(err, subscribers.ErrNotFound) {
		err = e.suppressed(ctx, key, &before.Subscriber)
	}
	if err == nil && before.ID != 0 {
		if before.Confirmations, err = confirmations(ctx, e.tx, e.bits, before.ID); err == nil {
			before.Lately, err = eventsSince(ctx, e.tx, before.ID, time.Now().Add(-time.Hour))
		}
	}
	if err != nil {
		return before.Subscriber, err
	}
	return e.apply(ctx, before, change)
}

// begin reads what every edit needs.
func (e *editing) begin(ctx context.Context) (err error) {
	if e.bits == nil {
		e.bits, err = holdBits(ctx, e.tx)
	}
	return err
}

// apply lets change alter a subscriber as it is stored, and stores it again.
func (e *editing) apply(ctx context.Context, before storedSubscriber, change func(*subscribers.Subscriber) (subscribers.Change, error)) (subscribers.Subscriber, error) {
	edited := before.Subscriber
	edited.Categories, edited.Confirmations = slices.Clone(before.Categories), slices.Clone(before.Confirmations)
	decided, err := change(&edited)
	if err != nil {
		return edited, err
	}
	switch {
	case edited.Address != (subscribers.Address{}):
	case before.Status != "": // kept as a suppression, and unchanged
		return edited, nil
	default:
		return edited, subscribers.ErrNotFound
	}
	if e.many != nil && decided.Event.What == "" && decided.Notice == subscribers.NoNotice {
		return edited, nil // most of many may be unchanged
	}
	if before.ID != 0 && decided == (subscribers.Change{}) && reflect.DeepEqual(edited, before.Subscriber) {
		return edited, nil // nothing is written, however often somebody presses a button
	}
	if err := e.keepSuppressions(ctx, before.Subscriber, edited); err != nil {
		return edited, err
	}
	if edited.PublicID == "" {
		return edited, nil
	}
	if e.many != nil && before.ID == 0 && decided.Notice == subscribers.NoNotice {
		e.many.added = append(e.many.added, added{sub: edited, change: decided})
		return edited, nil
	}
	if edited.ID, err = e.save(ctx, before, edited, decided.StartWith); err != nil {
		return edited, err
	}
	if before.Status != subscribers.Confirmed && edited.Status == subscribers.Confirmed {
		if !e.numbered {
			if e.numbered, err = startLater(ctx, e.tx, edited.ID, decided.StartWith); err != nil {
				return edited, err
			}
		}
	}
	if ends := subscribers.EndsConfirmations(before.Subscriber, edited, decided); ends != (subscribers.Ends{}) {
		if err := endConfirmations(ctx, e.tx, edited.ID, ends); err != nil {
			return edited, err
		}
		for i, c := range edited.Confirmations {
			edited.Confirmations[i].Ended = c.Ended || ends.Ends(c)
		}
	}
	if used := decided.Uses; used != nil {
		at := fromMillis(now())
		if err := useConfirmation(ctx, e.tx, edited.ID, used.Nonce, at); err != nil {
			return edited, err
		}
		for i, c := range edited.Confirmations {
			if c.Nonce == used.Nonce {
				edited.Confirmations[i].Used, edited.Confirmations[i].Expires = true, at
			}
		}
	}
	if decided.Asks != nil {
		edited.Confirmations = slices.Insert(edited.Confirmations, 0, *decided.Asks)
	}
	return edited, follow(ctx, e.tx, edited, decided)
}

// take gives a subscriber another address, if subscribers.MayTake allows it. A previous
// holder is erased.
func (e *editing) take(ctx context.Context, key string) error {
	var kept subscribers.Subscriber
	if err := e.suppressed(ctx, key, &kept); err != nil {
		return err
	}
	holder, err := subscriber(ctx, e.tx, e.bits, "s.email_key = ?1 /*pg FOR UPDATE */", key)
	held := !isNotFound(err)
	if err != nil && held && !errors.Is(err, errUnreadable) {
		return err
	}
	if err := subscribers.MayTake(kept.Status, holder.Status); err != nil || !held {
		return err
	}
	return erase(ctx, e.tx, holder.ID, holder.email)
}

// insertSubscriber takes the values of a row.
const insertSubscriber = `INSERT INTO subscribers (public_id, email, email_key, name, status, reason, cadence, categories, position_id,
	paused_until, undo, nonce_expires_at, notified_at, created_at, confirmed_at, unsubscribed_at, source, cause, suppressed_at, asked, asked_since, new_email, former_ids`

// values returns the columns of a subscriber, with their position after the change.
func (e *editing) values(ctx context.Context, before storedSubscriber, s subscribers.Subscriber, startWith int) ([]any, error) {
	mask, err := e.bits.mask(ctx, e.tx, s.Categories)
	if err != nil {
		return nil, err
	}
	position, err := e.position(ctx, before, s, startWith)
	return []any{s.PublicID, s.Address.String(), s.Address.Key(), s.Name, string(s.Status), s.Reason, string(s.Cadence), mask, position,
		millis(s.PausedUntil), s.Undo, millis(s.NonceExpires), millis(s.NotifiedAt), millis(s.CreatedAt), millis(s.ConfirmedAt), millis(s.UnsubscribedAt), s.Source,
		string(s.Cause), millis(s.SuppressedAt), int64(s.Asked), millis(s.AskedSince), s.NewAddress.String(), strings.Join(s.FormerIDs, " ")}, err
}

// save stores a subscriber.
func (e *editing) save(ctx context.Context, before storedSubscriber, s subscribers.Subscriber, startWith int) (int64, error) {
	args, err := e.values(ctx, before, s, startWith)
	if err != nil {
		return 0, err
	}
	if before.ID == 0 {
		const values = `?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23`
		if e.lastID {
			result, err := e.tx.ExecContext(ctx, insertSubscriber+", id) VALUES ("+values+", ("+nextSubscriber+"))", args...)
			if err != nil {
				return 0, err
			}
			return result.LastInsertId()
		}
		var id int64
		err := e.tx.QueryRowContext(ctx, insertSubscriber+") VALUES ("+values+") RETURNING id", args...).Scan(&id)
		return id, err
	}
	_, err = e.tx.ExecContext(ctx, `UPDATE subscribers SET public_id = ?1, email = ?2, email_key = ?3, name = ?4, status = ?5, reason = ?6, cadence = ?7, categories = ?8, position_id = ?9,
		paused_until = ?10, undo = ?11, nonce_expires_at = ?12, notified_at = ?13, created_at = ?14, confirmed_at = ?15, unsubscribed_at = ?16, source = ?17, cause = ?18, suppressed_at = ?19, asked = ?20, asked_since = ?21, new_email = ?22, former_ids = ?23
		WHERE id = ?24`, append(args, before.ID)...)
	return before.ID, err
}

// nextSubscriber is the id of a new one: SQLite would reuse that of the newest once it
// is erased.
const nextSubscriber = `SELECT max(coalesce((SELECT max(id) FROM subscribers), 0), (SELECT value FROM counters WHERE name = 'forgotten')) + 1`

// position returns a subscriber's position after a change; it is worked out once for
// all new readers who chose the same.
func (e *editing) position(ctx context.Context, before storedSubscriber, s subscribers.Subscriber, startWith int) (int64, error) {
	if e.many == nil || before.ID != 0 || s.Status != subscribers.Confirmed {
		return positionAfter(ctx, e.tx, before, s, startWith)
	}
	choice := start{startWith, strings.Join(s.Categories, " ")}
	if at, ok := e.many.starts[choice]; ok {
		return at, nil
	}
	at, err := positionAfter(ctx, e.tx, before, s, startWith)
	e.many.starts[choice] = at
	return at, err
}

// positionAfter adapts a subscriber's position to the categories they choose. One who is
// suppressed may be confirmed again with all that is unread: for them, too, a category
// begins when it is chosen.
func positionAfter(ctx context.Context, tx *sql.Tx, before storedSubscriber, s subscribers.Subscriber, startWith int) (int64, error) {
	if before.ID == 0 {
		before.position = 1 // the empty one
	}
	if s.Status != subscribers.Confirmed && !(s.Status == subscribers.Suppressed && before.Status == subscribers.Suppressed) {
		return before.position, nil
	}
	was, err := position(ctx, tx, before.position)
	if err != nil {
		return 0, err
	}
	if s.Status == subscribers.Confirmed && before.Status != subscribers.Confirmed {
		start, err := startPosition(ctx, tx, s.Categories, startWith)
		if err != nil {
			return 0, err
		}
		return intern(ctx, tx, was.Merge(start))
	}
	var added []string
	for _, c := range s.Categories {
		if !slices.Contains(before.Categories, c) {
			added = append(added, c)
		}
	}
	if len(added) == 0 {
		return before.position, nil
	}
	head, err := headOf(ctx, tx)
	if err != nil {
		return 0, err
	}
	return intern(ctx, tx, was.Advance(head, added))
}
