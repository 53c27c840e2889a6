package app

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/scaledbydesign/insights/cmd/insights/internal/config"
	"github.com/scaledbydesign/insights/cmd/insights/internal/database"
)

// Schema is the version of a database's schema.
type Schema struct {
	Database        string // its name, without secrets
	Current, Latest int64  // 0 = empty; what this program needs
	Err             error  // why this program can't use it, and what to do; nil = it can
}

// CheckSchema reads the schema's version and changes nothing. Its error wraps
// fs.ErrNotExist where there is no database.
func CheckSchema(ctx context.Context, c *config.Config) (Schema, error) {
	db, err := open(c, false)
	if err != nil {
		return Schema{Database: c.Database.URL}, unusable(err)
	}
	defer db.Close()
	return schemaOf(ctx, db)
}

func schemaOf(ctx context.Context, db *database.DB) (Schema, error) {
	status, err := db.SchemaStatus(ctx)
	if err != nil {
		return Schema{}, unusable(err)
	}
	return Schema{db.String(), status.Current, status.Latest, unusable(db.Check(ctx))}, nil
}

// Migrate creates the database, or brings its schema up to date, and returns how many
// steps that took.
func Migrate(ctx context.Context, c *config.Config) (s Schema, steps int, err error) {
	db, err := open(c, true)
	if err != nil {
		return s, 0, unusable(err)
	}
	defer db.Close()
	if steps, err = db.Migrate(ctx); err != nil {
		return s, steps, unusable(err)
	}
	s, err = schemaOf(ctx, db)
	return s, steps, err
}

// openDatabase opens an existing database with the schema this program needs.
func openDatabase(ctx context.Context, c *config.Config) (*database.DB, error) {
	db, err := open(c, false)
	if err != nil {
		return nil, unusable(err)
	}
	if err := db.Check(ctx); err != nil {
		db.Close()
		return nil, unusable(err)
	}
	return db, nil
}

// awaitEvery is how often it is asked whether a server has started.
const awaitEvery = time.Second

// awaitServer opens the database of a server, and waits for one that is only starting. It
// comes before the door is open: a visitor is refused, and a balancer asks another daemon.
func (d *Daemon) awaitServer(ctx context.Context, p *Publication) error {
	if _, isFile := database.FilePath(p.Config.Database.URL); isFile {
		return nil
	}
	db, err := open(&p.Config, true)
	if database.Starting(err) {
		d.log.Warn("waiting for the database server, which is starting or not there yet", "error", err)
	}
	for database.Starting(err) {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(awaitEvery):
		}
		db, err = open(&p.Config, true)
	}
	d.server = db
	return unusable(err)
}

// open opens the database. Where it is not there, but is where an earlier version had it,
// that is refused: another, empty one must not take its place unseen.
func open(c *config.Config, create bool) (*database.DB, error) {
	now, ok := database.FilePath(c.Database.URL)
	former, had := database.FilePath(c.FormerDatabase())
	if ok && had && !isFile(now) && isFile(former) {
		return nil, fmt.Errorf("database.url leads to %s, where there is none, and earlier versions took it for %q, where there is one: a path in the configuration file is relative to the file, one in a variable to the working folder; move the database with its -wal and -shm files, or set database.url to where it is", now, former)
	}
	return database.Open(c.Database.URL, create)
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}
