package database

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/scaledbydesign/insights/newsletter"
)

// abandonedAfter is when a digest that is still being planned counts as left
// behind by a process that ended.
const abandonedAfter = 15 * time.Minute

const lastSlotQuery = `SELECT coalesce((SELECT max(due_at) FROM slots WHERE schedule = ?1), since) FROM schedules WHERE name = ?1`

// LastSlot is when the newest slot on record of a schedule was due, or else when
// the schedule was first seen; zero if it never was.
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

// RecordSlot implements newsletter.SlotStore.
func (db *DB) RecordSlot(ctx context.Context, r newsletter.SlotRecord) error {
	return db.write(ctx, func(tx *sql.Tx) error {
		_, err := recordSlot(ctx, tx, r)
		return err
	})
}

func recordSlot(ctx context.Context, tx *sql.Tx, r newsletter.SlotRecord) (recorded bool, err error) {
	n, err := affected(tx.ExecContext(ctx, `INSERT INTO slots (schedule, key, due_at, outcome, reason, digest_id, at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
		ON CONFLICT (schedule, key) DO NOTHING`, r.Schedule, r.Key, millis(r.Due), string(r.Outcome), r.Reason, sql.NullInt64{Int64: r.Digest, Valid: r.Digest != 0}, millis(r.At)))
	return n == 1, err
}

// SlotTaken implements newsletter.SlotStore.
func (db *DB) SlotTaken(ctx context.Context, schedule, key string) (bool, error) {
	var n int
	err := db.reader.QueryRowContext(ctx, "SELECT count(*) FROM slots WHERE schedule = ?1 AND key = ?2", schedule, key).Scan(&n)
	return n > 0, explain(err)
}

// Slots implements newsletter.SlotStore.
func (db *DB) Slots(ctx context.Context, limit int) ([]newsletter.SlotRecord, error) {
	var slots []newsletter.SlotRecord
	err := each(ctx, db.reader, func(rows *sql.Rows) error {
		var r newsletter.SlotRecord
		var due, at int64
		if err := rows.Scan(&r.Schedule, &r.Key, &due, &r.Outcome, &r.Reason, &r.Digest, &at); err != nil {
			return err
		}
		r.Due, r.At = fromMillis(due), fromMillis(at)
		slots = append(slots, r)
		return nil
	}, "SELECT schedule, key, due_at, outcome, reason, coalesce(digest_id, 0), at FROM slots ORDER BY due_at DESC, schedule LIMIT ?1", limit)
	return slots, explain(err)
}
