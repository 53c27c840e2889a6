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
// are due. The hosts have taken a push, or none yet.
func subscribeMany(t testing.TB, db *database.DB, subscriptions, hosts int, proven bool) {
	t.Helper()
	now := time.Now()
	exec(t, db, `WITH RECURSIVE n (i) AS (SELECT CAST(1 AS BIGINT) UNION ALL SELECT i + 1 FROM n WHERE i < ?1)
		INSERT INTO websub_subscriptions (topic, callback, host, client, wide, secret, expires_at, version, target, due_at, term, earned_at)
		SELECT 'https://insights.example.com/feeds/all.atom', 'https://h' || (i % ?2) || '.example/' || i, 'h' || (i % ?2) || '.example', '', '', '', CAST(?3 AS BIGINT), 'one', 'two', CAST(?4 AS BIGINT), 86400, 0 FROM n`,
		subscriptions, hosts, now.Add(time.Hour).UnixMilli(), now.UnixMilli())
	exec(t, db, "INSERT INTO websub_hosts (host, due_at, slow) SELECT host, min(due_at), CASE WHEN CAST(?1 AS BIGINT) = 1 THEN 0 ELSE min(id) + 2 END FROM websub_subscriptions GROUP BY host", map[bool]int{true: 1}[proven])
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
		pushes, err := w.TurnPushes(t.Context(), tried, websub.Claim{Limit: 48, New: 48, Slow: 16, Now: now, Until: now.Add(time.Minute)})
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
		for _, proven := range []bool{true, false} {
			few, many := openURL(t, url), openURL(t, databasetest.SQLite(t))
			if !many.SharesSending() && few.SharesSending() {
				many = openURL(t, databasetest.Postgres(t))
			}
			if !proven { // one that holds nothing yet
				few = openURL(t, map[bool]func(testing.TB) string{true: databasetest.Postgres, false: databasetest.SQLite}[few.SharesSending()](t))
			}
			subscribeMany(t, few, 1000, 250, proven)
			subscribeMany(t, many, 20_000, 5000, proven)
			const times = 9
			small, large := claims(t, few, times), claims(t, many, times)
			t.Logf("48 of 1,000: %v; 48 of 20,000: %v; proven: %t", small, large, proven)
			if large > 5*small+5*time.Millisecond {
				t.Errorf("a claim takes %v when 20,000 are due, and %v when 1,000 are; proven: %t", large, small, proven)
			}
		}
	})
}

// TestSubscriptionsOutliveAnUpgrade: what the version before has stored is pushed, and keeps
// its lease; what has not been verified is asked for again by who wants it.
func TestSubscriptionsOutliveAnUpgrade(t *testing.T) {
	databasetest.OnEach(t, func(t *testing.T, url string) {
		db, err := database.Open(url, true)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { db.Close() })
		if err := db.MigrateTo(t.Context(), 13); err != nil {
			t.Fatal(err)
		}
		now := time.Now()
		expires := now.Add(20 * 24 * time.Hour).Truncate(time.Millisecond)
		for _, s := range []struct {
			callback, version string
			due, claimed      int64
		}{
			{"https://a.example/1", "one", now.UnixMilli(), 0}, {"https://a.example/2", "two", 0, 0}, {"https://b.example/", "one", now.UnixMilli(), now.Add(time.Minute).UnixMilli()},
		} {
			exec(t, db, `INSERT INTO websub_subscriptions (topic, callback, host, secret, expires_at, version, target, due_at, claimed_until)
				VALUES ('https://insights.example.com/feeds/all.atom', ?1, ?2, 'secret', ?3, ?4, 'two', ?5, ?6)`,
				s.callback, s.callback[len("https://"):len("https://a.example")], expires.UnixMilli(), s.version, s.due, s.claimed)
		}
		exec(t, db, `INSERT INTO websub_requests (topic, callback, host, mode, secret, lease, challenge, due_at) VALUES ('t', 'https://c.example/', 'c.example', 'subscribe', '', 1, 'c', 1)`)
		if _, err := db.Migrate(t.Context()); err != nil {
			t.Fatal(err)
		}
		w := db.WebSub()
		if s, err := w.Status(t.Context()); err != nil || s != (websub.HubStatus{Subscriptions: 3, Behind: 2}) {
			t.Errorf("%+v, %v", s, err)
		}
		pushes, err := w.TurnPushes(t.Context(), nil, websub.Claim{Limit: 10, Now: time.Now(), Until: time.Now().Add(time.Minute)})
		var callbacks []string
		for _, p := range pushes {
			callbacks = append(callbacks, p.Callback)
			if p.Secret != "secret" || !p.Expires.Equal(expires) || p.Version != "one" || p.Target != "two" {
				t.Errorf("%+v", p)
			}
		}
		slices.Sort(callbacks)
		if err != nil || !slices.Equal(callbacks, []string{"https://a.example/1", "https://b.example/"}) {
			t.Errorf("pushes to %q, %v", callbacks, err)
		}
	})
}
