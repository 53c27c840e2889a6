package database

import (
	"context"
	"database/sql"
	"encoding/json"
	"strings"

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

// Sessions returns how many sessions the running daemons open at most, and how many the
// server allows; 0 where there is no server.
func (db *DB) Sessions(ctx context.Context) (daemons, sessions, allowed int, err error) {
	if db.engine.oneWriter() {
		return 0, 0, 0, nil
	}
	err = db.reader.QueryRowContext(ctx, `SELECT (SELECT count(*) FROM daemons WHERE at >= ?1),
		CAST(current_setting('max_connections') AS BIGINT) - CAST(current_setting('superuser_reserved_connections') AS BIGINT)`, now()-newsletter.ReportFor.Milliseconds()).Scan(&daemons, &allowed)
	daemons = max(daemons, 1) // the one that asks may not have reported yet
	return daemons, daemons * postgresSessions, allowed, explain(err)
}

// ReadersOf counts the confirmed readers with a cadence. It reads all of them: ask only
// about one that should have none.
func (db *DB) ReadersOf(ctx context.Context, cadence subscribers.Cadence) (n int, err error) {
	err = db.reader.QueryRowContext(ctx, "SELECT count(*) FROM subscribers WHERE status = 'confirmed' AND cadence = ?1", string(cadence)).Scan(&n)
	return n, explain(err)
}

// ReadersBeside counts the confirmed readers of each category that is not one of these,
// without those that were retired. It reads readers only where there is such a category.
func (db *DB) ReadersBeside(ctx context.Context, configured []string) (readers map[string]int, err error) {
	readers = make(map[string]int)
	err = each(ctx, db.reader, func(rows *sql.Rows) error {
		var slug string
		var n int
		err := rows.Scan(&slug, &n)
		readers[slug] = n
		return err
	}, `SELECT c.slug, count(*) FROM categories c
		JOIN subscribers s ON s.status = 'confirmed' AND s.categories & (CAST(1 AS BIGINT) << CAST(c.bit AS INTEGER)) <> 0
		WHERE c.retired_at = 0 AND ?1 NOT LIKE '% ' || c.slug || ' %' GROUP BY c.slug`, " "+strings.Join(configured, " ")+" ")
	return readers, explain(err)
}
