package database_test

import (
	"fmt"
	"testing"

	"github.com/scaledbydesign/insights/cmd/insights/internal/database/databasetest"
)

func TestOldestDueIsSinceWhenAnEmailCouldGoOut(t *testing.T) {
	databasetest.OnEach(t, func(t *testing.T, url string) {
		db := openURL(t, url)
		want := func(ms int64) {
			t.Helper()
			due, err := db.OldestDue(t.Context())
			if got := due.UnixMilli(); err != nil || got != ms && !(ms == 0 && due.IsZero()) {
				t.Errorf("%v, %v; want %d", due, err, ms)
			}
		}
		digest := func(id int, state string, approved int) {
			exec(t, db, fmt.Sprintf(`INSERT INTO digests (id, uid, state, cadence, category, only_id, schedule, slot, subject, intro, cutoff, max_items, hash, items, created_at, approved_at)
			VALUES (%d, 'uid-%d', '%s', 'weekly', '', 0, '', '', '', '', 0, 0, '', '[]', 1, %d)`, id, id, state, approved))
		}
		delivery := func(digest, subscriber int, state string, next int) {
			exec(t, db, fmt.Sprintf(`INSERT INTO deliveries (digest_id, subscriber_id, variant, categories, base_id, target_id, state, next_at, open, updated_at)
			VALUES (%d, %d, 1, 1, 1, 1, '%s', %d, CASE '%s' WHEN 'sent' THEN 0 ELSE 1 END, 1)`, digest, subscriber, state, next, state))
		}
		want(0)
		digest(1, "planned", 0) // waits for approval
		delivery(1, 1, "pending", 0)
		digest(2, "sending", 100) // all done
		delivery(2, 1, "sent", -1)
		want(0)
		digest(3, "sending", 9000)
		delivery(3, 1, "deferred", 9500)
		want(9500)
		delivery(3, 2, "pending", 0)
		want(9000)
		exec(t, db, "INSERT INTO messages (kind, email, state, next_at, created_at, updated_at) VALUES ('test', 'a@example.com', 'deferred', 8500, 7000, 7000)")
		want(8500)
		exec(t, db, "INSERT INTO messages (kind, email, state, created_at, updated_at) VALUES ('test', 'a@example.com', 'pending', 8000, 8000)")
		want(8000)
	})
}
