package database

import (
	"context"
	"database/sql"
	"fmt"
	"maps"
	"slices"
)

// bits maps category slugs to their bits. A bit is given once and kept for ever.
type bits map[string]int

// maxBits is how many categories one mask holds.
const maxBits = 62

func readBits(ctx context.Context, q querier) (bits, error) {
	b := bits{}
	err := each(ctx, q, func(rows *sql.Rows) error {
		var slug string
		var bit int
		if err := rows.Scan(&slug, &bit); err != nil {
			return err
		}
		b[slug] = bit
		return nil
	}, "SELECT slug, bit FROM categories")
	return b, err
}

// mask is the categories as one number; categories without a bit get one.
func (b bits) mask(ctx context.Context, tx *sql.Tx, categories []string) (int64, error) {
	var mask int64
	if err := b.refresh(ctx, tx, categories); err != nil {
		return 0, err
	}
	for _, slug := range categories {
		bit, ok := b[slug]
		if !ok {
			bit = len(b)
			if bit >= maxBits {
				return 0, fmt.Errorf("category %q: %d categories are the most that can be subscribed to", slug, maxBits)
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

// refresh reads the bits again, so that no other transaction gives a bit meanwhile,
// if one of these categories has none.
func (b bits) refresh(ctx context.Context, tx *sql.Tx, categories []string) error {
	for _, slug := range categories {
		if _, ok := b[slug]; ok {
			continue
		}
		if err := lockTable(ctx, tx, "categories"); err != nil {
			return err
		}
		now, err := readBits(ctx, tx)
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
