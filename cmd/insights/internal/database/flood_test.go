package database_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/scaledbydesign/insights/newsletter"
	"github.com/scaledbydesign/insights/subscribers"
)

// Somebody signs up strangers as fast as they can, from many networks. Honest readers who
// sign up meanwhile are asked to confirm soon all the same. The daemon's parts are real,
// and so is the database; only time is driven by the test.
//
// INSIGHTS_TEST_SIGN_UPS=100000 is a whole hour of it.

// mailTimes is a mail server that notes when it was given which email.
type mailTimes struct {
	sink
	mu    sync.Mutex
	times map[string][]time.Time
}

func (m *mailTimes) Open(context.Context) (newsletter.Session, error) { return m, nil }

func (m *mailTimes) Send(_ context.Context, e newsletter.Envelope, _ []byte) newsletter.Outcome {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.times[e.To] = append(m.times[e.To], time.Now())
	return newsletter.Outcome{Kind: newsletter.Accepted}
}

// flooded is a site whose sign-ups come from many networks.
type flooded struct {
	*testing.T
	registry *subscribers.Registry
	mail     *mailTimes
	path     string
	honest   map[string]time.Time // when who signed up
	verdicts map[string]int
	peak     uint64 // of the heap
}

// flood runs a story on a site with the limits that a site has by default.
func flood(t *testing.T, story func(*flooded)) {
	path := filepath.Join(t.TempDir(), "flood.db")
	synctest.Test(t, func(t *testing.T) {
		db := openAt(t, path)
		exec(t, db, "PRAGMA synchronous = OFF")
		keys, err := subscribers.NewKeyring(strings.Repeat("x", 32))
		if err != nil {
			t.Fatal(err)
		}
		log := slog.New(slog.NewTextHandler(t.Output(), nil))
		f := &flooded{
			T: t, path: path, mail: &mailTimes{times: make(map[string][]time.Time)}, honest: make(map[string]time.Time), verdicts: make(map[string]int),
			registry: &subscribers.Registry{
				Store: db, Keys: keys, Categories: []string{"leadership"}, Log: log,
				Limits: subscribers.Limits{AddressEvery: 15 * time.Minute, AddressADay: 3, Client: 30, Domain: 500, All: 2000, Waiting: 20_000, WaitingOfOne: 30},
			},
		}
		worker := &newsletter.Worker{
			Store: db, Composer: f.mail, Transport: f.mail, OnUncertain: newsletter.Hold, Log: log, Wake: db.Changed,
			Writer: &newsletter.Writer{Renderer: f.mail, Registry: f.registry, Identity: newsletter.Identity{BaseURL: "https://example.com", From: "news@example.com"}},
		}
		ctx, stop := context.WithCancel(t.Context())
		var parts sync.WaitGroup
		parts.Go(func() { db.Watch(ctx) })
		parts.Go(func() { worker.Run(ctx) })
		parts.Go(func() { f.registry.KeepReleasing(ctx, db.Changed) })
		story(f)
		stop()
		parts.Wait()
	})
}

// signUp signs an address up from a network. An IPv6 network has another one around it.
func (f *flooded) signUp(email, network, wide string) {
	f.Helper()
	a, err := subscribers.ParseAddress(email)
	if err != nil {
		f.Fatal(err)
	}
	err = f.registry.SignUp(f.Context(), subscribers.SignUp{
		Address: a, Source: "form", Asker: subscribers.Asker{Client: network, Wide: wide},
		Preferences: subscribers.Preferences{Cadence: subscribers.Weekly, Categories: []string{"leadership"}},
	})
	switch {
	case err == nil:
		f.verdicts["taken"]++
	case errors.Is(err, subscribers.ErrTooMany):
		f.verdicts["client"]++
	case errors.Is(err, subscribers.ErrBusy):
		f.verdicts["full"]++
	default:
		f.Fatal(err)
	}
}

