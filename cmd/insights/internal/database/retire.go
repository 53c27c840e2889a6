package database

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"

	"github.com/scaledbydesign/insights/subscribers"
)

// errNotYet says that a category can't be cleared while a digest is planned.
var errNotYet = errors.New("a digest is being planned")

// RetireCategories makes room for configured categories that have no bit yet: as many as
// needed of those that are no longer configured are retired, and their bits become free.
// It returns the retired ones whose bits are free now. Interrupted, or when it can't finish
// yet, the next call goes on. Others may write meanwhile.
func (db *DB) RetireCategories(ctx context.Context, configured []string) (freed []string, err error) {
	var retired map[string]int
	err = db.write(ctx, func(tx *sql.Tx) error {
		if err := lockFor(ctx, tx, "categories"); err != nil {
			return err
		}
		retired = make(map[string]int)
		var idle []string // not configured
		missing := len(configured)
		all := 0
		err := each(ctx, tx, func(rows *sql.Rows) error {
			var slug string
			var bit int
			var at int64
			err := rows.Scan(&slug, &bit, &at)
			all++
			switch {
			case at > 0:
				retired[slug] = bit
			case slices.Contains(configured, slug):
				missing--
			default:
				idle = append(idle, slug)
			}
			return err
		}, "SELECT slug, bit, retired_at FROM categories ORDER BY bit")
		if err != nil {
			return err
		}
		need := missing - (maxBits - all) - len(retired)
		for _, slug := range idle[:min(max(need, 0), len(idle))] {
			var bit int
			if err := tx.QueryRowContext(ctx, "UPDATE categories SET retired_at = ?2 WHERE slug = ?1 RETURNING bit", slug, now()).Scan(&bit); err != nil {
				return err
			}
			retired[slug] = bit
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	for slug, bit := range retired {
		switch free, err := db.clearCategory(ctx, slug, bit); {
		case errors.Is(err, errNotYet):
			return freed, nil
		case err != nil:
			return freed, fmt.Errorf("clear the retired category %s: %w", slug, err)
		case free:
			freed = append(freed, slug)
		}
	}
	slices.Sort(freed)
	return freed, nil
}

// clearCategory takes a retired category's bit from subscribers and from emails that may
// still be sent, in chunks, and frees the bit if it is then set nowhere.
func (db *DB) clearCategory(ctx context.Context, slug string, bit int) (free bool, err error) {
	mask := int64(1) << bit
	for more := true; more; {
		if more, err = db.clearChunk(ctx, slug, mask); err != nil {
			return false, err
		}
	}
	err = db.write(ctx, func(tx *sql.Tx) error {
		// Transactions that know the bit hold its row, so that none of them writes after this.
		err := tx.QueryRowContext(ctx, "SELECT 1 FROM categories WHERE slug = ?1 AND retired_at > 0 /*pg FOR UPDATE */", slug).Scan(new(int))
		if err != nil {
			if errors.Is(err, sql.ErrNoRows) {
				return nil
			}
			return err
		}
		var set bool
		err = tx.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM subscribers WHERE categories & ?1 <> 0) OR EXISTS (SELECT 1 FROM digest_groups WHERE categories & ?1 <> 0)
			OR EXISTS (SELECT 1 FROM deliveries WHERE state <> 'sent' AND categories & ?1 <> 0)`, mask).Scan(&set)
		if err != nil || set {
			return err
		}
		free = true
		_, err = tx.ExecContext(ctx, "DELETE FROM categories WHERE slug = ?1", slug)
		return err
	})
	return free && err == nil, err
}

// clearChunk clears a bit in some rows, and reports whether there may be more.
func (db *DB) clearChunk(ctx context.Context, slug string, mask int64) (more bool, err error) {
	err = db.write(ctx, func(tx *sql.Tx) error {
		more = false
		var planning bool // groups readers by their categories
		if err := tx.QueryRowContext(ctx, "SELECT EXISTS (SELECT 1 FROM digest_groups)").Scan(&planning); err != nil {
			return err
		}
		if planning {
			return errNotYet
		}
		var readers []int64
		err := each(ctx, tx, func(rows *sql.Rows) error {
			var id int64
			err := rows.Scan(&id)
			readers = append(readers, id)
			return err
		}, "UPDATE subscribers SET categories = categories & ~CAST(?1 AS BIGINT) WHERE id IN (SELECT id FROM subscribers WHERE categories & ?1 <> 0 LIMIT ?2) RETURNING id", mask, retireChunk)
		if err != nil {
			return err
		}
		for _, id := range readers {
			_, err := tx.ExecContext(ctx, "INSERT INTO events (subscriber_id, at, what, source, client, version, detail) VALUES (?1, ?2, ?3, 'site', '', '', ?4)", id, now(), subscribers.CategoryEnded, slug)
			if err != nil {
				return err
			}
		}
		n, err := affected(tx.ExecContext(ctx, `UPDATE deliveries SET categories = categories & ~CAST(?1 AS BIGINT) WHERE (digest_id, subscriber_id) IN
			(SELECT digest_id, subscriber_id FROM deliveries WHERE state <> 'sent' AND categories & ?1 <> 0 LIMIT ?2)`, mask, retireChunk))
		more = n > 0 || len(readers) > 0
		return err
	})
	return more, err
}
