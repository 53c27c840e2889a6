package readership_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/scaledbydesign/insights/feeds/readership"
)

// saved is a store that only takes: what was counted is seen in it. How the real
// one keeps it is tried where that is.
type saved struct {
	mu     sync.Mutex
	counts map[string]int // "/feeds/all.rss Feedly" → readers
	err    error
}

func (s *saved) SaveReadership(_ context.Context, counts []readership.Count, _ readership.Day) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return s.err
	}
	s.counts = make(map[string]int)
	for _, c := range counts {
		s.counts[c.Document+" "+c.Source] = c.Readers
	}
	return nil
}

var home = netip.MustParseAddr("192.0.2.1")

const (
	all = "/feeds/all.rss"
	app = "NetNewsWire (RSS Reader; https://netnewswire.com/)"
)

func wantCounted(t *testing.T, counter *readership.Counter, want map[string]int) {
	t.Helper()
	if err := counter.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, counter.Store.(*saved).counts); diff != "" {
		t.Errorf("counted (-want +got):\n%s", diff)
	}
}

func TestOneClientIsOneReader(t *testing.T) {
	counter := &readership.Counter{Store: &saved{}}
	for range 3 {
		counter.Seen(all, app, home)
		counter.Seen(all, app, netip.MustParseAddr("::ffff:192.0.2.1")) // the same
		counter.Seen(all, "newsboat/2.21.0 (Linux x86_64)", home)
		counter.Seen(all, app, netip.MustParseAddr("192.0.2.2"))
		counter.Seen(all, app, netip.MustParseAddr("2001:db8:1:2::3"))
		counter.Seen(all, app, netip.MustParseAddr("2001:db8:1:2:aaaa::4")) // the same household
		counter.Seen(all, app, netip.MustParseAddr("2001:db8:1:3::3"))
		counter.Seen(all, "", netip.Addr{}) // over a Unix socket
		counter.Seen("/feeds/all.atom", app, home)
	}
	wantCounted(t, counter, map[string]int{"/feeds/all.rss others": 6, "/feeds/all.atom others": 1})
}

func TestAnnouncementsCountOncePerSubscription(t *testing.T) {
	counter := &readership.Counter{Store: &saved{}}
	for i, agent := range []string{
		"Feedly/1.0 (+http://www.feedly.com/fetcher.html; 15 subscribers; like FeedFetcher-Google)",
		"Feedly/1.0 (+http://www.feedly.com/fetcher.html; 14 subscribers; like FeedFetcher-Google)", // another of its machines
		"Feedbin feed-id:1 - 100 subscribers",
		"Feedbin feed-id:2 - 20 subscribers", // another address that leads to the document
		"Feedbin feed-id:2 - 21 subscribers",
		"NewsBlur Feed Fetcher - 1000000 subscribers",
		"Inoreader/1.0 (0 subscribers)",
	} {
		counter.Seen(all, agent, netip.AddrFrom4([4]byte{192, 0, 2, byte(i)}))
	}
	counter.Seen("/feeds/all.json", "Feedbin feed-id:3 - 5 subscribers", home)
	wantCounted(t, counter, map[string]int{"/feeds/all.rss Feedly": 15, "/feeds/all.rss Feedbin": 121, "/feeds/all.json Feedbin": 5})
}

func TestRobotsAreNoReaders(t *testing.T) {
	store := &saved{}
	counter := &readership.Counter{Store: store}
	for _, agent := range []string{
		"Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
		"Mozilla/5.0+(compatible; UptimeRobot/2.0; http://www.uptimerobot.com/)",
		"Pingdom.com_bot_version_1.4_(http://www.pingdom.com/)",
		"FeedValidator/1.3", "W3C_Validator/1.3",
		"facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)",
		"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 HeadlessChrome/120.0.0.0 Safari/537.36",
	} {
		counter.Seen(all, agent, home)
	}
	if err := counter.Flush(t.Context()); err != nil || store.counts != nil {
		t.Errorf("%v, %v", store.counts, err)
	}
	counter.Seen(all, "g2reader-bot/1.0 (+http://www.g2reader.com; 2 subscribers)", home)
	wantCounted(t, counter, map[string]int{"/feeds/all.rss g2reader-bot": 2})
}

func TestManyReadersAreEstimatedInBoundedMemory(t *testing.T) {
	counter := &readership.Counter{Store: &saved{}}
	count := func(document string, clients int) int {
		for i := range clients {
			counter.Seen(document, fmt.Sprintf("reader %d", i), home)
		}
		if err := counter.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		return counter.Store.(*saved).counts[document+" others"]
	}
	if n := count(all, readership.SampleSize); n != readership.SampleSize {
		t.Errorf("%d of %d", n, readership.SampleSize)
	}
	const many = 100_000
	if n := count("/feeds/all.atom", many); n < many*85/100 || n > many*115/100 { // five times the standard error
		t.Errorf("%d of %d", n, many)
	}
}

func TestWhoeverAsksMemoryIsBounded(t *testing.T) {
	store := &saved{}
	counter := &readership.Counter{Store: store}
	for i := range 2 * readership.MaxDocuments {
		counter.Seen(fmt.Sprintf("/feeds/%d.rss", i), app, home)
	}
	for i := range 2 * readership.MaxAnnouncements {
		counter.Seen("/feeds/0.rss", fmt.Sprintf("Service%d/1.0 (1 subscriber)", i), home)
	}
	if err := counter.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := len(store.counts); n != readership.MaxDocuments+readership.MaxAnnouncements {
		t.Errorf("%d counts", n)
	}
}