// reader is an honest one, with a network of their own.
func (f *flooded) reader(domain string) {
	f.Helper()
	n := len(f.honest)
	email := fmt.Sprintf("reader%d@%s", n, domain)
	f.honest[email] = time.Now()
	before := f.verdicts["taken"]
	f.signUp(email, fmt.Sprint("home", n), fmt.Sprint("home", n))
	if f.verdicts["taken"] == before {
		f.Errorf("%s was turned away", email)
	}
}

// delays is how long each honest reader waited for their email, in order; -1 = they have
// none.
func (f *flooded) delays() (delays []time.Duration) {
	f.mail.mu.Lock()
	defer f.mail.mu.Unlock()
	for email, at := range f.honest {
		d := time.Duration(-1)
		if got := f.mail.times[email]; len(got) > 0 {
			d = got[0].Sub(at)
		} else {
			f.Errorf("%s has no email after %v", email, time.Since(at))
		}
		delays = append(delays, d)
	}
	slices.Sort(delays)
	return delays
}

// limits looks whether the limits of a mailbox, a domain and all were kept.
func (f *flooded) limits() {
	f.Helper()
	f.mail.mu.Lock()
	defer f.mail.mu.Unlock()
	within := func(what string, times []time.Time, limit int, span time.Duration) {
		f.Helper()
		slices.SortFunc(times, time.Time.Compare)
		for i := range times {
			if j := i + limit; j < len(times) && times[j].Sub(times[i]) < span-2*time.Second { // sending takes a moment
				f.Errorf("%s: more than %d within %v", what, limit, times[j].Sub(times[i]))
				return
			}
		}
	}
	var all []time.Time
	domains := make(map[string][]time.Time)
	for email, times := range f.mail.times {
		within(email, times, 1, 15*time.Minute)
		within(email, times, 3, 24*time.Hour)
		_, domain, _ := strings.Cut(email, "@")
		domains[domain] = append(domains[domain], times...)
		all = append(all, times...)
	}
	for domain, times := range domains {
		within(domain, times, 500, time.Hour)
	}
	within("all", all, 2000, time.Hour)
}

func (f *flooded) look() {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	f.peak = max(f.peak, m.HeapAlloc)
}

func (f *flooded) size() (bytes int64) {
	for _, suffix := range []string{"", "-wal"} {
		if info, err := os.Stat(f.path + suffix); err == nil {
			bytes += info.Size()
		}
	}
	return bytes
}

func (f *flooded) queue() subscribers.Queue {
	f.Helper()
	q, err := f.registry.Store.Queue(f.Context(), time.Now().Add(-time.Hour))
	if err != nil {
		f.Fatal(err)
	}
	return q
}

func TestStrangersCannotShutSignUpsOff(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name    string
		attack  func(f *flooded)
		domain  string
		within  time.Duration
		waiting bool // others wait then
		slow    bool
	}{
		{"69 networks of one /56", func(f *flooded) {
			for i := range 69 * 30 {
				f.signUp(fmt.Sprintf("v%d@d%d.example", i, i%700), fmt.Sprint("near", i%69), "around")
				time.Sleep(20 * time.Millisecond)
			}
		}, "gmail.com", 2 * time.Second, false, false},
		{"69 networks that have nothing in common", func(f *flooded) {
			for i := range 69 * 30 {
				f.signUp(fmt.Sprintf("v%d@d%d.example", i, i%700), fmt.Sprint("near", i%69), fmt.Sprint("around", i%69))
				time.Sleep(20 * time.Millisecond)
			}
		}, "gmail.com", 10 * time.Second, true, true},
		{"17 addresses at one domain", func(f *flooded) {
			for i := range 17 * 30 {
				f.signUp(fmt.Sprintf("v%d@gmail.com", i), fmt.Sprint("a", i%17), fmt.Sprint("a", i%17))
				time.Sleep(20 * time.Millisecond)
			}
		}, "gmail.com", 30 * time.Second, true, false},
		{"one network each, at one domain", func(f *flooded) {
			for i := range 2000 {
				f.signUp(fmt.Sprintf("v%d@gmail.com", i), fmt.Sprint("a", i), fmt.Sprint("around", i%30))
				time.Sleep(20 * time.Millisecond)
			}
		}, "gmail.com", 30 * time.Second, true, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if testing.Short() && test.slow {
				t.Skip("left out of the fast lane")
			}
			flood(t, func(f *flooded) {
				test.attack(f)
				if waiting := f.queue().Waiting > 0; waiting != test.waiting {
					f.Errorf("sign-ups wait: %v", waiting)
				}
				f.reader(test.domain)
				f.reader("elsewhere.example")
				time.Sleep(time.Minute)
				delays := f.delays()
				if last := delays[len(delays)-1]; last > test.within {
					f.Errorf("an honest reader waited %v", last)
				}
				f.limits()
				f.Logf("honest readers waited %v and %v; %d wait; %v", delays[0], delays[1], f.queue().Waiting, f.verdicts)
			})
		})
	}
}

