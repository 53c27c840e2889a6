package database

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

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

// lockFor makes the transactions that decide by the same rows, such as which number is the
// next, run one after the other. It comes before they read what they decide by. No row and
// no table is locked by it: others go on while this one waits.
func lockFor(ctx context.Context, tx *sql.Tx, what string) error {
	_, err := tx.ExecContext(ctx, "/*pg SELECT pg_advisory_xact_lock(hashtextextended('insights ' || ?1 || ' of ' || current_schema(), 0)) */", what)
	return err
}

// takesOver reports whether it is this transaction's turn to take over from workers that
// are gone: two at once would wait for each other's rows. It then waits for little.
func takesOver(ctx context.Context, tx *sql.Tx) (turn bool, err error) {
	if err := waitAtMost(ctx, tx, waitToTakeOver); err != nil {
		return false, err
	}
	err = tx.QueryRowContext(ctx, "SELECT /*pg pg_try_advisory_xact_lock(hashtextextended('insights taking over of ' || current_schema(), 0)) AND */ 1 = 1").Scan(&turn)
	return turn, err
}

// waitAtMost changes how long this transaction waits for a lock.
func waitAtMost(ctx context.Context, tx *sql.Tx, d time.Duration) error {
	_, err := tx.ExecContext(ctx, "/*pg SELECT set_config('lock_timeout', ?1, true) */", inMillis(d))
	return err
}

// writeAlone is write for a transaction that keeps all others from tables, readers too.
// While it waits for those, everybody behind it waits, so it gives up soon, lets them
// through, and tries again.
func (db *DB) writeAlone(ctx context.Context, tables string, fn func(tx *sql.Tx) error) error {
	for began := time.Now(); ; {
		err := db.write(ctx, func(tx *sql.Tx) error {
			if err := waitAtMost(ctx, tx, waitToBeAlone); err != nil {
				return err
			}
			if _, err := tx.ExecContext(ctx, "/*pg LOCK TABLE "+tables+" IN ACCESS EXCLUSIVE MODE */"); err != nil {
				return err
			}
			return fn(tx) // which waits for no more than that, either: all others wait by now
		})
		if err == nil || !db.engine.again(err) || time.Since(began) > aloneWithin || ctx.Err() != nil {
			return err
		}
	}
}
