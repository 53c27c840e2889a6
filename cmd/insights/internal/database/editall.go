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
// waited for four times each.
func (db *DB) EditAll(ctx context.Context, keys []string, dry bool, change func(i int, s *subscribers.Subscriber) (subscribers.Change, error)) error {
	err := db.write(ctx, func(tx *sql.Tx) error {
		e := editing{db: db, tx: tx, lastID: db.engine.oneWriter(), many: &many{starts: make(map[start]int64)}}
		if err := e.begin(ctx); err != nil {
			return err
		}
		stored, err := e.load(ctx, keys)
		if err != nil {
			return err
		}
		seen := make(map[string]bool, len(keys))
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
			seen[key] = true
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

// many is what EditAll keeps.
type many struct {
	starts map[start]int64 // positions of new readers, by what they chose
	added  []added         // not yet stored
}

// start is what the position of a new reader depends on.
type start struct {
	with       int
	categories string
}

// added is a new subscriber that waits to be stored.
type added struct {
	values  []any
	key     string
	event   subscribers.Event
	counted int // start_with, if no insight is numbered yet; else -1
}

// Rows are asked for, and stored, in groups of a few sizes, so that few statements are
// prepared.
var (
	askedFor = []int{500, 20}
	stored   = []int{100, 10, 1}
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
		if _, ok := byHash[hash]; !ok {
			hashes, byHash[hash] = append(hashes, hash), key
		}
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

// later keeps a new subscriber, to be stored with others.
func (e *editing) later(ctx context.Context, s subscribers.Subscriber, change subscribers.Change) error {
	values, err := e.values(ctx, storedSubscriber{}, s, change.StartWith)
	if err != nil {
		return err
	}
	a := added{values: values, key: s.Address.Key(), event: change.Event, counted: -1}
	if s.Status == subscribers.Confirmed && !e.numbered {
		if e.numbered, err = numberedAlready(ctx, e.tx); err != nil {
			return err
		}
		if !e.numbered {
			a.counted = change.StartWith
		}
	}
	e.many.added = append(e.many.added, a)
	return nil
}

// flush stores those that wait for it.
func (e *editing) flush(ctx context.Context) error {
	rows := e.many.added
	e.many.added = nil
	var next int64
	if e.lastID && len(rows) > 0 {
		if err := e.tx.QueryRowContext(ctx, nextSubscriber).Scan(&next); err != nil {
			return err
		}
	}
	for len(rows) > 0 {
		group := rows[:groupSize(stored, len(rows))]
		rows = rows[len(group):]
		ids, err := e.insert(ctx, group, next)
		if err != nil {
			return err
		}
		if err := e.insertEvents(ctx, group, ids); err != nil {
			return err
		}
		next += int64(len(group))
	}
	return nil
}

// insert stores subscribers and returns their ids.
func (e *editing) insert(ctx context.Context, group []added, next int64) ([]int64, error) {
	ids := make([]int64, len(group))
	place := make(map[string]int, len(group))
	tuples := make([]string, len(group))
	var args []any
	for i, a := range group {
		before := len(args)
		args = append(append(args, a.values...), a.counted)
		place[a.key] = i
		if e.lastID {
			ids[i] = next + int64(i)
			args = append(args, ids[i])
		}
		tuples[i] = "(" + tuple(before, len(args)-before) + ")"
	}
	if e.lastID {
		_, err := e.tx.ExecContext(ctx, insertSubscriber+", start_with, id) VALUES "+strings.Join(tuples, ", "), args...)
		return ids, err
	}
	err := each(ctx, e.tx, func(rows *sql.Rows) error {
		var id int64
		var key string
		err := rows.Scan(&id, &key)
		ids[place[key]] = id
		return err
	}, insertSubscriber+", start_with) VALUES "+strings.Join(tuples, ", ")+" RETURNING id, email_key", args...)
	return ids, err
}

func (e *editing) insertEvents(ctx context.Context, group []added, ids []int64) error {
	var args []any
	var tuples []string
	for i, a := range group {
		if a.event.What != "" {
			tuples = append(tuples, "("+tuple(len(args), 7)+")")
			args = append(args, eventValues(ids[i], a.event)...)
		}
	}
	if len(tuples) == 0 {
		return nil
	}
	_, err := e.tx.ExecContext(ctx, "INSERT INTO events (subscriber_id, at, what, source, client, version, detail) VALUES "+strings.Join(tuples, ", "), args...)
	return err
}
