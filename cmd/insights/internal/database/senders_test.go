package database_test

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/scaledbydesign/insights/cmd/insights/internal/database"
	"github.com/scaledbydesign/insights/cmd/insights/internal/database/databasetest"
	"github.com/scaledbydesign/insights/newsletter"
	"github.com/scaledbydesign/insights/subscribers"
)

// Several processes send from one PostgreSQL. Here each is a DB of its own on the same
// schema.

// counter is a mail server that counts what each address gets.
type counter struct {
	sink
	takes  time.Duration
	mu     sync.Mutex
	emails map[string]int
}

func (c *counter) Open(context.Context) (newsletter.Session, error) { return c, nil }

func (c *counter) Send(_ context.Context, e newsletter.Envelope, _ []byte) newsletter.Outcome {
	time.Sleep(c.takes)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.emails == nil {
		c.emails = make(map[string]int)
	}
	c.emails[e.To]++
	return newsletter.Outcome{Kind: newsletter.Accepted}
}

func (c *counter) count() (addresses, emails int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, n := range c.emails {
		emails += n
	}
	return len(c.emails), emails
}

func sender(t *testing.T, db *database.DB, server *counter) *newsletter.Worker {
	t.Helper()
	keys, err := subscribers.NewKeyring(strings.Repeat("x", 32))
	if err != nil {
		t.Fatal(err)
	}
	return &newsletter.Worker{Store: db, Composer: server, Transport: server, Connections: 8, OnUncertain: newsletter.Hold, Log: slog.New(slog.NewTextHandler(t.Output(), nil)),
		Writer: &newsletter.Writer{Renderer: server, Registry: &subscribers.Registry{Keys: keys}, Identity: newsletter.Identity{BaseURL: "https://example.com", From: "news@example.com"}}}
}

