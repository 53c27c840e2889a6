package database

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/scaledbydesign/insights/newsletter"
	"github.com/scaledbydesign/insights/subscribers"
)

// Attach implements newsletter.OutboxStore.
func (db *DB) Attach(ctx context.Context, worker string, ttl time.Duration, policy newsletter.OnUncertain) (newsletter.Recovered, error) {
	var recovered newsletter.Recovered
	alone := db.onlySender()
	if alone {
		// Nobody else can be alive, so once attached there is nothing to beat for.
		var n int
		err := db.reader.QueryRowContext(ctx, "SELECT count(*) FROM workers WHERE id = ?1", worker).Scan(&n)
		if err != nil || n == 1 {
			return recovered, explain(err)
		}
	}
	err := db.write(ctx, func(tx *sql.Tx) error {
		at := now()
		if _, err := tx.ExecContext(ctx, "INSERT INTO workers (id, beat_at) VALUES (?1, ?2) ON CONFLICT (id) DO UPDATE SET beat_at = excluded.beat_at", worker, at); err != nil {
			return err
		}
		alive := at - ttl.Milliseconds()
		if alone {
			alive = at + 1
		}
		if _, err := tx.ExecContext(ctx, "DELETE FROM workers WHERE beat_at < ?1 AND id <> ?2", alive, worker); err != nil {
			return err
		}
		var err error
		recovered, err = takeOver(ctx, tx, policy, at)
		return err
	})
	return recovered, err
}

// ownedStates are those of the indexes deliveries_owned and messages_owned, which
// are used only where they stand literally.
const ownedStates = `state IN ('claimed', 'sending')`

// orphaned is a mail whose worker is gone.
const orphaned = ownedStates + ` AND owner NOT IN (SELECT id FROM workers)`

func takeOver(ctx context.Context, tx *sql.Tx, policy newsletter.OnUncertain, at int64) (newsletter.Recovered, error) {
	var recovered newsletter.Recovered
	for _, table := range []string{"deliveries", "messages"} {
		n, err := affected(tx.ExecContext(ctx, "UPDATE "+table+" SET state = 'pending', owner = '', updated_at = ?1 WHERE state = 'claimed' AND "+orphaned, at))
		if err != nil {
			return recovered, err
		}
		recovered.Claimed += int(n)
	}
	if policy == newsletter.Skip {
		if err := countAsReceived(ctx, tx); err != nil {
			return recovered, err
		}
	}
	state := newsletter.Uncertain
	if policy == newsletter.Resend {
		state = newsletter.Deferred
	}
	for _, table := range []string{"deliveries", "messages"} {
		n, err := affected(tx.ExecContext(ctx, "UPDATE "+table+` SET state = ?1, owner = '', uncertain_at = ?2, next_at = ?2, updated_at = ?2,
			reason = 'the program ended while this mail was in flight' WHERE state = 'sending' AND `+orphaned, string(state), at))
		if err != nil {
			return recovered, err
		}
		recovered.Uncertain += int(n)
	}
	if recovered == (newsletter.Recovered{}) {
		return recovered, nil
	}
	// What was in flight when its digest ended is not tried again.
	_, err := tx.ExecContext(ctx, `UPDATE deliveries SET state = 'skipped', reason = 'cancelled' WHERE state IN ('pending', 'deferred')
		AND digest_id IN (SELECT id FROM digests WHERE state = 'cancelled')`)
	return recovered, err
}

// countAsReceived moves the positions of readers whose mail was in flight.
func countAsReceived(ctx context.Context, tx *sql.Tx) error {
	var moves [][3]int64
	err := each(ctx, tx, func(rows *sql.Rows) error {
		var m [3]int64
		err := rows.Scan(&m[0], &m[1], &m[2])
		moves = append(moves, m)
		return err
	}, "SELECT subscriber_id, base_id, target_id FROM deliveries WHERE state = 'sending' AND "+orphaned)
	if err != nil {
		return err
	}
	for _, m := range moves {
		if err := received(ctx, tx, m[0], m[1], m[2]); err != nil {
			return err
		}
	}
	return nil
}

