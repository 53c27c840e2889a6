package database

import "database/sql"

// Writer lets a test do what no method does.
func (db *DB) Writer() *sql.DB { return db.writer }

// Reader lets a test look where no method looks.
func (db *DB) Reader() *sql.DB { return db.reader }

// SetPlanChunk makes the boundary of a plan's chunks reachable.
func (db *DB) SetPlanChunk(subscribers int64) { db.planChunk = subscribers }
