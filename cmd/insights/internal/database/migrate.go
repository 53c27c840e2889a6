package database

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/pressly/goose/v3"
)

//go:embed migrations
var migrations embed.FS

// SchemaStatus says which version the schema has.
type SchemaStatus struct {
	Current int64 // 0 = empty
	Latest  int64 // what this program needs
}

func (db *DB) provider(pool *sql.DB) (*goose.Provider, error) {
	files, err := fs.Sub(migrations, db.engine.migrations())
	if err != nil {
		return nil, err
	}
	return goose.NewProvider(db.engine.dialect(), pool, files)
}

// SchemaStatus reads the version of the schema and changes nothing.
func (db *DB) SchemaStatus(ctx context.Context) (SchemaStatus, error) {
	provider, err := db.provider(db.writer)
	if err != nil {
		return SchemaStatus{}, err
	}
	var status SchemaStatus
	for _, source := range provider.ListSources() {
		status.Latest = max(status.Latest, source.Version)
	}
	// goose would create its table.
	var exists bool
	err = db.reader.QueryRowContext(ctx, db.engine.tableExists(), goose.DefaultTablename).Scan(&exists)
	if err != nil || !exists {
		return status, explain(err)
	}
	err = db.reader.QueryRowContext(ctx, "SELECT coalesce(max(version_id), 0) FROM "+goose.DefaultTablename+" WHERE CAST(is_applied AS INTEGER) = 1").Scan(&status.Current)
	return status, explain(err)
}

// Check returns ErrOld or ErrNewer, with what to do, unless the schema is the one
// this program needs.
func (db *DB) Check(ctx context.Context) error {
	status, err := db.SchemaStatus(ctx)
	switch {
	case err != nil:
		return fmt.Errorf("read the schema of %s: %w", db, err)
	case status.Current > status.Latest:
		return fmt.Errorf("%s has schema %d, this program knows up to %d: %w; install that version, or restore a backup", db, status.Current, status.Latest, ErrNewer)
	case status.Current < status.Latest:
		return fmt.Errorf("%s has schema %d, this program needs %d: %w; run: insights db migrate", db, status.Current, status.Latest, ErrOld)
	}
	var open bool
	if err := db.reader.QueryRowContext(ctx, "SELECT "+toMerge).Scan(&open); err != nil {
		return fmt.Errorf("read the schema of %s: %w", db, explain(err))
	}
	if open {
		return fmt.Errorf("%s has schema %d, whose last step was interrupted: %w; run: insights db migrate", db, status.Current, ErrOld)
	}
	return nil
}

// Migrate brings the schema up to date and returns how many steps it took. Concurrent
// processes wait for each other. A newer schema is refused and not changed.
func (db *DB) Migrate(ctx context.Context) (steps int, err error) {
	if err := db.Check(ctx); err == nil || !errors.Is(err, ErrOld) {
		return 0, err
	}
	pool, release, err := db.engine.lockMigrations(ctx, db.writer)
	if err != nil {
		return 0, fmt.Errorf("migrate %s: %w", db, explain(err))
	}
	defer release()
	delayed := false
	for began := time.Now(); ; {
		if err := db.Check(ctx); err == nil || !errors.Is(err, ErrOld) {
			return steps, err
		}
		before, err := db.SchemaStatus(ctx)
		if err != nil {
			return steps, err
		}
		provider, err := db.provider(pool)
		if err != nil {
			return steps, err
		}
		results, err := provider.Up(ctx)
		steps += len(results)
		if err == nil {
			if err := db.mergeMailboxes(ctx); err != nil {
				return steps, fmt.Errorf("migrate %s: merge subscribers with one mailbox: %w; what was done stays, to continue: insights db migrate", db, err)
			}
			return steps, nil
		}
		// Another process may have taken the same step first: continue from there.
		after, statusErr := db.SchemaStatus(ctx)
		switch {
		case statusErr != nil, after == before && !db.engine.again(err):
			return steps, fmt.Errorf("migrate %s: %w", db, explain(err))
		case after != before:
			continue
		case time.Since(began) > migrateFor:
			return steps, fmt.Errorf("migrate %s: others have used a table for %s without a pause: stop them, or try again later: %w; what was done stays", db, migrateFor, err)
		case !delayed && db.Delayed != nil:
			db.Delayed(err)
		}
		delayed = true
		select {
		case <-ctx.Done():
			return steps, ctx.Err()
		case <-time.After(migrateAgain):
		}
	}
}
