package database

import (
	"context"
	"database/sql"

	"github.com/scaledbydesign/insights/feeds/readership"
)

// SaveReadership implements readership.Store.
func (db *DB) SaveReadership(ctx context.Context, counts []readership.Count, oldest readership.Day) error {
	return db.write(ctx, func(tx *sql.Tx) error {
		save, err := tx.PrepareContext(ctx, `INSERT INTO readership (day, document, source, readers) VALUES (?1, ?2, ?3, ?4)
			ON CONFLICT (day, document, source) DO UPDATE SET readers = excluded.readers WHERE excluded.readers > readership.readers`)
		if err != nil {
			return err
		}
		defer save.Close()
		for _, c := range counts {
			if _, err := save.ExecContext(ctx, c.Day, c.Document, c.Source, c.Readers); err != nil {
				return err
			}
		}
		_, err = tx.ExecContext(ctx, "DELETE FROM readership WHERE day < ?1", oldest)
		return err
	})
}

// Readership returns what was counted since a day, inclusive, in no order.
func (db *DB) Readership(ctx context.Context, since readership.Day) ([]readership.Count, error) {
	var counts []readership.Count
	err := each(ctx, db.reader, func(rows *sql.Rows) error {
		var c readership.Count
		err := rows.Scan(&c.Day, &c.Document, &c.Source, &c.Readers)
		counts = append(counts, c)
		return err
	}, "SELECT day, document, source, readers FROM readership WHERE day >= ?1", since)
	return counts, explain(err)
}
