package database

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/scaledbydesign/insights/newsletter"
)

const lastSlotQuery = `SELECT CASE WHEN last.due_at > since THEN last.due_at ELSE since END FROM schedules,
	(SELECT coalesce(max(due_at), 0) AS due_at FROM slots WHERE schedule = ?1 AND outcome NOT IN ('planning', 'failing')) last WHERE name = ?1`

// LastSlot implements newsletter.OverdueStore.
func (db *DB) LastSlot(ctx context.Context, schedule string) (time.Time, error) {
	var since int64
	err := db.reader.QueryRowContext(ctx, lastSlotQuery, schedule).Scan(&since)
	if errors.Is(err, sql.ErrNoRows) {
		return time.Time{}, nil
	}
	return fromMillis(since), explain(err)
}

// Since implements newsletter.SlotStore.
func (db *DB) Since(ctx context.Context, schedule string, at time.Time) (time.Time, error) {
	if since, err := db.LastSlot(ctx, schedule); err != nil || !since.IsZero() {
		return since, err
	}
	var since int64
	err := db.write(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, "INSERT INTO schedules (name, since) VALUES (?1, ?2) ON CONFLICT (name) DO NOTHING", schedule, millis(at)); err != nil {
			return err
		}
		return tx.QueryRowContext(ctx, lastSlotQuery, schedule).Scan(&since)
	})
	return fromMillis(since), err
}

// Define implements newsletter.SlotStore.
func (db *DB) Define(ctx context.Context, schedule, times string, at time.Time) (changed bool, err error) {
	err = db.write(ctx, func(tx *sql.Tx) error {
		changed = false
		var before string
		err := tx.QueryRowContext(ctx, "SELECT times FROM schedules WHERE name = ?1 /*pg FOR UPDATE */", schedule).Scan(&before)
		if errors.Is(err, sql.ErrNoRows) {
			_, err = tx.ExecContext(ctx, "INSERT INTO schedules (name, since, times) VALUES (?1, ?2, ?3) ON CONFLICT (name) DO NOTHING", schedule, millis(at), times)
			return err
		}
		if err != nil || before == times {
			return err
		}
		changed = newsletter.Restarts(before, times)
		_, err = tx.ExecContext(ctx, "UPDATE schedules SET times = ?2, since = CASE CAST(?4 AS BIGINT) WHEN 1 THEN ?3 ELSE since END WHERE name = ?1", schedule, times, millis(at), oneIf(changed))
		return err
	})
	return changed, err
}

// RecordSlots implements newsletter.SlotStore.
func (db *DB) RecordSlots(ctx context.Context, slots ...newsletter.SlotRecord) error {
	if len(slots) == 0 {
		return nil
	}
	return db.write(ctx, func(tx *sql.Tx) error {
		for _, r := range slots {
			if _, err := recordSlot(ctx, tx, r); err != nil {
				return err
			}
		}
		return nil
	})
}

// ClaimSlot implements newsletter.SlotStore.
func (db *DB) ClaimSlot(ctx context.Context, slot newsletter.SlotRecord) (claimed bool, err error) {
	err = db.write(ctx, func(tx *sql.Tx) error {
		claimed = false
		if err := lockFor(ctx, tx, "slots of "+slot.Schedule); err != nil {
			return err
		}
		var another bool // of the same readers: each plan would miss what the other brings them
		err := tx.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM slots WHERE schedule = ?1 AND key <> ?2 AND outcome = 'planning'
			AND planner <> ?3 AND planner IN (SELECT id FROM daemons))`, slot.Schedule, slot.Key, slot.Planner).Scan(&another)
		if err != nil || another {
			return err
		}
		if claimed, err = recordSlot(ctx, tx, slot); err != nil || !claimed {
			return err
		}
		_, err = tx.ExecContext(ctx, "DELETE FROM digests WHERE state = 'planning' AND schedule = ?1 AND slot = ?2", slot.Schedule, slot.Key)
		return err
	})
	return claimed && err == nil, err
}

// recordSlot stores a slot, combined with what is already recorded of it.
func recordSlot(ctx context.Context, tx *sql.Tx, r newsletter.SlotRecord) (recorded bool, err error) {
	n, err := affected(tx.ExecContext(ctx, "INSERT INTO slots (schedule, key, due_at, outcome, reason, digest_id, planner, at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT (schedule, key) DO NOTHING", slotValues(r)...))
	if err != nil || n == 1 {
		return err == nil, err
	}
	before, err := scanSlot(tx.QueryRowContext(ctx, slotColumns+"WHERE schedule = ?1 AND key = ?2 /*pg FOR UPDATE */", r.Schedule, r.Key))
	if err != nil {
		return false, err
	}
	kept, changed := r.After(before)
	if !changed {
		return false, nil
	}
	_, err = tx.ExecContext(ctx, "UPDATE slots SET due_at = ?3, outcome = ?4, reason = ?5, digest_id = ?6, planner = ?7, at = ?8 WHERE schedule = ?1 AND key = ?2", slotValues(kept)...)
	return err == nil, err
}

func slotValues(r newsletter.SlotRecord) []any {
	if r.Outcome != newsletter.SlotPlanning {
		r.Planner = ""
	}
	return []any{r.Schedule, r.Key, millis(r.Due), string(r.Outcome), string(r.Reason), sql.NullInt64{Int64: r.Digest, Valid: r.Digest != 0}, r.Planner, millis(r.At)}
}

// A daemon that stopped is forgotten, and plans nothing any more.
const slotColumns = `SELECT schedule, key, due_at, outcome, reason, coalesce(digest_id, 0),
	CASE WHEN planner IN (SELECT id FROM daemons) THEN planner ELSE '' END, at FROM slots `

func scanSlot(row interface{ Scan(...any) error }) (r newsletter.SlotRecord, err error) {
	err = row.Scan(&r.Schedule, &r.Key, instant(&r.Due), &r.Outcome, &r.Reason, &r.Digest, &r.Planner, instant(&r.At))
	return r, err
}

// Slot implements newsletter.SlotStore.
func (db *DB) Slot(ctx context.Context, schedule, key string) (newsletter.SlotRecord, bool, error) {
	r, err := scanSlot(db.reader.QueryRowContext(ctx, slotColumns+"WHERE schedule = ?1 AND key = ?2", schedule, key))
	if errors.Is(err, sql.ErrNoRows) {
		return newsletter.SlotRecord{}, false, nil
	}
	return r, err == nil, explain(err)
}

// Slots implements newsletter.SlotStore.
func (db *DB) Slots(ctx context.Context, limit int) ([]newsletter.SlotRecord, error) {
	var slots []newsletter.SlotRecord
	err := each(ctx, db.reader, func(rows *sql.Rows) error {
		r, err := scanSlot(rows)
		slots = append(slots, r)
		return err
	}, slotColumns+"ORDER BY due_at DESC, schedule LIMIT ?1", limit)
	return slots, explain(err)
}
