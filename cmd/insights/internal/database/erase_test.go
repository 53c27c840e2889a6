package database_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/scaledbydesign/insights/cmd/insights/internal/database/databasetest"
)

// To forget sign-ups that nobody confirmed, and to erase a reader, takes as long however many
// emails and deliveries are on record: strangers cause the one, and others wait to write
// meanwhile.
func TestErasingReadsNoWholeTable(t *testing.T) {
	databasetest.OnEach(t, func(t *testing.T, url string) {
		db := openURL(t, url)
		now := time.Now()
		lapsed := now.Add(-8 * 24 * time.Hour)
		const readers, digests = 400, 20
		exec(t, db, `WITH RECURSIVE n (i) AS (SELECT CAST(1 AS BIGINT) UNION ALL SELECT i + 1 FROM n WHERE i < ?1)
			INSERT INTO subscribers (id, public_id, email, email_key, name, status, reason, cadence, categories, position_id, paused_until, undo, nonce_expires_at, notified_at, created_at, confirmed_at, unsubscribed_at, source)
			SELECT i, 'p' || i, 'r' || i || '@example.com', 'r' || i || '@example.com', '', 'pending', '', 'weekly', 1, 1, 0, '', CAST(?2 AS BIGINT), 0, 0, 0, 0, 'form' FROM n`, readers, lapsed.UnixMilli())
		fill := func(messages, deliveries int) {
			t.Helper()
			exec(t, db, "DELETE FROM messages")
			exec(t, db, "DELETE FROM deliveries")
			exec(t, db, `WITH RECURSIVE n (i) AS (SELECT CAST(1 AS BIGINT) UNION ALL SELECT i + 1 FROM n WHERE i < ?1)
				INSERT INTO messages (kind, email, state, created_at, updated_at) SELECT 'test', 'm' || i || '@example.com', 'sent', 0, 0 FROM n`, messages)
			exec(t, db, `WITH RECURSIVE n (i) AS (SELECT CAST(0 AS BIGINT) UNION ALL SELECT i + 1 FROM n WHERE i < ?1)
				INSERT INTO deliveries (digest_id, subscriber_id, variant, categories, base_id, target_id, state, next_at, open, updated_at)
				SELECT 1 + i % ?2, 1000 + i, 1, 1, 1, 1, 'sent', -1, 0, 0 FROM n`, deliveries, digests)
		}
		for i := range digests {
			exec(t, db, "INSERT INTO digests (id, uid, state, cadence, category, only_id, schedule, slot, subject, intro, cutoff, max_items, hash, items, created_at, not_before, manual) VALUES (?1, ?2, 'done', 'weekly', '', 0, '', '', '', '', 0, 0, '', '[]', 0, 0, 0)", i+1, fmt.Sprint("d", i))
		}
		// forget is how long it takes to forget and to erase some, at best.
		forget := func(from int) (tidied, erased time.Duration) {
			t.Helper()
			for try := range 3 {
				for i := range 20 {
					exec(t, db, "UPDATE subscribers SET nonce_expires_at = ?2 WHERE id = ?1", from+40*try+i, lapsed.UnixMilli())
				}
				began := time.Now()
				if n, err := db.Tidy(t.Context(), now.Add(-7*24*time.Hour)); err != nil || n != 20 {
					t.Fatalf("forgot %d, %v", n, err)
				}
				if took := time.Since(began); try == 0 || took < tidied {
					tidied = took
				}
				began = time.Now()
				for i := range 20 {
					if err := db.ForgetUnscrubbed(t.Context(), fmt.Sprintf("r%d@example.com", from+40*try+20+i), now); err != nil {
						t.Fatal(err)
					}
				}
				if took := time.Since(began); try == 0 || took < erased {
					erased = took
				}
			}
			return tidied, erased
		}
		exec(t, db, "UPDATE subscribers SET nonce_expires_at = ?1", now.UnixMilli())
		fill(100, 100)
		smallTidied, smallErased := forget(1)
		fill(60_000, 200_000)
		largeTidied, largeErased := forget(201)
		t.Logf("with few emails: 20 forgotten in %v, 20 erased in %v; with many: %v, %v", smallTidied, smallErased, largeTidied, largeErased)
		if largeTidied > 3*smallTidied+40*time.Millisecond || largeErased > 3*smallErased+40*time.Millisecond {
			t.Errorf("with few emails: 20 forgotten in %v, 20 erased in %v; with many: %v, %v", smallTidied, smallErased, largeTidied, largeErased)
		}
	})
}
