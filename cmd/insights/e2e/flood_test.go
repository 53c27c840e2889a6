package e2e

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/scaledbydesign/insights/cmd/insights/internal/database"
	"github.com/scaledbydesign/insights/subscribers"
)

// TestFloodsDontSlowSending measures how long a digest takes while strangers sign up others
// at the rate of 100,000 an hour, with thousands waiting already, and without, in turns. At
// full size (INSIGHTS_TEST_YARDSTICK is how many emails it has) it may take a tenth more.
func TestFloodsDontSlowSending(t *testing.T) {
	slow(t)
	t.Parallel()
	emails := scale(t, "INSIGHTS_TEST_YARDSTICK", 200)
	rounds, waiting := 1, 300
	if emails >= 20_000 {
		rounds, waiting = 5, 6000
	}
	port := startQuickSink(t)
	var alone, flooded []time.Duration
	for range rounds {
		alone = append(alone, sendAll(t, port, emails, 20, nil))
		flooded = append(flooded, sendWhile(t, port, emails, 20, nil, func(db *database.DB) (begin, end func()) {
			f := newFloodOf(t, db)
			for f.signedUp < waiting {
				f.signUp()
			}
			return f.start, f.stop
		}))
	}
	slices.Sort(alone)
	slices.Sort(flooded)
	a, f := alone[rounds/2], flooded[rounds/2]
	t.Logf("%d emails: %v alone, %v in a flood: %.2f", emails, a.Round(time.Millisecond), f.Round(time.Millisecond), float64(f)/float64(a))
	if rounds > 1 && float64(f) > 1.1*float64(a) {
		t.Errorf("sending took %v in a flood, and %v without", f, a)
	}
}

// floodOf is strangers who sign up others, from 200 networks at 2,000 domains.
type floodOf struct {
	*testing.T
	registry *subscribers.Registry
	random   *rand.Rand
	signedUp int
	cancel   context.CancelFunc
	running  sync.WaitGroup
}

func newFloodOf(t *testing.T, db *database.DB) *floodOf {
	keys, err := subscribers.NewKeyring(strings.Repeat("k", 32))
	if err != nil {
		t.Fatal(err)
	}
	return &floodOf{T: t, random: rand.New(rand.NewPCG(1, 2)), registry: &subscribers.Registry{
		Store: db, Keys: keys, Categories: []string{"leadership"},
		Limits: subscribers.Limits{AddressEvery: 15 * time.Minute, AddressADay: 3, Client: 30, Domain: 500, All: 2000, Waiting: 20_000, WaitingOfOne: 30},
	}}
}

func (f *floodOf) signUp() {
	f.signedUp++
	n := f.random.IntN(200)
	client, wide := fmt.Sprint("v4-", n), fmt.Sprint("v4-", n)
	if n%2 == 1 { // a /56 of IPv6, with all that is in it
		client, wide = fmt.Sprintf("v6-%d-%d", n, f.random.IntN(256)), fmt.Sprint("v6-", n)
	}
	address, err := subscribers.ParseAddress(fmt.Sprintf("victim%d@d%d.example", f.signedUp, f.random.IntN(2000)))
	if err != nil {
		f.Error(err)
		return
	}
	err = f.registry.SignUp(f.Context(), subscribers.SignUp{
		Address: address, Source: "form", Asker: subscribers.Asker{Client: client, Wide: wide},
		Preferences: subscribers.Preferences{Cadence: subscribers.Weekly, Categories: []string{"leadership"}},
	})
	if err != nil && !errors.Is(err, subscribers.ErrTooMany) && !errors.Is(err, subscribers.ErrBusy) {
		f.Error(err)
	}
}

func (f *floodOf) start() {
	ctx, cancel := context.WithCancel(f.Context())
	f.cancel = cancel
	f.running.Go(func() { f.registry.KeepReleasing(ctx, f.registry.Store.(*database.DB).Changed) })
	f.running.Go(func() {
		tick := time.NewTicker(time.Hour / 100_000)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				f.signUp()
			}
		}
	})
}

func (f *floodOf) stop() {
	f.cancel()
	f.running.Wait()
}
