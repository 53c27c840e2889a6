package database_test

import (
	"slices"
	"testing"
	"time"

	"github.com/scaledbydesign/insights/cmd/insights/internal/database"
	"github.com/scaledbydesign/insights/cmd/insights/internal/database/databasetest"
	"github.com/scaledbydesign/insights/feeds/websub"
)

// subscribeMany fills a hub with subscriptions of callbacks at so many hosts, all of which
// are due.
func subscribeMany(t testing.TB, db *database.DB, subscriptions, hosts int) {
	t.Helper()
	now := time.Now()
	exec(t, db, `WITH RECURSIVE n (i) AS (SELECT CAST(1 AS BIGINT) UNION ALL SELECT i + 1 FROM n WHERE i < ?1)
		INSERT INTO websub_subscriptions (topic, callback, host, client, wide, secret, expires_at, version, target, due_at, term, term_since)
		SELECT 'https://insights.example.com/feeds/all.atom', 'https://h' || (i % ?2) || '.example/' || i, 'h' || (i % ?2) || '.example', '', '', '', CAST(?3 AS BIGINT), 'one', 'two', CAST(?4 AS BIGINT), 86400, 0 FROM n`,
		subscriptions, hosts, now.Add(time.Hour).UnixMilli(), now.UnixMilli())
	exec(t, db, "INSERT INTO websub_hosts (host, due_at) SELECT host, min(due_at) FROM websub_subscriptions GROUP BY host")
}

// claims claims and settles pushes again and again, and returns the median of the time that
// takes.
func claims(t *testing.T, db *database.DB, times int) time.Duration {
	t.Helper()
	w := db.WebSub()
	var took []time.Duration
	var tried []websub.TriedPush
	for range times {
		now := time.Now()
		pushes, err := w.TurnPushes(t.Context(), tried, websub.Claim{Limit: 48, Slow: 16, Now: now, Until: now.Add(time.Minute)})
		took = append(took, time.Since(now))
		if err != nil || len(pushes) != 48 {
			t.Fatalf("%d pushes, %v", len(pushes), err)
		}
		tried = nil
		for _, p := range pushes {
			tried = append(tried, websub.TriedPush{Push: p, Tried: websub.Tried{Became: websub.Later, At: time.Now().Add(time.Hour)}})
		}
	}
	slices.Sort(took)
	return took[len(took)/2]
}

// TestAClaimCostsTheSameHoweverMuchIsDue compares two sizes in one run.
func TestAClaimCostsTheSameHoweverMuchIsDue(t *testing.T) {
	databasetest.OnEach(t, func(t *testing.T, url string) {
		few, many := openURL(t, url), openURL(t, databasetest.SQLite(t))
		if !many.SharesSending() && few.SharesSending() {
			many = openURL(t, databasetest.Postgres(t))
		}
		subscribeMany(t, few, 1000, 250)
		subscribeMany(t, many, 20_000, 5000)
		const times = 9
		small, large := claims(t, few, times), claims(t, many, times)
		t.Logf("48 of 1,000: %v; 48 of 20,000: %v", small, large)
		if large > 5*small+5*time.Millisecond {
			t.Errorf("a claim takes %v when 20,000 are due, and %v when 1,000 are", large, small)
		}
	})
}
