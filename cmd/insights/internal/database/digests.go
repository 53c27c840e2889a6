package database

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/scaledbydesign/insights/newsletter"
)

const digestColumns = `d.id, d.uid, d.state, d.reason, d.cadence, d.category, d.only_id, d.schedule, d.manual = 1, d.slot, d.subject, d.intro, d.cutoff, d.max_items, d.hash, d.items, d.withdrawn, d.readers,
	d.not_before, d.created_at, d.planned_at, d.approved_at, d.done_at, d.paused_at`

func scanDigest(scan func(...any) error) (newsletter.Digest, error) {
	var d newsletter.Digest
	var items, withdrawn string
	err := scan(&d.ID, &d.UID, &d.State, &d.Reason, &d.Cadence, &d.Category, &d.Only, &d.Schedule, &d.Manual, &d.Slot, &d.Subject, &d.Intro, &d.Cutoff, &d.MaxItems, &d.Hash, &items, &withdrawn, &d.Readers,
		instant(&d.NotBefore), instant(&d.CreatedAt), instant(&d.PlannedAt), instant(&d.ApprovedAt), instant(&d.DoneAt), instant(&d.PausedAt))
	if err != nil {
		return d, err
	}
	if err := json.Unmarshal([]byte(items), &d.Items); err != nil {
		return d, fmt.Errorf("read the insights of digest %d: %w", d.ID, err)
	}
	if withdrawn != "" {
		err = json.Unmarshal([]byte(withdrawn), &d.Withdrawn)
	}
	return d, err
}

// digest reads one digest with its variants and counts.
func digest(ctx context.Context, q querier, id int64) (newsletter.Digest, error) {
	d, err := scanDigest(q.QueryRowContext(ctx, "SELECT "+digestColumns+" FROM digests d WHERE d.id = ?1", id).Scan)
	if errors.Is(err, sql.ErrNoRows) {
		return d, fmt.Errorf("digest %d: %w", id, newsletter.ErrNotFound)
	}
	if err != nil {
		return d, explain(err)
	}
	return d, complete(ctx, q, &d)
}

// complete adds a digest's variants and the counts of its deliveries, one by one.
func complete(ctx context.Context, q querier, d *newsletter.Digest) error {
	if err := addVariantsTo(ctx, q, d); err != nil {
		return err
	}
	var err error
	if d.Marks, err = marks(ctx, q, "digest_id = ?1", d.ID); err != nil {
		return explain(err)
	}
	d.Counts = noCounts()
	return explain(each(ctx, q, func(rows *sql.Rows) error {
		var state newsletter.DeliveryState
		var n int
		err := rows.Scan(&state, &n)
		d.Counts[state] = n
		return err
	}, "SELECT state, count(*) FROM deliveries WHERE digest_id = ?1 GROUP BY state", d.ID))
}

// Digest implements newsletter.DigestStore.
func (db *DB) Digest(ctx context.Context, id int64) (newsletter.Digest, error) {
	return digest(ctx, db.reader, id)
}

// Glance implements newsletter.StatusStore. It counts as Tally does.
func (db *DB) Glance(ctx context.Context, id int64) (newsletter.Digest, error) {
	found, err := db.tallied(ctx, "d.id = ?1", id)
	if err == nil && len(found) == 0 {
		err = fmt.Errorf("digest %d: %w", id, newsletter.ErrNotFound)
	}
	if err != nil {
		return newsletter.Digest{}, err
	}
	return found[0], nil
}

// Digests implements newsletter.DigestStore: newest first, without digests that are
// still being planned. It counts as Tally does.
func (db *DB) Digests(ctx context.Context, limit int) ([]newsletter.Digest, error) {
	return db.tallied(ctx, "d.state <> 'planning' ORDER BY d.id DESC LIMIT ?1", limit)
}

