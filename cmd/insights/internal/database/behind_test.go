package database_test

import (
	"fmt"
	"testing"

	"github.com/scaledbydesign/insights/cmd/insights/internal/database/databasetest"
	"github.com/scaledbydesign/insights/newsletter"
)

func TestEmailsBehindOthersAreCounted(t *testing.T) {
	databasetest.OnEach(t, func(t *testing.T, url string) {
		db := openURL(t, url)
		digest := func(id int, state string) {
			exec(t, db, fmt.Sprintf(`INSERT INTO digests (id, uid, state, cadence, category, only_id, schedule, slot, subject, intro, cutoff, max_items, hash, items, created_at)
			VALUES (%d, 'uid-%d', '%s', 'weekly', '', 0, '', '', '', '', 0, 0, '', '[]', 1)`, id, id, state))
		}
		delivery := func(digest, subscriber int, state string, next int, reason newsletter.Reason) {
			exec(t, db, fmt.Sprintf(`INSERT INTO deliveries (digest_id, subscriber_id, variant, categories, base_id, target_id, state, next_at, open, reason, updated_at)
			VALUES (%d, %d, 1, 1, 1, 1, '%s', %d, CASE '%s' WHEN 'sent' THEN 0 ELSE 1 END, '%s', 1)`, digest, subscriber, state, next, state, reason))
		}
		want := func(digest int64, want int) {
			t.Helper()
			if n, err := db.Behind(t.Context(), digest); err != nil || n != want {
				t.Errorf("digest %d: %d, %v; want %d", digest, n, err, want)
			}
		}
		digest(1, "sending")
		digest(2, "sending")
		digest(3, "paused")
		want(2, 0)
		delivery(1, 1, "deferred", 9000, "450 later")
		delivery(2, 1, "pending", 8000, newsletter.ReasonOtherEarlier)
		want(2, 1)
		delivery(1, 2, "deferred", 9000, "450 later")
		delivery(2, 2, "pending", 8000, newsletter.ReasonOtherInDoubt)
		want(2, 2)
		delivery(3, 3, "pending", 0, "")
		delivery(2, 3, "pending", 8000, newsletter.ReasonOtherEarlier)
		want(2, 3)
		delivery(1, 4, "pending", 0, "") // has its turn any moment
		delivery(2, 4, "pending", 8000, newsletter.ReasonOtherEarlier)
		delivery(1, 5, "deferred", 9000, "450 later")
		delivery(2, 5, "pending", 0, "") // not known to wait
		delivery(1, 6, "deferred", 9000, "450 later")
		delivery(2, 6, "pending", 8000, newsletter.ReasonWithdrawing)
		delivery(1, 7, "sent", -1, "")
		delivery(2, 7, "pending", 8000, newsletter.ReasonOtherEarlier) // has arrived since
		want(2, 3)
		want(1, 0)
	})
}
