package database

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/scaledbydesign/insights/subscribers"
)

// errDry ends a transaction that was only tried.
var errDry = errors.New("nothing is to be stored")

// EditAll implements subscribers.Store. It goes by the order of keys, so that pages of
// their index come one after the other, in parts: the known subscribers of a part
// are read together, and the new ones stored together. One by one, each would wait four
// times for an answer of the server.
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
		n := min(askedFor[0], len(order))
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
			if keys[i] == last { // what is read no longer holds
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

// many is what EditAll keeps.
type many struct {
	starts map[start]int64 // positions of new readers, by what they chose
	added  []added         // not yet stored
	asked  bool            // whether insights are numbered
}

// start is what the position of a new reader depends on.
type start struct {
	with       int
	categories string
}

// added is a new subscriber that waits to be stored.
type added struct {
	id     int64
	sub    subscribers.Subscriber
	change subscribers.Change
}

// load reads the known subscribers of a part, and the suppressions of the other keys.
func (e *editing) load(ctx context.Context, part []int, all []string) (map[string]storedSubscriber, error) {
	keys := make([]string, len(part))
	for i, at := range part {
		keys[i] = all[at]
	}
	keys = slices.Compact(keys)
	found := make(map[string]storedSubscriber)
	err := in(ctx, e.tx, "SELECT "+subscriberColumns+" FROM subscribers s WHERE s.email_key IN (", ") ORDER BY s.id /*pg FOR UPDATE */", keys, func(rows *sql.Rows) error {
		var s storedSubscriber
		var times times
		if err := rows.Scan(s.fields(&times)...); err != nil {
			return err
		}
		if err := s.finish(e.bits, times); err != nil {
			return err
		}
		found[s.Address.Key()] = s
		return nil
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
		hash, err := e.db.suppressionHash(ctx, e.tx, key)
		if err != nil {
			return nil, err
		}
		hashes = append(hashes, hash)
		byHash[hash] = key
	}
	return found, in(ctx, e.tx, "SELECT hash, status, cause, reason, at, unsubscribed_at FROM suppressions WHERE hash IN (", ")", hashes, func(rows *sql.Rows) error {
		var hash string
		var at, no int64
		var s storedSubscriber
		err := rows.Scan(&hash, &s.Status, &s.Cause, &s.Reason, &at, &no)
		fromSuppression(&s.Subscriber, at, no)
		found[byHash[hash]] = s
		return err
	})
}

// in runs a query for groups of words. A group that is not full is filled up with the
// last of them.
func in(ctx context.Context, tx *sql.Tx, before, after string, words []string, scan func(*sql.Rows) error) error {
	for len(words) > 0 {
		size := groupSize(askedFor, len(words))
		group := words[:min(size, len(words))]
		words = words[len(group):]
		args := make([]any, size)
		for i := range args {
			args[i] = group[min(i, len(group)-1)]
		}
		if err := each(ctx, tx, scan, before+tuple(0, size)+after, args...); err != nil {
			return err
		}
	}
	return nil
}

// groupSize is the largest size that n fills, or the smallest there is.
func groupSize(sizes []int, n int) int {
	if i := slices.IndexFunc(sizes, func(size int) bool { return size <= n }); i >= 0 {
		return sizes[i]
	}
	return sizes[len(sizes)-1]
}

// tuple is "?4, ?5, ?6" for those after 3.
func tuple(after, n int) string {
	var b strings.Builder
	for i := range n {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteByte('?')
		b.WriteString(strconv.Itoa(after + i + 1))
	}
	return b.String()
}

// flush stores those that wait for it, with ids in the order of their keys: the rows,
// too, then come one after the other.
func (e *editing) flush(ctx context.Context) error {
	rows := e.many.added
	e.many.added = rows[:0]
	if len(rows) == 0 {
		return nil
	}
	if !e.many.asked { // what it says holds until this ends
		var err error
		if e.numbered, err = numberedAlready(ctx, e.tx); err != nil {
			return err
		}
		e.many.asked = true
	}
	ids, err := e.newIDs(ctx, len(rows))
	if err != nil {
		return err
	}
	for i := range rows {
		rows[i].id = ids[i]
	}
	var stored, events []any
	for _, a := range rows {
		values, err := e.values(ctx, storedSubscriber{}, a.sub, a.change.StartWith)
		if err != nil {
			return err
		}
		startWith := int64(-1)
		if a.sub.Status == subscribers.Confirmed && !e.numbered {
			startWith = int64(a.change.StartWith)
		}
		stored = append(append(stored, values...), startWith, a.id)
		events = append(events, eventValues(a.id, a.change.Event)...)
	}
	if err := e.insertRows(ctx, insertSubscriber+", start_with, id) ", len(rows), stored); err != nil {
		return err
	}
	return e.insertRows(ctx, insertEvent, len(rows), events)
}

func (e *editing) insertRows(ctx context.Context, into string, rows int, values []any) error {
	return e.db.engine.insertRows(ctx, e.tx, into, len(values)/rows, values)
}

// newIDs are ids for so many new subscribers, in ascending order.
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
