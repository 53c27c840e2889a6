package database_test

import (
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
				"UPDATE digests SET state = 'done' WHERE id = ?1 AND ?2 <> ''",
				"INSERT INTO deliveries (digest_id, subscriber_id, variant, categories, base_id, target_id, state, next_at, open, updated_at) SELECT ?1, 1, 1, 1, 1, 1, ?2, -1, 0, 0",
			} {
				if _, err := db.Writer().ExecContext(t.Context(), statement, id, string(state)); err != nil {
					t.Fatal(err)
				}
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