func TestHonestReadersInAFlood(t *testing.T) {
	t.Parallel()
	total := 4000
	if n, err := strconv.Atoi(os.Getenv("INSIGHTS_TEST_SIGN_UPS")); err == nil {
		total = n
	} else if testing.Short() {
		total = 1500
	}
	for _, test := range []struct {
		name    string
		popular float64 // the share of the flood, and of readers, at one domain
		within  time.Duration
	}{{"spread evenly", 0, 10 * time.Minute}, {"half at one domain", .5, 20 * time.Minute}} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			flood(t, func(f *flooded) { drown(f, total, test.popular, test.within) })
		})
	}
}

// drown floods a site from 200 networks with 100,000 sign-ups an hour at 2,000 domains. Half
// of the networks are IPv4 addresses, half have a /56 with all that is in it.
func drown(f *flooded, total int, popular float64, within time.Duration) {
	const networks, domains, anHour = 200, 2000, 100_000
	random := rand.New(rand.NewPCG(7, uint64(popular*10)))
	domain := func() string {
		if random.Float64() < popular {
			return "popular.example"
		}
		return fmt.Sprintf("d%d.example", random.IntN(domains))
	}
	readers := max(20, 200*total/anHour)
	began, size := time.Now(), f.size()
	for i := range total {
		network := random.IntN(networks)
		client, wide := fmt.Sprint("v4-", network), fmt.Sprint("v4-", network)
		if network%2 == 1 {
			client, wide = fmt.Sprintf("v6-%d-%d", network, random.IntN(256)), fmt.Sprint("v6-", network)
		}
		f.signUp(fmt.Sprintf("v%d@%s", random.IntN(max(1000, total/3)), domain()), client, wide)
		if i%(total/readers) == 0 && len(f.honest) < readers {
			f.reader(domain())
			f.look()
		}
		time.Sleep(time.Hour / anHour)
	}
	flooded := time.Since(began)
	grown, queue := f.size()-size, f.queue()
	time.Sleep(within)
	f.look()
	delays := f.delays()
	median, last := delays[len(delays)/2], delays[len(delays)-1]
	if median > 30*time.Second || last > within {
		f.Errorf("honest readers waited %v, at most %v", median, last)
	}
	f.limits()
	if queue.Waiting > 20_000 || grown > 64<<20 || f.peak > 256<<20 {
		f.Errorf("not bounded")
	}
	f.mail.mu.Lock()
	defer f.mail.mu.Unlock()
	f.Logf("%d sign-ups in %v: %d taken, %d refused by client, %d by the queue; %d honest readers, median %v, the last %v; %d mailboxes had email; %d waited at the end; the database grew by %.1f MB, the heap reached %.1f MB",
		total, flooded, f.verdicts["taken"], f.verdicts["client"], f.verdicts["full"], readers, median.Round(10*time.Millisecond), last.Round(10*time.Millisecond),
		len(f.mail.times), queue.Waiting, float64(grown)/(1<<20), float64(f.peak)/(1<<20))
}
