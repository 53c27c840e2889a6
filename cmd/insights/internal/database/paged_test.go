package database_test

import (
	"fmt"
	"iter"
	"testing"

	"github.com/scaledbydesign/insights/cmd/insights/internal/database/databasetest"
	"github.com/scaledbydesign/insights/newsletter"
	"github.com/scaledbydesign/insights/subscribers"
)

// Whoever reads a long list may stop for as long as they like: no query is open meanwhile.
func TestListsThatAreNotReadHoldNothing(t *testing.T) {
	t.Parallel()
	databasetest.OnEach(t, func(t *testing.T, url string) {
		db := openURL(t, url)
		const many = 2500
		for id := range many {
			exec(t, db, "INSERT INTO subscribers (id, public_id, email, email_key, status, cadence, categories, created_at) VALUES (?1, ?2, ?3, ?3, 'suppressed', 'weekly', 1, 1)", id+1, fmt.Sprint("p", id), fmt.Sprintf("r%d@example.com", id))
			exec(t, db, "INSERT INTO bounces (at, kind, class, code, status, text, hash) VALUES (1, 'failure', 'soft', 0, '', '', ?1)", fmt.Sprint(id))
			exec(t, db, "INSERT INTO suppressions (hash, status, cause, reason, at) VALUES (?1, 'suppressed', 'bounce', '', 1)", fmt.Sprint(id))
			exec(t, db, "INSERT INTO messages (kind, email, state, next_at, created_at, updated_at) VALUES ('test', 'r@example.com', 'sent', 0, 1, 1)")
		}
		for digest := int64(1); digest <= 2; digest++ {
			(state{T: t, db: db}).digest(digest, newsletter.DigestDone, nil)
			exec(t, db, `INSERT INTO deliveries (digest_id, subscriber_id, variant, categories, base_id, target_id, state, next_at, open, updated_at)
				SELECT ?1, id, 1, 1, 1, 1, 'sent', -1, 0, 1 FROM subscribers`, digest)
		}
		look := func() {
			t.Helper()
			if n := db.Reader().Stats().InUse; n != 0 {
				t.Fatalf("%d connections are in use", n)
			}
		}
		count(t, "subscribers", many, db.List(t.Context(), subscribers.Filter{}), look)
		count(t, "suppressions", many, db.Suppressions(t.Context()), look)
		count(t, "bounces", many, db.Bounces(t.Context(), newsletter.BounceFilter{}), look)
		count(t, "deliveries", 3*many, db.Deliveries(t.Context(), newsletter.DeliveryFilter{}), look)
		count(t, "deliveries of a digest", many, db.Deliveries(t.Context(), newsletter.DeliveryFilter{Digest: 2}), look)
		count(t, "deliveries to a reader", 2, db.Deliveries(t.Context(), newsletter.DeliveryFilter{Email: "r7@example.com"}), look)
	})
}

// count reads a whole list, each of whose values comes once.
func count[T any](t *testing.T, name string, want int, all iter.Seq2[T, error], look func()) {
	t.Helper()
	seen := make(map[string]bool)
	for value, err := range all {
		if err != nil {
			t.Fatal(name, err)
		}
		look()
		seen[fmt.Sprintf("%+v", value)] = true
	}
	if len(seen) != want {
		t.Errorf("%s: %d, want %d", name, len(seen), want)
	}
}
