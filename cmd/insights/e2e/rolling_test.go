package e2e

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/scaledbydesign/insights/cmd/insights/internal/database"
	"github.com/scaledbydesign/insights/cmd/insights/internal/database/databasetest"
	"github.com/scaledbydesign/insights/subscribers"
)

// Insights are published machine by machine, and some machines restart meanwhile: each insight
// reaches every reader, once, from the machine that got it first. INSIGHTS_TEST_DEPLOYS is how
// many are published.
func TestRollingDeploysLoseNothing(t *testing.T) {
	slow(t)
	t.Parallel()
	deploys := scale(t, "INSIGHTS_TEST_DEPLOYS", 2)
	const machines, readers = 3, 40
	address := databasetest.Postgres(t)
	to := newSink(t, nil)
	var all []*sinkSite
	for range machines {
		s := &sinkSite{site: newServe(t, to.addr, map[string]string{"DATABASE_URL": address, "DIGESTS_SCHEDULES": `[{name: instant, cadence: instant}]`}), sink: to, content: t.TempDir()}
		s.set(map[string]string{"CONTENT_DIR": s.content})
		s.publish()
		s.start("serve")
		all = append(all, s)
	}
	first := all[0]
	until(t, patience, "the insights are numbered", func() bool {
		var d digestJSON
		first.read(&d, "digest", "plan", "--dry-run")
		return d.State == "skipped"
	})
	addReaders(t, address, readers, 0)
	db, err := database.Open(address, false)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for i := range readers {
		_, err := db.Edit(t.Context(), fmt.Sprintf("reader-%05d@example.com", i), func(s *subscribers.Subscriber) (subscribers.Change, error) {
			s.Cadence, s.Categories = subscribers.Instant, allCategories()
			return subscribers.Change{}, nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	random := rand.New(rand.NewPCG(1, uint64(deploys)))
	var slugs []string
	for n := range deploys {
		id := 1000 + n
		in := insight{ID: insightID(id), Slug: fmt.Sprintf("deployed-%d", n), Title: fmt.Sprintf("Deployed %d", n), Category: allCategories()[n%7], Date: time.Now().Add(-time.Hour)}
		slugs = append(slugs, in.Slug)
		for i, machine := range random.Perm(machines) {
			s := all[machine]
			if restarts := (n+i)%4 == 0; restarts {
				s.daemon.stop(t)
				in.write(t, s.content)
				s.start("serve")
			} else {
				in.write(t, s.content)
			}
			// As machines are updated, some longer after others: a schedule is looked at twice a
			// minute, also by those that are behind.
			pause := time.Duration(random.IntN(2000)) * time.Millisecond
			if i == 1 {
				pause += 31 * time.Second
			}
			time.Sleep(pause)
		}
	}
	carried := func() (slugs []string, sent int) {
		var digests []digestJSON
		first.read(&digests, "digest", "list")
		for _, d := range digests {
			if d.State != "done" || d.Readers == 0 {
				continue
			}
			var whole digestJSON
			first.read(&whole, "digest", "show", fmt.Sprint(*d.ID))
			for _, in := range whole.Insights {
				slugs = append(slugs, in.Slug)
			}
			sent += whole.Counts["sent"]
		}
		slices.Sort(slugs)
		return slugs, sent
	}
	slices.Sort(slugs)
	until(t, 3*time.Minute, "all is sent", func() bool {
		got, _ := carried()
		return len(got) >= len(slugs)
	})
	got, sent := carried()
	if !slices.Equal(got, slugs) {
		t.Errorf("digests carried %q, want %q", got, slugs)
	}
	if taken := to.taken(); taken != sent || sent%readers != 0 {
		t.Errorf("%d emails were taken, %d are on record, for %d readers", taken, sent, readers)
	}
	var returns int
	sequence, err := db.Sequence(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range sequence {
		returns += n.Returns
	}
	if returns > 0 {
		t.Errorf("insights were withdrawn and came back %d times", returns)
	}
	for _, s := range all {
		s.daemon.stop(t)
	}
}
