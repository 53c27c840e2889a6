package database

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"strings"

	"github.com/scaledbydesign/insights/subscribers"
)

// errDry rolls back the transaction of a dry run.
var errDry = errors.New("nothing is to be stored")

// EditAll implements subscribers.Store. It works in the order of keys, so that index
// pages are visited in sequence, and in parts: the known subscribers of a part are read
// together, and the new ones stored together. One by one, each would take four round
// trips.
func (db *DB) EditAll(ctx context.Context, keys []string, dry bool, change func(i int, s *subscribers.Subscriber) (subscribers.Change, error)) error {
	err := db.write(ctx, func(tx *sql.Tx) error {
		if err := db.engine.expectMany(ctx, tx); err != nil {
			return err
		}
		e := editing{db: db, tx: tx, lastID: db.engine.oneWriter(), many: &many{starts: make(map[start]int64)}}
		if err := e.editAll(ctx, keys, dry, change); err != nil {
			return err
		}
		if dry {
			return errDry
		}
		return nil
	})
	if errors.Is(err, errDry) {
		return nil
	}
	return err
}

func (e *editing) editAll(ctx context.Context, keys []string, dry bool, change func(i int, s *subscribers.Subscriber) (subscribers.Change, error)) error {
	if err := e.begin(ctx); err != nil {
		return err
	}
	order := make([]int, len(keys))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(i, j int) int { return strings.Compare(keys[i], keys[j]) })
	for len(order) > 0 {
		n := min(editPart, len(order))
		for n < len(order) && keys[order[n]] == keys[order[n-1]] {
			n++ // a dry run stores nothing that the next part could see
		}
		part := order[:n]
		order = order[n:]
		stored, err := e.load(ctx, part, keys)
		if err != nil {
			return err
		}
		last := ""
		for _, i := range part {
			do := func(s *subscribers.Subscriber) (subscribers.Change, error) { return change(i, s) }
			if keys[i] == last { // what was read is stale
				if err = e.flush(ctx); err == nil {
					_, err = e.edit(ctx, keys[i], do)
				}
			} else {
				_, err = e.apply(ctx, stored[keys[i]], do)
			}
			if err != nil {
				return err
			}
			last = keys[i]
		}
		if dry {
			e.many.added = e.many.added[:0]
		}
		if err := e.flush(ctx); err != nil {
			return err
		}
	}
	return nil
}

// many is the state of EditAll.
type many struct {
	starts        map[start]int64 // positions of new readers, by what they chose
	added         []added         // not stored yet
	numberedKnown bool            // whether numberedAlready was asked
}

// start is what the position of a new reader depends on.
type start struct {
	with       int
	categories string
}

// added is a new subscriber that is not stored yet.
type added struct {
	id     int64
	sub    subscribers.Subscriber
	change subscribers.Change
}

var (
	readersByKey = batch{
		columns: columnsOf("email_key", text),
		text:    "SELECT " + subscriberColumns + " FROM v CROSS JOIN subscribers s WHERE s.email_key = v.email_key ORDER BY s.id /*pg FOR UPDATE OF s */",
	}
	suppressionsByHash = batch{
		columns: columnsOf("hash", text),
		text:    "SELECT p.hash, p.status, p.cause, p.reason, p.at, p.unsubscribed_at FROM v CROSS JOIN suppressions p WHERE p.hash = v.hash",
	}
)

// oneValue appends a row with one value.
func oneValue(args []any, value string) []any { return append(args, value) }

