package database

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/scaledbydesign/insights/newsletter"
	"github.com/scaledbydesign/insights/subscribers"
)

// details are what is stored of a report as JSON, so that a version with more of them
// needs no migration.
type details struct {
	Host    string                   `json:"host"`
	Version string                   `json:"version"`
	Roles   []newsletter.Role        `json:"roles,omitempty"`
	Library newsletter.LibraryReport `json:"library"`
}

// SaveReport implements newsletter.ReportStore.
func (db *DB) SaveReport(ctx context.Context, r newsletter.DaemonReport, silent time.Time) error {
	notes, err := json.Marshal(append([]string{}, r.Notes...))
	if err != nil {
		return err
	}
	more, err := json.Marshal(details{r.Host, r.Version, r.Roles, r.Library})
	if err != nil {
		return err
	}
	return db.bookkeep(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, "DELETE FROM daemons WHERE at < ?1", millis(silent)); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `INSERT INTO daemons (id, started_at, at, notes, details) VALUES (?1, ?2, ?3, ?4, ?5)
			ON CONFLICT (id) DO UPDATE SET started_at = excluded.started_at, at = excluded.at, notes = excluded.notes, details = excluded.details`,
			r.ID, millis(r.Started), millis(r.At), string(notes), string(more))
		return err
	})
}

// LibrarySeen implements newsletter.PresenceStore.
func (db *DB) LibrarySeen(ctx context.Context, version string, at time.Time) (first time.Time, err error) {
	const seen = "SELECT seen_at FROM libraries WHERE version = ?1"
	err = db.reader.QueryRowContext(ctx, seen, version).Scan(instant(&first))
	if !errors.Is(err, sql.ErrNoRows) {
		return first, explain(err)
	}
	err = db.bookkeep(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, "INSERT INTO libraries (version, seen_at) VALUES (?1, ?2) ON CONFLICT (version) DO NOTHING", version, millis(at)); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, "DELETE FROM libraries WHERE version IN (SELECT version FROM libraries ORDER BY seen_at DESC, version LIMIT 100 OFFSET ?1)", librariesKept); err != nil {
			return err
		}
		return tx.QueryRowContext(ctx, seen, version).Scan(instant(&first))
	})
	return first, err
}

// EndReport implements newsletter.ReportStore.
func (db *DB) EndReport(ctx context.Context, id string) error {
	return db.execQuietly(ctx, "DELETE FROM daemons WHERE id = ?1", id)
}

// EndReports forgets all daemons, for one that knows that no other runs.
func (db *DB) EndReports(ctx context.Context) error {
	return db.execQuietly(ctx, "DELETE FROM daemons")
}

// Reports implements newsletter.ReportStore.
func (db *DB) Reports(ctx context.Context) (reports []newsletter.DaemonReport, err error) {
	err = each(ctx, db.reader, func(rows *sql.Rows) error {
		var r newsletter.DaemonReport
		var notes, more string
		if err := rows.Scan(&r.ID, instant(&r.Started), instant(&r.At), &notes, &more); err != nil {
			return err
		}
		var d details
		if err := errors.Join(json.Unmarshal([]byte(notes), &r.Notes), json.Unmarshal([]byte(more), &d)); err != nil {
			return fmt.Errorf("read the report of daemon %s: %w", r.ID, err)
		}
		r.Host, r.Version, r.Roles, r.Library = d.Host, d.Version, d.Roles, d.Library
		reports = append(reports, r)
		return nil
	}, "SELECT id, started_at, at, notes, details FROM daemons ORDER BY started_at, id")
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
