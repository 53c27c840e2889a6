package database

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strconv"
	"sync"

	"github.com/scaledbydesign/insights/newsletter"
)

// audience chooses subscribers s: ?1 now, ?2 cadence, ?3 one subscriber.
const audience = `s.status = 'confirmed' AND s.paused_until <= ?1 AND (CAST(?2 AS TEXT) = '' OR s.cadence = ?2) AND (CAST(?3 AS BIGINT) = 0 OR s.id = ?3)`

// onTheWay is a delivery o that may still bring its insights to subscriber s. A
// digest that nobody has approved is no promise yet.
const onTheWay = `o.subscriber_id = s.id AND o.open = 1
	AND (o.state = 'uncertain' OR EXISTS (SELECT 1 FROM digests od WHERE od.id = o.digest_id AND od.state IN ('approved', 'sending', 'paused')))`

// These look at every reader, or every mail on its way, once for a plan. The OFFSET
// keeps PostgreSQL from joining a table that it takes for empty, while it grows, row
// by row.
const (
	groupsQuery = `WITH chosen AS (SELECT s.categories, s.position_id, count(*) AS readers FROM subscribers s
		WHERE ` + audience + ` AND NOT EXISTS (SELECT 1 FROM deliveries o WHERE ` + onTheWay + `)
		GROUP BY s.categories, s.position_id)
		SELECT c.categories, c.position_id, c.readers, p.vector FROM chosen c JOIN positions p ON p.id = c.position_id
		ORDER BY c.categories, c.position_id`
	busyQuery = `SELECT s.id, s.categories, s.position_id, p.vector, t.id, t.vector
			FROM deliveries o JOIN subscribers s ON ` + onTheWay + `
			JOIN positions p ON p.id = s.position_id JOIN positions t ON t.id = o.target_id
			WHERE ` + audience + ` ORDER BY s.id, o.digest_id`
	addGroupsStatement = `INSERT INTO deliveries (digest_id, subscriber_id, variant, categories, base_id, target_id, state, updated_at)
		SELECT ?4, s.id, g.variant, s.categories, s.position_id, g.target_id, 'pending', ?1
		FROM subscribers s JOIN digest_groups g ON g.digest_id = ?4 AND g.categories = s.categories AND g.position_id = s.position_id
		WHERE ` + audience + ` AND s.id >= ?5 AND s.id < ?6
		AND NOT EXISTS (SELECT 1 FROM deliveries o WHERE ` + onTheWay + ` LIMIT 1 OFFSET 0)
		ORDER BY s.id`
)

// Groups implements newsletter.PlanStore.
func (db *DB) Groups(ctx context.Context, a newsletter.Audience) ([]newsletter.Group, error) {
	b, err := readBits(ctx, db.reader)
	if err != nil {
		return nil, explain(err)
	}
	var groups []newsletter.Group
	err = each(ctx, db.reader, func(rows *sql.Rows) error {
		var g newsletter.Group
		var vector string
		if err := rows.Scan(&g.Key.Mask, &g.Key.Position, &g.Readers, &vector); err != nil {
			return err
		}
		g.Categories = b.slugs(g.Key.Mask)
		g.Position, err = newsletter.ParsePosition(vector)
		groups = append(groups, g)
		return err
	}, groupsQuery, now(), string(a.Cadence), a.Subscriber)
	return groups, explain(err)
}

// Busy implements newsletter.PlanStore.
func (db *DB) Busy(ctx context.Context, a newsletter.Audience) iter.Seq2[newsletter.Busy, error] {
	return func(yield func(newsletter.Busy, error) bool) {
		b, err := readBits(ctx, db.reader)
		if err != nil {
			yield(newsletter.Busy{}, explain(err))
			return
		}
		rows, err := db.reader.QueryContext(ctx, busyQuery, now(), string(a.Cadence), a.Subscriber)
		if err != nil {
			yield(newsletter.Busy{}, explain(err))
			return
		}
		defer rows.Close()
		reading := busyReading{bits: b, known: make(map[newsletter.GroupKey]newsletter.Busy)}
		for rows.Next() {
			var next busyRow
			if err := rows.Scan(&next.subscriber, &next.mask, &next.position, &next.at, &next.target, &next.takesTo); err != nil {
				yield(newsletter.Busy{}, explain(err))
				return
			}
			if len(reading.rows) > 0 && reading.rows[0].subscriber != next.subscriber && !yield(reading.reader()) {
				return
			}
			reading.rows = append(reading.rows, next)
		}
		if err := rows.Err(); err != nil {
			yield(newsletter.Busy{}, explain(err))
		} else if len(reading.rows) > 0 {
			yield(reading.reader())
		}
	}
}