// Unfinished implements newsletter.StatusStore. It counts as Tally does.
func (db *DB) Unfinished(ctx context.Context) ([]newsletter.Digest, error) {
	return db.tallied(ctx, `d.state IN ('approved', 'sending', 'paused') OR d.state = 'planned' AND d.schedule <> ''
		AND d.id = (SELECT max(n.id) FROM digests n WHERE n.schedule = d.schedule AND n.state <> 'planning') ORDER BY d.id DESC LIMIT 50`)
}

func (db *DB) tallied(ctx context.Context, where string, args ...any) ([]newsletter.Digest, error) {
	digests, err := db.bareDigests(ctx, where, args...)
	if err != nil {
		return nil, err
	}
	for i := range digests {
		d := &digests[i]
		if err := addVariantsTo(ctx, db.reader, d); err != nil {
			return nil, err
		}
		if d.Counts, err = db.Tally(ctx, d.ID); err != nil {
			return nil, err
		}
		if d.Marks, err = marks(ctx, db.reader, "digest_id = ?1", d.ID); err != nil {
			return nil, explain(err)
		}
	}
	return digests, nil
}

// SentDigests returns digests that were sent to at least one reader, newest first,
// without variants and counts. A digest for a single reader has no page.
func (db *DB) SentDigests(ctx context.Context, limit, offset int) ([]newsletter.Digest, error) {
	found, err := db.bareDigests(ctx, sentDigest+" ORDER BY d.id DESC LIMIT ?1 OFFSET ?2", limit, offset)
	if err != nil {
		return nil, err
	}
	gone, err := withdrawals(ctx, db.reader)
	if err != nil {
		return nil, explain(err)
	}
	for i := range found {
		found[i] = found[i].Public(gone)
	}
	return found, nil
}

// sentDigest is a digest that was sent to at least one reader.
const sentDigest = `d.only_id = 0 AND d.accepted = 1 AND d.state IN ('sending', 'paused', 'done', 'cancelled')`

// nowAccepted sets that an email of a digest was accepted, if one was, when the digest ends:
// the process that noted it first may have ended before.
const nowAccepted = `accepted = CASE WHEN accepted = 1 OR EXISTS (SELECT 1 FROM deliveries o WHERE o.digest_id = digests.id AND o.state = 'sent') THEN 1 ELSE 0 END`

// noteAccepted notes the digests of which an email was accepted, each once. It comes after
// what it notes is stored; where it fails, the next email is noted.
func (db *DB) noteAccepted(ctx context.Context, entries []newsletter.Entry) {
	for _, e := range entries {
		if e.Result == nil || e.Result.State != newsletter.Sent || e.Result.Ref.Digest == 0 {
			continue
		}
		digest := e.Result.Ref.Digest
		if _, noted := db.accepted.Load(digest); noted {
			continue
		}
		if err := db.exec(ctx, "UPDATE digests SET accepted = 1 WHERE id = ?1 AND accepted = 0", digest); err == nil {
			db.accepted.Store(digest, true)
		}
	}
}

// SentDigest returns one digest of the public archive, or newsletter.ErrNotFound.
func (db *DB) SentDigest(ctx context.Context, id int64) (newsletter.Digest, error) {
	found, err := db.bareDigests(ctx, sentDigest+" AND d.id = ?1", id)
	if err != nil {
		return newsletter.Digest{}, err
	}
	if len(found) == 0 {
		return newsletter.Digest{}, fmt.Errorf("digest %d: %w", id, newsletter.ErrNotFound)
	}
	gone, err := withdrawals(ctx, db.reader)
	if err != nil {
		return newsletter.Digest{}, explain(err)
	}
	return found[0].Public(gone), nil
}

func (db *DB) bareDigests(ctx context.Context, where string, args ...any) ([]newsletter.Digest, error) {
	digests, err := bareDigests(ctx, db.reader, where, args...)
	return digests, explain(err)
}

func bareDigests(ctx context.Context, q querier, where string, args ...any) (digests []newsletter.Digest, err error) {
	err = each(ctx, q, func(rows *sql.Rows) error {
		d, err := scanDigest(rows.Scan)
		digests = append(digests, d)
		return err
	}, "SELECT "+digestColumns+" FROM digests d WHERE "+where, args...)
	return digests, err
}
