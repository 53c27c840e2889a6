package smtp_test

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/scaledbydesign/insights/newsletter"
	"github.com/scaledbydesign/insights/newsletter/smtp"
)

func TestTheSecondRelayTakesOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first, second := &scripted{}, &scripted{}
		var tries int
		down := errors.New("connection refused")
		one, two := first.relay(t), second.relay(t)
		one.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
			if tries++; down != nil {
				return nil, down
			}
			return first.dial(ctx, network, address)
		}
		var log strings.Builder
		relays := &smtp.Failover{Relays: []*smtp.Relay{one, two}, Log: slog.New(slog.NewTextHandler(&log, nil))}
		send := func() {
			t.Helper()
			session, err := relays.Open(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer session.Close()
			if o := session.Send(t.Context(), newsletter.Envelope{From: sender, To: reader}, []byte(message)); o.Kind != newsletter.Accepted {
				t.Fatalf("%+v", o)
			}
		}
		send()
		send() // the first is known to be down
		if tries != 1 || len(second.accepted()) != 2 {
			t.Errorf("the first was tried %d times, the second took %d emails", tries, len(second.accepted()))
		}
		time.Sleep(2 * time.Minute)
		down = nil
		send()
		if tries != 2 || len(first.accepted()) != 1 {
			t.Errorf("back again, the first was tried %d times and took %d emails", tries, len(first.accepted()))
		}
		if said := log.String(); strings.Count(said, "skipping it") != 1 || strings.Count(said, "reachable again") != 1 {
			t.Errorf("the log says\n%s", said)
		}
		down = errors.New("connection refused")
		two.DialContext = func(context.Context, string, string) (net.Conn, error) { return nil, errors.New("no route") }
		if _, err := relays.Open(t.Context()); err == nil || !strings.Contains(err.Error(), "refused") || !strings.Contains(err.Error(), "no route") {
			t.Errorf("both down: %v", err)
		}
	})
}

// A relay that does not answer holds up one session a minute, not all of them.
func TestARelayThatWasDownIsTriedByOneAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		second := &scripted{}
		one, two := &smtp.Relay{Host: "first.example", TLS: smtp.TLSNone}, second.relay(t)
		var tries atomic.Int32
		one.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
			tries.Add(1)
			<-ctx.Done()
			return nil, ctx.Err()
		}
		relays := &smtp.Failover{Relays: []*smtp.Relay{one, two}}
		open := func() time.Duration {
			start := time.Now()
			session, err := relays.Open(t.Context())
			if err != nil {
				t.Error(err)
				return 0
			}
			session.Close()
			return time.Since(start)
		}
		open()
		for round := range 3 {
			time.Sleep(2 * time.Minute)
			tries.Store(0)
			var opening sync.WaitGroup
			var slow atomic.Int32
			for range 20 {
				opening.Go(func() {
					if open() > 0 {
						slow.Add(1)
					}
				})
			}
			opening.Wait()
			if tries.Load() != 1 || slow.Load() != 1 {
				t.Errorf("round %d: the first was tried %d times and held up %d sessions, want one", round, tries.Load(), slow.Load())
			}
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := relays.Open(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("with a context that has ended: %v", err)
		}
	})
}

func TestWithoutARelayNothingOpens(t *testing.T) {
	if session, err := new(smtp.Failover).Open(t.Context()); err == nil {
		t.Errorf("%v, and no error", session)
	}
}