// TestCombinedFeedsLeaveRoomForTheOthers: a visitor can ask for as many combinations as
// there are, before anybody asks for a category.
func TestCombinedFeedsLeaveRoomForTheOthers(t *testing.T) {
	store := &saved{}
	counter := &readership.Counter{Store: store}
	for i := range 2 * readership.MaxDocuments {
		counter.Seen(fmt.Sprintf("/feeds/a%d+b.rss", i), app, home)
	}
	for i := range readership.MaxDocuments {
		counter.Seen(fmt.Sprintf("/feeds/%d.rss", i), app, home)
	}
	if err := counter.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	heads := 0
	for document := range store.counts {
		if !strings.Contains(document, "+") {
			heads++
		}
	}
	if heads != readership.MaxDocuments || len(store.counts) != heads+readership.MaxCombined {
		t.Errorf("%d counts, %d of them of feeds that combine nothing", len(store.counts), heads)
	}
}

func TestNothingChangedNothingStored(t *testing.T) {
	store := &saved{}
	counter := &readership.Counter{Store: store}
	counter.Seen(all, app, home)
	store.err = errors.New("the disk is full")
	if err := counter.Flush(t.Context()); !errors.Is(err, store.err) {
		t.Error(err)
	}
	store.err = nil
	wantCounted(t, counter, map[string]int{"/feeds/all.rss others": 1}) // it was not lost
	store.counts = nil
	counter.Seen(all, app, home)
	if err := counter.Flush(t.Context()); err != nil || store.counts != nil {
		t.Errorf("%v, %v", store.counts, err)
	}
}

func TestADayThatEndsWhileTheStoreFailsIsNotLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &saved{err: errors.New("the disk is full")}
		counter := &readership.Counter{Store: store}
		counter.Seen(all, app, home)
		if err := counter.Flush(t.Context()); err == nil {
			t.Error("no error")
		}
		time.Sleep(24 * time.Hour)
		counter.Seen("/feeds/all.atom", app, home)
		if err := counter.Flush(t.Context()); err == nil {
			t.Error("no error")
		}
		store.err = nil
		wantCounted(t, counter, map[string]int{"/feeds/all.rss others": 1, "/feeds/all.atom others": 1})
	})
}

func TestSeenByManyAtOnce(t *testing.T) {
	counter := &readership.Counter{Store: &saved{}}
	var requests sync.WaitGroup
	for range 8 {
		requests.Go(func() {
			for i := range 1000 {
				counter.Seen(all, app, netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}))
				counter.Seen(all, fmt.Sprintf("Feedbin feed-id:1 - %d subscribers", i), home)
				if i%100 == 0 {
					if err := counter.Flush(t.Context()); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	requests.Wait()
	counter.Seen("/feeds/all.atom", app, home)
	wantCounted(t, counter, map[string]int{"/feeds/all.rss others": 1000, "/feeds/all.rss Feedbin": 999, "/feeds/all.atom others": 1})
}

func TestEstimateIsTheFullerOfTwoDays(t *testing.T) {
	const day = readership.Day(20000)
	got := readership.Estimates([]readership.Count{
		{Day: day - 2, Document: all, Source: "Feedly", Readers: 90}, // a third day back does not count
		{Day: day, Document: all, Source: "Feedly", Readers: 10},
		{Day: day - 1, Document: all, Source: "Feedly", Readers: 12},
		{Day: day - 6, Document: all, Source: "Inoreader", Readers: 30}, // asks once a week
		{Day: day - 1, Document: all, Source: "BazQux", Readers: 30},
		{Day: day - 1, Document: all, Source: readership.Others, Readers: 40},
		{Day: day, Document: all, Source: readership.Others, Readers: 3}, // the day has just begun
		{Day: day - 1, Document: "/digests.atom", Source: readership.Others, Readers: 1},
	})
	want := map[string]readership.Estimate{
		all: {Announced: 72, Others: 40, Day: day, Services: []readership.Service{
			{Name: "BazQux", Readers: 30}, {Name: "Inoreader", Readers: 30}, {Name: "Feedly", Readers: 12},
		}},
		"/digests.atom": {Others: 1, Day: day - 1},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if total := got[all].Total(); total != 112 {
		t.Errorf("%d in all", total)
	}
	if s := day.String(); s != "2024-10-04" {
		t.Error(s)
	}
}

func BenchmarkSeen(b *testing.B) {
	for name, agent := range map[string]string{
		"reader":     "Mozilla/5.0 (compatible; Miniflux/2.3.0; +https://miniflux.app)",
		"aggregator": "Feedly/1.0 (+http://www.feedly.com/fetcher.html; 15 subscribers; like FeedFetcher-Google)",
	} {
		b.Run(name, func(b *testing.B) {
			counter := &readership.Counter{}
			counter.Seen(all, agent, home)
			b.ReportAllocs()
			for b.Loop() {
				counter.Seen(all, agent, home)
			}
		})
	}
	b.Run("parallel", func(b *testing.B) {
		counter := &readership.Counter{}
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				counter.Seen(all, app, home)
			}
		})
	})
}

func TestSeenBeforeAllocatesNothing(t *testing.T) {
	counter := &readership.Counter{}
	for _, agent := range []string{app, "Feedly/1.0 (+http://www.feedly.com/fetcher.html; 15 subscribers; like FeedFetcher-Google)"} {
		if n := testing.AllocsPerRun(100, func() { counter.Seen(all, agent, home) }); n != 0 {
			t.Errorf("%s: %v allocations", agent, n)
		}
	}
}
