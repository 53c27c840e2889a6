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

// EditAll implements subscribers.Store. Those who are on record are read together,
// and those who are new stored together: one by one, a server's answers would be
// waited for four times each. Both go by the order of their keys, so that pages of
// the index come one after the other.
func (db *DB) EditAll(ctx context.Context, keys []string, dry bool, change func(i int, s *subscribers.Subscriber) (subscribers.Change, error)) error {
	err := db.write(ctx, func(tx *sql.Tx) error {
		if err := db.engine.expectMany(ctx, tx); err != nil {
			return err
		}
		e := editing{db: db, tx: tx, lastID: db.engine.oneWriter(), many: &many{starts: make(map[start]int64)}}
		if err := e.editAll(ctx, keys, change); err != nil {
			return err
		}
		if dry {
			return errDry
		}
		return e.flush(ctx)
	})
	if errors.Is(err, errDry) {
		return nil
	}
	return err
}

func (e *editing) editAll(ctx context.Context, keys []string, change func(i int, s *subscribers.Subscriber) (subscribers.Change, error)) error {
	if err := e.begin(ctx); err != nil {
		return err
	}
	distinct := slices.Compact(slices.Sorted(slices.Values(keys)))
	stored, err := e.load(ctx, distinct)
	if err != nil {
		return err
	}
	e.many.added = make([]added, 0, len(distinct)-len(stored))
	seen := make(map[string]bool)
	for i, key := range keys {
		do := func(s *subscribers.Subscriber) (subscribers.Change, error) { return change(i, s) }
		if seen[key] { // what is read no longer holds
			if err = e.flush(ctx); err == nil {
				_, err = e.edit(ctx, key, do)
			}
		} else {
			_, err = e.apply(ctx, stored[key], do)
		}
		if err != nil {
			return err
		}
		if len(distinct) < len(keys) {
			seen[key] = true
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
	id     int64 // where ids are not the engine's
	key    string
	sub    subscribers.Subscriber
	change subscribers.Change
}

// Rows are asked for, and stored, in groups of a few sizes, so that few statements are
// prepared.
var (
	askedFor       = []int{500, 20}
	storedTogether = []int{100, 10, 1}
)

// load reads those with these keys, and what is kept of the others.
func (e *editing) load(ctx context.Context, keys []string) (map[string]storedSubscriber, error) {
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
	return found, in(ctx, e.tx, "SELECT hash, status, cause, reason, at FROM suppressions WHERE hash IN (", ")", hashes, func(rows *sql.Rows) error {
		var hash string
		var at int64
		var s storedSubscriber
		err := rows.Scan(&hash, &s.Status, &s.Cause, &s.Reason, &at)
		fromSuppression(&s.Subscriber, at)
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

// flush stores those that wait for it.
func (e *editing) flush(ctx context.Context) error {
	rows := e.many.added
	e.many.added = nil
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
	if e.lastID {
		var next int64
		if err := e.tx.QueryRowContext(ctx, nextSubscriber).Scan(&next); err != nil {
			return err
		}
		for i := range rows {
			rows[i].id = next + int64(i)
		}
		slices.SortFunc(rows, func(a, b added) int { return strings.Compare(a.key, b.key) })
	}
	for len(rows) > 0 {
		group := rows[:groupSize(storedTogether, len(rows))]
		rows = rows[len(group):]
		if err := e.insert(ctx, group); err != nil {
			return err
		}
		if err := e.insertEvents(ctx, group); err != nil {
			return err
		}
	}
	return nil
}

// insert stores subscribers and sets their ids.
func (e *editing) insert(ctx context.Context, group []added) error {
	place := make(map[string]int, len(group))
	args := make([]any, 0, 24*len(group))
	width := 0
	for i, a := range group {
		values, err := e.values(ctx, storedSubscriber{}, a.sub, a.change.StartWith)
		if err != nil {
			return err
		}
		startWith := -1
		if a.sub.Status == subscribers.Confirmed && !e.numbered {
			startWith = a.change.StartWith
		}
		args = append(append(args, values...), startWith)
		if e.lastID {
			args = append(args, a.id)
		}
		place[a.key] = i
		width = len(args) / (i + 1)
	}
	if e.lastID {
		_, err := e.tx.ExecContext(ctx, insertSubscriber+", start_with, id) VALUES "+tuples(len(group), width), args...)
		return err
	}
	return each(ctx, e.tx, func(rows *sql.Rows) error {
		var id int64
		var key string
		err := rows.Scan(&id, &key)
		group[place[key]].id = id
		return err
	}, insertSubscriber+", start_with) VALUES "+tuples(len(group), width)+" RETURNING id, email_key", args...)
}

func (e *editing) insertEvents(ctx context.Context, group []added) error {
	var args []any
	events := 0
	for _, a := range group {
		if a.change.Event.What != "" {
			args = append(args, eventValues(a.id, a.change.Event)...)
			events++
		}
	}
	if events == 0 {
		return nil
	}
	_, err := e.tx.ExecContext(ctx, "INSERT INTO events (subscriber_id, at, what, source, client, version, detail) VALUES "+tuples(events, len(args)/events), args...)
	return err
}

// tuples is "(?1, ?2), (?3, ?4)".
func tuples(rows, width int) string {
	list := make([]string, rows)
	for i := range list {
		list[i] = "(" + tuple(i*width, width) + ")"
	}
	return strings.Join(list, ", ")
}
