package database

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/scaledbydesign/insights/newsletter"
)

// bits maps category slugs to their bits. A bit never changes; after a category was retired
// it may become another one's, see [DB.RetireCategories].
type bits map[string]int

func readBits(ctx context.Context, q querier) (bits, error) {
	return scanBits(ctx, q, "SELECT slug, bit FROM categories WHERE retired_at = 0")
}

// holdBits is readBits for a transaction that writes what it makes of them: no bit is given
// to another category meanwhile.
func holdBits(ctx context.Context, tx *sql.Tx) (bits, error) {
	return scanBits(ctx, tx, "SELECT slug, bit FROM categories WHERE retired_at = 0 /*pg FOR KEY SHARE */")
}

func scanBits(ctx context.Context, q querier, query string) (bits, error) {
	b := bits{}
	err := each(ctx, q, func(rows *sql.Rows) error {
		var slug string
		var bit int
		if err := rows.Scan(&slug, &bit); err != nil {
			return err
		}
		b[slug] = bit
		return nil
	}, query)
	return b, err
}

// mask returns the categories as one number; categories without a bit get one.
func (b bits) mask(ctx context.Context, tx *sql.Tx, categories []string) (int64, error) {
	var mask int64
	if err := b.refresh(ctx, tx, categories); err != nil {
		return 0, err
	}
	for _, slug := range categories {
		bit, ok := b[slug]
		if !ok {
			var err error
			if bit, err = freeBit(ctx, tx, slug); err != nil {
				return 0, err
			}
			if _, err := tx.ExecContext(ctx, "INSERT INTO categories (bit, slug) VALUES (?1, ?2)", bit, slug); err != nil {
				return 0, err
			}
			b[slug] = bit
		}
		mask |= 1 << bit
	}
	return mask, nil
}

// freeBit returns the lowest bit that no category has, not even a retired one.
func freeBit(ctx context.Context, tx *sql.Tx, slug string) (int, error) {
	taken := make(map[int]bool)
	err := each(ctx, tx, func(rows *sql.Rows) error {
		var bit int
		err := rows.Scan(&bit)
		taken[bit] = true
		return err
	}, "SELECT bit FROM categories")
	for bit := range maxBits {
		if err == nil && !taken[bit] {
			return bit, nil
		}
	}
	return 0, cmp.Or(err, fmt.Errorf("category %q: subscribers can choose from at most %d categories, and there is room only once those that are no longer configured are cleared", slug, maxBits))
}

// refresh reads the bits again if one of these categories has none, so that no other
// transaction assigns one meanwhile.
func (b bits) refresh(ctx context.Context, tx *sql.Tx, categories []string) error {
	for _, slug := range categories {
		if _, ok := b[slug]; ok {
			continue
		}
		if err := lockFor(ctx, tx, "categories"); err != nil {
			return err
		}
		now, err := holdBits(ctx, tx)
		maps.Copy(b, now)
		return err
	}
	return nil
}

// slugs is the reverse of mask, sorted.
func (b bits) slugs(mask int64) []string {
	var slugs []string
	for slug, bit := range b {
		if mask&(1<<bit) != 0 {
			slugs = append(slugs, slug)
		}
	}
	slices.Sort(slugs)
	return slugs
}

// RenameCategory changes a category's slug: its subscribers and their positions move to
// the new one. It does nothing when the database does not know the category from, and
// fails when it knows both: two categories can't be merged without repeating or dropping
// insights for some readers.
func (db *DB) RenameCategory(ctx context.Context, from, to string) (renamed bool, err error) {
	known, err := readBits(ctx, db.reader)
	if err != nil {
		return false, explain(err)
	}
	if _, ok := known[from]; !ok {
		return false, nil
	}
	// No transaction that has read the old slug may store something under it later.
	err = db.writeAlone(ctx, "categories, positions", func(tx *sql.Tx) error {
		renamed = false
		if err := lockFor(ctx, tx, "insights"); err != nil {
			return err
		}
		known, err := readBits(ctx, tx)
		if err != nil {
			return err
		}
		if _, ok := known[from]; !ok {
			return nil
		}
		if _, ok := known[to]; ok {
			return fmt.Errorf("category %s can't become %s: readers have chosen both, and merging them would repeat or drop insights; remove it from formerly and keep both", from, to)
		}
		for _, statement := range []string{
			"UPDATE categories SET slug = ?2, former = trim(replace(' ' || former || ' ', ' ' || ?2 || ' ', ' ') || ' ' || ?1) WHERE slug = ?1",
			"UPDATE insights SET category = ?2 WHERE category = ?1",
			"UPDATE digests SET category = ?2 WHERE category = ?1",
			"UPDATE messages SET categories = trim(replace(' ' || categories || ' ', ' ' || ?1 || ' ', ' ' || ?2 || ' ')) WHERE nonce <> '' AND ' ' || categories || ' ' LIKE '% ' || ?1 || ' %'",
			"UPDATE waiting SET categories = trim(replace(' ' || categories || ' ', ' ' || ?1 || ' ', ' ' || ?2 || ' ')) WHERE ' ' || categories || ' ' LIKE '% ' || ?1 || ' %'",
		} {
			if _, err := tx.ExecContext(ctx, statement, from, to); err != nil {
				return err
			}
		}
		renamed = true
		return renameInPositions(ctx, tx, from, to)
	})
	return renamed, err
}

// RenamedTo returns what the category that had a slug before is called now; "" if there is
// none, or the slug is some category's.
func (db *DB) RenamedTo(ctx context.Context, slug string) (now string, err error) {
	err = db.reader.QueryRowContext(ctx, `SELECT slug FROM categories WHERE retired_at = 0 AND former <> '' AND ' ' || former || ' ' LIKE '% ' || ?1 || ' %'
		AND NOT EXISTS (SELECT 1 FROM categories WHERE slug = ?1) ORDER BY bit LIMIT 1`, slug).Scan(&now)
	if errors.Is(err, sql.ErrNoRows) {
		err = nil
	}
	return now, explain(err)
}

func renameInPositions(ctx context.Context, tx *sql.Tx, from, to string) error {
	vectors := make(map[int64]newsletter.Position)
	err := each(ctx, tx, func(rows *sql.Rows) error {
		var id int64
		var vector string
		if err := rows.Scan(&id, &vector); err != nil {
			return err
		}
		p, err := newsletter.ParsePosition(vector)
		if err != nil {
			return err
		}
		if at, ok := p[from]; ok {
			delete(p, from)
			p[to] = at
			vectors[id] = p
		}
		return nil
	}, "SELECT id, vector FROM positions")
	if err != nil {
		return err
	}
	for id, p := range vectors {
		if _, err := tx.ExecContext(ctx, "UPDATE positions SET vector = ?2 WHERE id = ?1", id, p.String()); err != nil {
			return err
		}
	}
	return nil
}
