package database

import (
	"context"
	"database/sql"
	"time"
)

// Writer lets a test write what no method writes.
func (db *DB) Writer() *sql.DB { return db.writer }

// Reader lets a test read what no method reads.
func (db *DB) Reader() *sql.DB { return db.reader }

// SetPlanChunk lets a test reach the boundary of a plan's chunks.
func (db *DB) SetPlanChunk(subscribers int64) { db.planChunk = subscribers }

// HotStatements are those that must stay fast with a large outbox.
var HotStatements = map[string]string{
	"claim":          claimBatch.statement(10),
	"due":            dueDeliveries,
	"begin":          beginBatch.statement(1),
	"facts":          factsQuery.statement(4),
	"others":         othersQuery.statement(4),
	"items":          itemsQuery.statement(4),
	"message facts":  messageFactsQuery.statement(4),
	"accepted":       acceptedBatch.statement(1),
	"received":       receivedBatch.statement(1),
	"finish":         "SELECT " + openDeliveries,
	"next due":       nextDueQuery,
	"groups":         groupsQuery,
	"busy":           busyQuery,
	"add groups":     addGroupsStatement,
	"orphans":        orphansQuery,
	"take over":      "UPDATE deliveries SET state = 'pending' WHERE state = 'claimed' AND " + ownDeliveries,
	"detach":         "UPDATE deliveries SET state = 'pending' WHERE state = 'claimed' AND owner <> '' AND owner = ?1",
	"proven":         provenQuery,
	"due refusals":   dueRefusals,
	"doubted":        doubtedQuery,
	"former":         formerDeliveries,
	"erase":          eraseDeliveries,
	"lapsed":         lapsedSubscribers,
	"claim messages": "SELECT EXISTS (SELECT 1 FROM messages WHERE state IN ('pending', 'deferred') AND next_at <= ?1)",
}

// InPostgres translates a statement for PostgreSQL.
var InPostgres = inPostgres

// HashOf is the hash under which a suppression of a key is stored.
func (db *DB) HashOf(ctx context.Context, key string) (string, error) {
	secret, err := db.suppressionKey(ctx, db.reader)
	return hashOf(secret, key), err
}

// MigrateTo migrates to a version that is not the newest.
func (db *DB) MigrateTo(ctx context.Context, version int64) error {
	provider, err := db.provider(db.writer)
	if err == nil {
		_, err = provider.UpTo(ctx, version)
	}
	return err
}

// ForgetUnscrubbed is Forget without what the engine does with its files.
func (db *DB) ForgetUnscrubbed(ctx context.Context, key string, at time.Time) error {
	return db.forget(ctx, key, at)
}
