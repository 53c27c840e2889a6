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

// beginRecord comes before a worker's entries are recorded. Where one transaction
// writes at a time, it counts them, so that an older copy of the file is known. On
// a server it takes the locks that make the rest as safe as if there were but one:
//
//   - the digests of mails that are to be tried again, so that none is put back
//     into a digest that is cancelled at the same moment;
//   - the readers, so that no two mails to one are in flight together, that nobody
//     who has just left gets one, and that positions move one after the other.
//
// Each in the order of its ids: two workers wait, and don't lock each other out.
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

// lockRows locks rows of a table, the lowest id first. Ids that are 0, or of no
// row, don't matter.
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

// keepDigest keeps other transactions from discarding a digest until this one, which
// adds to it, ends. Two can add at once.
func keepDigest(ctx context.Context, tx *sql.Tx, id int64) error {
	_, err := tx.ExecContext(ctx, "/*pg SELECT FROM digests WHERE id = ?1 FOR KEY SHARE */", id)
	return err
}

// lockTable keeps other transactions from writing a table until this one ends; they
// go on reading it. It comes before this one reads what it decides by.
func lockTable(ctx context.Context, tx *sql.Tx, table string) error {
	_, err := tx.ExecContext(ctx, "/*pg LOCK TABLE "+table+" IN SHARE ROW EXCLUSIVE MODE */")
	return err
}