func TestTwoProcessesShareADigest(t *testing.T) {
	address := databasetest.Postgres(t)
	one, two := openURL(t, address), openURL(t, address)
	lib := fill(t, one, 4000)
	d := plan(t, one, lib)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var servers [2]counter
	var all sync.WaitGroup
	for i, db := range []*database.DB{one, two} {
		worker := sender(t, db, &servers[i])
		worker.OnDone = func(int64) { stop() }
		all.Go(func() {
			if err := worker.Run(ctx); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	first, n := servers[0].count()
	second, m := servers[1].count()
	for to := range servers[0].emails {
		if servers[1].emails[to] > 0 {
			t.Errorf("both emailed %s", to)
		}
	}
	if n+m != d.Readers || first != n || second != m || n == 0 || m == 0 {
		t.Errorf("%d emails to %d addresses and %d to %d; there are %d readers", n, first, m, second, d.Readers)
	}
	if got, err := one.Digest(t.Context(), d.ID); err != nil || got.State != newsletter.DigestDone || got.Counts[newsletter.Sent] != d.Readers {
		t.Errorf("%s %v, %v", got.State, got.Counts, err)
	}
}

// TestADeadProcessIsTakenOver ends one of two processes as kill -9 does: nothing that it
// does reaches the database.
func TestADeadProcessIsTakenOver(t *testing.T) {
	address := databasetest.Postgres(t)
	synctest.Test(t, func(t *testing.T) {
		one, two := openURL(t, address), openURL(t, address)
		d := plan(t, one, fill(t, one, 2000))
		servers := [2]counter{{takes: 100 * time.Millisecond}, {takes: 100 * time.Millisecond}}
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		dies, kill := context.WithCancel(ctx)
		defer kill()
		var all sync.WaitGroup
		victim := sender(t, one, &servers[0])
		victim.Grace = time.Second
		all.Go(func() { _ = victim.Run(dies) })
		heir := sender(t, two, &servers[1])
		heir.OnDone = func(int64) { stop() }
		all.Go(func() {
			if err := heir.Run(ctx); err != nil {
				t.Error(err)
			}
		})
		time.Sleep(5050 * time.Millisecond) // emails are in flight
		one.Close()
		kill()
		all.Wait()

		got, err := two.Digest(t.Context(), d.ID)
		if err != nil || got.State != newsletter.DigestDone {
			t.Fatalf("%s, %v", got.State, err)
		}
		uncertain := got.Counts[newsletter.Uncertain]
		if uncertain == 0 || uncertain > victim.Connections || uncertain+got.Counts[newsletter.Sent] != d.Readers {
			t.Errorf("counts %v of %d readers", got.Counts, d.Readers)
		}
		received := make(map[string]int)
		for i := range servers {
			for to, n := range servers[i].emails {
				received[to] += n
			}
		}
		for to, n := range received {
			if n > 1 {
				t.Errorf("%s got %d emails", to, n)
			}
		}
		if missing := d.Readers - len(received); missing > uncertain {
			t.Errorf("%d readers got nothing, %d are listed as uncertain", missing, uncertain)
		}
	})
}

// Two digests with the same insights are on their way. The first to begin sends.
func TestTwoProcessesNeverEmailOneReaderTogether(t *testing.T) {
	address := databasetest.Postgres(t)
	dbs := []*database.DB{openURL(t, address), openURL(t, address)}
	lib := fill(t, dbs[0], 300)
	planner := newsletter.Planner{Store: dbs[0], Log: slog.New(slog.DiscardHandler)}
	var tasks [2][]newsletter.Task
	var digests [2]newsletter.Digest
	for i := range 2 { // neither is approved yet, so both carry the same
		d, err := planner.Plan(t.Context(), lib, newsletter.Request{Cadence: subscribers.Weekly})
		if err != nil {
			t.Fatal(err)
		}
		digests[i] = d
	}
	for i, d := range digests {
		if _, err := dbs[i].Approve(t.Context(), d.ID); err != nil {
			t.Fatal(err)
		}
		if err := dbs[i].Start(t.Context(), d.ID); err != nil {
			t.Fatal(err)
		}
		if _, err := dbs[i].Attach(t.Context(), fmt.Sprint("w", i), time.Minute, newsletter.Hold); err != nil {
			t.Fatal(err)
		}
		var err error
		if tasks[i], err = dbs[i].ClaimDeliveries(t.Context(), fmt.Sprint("w", i), d.ID, 1000); err != nil || len(tasks[i]) != d.Readers {
			t.Fatalf("%d claimed, %v", len(tasks[i]), err)
		}
	}
	// Each takes its time between Begin and commit.
	exec(t, dbs[0], "CREATE FUNCTION linger() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(0.02); RETURN NULL; END $$")
	exec(t, dbs[0], "CREATE TRIGGER linger AFTER UPDATE ON deliveries FOR EACH STATEMENT EXECUTE FUNCTION linger()")
	started := make(map[int64]int)
	var mu sync.Mutex
	for from := 0; from < len(tasks[0])-20; from += 60 {
		var all sync.WaitGroup
		for i, db := range dbs {
			all.Go(func() {
				var entries []newsletter.Entry
				for n := range 20 {
					at := from + n
					if i == 1 {
						at = from + 19 - n // in opposite order
					}
					entries = append(entries, newsletter.Entry{Begin: &newsletter.Begin{Ref: tasks[i][at].Ref, To: "x@example.com", MessageID: "m"}})
				}
				actions, err := db.Record(t.Context(), fmt.Sprint("w", i), entries)
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				defer mu.Unlock()
				for n, v := range actions {
					if v == newsletter.ActionSend {
						started[entries[n].Begin.Ref.Subscriber]++
					}
				}
			})
		}
		all.Wait()
	}
	for reader, n := range started {
		if n != 1 {
			t.Errorf("%d emails to reader %d are in flight together", n, reader)
		}
	}
	if len(started) != 100 {
		t.Errorf("%d of 100 readers are emailed", len(started))
	}
}
