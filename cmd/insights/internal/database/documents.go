package database

import (
	"context"
	"database/sql"
	"time"

	"github.com/scaledbydesign/insights/feeds"
)

type knownDocument struct {
	version string
	changed int64
}

// RecordDocuments stores the states of feed documents and returns when each known one
// last changed, by its path. A new one changed when its newest content did, so that
// a fresh database says the same as any other. Times are whole seconds and unique per
// change of a document: HTTP compares them (RFC 9110, section 8.8.2).
func (db *DB) RecordDocuments(ctx context.Context, states []feeds.State) (map[string]time.Time, error) {
	// Most calls, as at a restart, find nothing to do: find that out without a write.
	known, err := knownDocuments(ctx, db.reader)
	if err != nil {
		return nil, explain(err)
	}
	if !allKnown(known, states) {
		err := db.write(ctx, func(tx *sql.Tx) (err error) {
			if err = lockTable(ctx, tx, "documents"); err != nil {
				return err
			}
			if known, err = knownDocuments(ctx, tx); err != nil {
				return err
			}
			return recordDocuments(ctx, tx, known, states)
		})
		if err != nil {
			return nil, err
		}
	}
	changed := make(map[string]time.Time, len(known))
	for path, d := range known {
		changed[path] = time.UnixMilli(d.changed).UTC()
	}
	return changed, nil
}

func knownDocuments(ctx context.Context, q querier) (map[string]knownDocument, error) {
	known := make(map[string]knownDocument)
	err := each(ctx, q, func(rows *sql.Rows) error {
		var path string
		var d knownDocument
		if err := rows.Scan(&path, &d.version, &d.changed); err != nil {
			return err
		}
		known[path] = d
		return nil
	}, "SELECT path, version, changed_at FROM documents")
	return known, err
}

func allKnown(known map[string]knownDocument, states []feeds.State) bool {
	for _, s := range states {
		if known[s.Path].version != s.Version {
			return false
		}
	}
	return true
}

func recordDocuments(ctx context.Context, tx *sql.Tx, known map[string]knownDocument, states []feeds.State) error {
	at := time.Now().Truncate(time.Second).UnixMilli()
	for _, s := range states {
		d, ok := known[s.Path]
		switch {
		case !ok:
			d.changed = min(at, s.Updated.Truncate(time.Second).UnixMilli()) // content may be dated in the future
		case d.version == s.Version:
			continue
		default:
			d.changed = max(at, d.changed+1000)
		}
		d.version = s.Version
		known[s.Path] = d
		if _, err := tx.ExecContext(ctx, `INSERT INTO documents (path, version, changed_at) VALUES (?1, ?2, ?3)
			ON CONFLICT (path) DO UPDATE SET version = excluded.version, changed_at = excluded.changed_at`, s.Path, d.version, d.changed); err != nil {
			return err
		}
	}
	return nil
}