// busyRow is a mail on its way to a reader.
type busyRow struct {
	subscriber, mask, position, target int64
	at, takesTo                        string // the vectors of position and target
}

// busyReading puts together the rows of one reader after the other. Many readers are
// alike, so what they have in common is worked out once and shared.
type busyReading struct {
	bits  bits
	rows  []busyRow // of one reader
	known map[newsletter.GroupKey]newsletter.Busy
}

// reader is whose rows have been read.
func (r *busyReading) reader() (newsletter.Busy, error) {
	rows := r.rows
	r.rows = r.rows[:0]
	var way []byte
	for _, row := range rows {
		way = append(strconv.AppendInt(way, row.target, 10), ' ')
	}
	key := newsletter.GroupKey{Mask: rows[0].mask, Position: rows[0].position, OnTheWay: string(way)}
	reader, known := r.known[key]
	if !known {
		reader = newsletter.Busy{Key: key, Categories: r.bits.slugs(key.Mask)}
		var err error
		if reader.Position, err = newsletter.ParsePosition(rows[0].at); err != nil {
			return reader, err
		}
		for _, row := range rows {
			target, err := newsletter.ParsePosition(row.takesTo)
			if err != nil {
				return reader, err
			}
			reader.OnTheWay = reader.OnTheWay.Merge(target)
		}
		r.known[key] = reader
	}
	reader.Subscriber = rows[0].subscriber
	return reader, nil
}

// Begin implements newsletter.PlanStore. Digests that an earlier process left in
// planning are discarded first.
func (db *DB) Begin(ctx context.Context, d newsletter.Digest) (id int64, err error) {
	items, err := json.Marshal(d.Items)
	if err != nil {
		return 0, err
	}
	err = db.write(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, "DELETE FROM digests WHERE state = 'planning' AND created_at < ?1", now()-abandonedAfter.Milliseconds()); err != nil {
			return err
		}
		return tx.QueryRowContext(ctx, `INSERT INTO digests (uid, state, cadence, category, only_id, schedule, slot, subject, intro, cutoff, max_items, hash, items, created_at, not_before)
			VALUES (?1, 'planning', ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14) RETURNING id`,
			d.UID, string(d.Cadence), d.Category, d.Only, d.Schedule, d.Slot, d.Subject, d.Intro, d.Cutoff, d.MaxItems, d.Hash, string(items), millis(d.CreatedAt), millis(d.NotBefore)).Scan(&id)
	})
	return id, err
}

// planChunk is how many subscribers one transaction covers, so that others can
// write in between and the write-ahead log stays small.
const planChunk = 20_000

// AddGroups implements newsletter.PlanStore.
func (db *DB) AddGroups(ctx context.Context, digest int64, a newsletter.Audience, groups []newsletter.PlannedGroup) error {
	if len(groups) == 0 {
		return nil
	}
	var last int64
	err := db.write(ctx, func(tx *sql.Tx) error {
		for _, g := range groups {
			target, err := intern(ctx, tx, g.Target)
			if err != nil {
				return err
			}
			_, err = tx.ExecContext(ctx, "INSERT INTO digest_groups (digest_id, categories, position_id, variant, target_id) VALUES (?1, ?2, ?3, ?4, ?5)",
				digest, g.Key.Mask, g.Key.Position, g.Variant, target)
			if err != nil {
				return err
			}
		}
		return tx.QueryRowContext(ctx, "SELECT coalesce(max(id), 0) FROM subscribers").Scan(&last)
	})
	if err != nil {
		return err
	}
	chunks := make(chan int64)
	errs := make(chan error, db.engine.planners())
	var all sync.WaitGroup
	for range db.engine.planners() {
		all.Go(func() {
			for from := range chunks {
				if err := db.addChunk(ctx, digest, a, from); err != nil {
					errs <- err
					return
				}
			}
		})
	}
	for from := int64(0); from <= last && err == nil; from += db.planChunk {
		select {
		case chunks <- from:
		case err = <-errs:
		}
	}
	close(chunks)
	all.Wait()
	close(errs)
	return errors.Join(err, <-errs)
}

func (db *DB) addChunk(ctx context.Context, digest int64, a newsletter.Audience, from int64) error {
	return db.bookkeep(ctx, func(tx *sql.Tx) error {
		if err := keepDigest(ctx, tx, digest); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, addGroupsStatement, now(), string(a.Cadence), a.Subscriber, digest, from, from+db.planChunk)
		return err
	})
}

