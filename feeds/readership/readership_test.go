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

// far is a client that shares no network with the others, /48 or /24.
func far(i int) netip.Addr {
	return netip.AddrFrom16([16]byte{0x20, 0x01, 3: byte(i >> 16), 4: byte(i >> 8), 5: byte(i), 15: 1})
}

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
			counter.Seen(document, app, far(i))
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
		counter.Seen("/feeds/0.rss", fmt.Sprintf("Service%d/1.0 (1 subscriber)", i), far(i))
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
		counter.Seen(fmt.Sprintf("/feeds/a%d+b.rss", i), app, far(i))
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

// TestOneNetworkIsFewReaders calls itself by many names from one client, and from all
// that one network gives.
func TestOneNetworkIsFewReaders(t *testing.T) {
	for name, test := range map[string]struct {
		from func(i int) string
		want int
	}{
		"an IPv4 address": {func(int) string { return "203.0.113.7" }, readership.MaxOthers[0]},
		"a /64":           {func(i int) string { return fmt.Sprintf("2001:db8::%x", i+1) }, readership.MaxOthers[0]},
		"a /56":           {func(i int) string { return fmt.Sprintf("2001:db8:0:%x::1", i%256) }, readership.MaxOthers[1]},
		"a /48":           {func(i int) string { return fmt.Sprintf("2001:db8:0:%x::1", i) }, readership.MaxOthers[2]},
		"a /24":           {func(i int) string { return fmt.Sprintf("203.0.113.%d", i%256) }, readership.MaxOthers[2]},
		"a silent proxy":  {func(int) string { return "127.0.0.1" }, 1999},
	} {
		t.Run(name, func(t *testing.T) {
			counter := &readership.Counter{Store: &saved{}}
			for i := range 1999 {
				for range 2 {
					counter.Seen(all, fmt.Sprintf("reader %d", i), netip.MustParseAddr(test.from(i)))
				}
			}
			counter.Seen(all, app, home) // somebody else
			counter.Seen("/feeds/all.atom", app, netip.MustParseAddr(test.from(0)))
			wantCounted(t, counter, map[string]int{"/feeds/all.rss others": test.want + 1, "/feeds/all.atom others": 1})
		})
	}
}

// TestOneNetworkIsFewOfMany is the same where readers are so many that a sample of them is
// counted.
func TestOneNetworkIsFewOfMany(t *testing.T) {
	counter := &readership.Counter{Store: &saved{}}
	const honest = 40_000
	for i := range 2 * honest {
		if i%2 == 0 {
			counter.Seen(all, app, far(i))
		} else {
			counter.Seen(all, fmt.Sprintf("reader %d", i), netip.MustParseAddr(fmt.Sprintf("2001:db8:0:%x::1", i%65536)))
		}
	}
	if err := counter.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := counter.Store.(*saved).counts["/feeds/all.rss others"]; n < honest*85/100 || n > honest*115/100 {
		t.Errorf("%d of %d", n, honest)
	}
}

// TestOneNetworkAnnouncesWhatOneMay tries several products, and several ids of one.
func TestOneNetworkAnnouncesWhatOneMay(t *testing.T) {
	const agent = "Feedbin feed-id:%d - %d subscribers"
	for name, test := range map[string]struct {
		agent string
		each  int
		want  int
	}{
		"ids":      {agent, 10, 10 * readership.MaxSources},
		"products": {"Service-v%d/1.0 (%d subscribers)", 10, 10 * readership.MaxSources},
		"readers":  {agent, readership.MaxAnnounced / 3, readership.MaxAnnounced / 3 * 3},
	} {
		t.Run(name, func(t *testing.T) {
			counter := &readership.Counter{Store: &saved{}}
			for i := range 100 {
				counter.Seen(all, fmt.Sprintf(test.agent, i, test.each), netip.MustParseAddr(fmt.Sprintf("2001:db8:0:%x::1", i)))
			}
			if err := counter.Flush(t.Context()); err != nil {
				t.Fatal(err)
			}
			total := 0
			for _, n := range counter.Store.(*saved).counts {
				total += n
			}
			if total != test.want {
				t.Errorf("%d readers, want %d", total, test.want)
			}
		})
	}
	t.Run("a number that grows", func(t *testing.T) {
		counter := &readership.Counter{Store: &saved{}}
		for i := range 100 {
			counter.Seen(all, fmt.Sprintf(agent, 1, 60_000+i), home)
		}
		counter.Seen(all, fmt.Sprintf(agent, 2, 60_000), home)
		counter.Seen(all, fmt.Sprintf(agent, 2, 60_000), far(1))
		wantCounted(t, counter, map[string]int{"/feeds/all.rss Feedbin": 60_099 + 60_000})
	})
}

// TestOneNetworkLeavesRoom fills the room for announcements and combined feeds from one
// network, and then others come.
func TestOneNetworkLeavesRoom(t *testing.T) {
	store := &saved{}
	counter := &readership.Counter{Store: store}
	for i := range readership.MaxDocuments {
		for j := range readership.MaxSources {
			counter.Seen(fmt.Sprintf("/feeds/%d.rss", i), fmt.Sprintf("Service-v%d/1.0 (1 subscriber)", j), home)
		}
	}
	for i := range 2 * readership.MaxCombined {
		counter.Seen(fmt.Sprintf("/feeds/a%d+b.rss", i), app, home)
	}
	counter.Seen("/feeds/0.rss", "Feedly/1.0 (3 subscribers)", far(1))
	counter.Seen("/feeds/c+d.rss", app, far(1))
	if err := counter.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if store.counts["/feeds/0.rss Feedly"] != 3 || store.counts["/feeds/c+d.rss others"] != 1 {
		t.Error("others are not counted any more")
	}
	if n, want := len(store.counts), (readership.MaxAnnouncements+readership.MaxCombined)/readership.MaxPart+2; n > want {
		t.Errorf("%d counts of one network, want %d at most", n, want)
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
				counter.Seen(all, app, far(i))
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

// BenchmarkNewReader is the dearest request: one of a client that is new, or calls itself
// by another name, while the sample is full.
func BenchmarkNewReader(b *testing.B) {
	for name, from := range map[string]func(i int) netip.Addr{"many": far, "one client": func(int) netip.Addr { return home }} {
		b.Run(name, func(b *testing.B) {
			counter := &readership.Counter{}
			for i := range readership.SampleSize {
				counter.Seen(all, app, far(i))
			}
			i := 0
			for b.Loop() {
				i++
				counter.Seen(all, fmt.Sprintf("reader %d", i), from(i))
			}
		})
	}
}