// Detach implements newsletter.OutboxStore.
func (db *DB) Detach(ctx context.Context, worker string) error {
	return db.write(ctx, func(tx *sql.Tx) error {
		for _, table := range []string{"deliveries", "messages"} {
			if _, err := tx.ExecContext(ctx, "UPDATE "+table+" SET state = 'pending', owner = '' WHERE state = 'claimed' AND "+ownedStates+" AND owner = ?1", worker); err != nil {
				return err
			}
		}
		// A row still in flight belongs to nobody from here on and is found by the
		// next worker.
		_, err := tx.ExecContext(ctx, "DELETE FROM workers WHERE id = ?1", worker)
		return err
	})
}

// Ready implements newsletter.OutboxStore.
func (db *DB) Ready(ctx context.Context) ([]newsletter.Digest, error) {
	digests, err := db.bareDigests(ctx, "d.state IN ('approved', 'sending') ORDER BY d.id")
	if err != nil {
		return nil, err
	}
	for i := range digests {
		err := each(ctx, db.reader, func(rows *sql.Rows) error {
			v, err := scanVariant(rows.Scan)
			digests[i].Variants = append(digests[i].Variants, v)
			return err
		}, "SELECT number, seqs, readers FROM variants WHERE digest_id = ?1 ORDER BY number", digests[i].ID)
		if err != nil {
			return nil, explain(err)
		}
	}
	return digests, nil
}

// Start implements newsletter.OutboxStore.
func (db *DB) Start(ctx context.Context, digest int64) error {
	return db.write(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "UPDATE digests SET state = 'sending' WHERE id = ?1 AND state = 'approved'", digest)
		return err
	})
}

// Variant implements newsletter.OutboxStore.
func (db *DB) Variant(ctx context.Context, digest int64, number int) (newsletter.Variant, error) {
	v, err := scanVariant(db.reader.QueryRowContext(ctx, "SELECT number, seqs, readers FROM variants WHERE digest_id = ?1 AND number = ?2", digest, number).Scan)
	return v, explain(err)
}

const renditionColumns = "subject, html, text, base_url, rendered_at"

func scanRendition(scan func(...any) error) (r newsletter.Rendition, ok bool, err error) {
	var at int64
	err = scan(&r.Subject, &r.HTML, &r.Text, &r.BaseURL, &at)
	r.Date = fromMillis(at)
	return r, at != 0, err
}

// Rendition implements newsletter.OutboxStore.
func (db *DB) Rendition(ctx context.Context, digest int64, variant int) (newsletter.Rendition, bool, error) {
	r, ok, err := scanRendition(db.reader.QueryRowContext(ctx, "SELECT "+renditionColumns+" FROM variants WHERE digest_id = ?1 AND number = ?2", digest, variant).Scan)
	return r, ok, explain(err)
}

// SaveRendition implements newsletter.OutboxStore.
func (db *DB) SaveRendition(ctx context.Context, digest int64, variant int, r newsletter.Rendition) (kept newsletter.Rendition, err error) {
	err = db.write(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `UPDATE variants SET subject = ?3, html = ?4, text = ?5, base_url = ?6, rendered_at = ?7
			WHERE digest_id = ?1 AND number = ?2 AND rendered_at = 0`, digest, variant, r.Subject, r.HTML, r.Text, r.BaseURL, millis(r.Date))
		if err != nil {
			return err
		}
		kept, _, err = scanRendition(tx.QueryRowContext(ctx, "SELECT "+renditionColumns+" FROM variants WHERE digest_id = ?1 AND number = ?2", digest, variant).Scan)
		return err
	})
	return kept, err
}

