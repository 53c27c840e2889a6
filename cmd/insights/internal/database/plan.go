package database

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/scaledbydesign/insights/newsletter"
)

// audience is newsletter.Audience for subscribers s: ?1 now, ?2 cadence, ?3 one subscriber.
const audience = `s.status = 'confirmed' AND s.paused_until <= ?1 AND (CAST(?2 AS TEXT) = '' OR s.cadence = ?2) AND (CAST(?3 AS BIGINT) = 0 OR s.id = ?3)
	AND s.id NOT IN (` + underJudgement + `)`

// onTheWay is newsletter.OnTheWay for a delivery o to subscriber s.
const onTheWay = `o.subscriber_id = s.id AND o.open = 1
	AND (o.state = 'uncertain' OR EXISTS (SELECT 1 FROM digests od WHERE od.id = o.digest_id AND od.state IN ('approved', 'sending', 'paused')))`

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
		return tx.QueryRowContext(ctx, `INSERT INTO digests (uid, state, cadence, category, only_id, schedule, slot, subject, intro, cutoff, max_items, hash, items, created_at, not_before, manual)
			VALUES (?1, 'planning', ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15) RETURNING id`,
			d.UID, string(d.Cadence), d.Category, d.Only, d.Schedule, d.Slot, d.Subject, d.Intro, d.Cutoff, d.MaxItems, d.Hash, string(items), millis(d.CreatedAt), millis(d.NotBefore), oneIf(d.Manual)).Scan(&id)
	})
	return id, err
}

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

// addReadersBatch plans emails to readers one by one.
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
		if err := noteWithdrawn(ctx, tx, "id = ?1", d.ID); err != nil {
			return err
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
		// Without it PostgreSQL plans by statistics from before this digest. The digest is
		// valid without it.
		_, _ = db.writer.ExecContext(ctx, "/*pg ANALYZE deliveries */")
	}
	return frozen, err
}

// Discard implements newsletter.PlanStore.
func (db *DB) Discard(ctx context.Context, digest int64) error {
	return db.write(ctx, func(tx *sql.Tx) error { return discard(ctx, tx, digest) })
}

func discard(ctx context.Context, tx *sql.Tx, digest int64) error {
	_, err := tx.ExecContext(ctx, "DELETE FROM digests WHERE id = ?1 AND state = 'planning'", digest)
	return err
}