// AddReaders implements newsletter.PlanStore.
func (db *DB) AddReaders(ctx context.Context, digest int64, readers newsletter.PlannedReaders) error {
	for some := range slices.Chunk(readers.Subscribers, int(db.planChunk)) {
		err := db.bookkeep(ctx, func(tx *sql.Tx) error {
			if err := keepDigest(ctx, tx, digest); err != nil {
				return err
			}
			base, err := intern(ctx, tx, readers.Base)
			if err != nil {
				return err
			}
			target, err := intern(ctx, tx, readers.Target)
			if err != nil {
				return err
			}
			return store(ctx, db, tx, &addReadersBatch, []any{digest, readers.Variant, readers.Key.Mask, base, target, now()}, some, func(args []any, id int64) []any {
				return append(args, id)
			})
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// addReadersBatch plans mails to readers one by one.
var addReadersBatch = batch{
	columns: []column{{"subscriber", integer}},
	fixed:   6,
	text: `INSERT INTO deliveries (digest_id, subscriber_id, variant, categories, base_id, target_id, state, updated_at)
		SELECT ?1, s.id, ?2, ?3, ?4, ?5, 'pending', ?6 FROM subscribers s WHERE s.status = 'confirmed' AND EXISTS (SELECT 1 FROM digests WHERE id = ?1)
		AND s.id IN (SELECT v.subscriber FROM v
		) ON CONFLICT (digest_id, subscriber_id) DO NOTHING`,
}

// Freeze implements newsletter.PlanStore.
func (db *DB) Freeze(ctx context.Context, d newsletter.Digest, slot *newsletter.SlotRecord) (newsletter.Digest, error) {
	var frozen newsletter.Digest
	taken := false
	err := db.write(ctx, func(tx *sql.Tx) error {
		if slot != nil {
			slot.Digest = d.ID
			recorded, err := recordSlot(ctx, tx, *slot)
			if err != nil {
				return err
			}
			if taken = !recorded; taken {
				return discard(ctx, tx, d.ID)
			}
		}
		if err := addVariants(ctx, tx, d); err != nil {
			return err
		}
		at, approved := now(), int64(0)
		if d.State == newsletter.DigestApproved {
			approved = at
		}
		n, err := affected(tx.ExecContext(ctx, `UPDATE digests SET state = ?2, planned_at = ?3, approved_at = ?4,
			readers = (SELECT count(*) FROM deliveries WHERE digest_id = ?1) WHERE id = ?1 AND state = 'planning'`, d.ID, string(d.State), at, approved))
		if err != nil {
			return err
		}
		if n == 0 {
			return fmt.Errorf("digest %d was discarded while it was planned: %w", d.ID, newsletter.ErrState)
		}
		if _, err := tx.ExecContext(ctx, "DELETE FROM digest_groups WHERE digest_id = ?1", d.ID); err != nil {
			return err
		}
		frozen, err = digest(ctx, tx, d.ID)
		return err
	})
	switch {
	case err == nil && taken:
		err = newsletter.ErrSlotTaken
	case err == nil && frozen.Readers >= analyzeFrom:
		// Without it PostgreSQL takes the table for what it was before this digest. A
		// plan stands without it.
		_, _ = db.writer.ExecContext(ctx, "/*pg ANALYZE deliveries */")
	}
	return frozen, err
}

// analyzeFrom is from how many readers on a digest changes what a table looks like.
const analyzeFrom = 1000

func addVariants(ctx context.Context, tx *sql.Tx, d newsletter.Digest) error {
	readers := make(map[int]int)
	err := each(ctx, tx, func(rows *sql.Rows) error {
		var variant, n int
		err := rows.Scan(&variant, &n)
		readers[variant] = n
		return err
	}, "SELECT variant, count(*) FROM deliveries WHERE digest_id = ?1 GROUP BY variant", d.ID)
	if err != nil {
		return err
	}
	for _, v := range d.Variants {
		if readers[v.Number] == 0 {
			continue
		}
		v.Readers = readers[v.Number]
		if err := addVariant(ctx, tx, d.ID, v); err != nil {
			return err
		}
	}
	return nil
}

func addVariant(ctx context.Context, tx *sql.Tx, digest int64, v newsletter.Variant) error {
	seqs, err := json.Marshal(v.Seqs)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, "INSERT INTO variants (digest_id, number, seqs, readers) VALUES (?1, ?2, ?3, ?4)", digest, v.Number, string(seqs), v.Readers)
	return err
}

// Discard implements newsletter.PlanStore.
func (db *DB) Discard(ctx context.Context, digest int64) error {
	return db.write(ctx, func(tx *sql.Tx) error { return discard(ctx, tx, digest) })
}

func discard(ctx context.Context, tx *sql.Tx, digest int64) error {
	_, err := tx.ExecContext(ctx, "DELETE FROM digests WHERE id = ?1 AND state = 'planning'", digest)
	return err
}
