package database

import (
	"context"
	"database/sql"
	"encoding/json"
	"time"

	"github.com/scaledbydesign/insights/newsletter"
)

// CarriedTo is every mail of a digest to one subscriber with what it carried, the
// oldest digest first.
func (db *DB) CarriedTo(ctx context.Context, subscriber int64) (carried []newsletter.Carried, err error) {
	err = each(ctx, db.reader, func(rows *sql.Rows) error {
		var c newsletter.Carried
		var at int64
		var seqs string
		if err := rows.Scan(&c.Digest, &c.DigestState, &c.State, &at, &seqs); err != nil {
			return err
		}
		c.At = fromMillis(at)
		carried = append(carried, c)
		return json.Unmarshal([]byte(seqs), &carried[len(carried)-1].Seqs)
	}, `SELECT g.id, g.state, d.state, d.updated_at, v.seqs FROM digests g
		JOIN deliveries d ON d.digest_id = g.id AND d.subscriber_id = ?1 JOIN variants v ON v.digest_id = g.id AND v.number = d.variant
		WHERE g.state <> 'planning' ORDER BY g.id`, subscriber)
	return carried, explain(err)
}

// FirstSeen is when each insight that is not numbered yet was first seen.
func (db *DB) FirstSeen(ctx context.Context) (map[string]time.Time, error) {
	seen := make(map[string]time.Time)
	err := each(ctx, db.reader, func(rows *sql.Rows) error {
		var id string
		var at int64
		err := rows.Scan(&id, &at)
		seen[id] = fromMillis(at)
		return err
	}, "SELECT id, first_seen_at FROM insights WHERE seq IS NULL")
	return seen, explain(err)
}