// FailDigest implements newsletter.OutboxStore.
func (db *DB) FailDigest(ctx context.Context, digest int64, reason string) error {
	return db.write(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, "UPDATE digests SET state = 'failed', reason = ?2, done_at = ?3 WHERE id = ?1 AND state IN ('approved', 'sending')", digest, reason, now()); err != nil {
			return err
		}
		return skipUnstarted(ctx, tx, digest, "the digest failed")
	})
}

// claimStatement is run once for some dozens of mails.
const claimStatement = `WITH due AS MATERIALIZED (SELECT subscriber_id FROM deliveries WHERE digest_id = ?1 AND state IN ('pending', 'deferred') AND next_at <= ?2
		ORDER BY next_at, variant, subscriber_id LIMIT ?3)
	UPDATE deliveries SET state = 'claimed', owner = ?4, updated_at = ?2
	WHERE digest_id = ?1 AND subscriber_id IN (SELECT subscriber_id FROM due)
	RETURNING subscriber_id, variant, attempts, email`

// ClaimDeliveries implements newsletter.OutboxStore.
func (db *DB) ClaimDeliveries(ctx context.Context, worker string, digest int64, limit int) ([]newsletter.Task, error) {
	at := now()
	// Most looks find nothing: see that without a write.
	var due int
	err := db.reader.QueryRowContext(ctx, `SELECT count(*) FROM (SELECT 1 FROM deliveries WHERE digest_id = ?1 AND state IN ('pending', 'deferred') AND next_at <= ?2 LIMIT 1)`, digest, at).Scan(&due)
	if err != nil || due == 0 {
		return nil, explain(err)
	}
	var tasks []newsletter.Task
	err = db.write(ctx, func(tx *sql.Tx) error {
		tasks = nil
		var approved int64
		err := tx.QueryRowContext(ctx, "SELECT approved_at FROM digests WHERE id = ?1 AND state = 'sending'", digest).Scan(&approved)
		if errors.Is(err, sql.ErrNoRows) {
			return nil // paused or ended meanwhile
		}
		if err != nil {
			return err
		}
		byReader := make(map[int64]newsletter.Task)
		err = each(ctx, tx, func(rows *sql.Rows) error {
			t := newsletter.Task{Kind: newsletter.DigestMail, Ref: newsletter.Ref{Digest: digest}, Created: fromMillis(approved)}
			err := rows.Scan(&t.Ref.Subscriber, &t.Variant, &t.Attempts, &t.To)
			byReader[t.Ref.Subscriber] = t
			return err
		}, claimStatement, digest, at, limit, worker)
		if err != nil {
			return err
		}
		readers, err := subscribersByID(ctx, tx, byReader)
		if err != nil {
			return err
		}
		for id, t := range byReader {
			t.Subscriber = readers[id] // the zero one is refused when it is marked
			tasks = append(tasks, t)
		}
		slices.SortFunc(tasks, func(a, b newsletter.Task) int {
			return cmp.Or(cmp.Compare(a.Variant, b.Variant), cmp.Compare(a.Ref.Subscriber, b.Ref.Subscriber))
		})
		return nil
	})
	return tasks, err
}

func subscribersByID[V any](ctx context.Context, q querier, ids map[int64]V) (map[int64]subscribers.Subscriber, error) {
	b, err := readBits(ctx, q)
	if err != nil {
		return nil, err
	}
	list := make([]string, 0, len(ids))
	for id := range ids {
		list = append(list, strconv.FormatInt(id, 10))
	}
	found := make(map[int64]subscribers.Subscriber, len(ids))
	err = each(ctx, q, func(rows *sql.Rows) error {
		var s storedSubscriber
		var times [6]int64
		if err := rows.Scan(s.fields(&times)...); err != nil {
			return err
		}
		_ = s.finish(b, times) // without an address a mail ends by itself; the others go on
		found[s.ID] = s.Subscriber
		return nil
	}, "SELECT "+subscriberColumns+" FROM subscribers s WHERE s.id IN ("+strings.Join(list, ",")+")")
	return found, err
}

