package database_test

import (
	"context"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/scaledbydesign/insights/cmd/insights/internal/database"
	"github.com/scaledbydesign/insights/cmd/insights/internal/database/databasetest"
	"github.com/scaledbydesign/insights/feeds/readership"
)

const (
	allRSS = "/feeds/all.rss"
	feedly = "Feedly/1.0 (+http://www.feedly.com/fetcher.html; 15 subscribers; like FeedFetcher-Google)"
)

func seen(counter *readership.Counter, userAgents ...string) {
	for _, agent := range userAgents {
		counter.Seen(allRSS, agent, netip.MustParseAddr("203.0.113.77"))
	}
}

func flush(t *testing.T, counter *readership.Counter) {
	t.Helper()
	if err := counter.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// estimate returns what staff see of all.rss.
func estimate(t *testing.T, db *database.DB) (announced, others int) {
	t.Helper()
	counts, err := db.Readership(t.Context(), readership.Today()-readership.WindowDays+1)
	if err != nil {
		t.Fatal(err)
	}
	e := readership.Estimates(counts)[allRSS]
	return e.Announced, e.Others
}

func wantEstimate(t *testing.T, db *database.DB, announced, others int) {
	t.Helper()
	if a, o := estimate(t, db); a != announced || o != others {
		t.Errorf("%s: %d announced and %d others; want %d and %d", readership.Today(), a, o, announced, others)
	}
}

func TestReadersFromDayToDay(t *testing.T) {
	databasetest.OnEach(t, func(t *testing.T, url string) {
		synctest.Test(t, func(t *testing.T) { // it starts at midnight
			db := openURL(t, url)
			counter := &readership.Counter{Store: db}
			wantEstimate(t, db, 0, 0)

			seen(counter, feedly, "a", "b", "c")
			flush(t, counter)
			wantEstimate(t, db, 15, 3)

			// What was counted in a day's last minute is not lost with the day, and a
			// new day does not start at zero.
			time.Sleep(24*time.Hour - time.Second)
			seen(counter, "d")
			time.Sleep(time.Second)
			seen(counter, "a", "e")
			flush(t, counter)
			wantEstimate(t, db, 15, 4)
			counts, err := db.Readership(t.Context(), readership.Today())
			want := []readership.Count{{Day: readership.Today(), Document: allRSS, Source: readership.Others, Readers: 2}}
			if diff := cmp.Diff(want, counts); diff != "" || err != nil {
				t.Errorf("of the second day (-want +got):\n%s%v", diff, err)
			}

			// The second day had two, and so has the third: the first is too far back.
			time.Sleep(24 * time.Hour)
			seen(counter, "a", "b")
			flush(t, counter)
			wantEstimate(t, db, 15, 2)

			// Readers who have not fetched for a week no longer count.
			time.Sleep(4 * 24 * time.Hour)
			wantEstimate(t, db, 15, 2)
			time.Sleep(24 * time.Hour)
			wantEstimate(t, db, 0, 2)
			time.Sleep(2 * 24 * time.Hour)
			wantEstimate(t, db, 0, 0)

			// Nor are they kept for ever.
			time.Sleep(readership.KeptDays * 24 * time.Hour)
			seen(counter, "a")
			flush(t, counter)
			if counts, err = db.Readership(t.Context(), 0); len(counts) != 1 || err != nil {
				t.Errorf("%v, %v", counts, err)
			}
		})
	})
}

func TestReadersAfterARestartAreNotFewer(t *testing.T) {
	databasetest.OnEach(t, func(t *testing.T, url string) {
		db := openURL(t, url)
		before := &readership.Counter{Store: db}
		seen(before, feedly, "a", "b", "c")
		flush(t, before)

		db = openURL(t, url)
		after := &readership.Counter{Store: db}
		seen(after, "a", "Feedly/1.0 (2 subscribers)")
		flush(t, after)
		wantEstimate(t, db, 15, 3)
		seen(after, "b", "c", "d", feedly)
		flush(t, after)
		wantEstimate(t, db, 15, 4)
	})
}

func TestRunStoresEveryMinuteAndAtTheEnd(t *testing.T) {
	databasetest.OnEach(t, func(t *testing.T, url string) {
		synctest.Test(t, func(t *testing.T) {
			db := openURL(t, url)
			counter := &readership.Counter{Store: db}
			ctx, stop := context.WithCancel(t.Context())
			ended := make(chan error)
			go func() { ended <- counter.Run(ctx) }()
			seen(counter, "a")
			time.Sleep(time.Minute + time.Second)
			synctest.Wait()
			wantEstimate(t, db, 0, 1)
			seen(counter, "b")
			stop()
			if err := <-ended; err != nil {
				t.Error(err)
			}
			wantEstimate(t, db, 0, 2)
		})
	})
}

func TestNoAddressOfAReaderIsKept(t *testing.T) {
	dir := t.TempDir()
	db := openAt(t, filepath.Join(dir, "test.db"))
	counter := &readership.Counter{Store: db}
	seen(counter, "Secretive/7.3 (Linux)", "Feedbin feed-id:8675309 - 10 subscribers")
	flush(t, counter)
	wantEstimate(t, db, 10, 1)
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(files) < 2 {
		t.Fatalf("%v, %v", files, err)
	}
	found := false
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		found = found || strings.Contains(string(data), "Feedbin")
		for _, secret := range []string{"203.0.113.77", "\xcb\x00\x71\x4d", "Secretive", "8675309"} {
			if strings.Contains(string(data), secret) {
				t.Errorf("%s holds %q", filepath.Base(file), secret)
			}
		}
	}
	if !found {
		t.Error("what is kept was not found")
	}
}
