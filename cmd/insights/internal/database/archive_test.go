package database_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/scaledbydesign/insights/cmd/insights/internal/database/databasetest"
	"github.com/scaledbydesign/insights/newsletter"
)

func TestArchiveListsDigestsForAllReaders(t *testing.T) {
	databasetest.OnEach(t, func(t *testing.T, url string) {
		db := openURL(t, url)
		digest := func(uid string, only int64, state newsletter.DeliveryState) int64 {
			t.Helper()
			id, err := db.Begin(t.Context(), newsletter.Digest{UID: uid, Only: only, CreatedAt: time.Now()})
			if err != nil {
				t.Fatal(err)
			}
			for _, statement := range []string{
				"UPDATE digests SET state = 'sending' WHERE id = ?1 AND ?2 <> ''",
				"INSERT INTO deliveries (digest_id, subscriber_id, variant, categories, base_id, target_id, state, next_at, open, updated_at) SELECT ?1, 1, 1, 1, 1, 1, ?2, -1, 0, 0",
			} {
				if _, err := db.Writer().ExecContext(t.Context(), statement, id, string(state)); err != nil {
					t.Fatal(err)
				}
			}
			if done, err := db.Finish(t.Context(), id); err != nil || !done {
				t.Fatalf("not finished: %v", err)
			}
			return id
		}
		forAll := digest("all", 0, newsletter.Sent)
		forOne := digest("one", 1, newsletter.Sent)
		toNobody := digest("nobody", 0, newsletter.Failed)

		listed, err := db.SentDigests(t.Context(), 10, 0)
		if err != nil || len(listed) != 1 || listed[0].ID != forAll {
			t.Errorf("listed %v, %v; want the digest for all alone", listed, err)
		}
		if d, err := db.SentDigest(t.Context(), forOne); err == nil {
			t.Errorf("the digest for one reader has a public page: %v", d.ID)
		}
		if _, err := db.SentDigest(t.Context(), toNobody); err == nil {
			t.Error("a digest that reached nobody has a page")
		}
	})
}

// A digest of which no email was accepted, as one that was cancelled, costs the archive
// nothing, however many readers it has.
func TestTheArchiveLooksAtNoDeliveries(t *testing.T) {
	databasetest.OnEach(t, func(t *testing.T, url string) {
		db := openURL(t, url)
		for _, readers := range []int{10, 100_000} {
			id, err := db.Begin(t.Context(), newsletter.Digest{UID: fmt.Sprint("to", readers), CreatedAt: time.Now()})
			if err != nil {
				t.Fatal(err)
			}
			exec(t, db, `WITH RECURSIVE n (i) AS (SELECT CAST(1 AS BIGINT) UNION ALL SELECT i + 1 FROM n WHERE i < ?2)
				INSERT INTO deliveries (digest_id, subscriber_id, variant, categories, base_id, target_id, state, next_at, open, updated_at) SELECT CAST(?1 AS BIGINT), i, 1, 1, 1, 1, 'skipped', -1, 0, 0 FROM n`, id, readers)
			exec(t, db, "UPDATE digests SET state = 'cancelled' WHERE id = ?1", id)
		}
		quickest := func(look func() error) (best time.Duration) {
			for range 20 {
				began := time.Now()
				if err := look(); err != nil {
					t.Fatal(err)
				}
				if took := time.Since(began); best == 0 || took < best {
					best = took
				}
			}
			return best
		}
		all := quickest(func() error { _, err := db.SentDigests(t.Context(), 50, 0); return err })
		counted := quickest(func() error { _, err := db.Tally(t.Context(), 2); return err }) // which reads them
		t.Logf("the list: %v; to count one digest: %v", all, counted)
		if all > 5*time.Millisecond+counted/4 {
			t.Errorf("the list took %v, and to count one digest %v", all, counted)
		}
	})
}