// load reads the known subscribers of a part, and the suppressions of the other keys.
func (e *editing) load(ctx context.Context, part []int, all []string) (map[string]storedSubscriber, error) {
	keys := make([]string, len(part))
	for i, at := range part {
		keys[i] = all[at]
	}
	keys = slices.Compact(keys)
	found := make(map[string]storedSubscriber)
	err := find(ctx, e.db, e.tx, &readersByKey, nil, keys, oneValue, func(rows *sql.Rows) error {
		s, err := scanSubscriber(rows.Scan, e.bits)
		found[s.Address.Key()] = s
		return err
	})
	if err != nil {
		return nil, err
	}
	var hashes []string
	byHash := make(map[string]string)
	for _, key := range keys {
		if _, ok := found[key]; ok {
			continue
		}
		for _, form := range append(subscribers.FormerKeys(key), key) {
			hash, err := e.db.suppressionHash(ctx, e.tx, form)
			if err != nil {
				return nil, err
			}
			hashes = append(hashes, hash)
			byHash[hash] = key
		}
	}
	return found, find(ctx, e.db, e.tx, &suppressionsByHash, nil, hashes, oneValue, func(rows *sql.Rows) error {
		var hash string
		var at, no int64
		var s storedSubscriber
		err := rows.Scan(&hash, &s.Status, &s.Cause, &s.Reason, &at, &no)
		fromSuppression(&s.Subscriber, at, no)
		all := found[byHash[hash]]
		stricter(&all.Subscriber, s.Subscriber)
		found[byHash[hash]] = all
		return err
	})
}

// groupSize returns the largest size that n fills, or the smallest.
func groupSize(sizes []int, n int) int {
	if i := slices.IndexFunc(sizes, func(size int) bool { return size <= n }); i >= 0 {
		return sizes[i]
	}
	return sizes[len(sizes)-1]
}

// flush stores the added subscribers, with ids in the order of their keys, so that the
// rows are written in sequence, too.
func (e *editing) flush(ctx context.Context) error {
	rows := e.many.added
	e.many.added = rows[:0]
	if len(rows) == 0 {
		return nil
	}
	if !e.many.numberedKnown { // the answer holds until the transaction ends
		var err error
		if e.numbered, err = numberedAlready(ctx, e.tx); err != nil {
			return err
		}
		e.many.numberedKnown = true
	}
	ids, err := e.newIDs(ctx, len(rows))
	if err != nil {
		return err
	}
	for i := range rows {
		rows[i].id = ids[i]
	}
	var stored, events [][]any
	for _, a := range rows {
		values, err := e.values(ctx, storedSubscriber{}, a.sub, a.change.StartWith)
		if err != nil {
			return err
		}
		startWith := int64(-1)
		if a.sub.Status == subscribers.Confirmed && !e.numbered {
			startWith = int64(a.change.StartWith)
		}
		stored = append(stored, append(values, startWith, a.id))
		events = append(events, eventValues(a.id, a.change.Event))
	}
	asIs := func(args, row []any) []any { return append(args, row...) }
	if err := store(ctx, e.db, e.tx, &subscriberBatch, nil, stored, asIs); err != nil {
		return err
	}
	return store(ctx, e.db, e.tx, &eventBatch, nil, events, asIs)
}

var (
	subscriberBatch = batch{
		columns: columnsOf("public_id", text, "email", text, "email_key", text, "name", text, "status", text, "reason", text, "cadence", text, "categories", integer, "position_id", integer,
			"paused_until", integer, "undo", text, "nonce_expires_at", integer, "notified_at", integer, "created_at", integer, "confirmed_at", integer, "unsubscribed_at", integer, "source", text,
			"cause", text, "suppressed_at", integer, "asked", integer, "asked_since", integer, "new_email", text, "former_ids", text, "start_with", integer, "id", integer),
		text: insertSubscriber + ", start_with, id) SELECT * FROM v",
	}
	eventBatch = batch{
		columns: columnsOf("subscriber_id", integer, "at", integer, "what", text, "source", text, "client", text, "version", text, "detail", text),
		text:    insertEvent + "SELECT * FROM v",
	}
)

// newIDs returns ids for n new subscribers, in ascending order.
func (e *editing) newIDs(ctx context.Context, n int) ([]int64, error) {
	ids := make([]int64, 0, n)
	if e.lastID {
		var next int64
		err := e.tx.QueryRowContext(ctx, nextSubscriber).Scan(&next)
		for i := range n {
			ids = append(ids, next+int64(i))
		}
		return ids, err
	}
	err := each(ctx, e.tx, func(rows *sql.Rows) error {
		var id int64
		err := rows.Scan(&id)
		ids = append(ids, id)
		return err
	}, "WITH s AS MATERIALIZED (SELECT CAST(pg_get_serial_sequence('subscribers', 'id') AS regclass) AS name) SELECT nextval(s.name) FROM s, generate_series(1, CAST(?1 AS BIGINT))", n)
	return ids, err
}
