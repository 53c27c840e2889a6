package database

import (
	"context"
	"database/sql"
	"encoding/json"

	"github.com/scaledbydesign/insights/newsletter"
	"github.com/scaledbydesign/insights/subscribers"
)

// SaveReport implements newsletter.ReportStore.
func (db *DB) SaveReport(ctx context.Context, r newsletter.DaemonReport) error {
	notes, err := json.Marshal(append([]string{}, r.Notes...))
	if err != nil {
		return err
	}
	return db.bookkeep(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, "DELETE FROM daemons WHERE at < ?1", millis(r.At)-newsletter.ReportFor.Milliseconds()); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `INSERT INTO daemons (id, started_at, at, notes) VALUES (?1, ?2, ?3, ?4)
			ON CONFLICT (id) DO UPDATE SET started_at = excluded.started_at, at = excluded.at, notes = excluded.notes`,
			r.ID, millis(r.Started), millis(r.At), string(notes))
		return err
	})
}

// EndReport implements newsletter.ReportStore.
func (db *DB) EndReport(ctx context.Context, id string) error {
	return db.execQuietly(ctx, "DELETE FROM daemons WHERE id = ?1", id)
}

// Reports implements newsletter.ReportStore.
func (db *DB) Reports(ctx context.Context) (reports []newsletter.DaemonReport, err error) {
	err = each(ctx, db.reader, func(rows *sql.Rows) error {
		var r newsletter.DaemonReport
		var notes string
		if err := rows.Scan(&r.ID, instant(&r.Started), instant(&r.At), &notes); err != nil {
			return err
		}
		reports = append(reports, r)
		return json.Unmarshal([]byte(notes), &reports[len(reports)-1].Notes)
	}, "SELECT id, started_at, at, notes FROM daemons WHERE at >= ?1 ORDER BY started_at, id", now()-newsletter.ReportFor.Milliseconds())
	return reports, explain(err)
}

// ReadersOf counts the confirmed readers with a cadence. It reads all of them: ask only
// about one that should have none.
func (db *DB) ReadersOf(ctx context.Context, cadence subscribers.Cadence) (n int, err error) {
	err = db.reader.QueryRowContext(ctx, "SELECT count(*) FROM subscribers WHERE status = 'confirmed' AND cadence = ?1", string(cadence)).Scan(&n)
	return n, explain(err)
}