// ClaimMessages implements newsletter.OutboxStore.
func (db *DB) ClaimMessages(ctx context.Context, worker string, limit int) ([]newsletter.Task, error) {
	at := now()
	var due bool
	err := db.reader.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM messages WHERE state IN ('pending', 'deferred') AND next_at <= ?1)`, at).Scan(&due)
	if err != nil || !due {
		return nil, explain(err)
	}
	var tasks []newsletter.Task
	err = db.write(ctx, func(tx *sql.Tx) error {
		tasks = nil
		ids := make(map[int64]bool)
		err := each(ctx, tx, func(rows *sql.Rows) error {
			var t newsletter.Task
			var created int64
			err := rows.Scan(&t.Ref.Message, &t.Ref.Subscriber, &t.Kind, &t.To, &t.Payload, &t.Attempts, &created)
			t.Created = fromMillis(created)
			if t.Ref.Subscriber != 0 {
				ids[t.Ref.Subscriber] = true
			}
			tasks = append(tasks, t)
			return err
		}, `WITH due AS MATERIALIZED (SELECT id FROM messages WHERE state IN ('pending', 'deferred') AND next_at <= ?1 ORDER BY next_at, id LIMIT ?2)
			UPDATE messages SET state = 'claimed', owner = ?3, updated_at = ?1 WHERE id IN (SELECT id FROM due)
			RETURNING id, coalesce(subscriber_id, 0), kind, email, payload, attempts, created_at`, at, limit, worker)
		if err != nil {
			return err
		}
		readers, err := subscribersByID(ctx, tx, ids)
		if err != nil {
			return err
		}
		for i := range tasks {
			t := &tasks[i]
			if t.Ref.Subscriber != 0 {
				t.Subscriber = readers[t.Ref.Subscriber]
			} else {
				t.Subscriber.Address, _ = subscribers.ParseAddress(t.To) // as above
			}
		}
		slices.SortFunc(tasks, func(a, b newsletter.Task) int { return cmp.Compare(a.Ref.Message, b.Ref.Message) })
		return nil
	})
	return tasks, err
}

// openDeliveries reports whether digest ?1 has a delivery that is not terminal. It
// is worded so that the partial indexes answer it, and not a walk over the digest.
const openDeliveries = `EXISTS (SELECT 1 FROM deliveries WHERE digest_id = ?1 AND state IN ('pending', 'deferred') AND next_at >= 0)
	OR EXISTS (SELECT 1 FROM deliveries WHERE digest_id + 0 = ?1 AND ` + ownedStates + ` AND owner > '')`

// Finish implements newsletter.OutboxStore.
func (db *DB) Finish(ctx context.Context, digest int64) (done bool, err error) {
	var busy bool
	if err := db.reader.QueryRowContext(ctx, "SELECT "+openDeliveries, digest).Scan(&busy); err != nil || busy {
		return false, explain(err)
	}
	err = db.write(ctx, func(tx *sql.Tx) error {
		changed, err := affected(tx.ExecContext(ctx, "UPDATE digests SET state = 'done', done_at = ?2 WHERE id = ?1 AND state = 'sending' AND NOT ("+openDeliveries+")", digest, now()))
		done = changed == 1
		return err
	})
	return done, err
}

// nextDueQuery asks digest by digest, so that planned ones that wait for staff
// cost nothing.
const nextDueQuery = `SELECT coalesce(min(due), 0) FROM (
	SELECT (SELECT min(d.next_at) FROM deliveries d WHERE d.digest_id = g.id AND d.state IN ('pending', 'deferred')) AS due
	FROM digests g WHERE g.state IN ('approved', 'sending')
	UNION ALL SELECT min(next_at) FROM messages WHERE state IN ('pending', 'deferred')) t`

// NextDue implements newsletter.OutboxStore.
func (db *DB) NextDue(ctx context.Context) (time.Time, error) {
	var due int64
	err := db.reader.QueryRowContext(ctx, nextDueQuery).Scan(&due)
	return fromMillis(due), explain(err)
}
