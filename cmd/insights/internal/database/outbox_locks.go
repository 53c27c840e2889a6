package database

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/scaledbydesign/insights/newsletter"
)

// beginRecord runs before a worker's entries are recorded. Where one transaction writes
// at a time, it counts them, so that an older copy of the file is recognised. On a
// server it takes the locks that make the rest as safe as if there were only one:
//
//   - the digests of emails to be retried, so that none is put back into a digest
//     that is being cancelled;
//   - the readers, so that no two emails to one are in flight together, nobody who
//     has just left gets one, and positions move one after the other.
//
// Each in the order of its ids, so that two workers cannot deadlock.
func (db *DB) beginRecord(ctx context.Context, tx *sql.Tx, entries []newsletter.Entry) error {
	if db.engine.oneWriter() {
		_, err := tx.ExecContext(ctx, "UPDATE counters SET value = value + ?1 WHERE name = 'recorded'", len(entries))
		return err
	}
	var digests, readers []int64
	for _, e := range entries {
		if e.Begin != nil {
			readers = append(readers, e.Begin.Ref.Subscriber)
		}
		if e.Result != nil {
			readers = append(readers, e.Result.Ref.Subscriber)
			if !e.Result.State.Terminal() {
				digests = append(digests, e.Result.Ref.Digest)
			}
		}
	}
	if err := lockRows(ctx, tx, "digests", "FOR SHARE", digests); err != nil {
		return err
	}
	return lockRows(ctx, tx, "subscribers", "FOR UPDATE", readers)
}

// lockRows locks rows of a table, lowest id first. Ids without a row don't matter.
func lockRows(ctx context.Context, tx *sql.Tx, table, lock string, ids []int64) error {
	slices.Sort(ids)
	ids = slices.DeleteFunc(slices.Compact(ids), func(id int64) bool { return id == 0 })
	if len(ids) == 0 {
		return nil
	}
	list := make([]string, len(ids))
	for i, id := range ids {
		list[i] = strconv.FormatInt(id, 10)
	}
	_, err := tx.ExecContext(ctx, fmt.Sprintf("SELECT id FROM %s WHERE id = ANY (CAST(string_to_array(?1, ',') AS BIGINT[])) ORDER BY id %s", table, lock), strings.Join(list, ","))
	return err
}

// lockDigest keeps other transactions from changing a digest, and its variants, until
// this one ends.
func lockDigest(ctx context.Context, tx *sql.Tx, id int64) error {
	_, err := tx.ExecContext(ctx, "/*pg SELECT FROM digests WHERE id = ?1 FOR NO KEY UPDATE */", id)
	return err
}

// keepDigest keeps other transactions from discarding a digest until this one ends,
// which adds to it. Two can add concurrently.
func keepDigest(ctx context.Context, tx *sql.Tx, id int64) error {
	_, err := tx.ExecContext(ctx, "/*pg SELECT FROM digests WHERE id = ?1 FOR KEY SHARE */", id)
	return err
}

// lockTable keeps other transactions from writing a table until this one ends; they can
// still read it. It comes before this one reads what it decides by.
func lockTable(ctx context.Context, tx *sql.Tx, table string) error {
	_, err := tx.ExecContext(ctx, "/*pg LOCK TABLE "+table+" IN SHARE ROW EXCLUSIVE MODE */")
	return err
}
