package database

import (
	"context"
	"database/sql"
	"time"

	"github.com/scaledbydesign/insights/feeds"
)

// RecordDocuments stores the states of feed documents and returns when the documents
// at each path that there ever was last changed: see feeds.State.Record.
func (db *DB) RecordDocuments(ctx context.Context, states []feeds.State) (map[string]time.Time, error) {
	// Most calls, as at a restart, find nothing to do: find that out without a write.
	known, err := knownDocuments(ctx, db.reader)
	if err != nil {
		return nil, explain(err)
	}
	if len(changedDocuments(known, states)) > 0 {
		err := db.write(ctx, func(tx *sql.Tx) (err error) {
			if err = lockFor(ctx, tx, "documents"); err != nil {
				return err
			}
			if known, err = knownDocuments(ctx, tx); err != nil {
				return err
			}
			for path, r := range changedDocuments(known, states) {
				known[path] = r
				if _, err := tx.ExecContext(ctx, `INSERT INTO documents (path, version, changed_at) VALUES (?1, ?2, ?3)
					ON CONFLICT (path) DO UPDATE SET version = excluded.version, changed_at = excluded.changed_at`, path, r.Version, millis(r.Changed)); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	changed := make(map[string]time.Time, len(known))
	for path, r := range known {
		changed[path] = r.Changed
	}
	return changed, nil
}

func knownDocuments(ctx context.Context, q querier) (map[string]feeds.Recorded, error) {
	known := make(map[string]feeds.Recorded)
	return known, each(ctx, q, func(rows *sql.Rows) error {
		var path string
		var r feeds.Recorded
		err := rows.Scan(&path, &r.Version, instant(&r.Changed))
		known[path] = r
		return err
	}, "SELECT path, version, changed_at FROM documents")
}

// changedDocuments is what is to be stored of states.
func changedDocuments(known map[string]feeds.Recorded, states []feeds.State) map[string]feeds.Recorded {
	changed := make(map[string]feeds.Recorded)
	for _, s := range states {
		if r, ok := s.Record(known[s.Path], time.Now()); ok {
			changed[s.Path] = r
		}
	}
	return changed
}
