package e2e

import (
	"fmt"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestAMillionReaders sends one digest to very many: how long its plan takes, how
// long the whole, in how much memory, and how soon after a kill -9 in its middle
// the next mail goes out:
//
//	INSIGHTS_TEST_MILLION=1000000 go test ./cmd/insights/e2e -run TestAMillionReaders -v -timeout 60m
func TestAMillionReaders(t *testing.T) {
	slow(t)
	t.Parallel()
	n := scale(t, "INSIGHTS_TEST_MILLION", 5000)
	to := newSink(t, nil)
	to.misbehave(nil, sinkAll)
	s := newLargeCrowd(t, n).site(t, nil, to, map[string]string{"SMTP_CONNECTIONS": "20"})
	s.plain()
	s.long()
	began := time.Now()
	id, _ := s.plan("--cadence", "weekly")
	planned := time.Since(began)
	s.insights("digest", "send", id, "--yes")
	half := make(chan struct{})
	var again sync.Once
	var next time.Time
	to.misbehave(nil, sinkAll)
	began = time.Now()
	alone := s.command("digest", "send", id, "--yes", "--wait") // sends, and serves no site
	if err := alone.Start(); err != nil {
		t.Fatal(err)
	}
	until(t, 20*time.Minute, "a tenth of the emails have arrived", func() bool { return to.taken() >= n/10 })
	early := memoryOf(alone.Process.Pid, "VmHWM")
	until(t, 20*time.Minute, "half of the emails have arrived", func() bool { return to.taken() >= n/2 })
	peak := memoryOf(alone.Process.Pid, "VmHWM")
	if err := alone.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = alone.Wait() // killed
	to.mu.Lock()
	to.hook = func(m moment) reply {
		if m.verb == "MAIL" {
			again.Do(func() {
				next = time.Now()
				close(half)
			})
		}
		return reply{}
	}
	to.mu.Unlock()
	restarted := time.Now()
	s.start("serve")
	idle := s.daemon.memory("VmHWM")
	select {
	case <-half:
	case <-time.After(time.Minute):
		t.Fatal("nothing was sent within a minute of the restart")
	}
	until(t, 20*time.Minute, "the digest is done", func() bool {
		return to.taken() >= n && strings.Contains(s.daemon.log.String(), "digest done")
	})
	whole := time.Since(began)
	counts, repeated := s.checkCounts(id), to.tally().repeated()
	if counts["sent"] != n || len(to.tally().times) != n || len(repeated) > 20 {
		t.Errorf("counts %v, %d readers mailed, %d twice; want all %d, and 20 at most in doubt", counts, len(to.tally().times), len(repeated), n)
	}
	t.Logf("%s readers: planned in %v (wanted 5 s for a million), sent in %v with a kill in the middle, first mail %v after the restart (wanted 1 s)",
		grouped(n), planned.Round(time.Millisecond), whole.Round(time.Millisecond), next.Sub(restarted).Round(time.Millisecond))
	t.Logf("memory of what sends at its peak, in MB: %d after a tenth, %d after half (wanted 100 at most, flat); of serve with its site: %d when ready, %d at the end",
		early, peak, idle, s.daemon.memory("VmHWM"))
	if peak > 100 {
		t.Errorf("%d MB of memory; want 100 MB at most, however many readers", peak)
	}
}

// newLargeCrowd makes a database with n readers of all categories, copied from one
// that the program added.
func newLargeCrowd(t *testing.T, n int) *sinkCrowd {
	t.Helper()
	sqlite := needs(t, "sqlite3")
	c := newSinkCrowd(t, 1)
	cmd := exec.Command(sqlite, c.file)
	cmd.Stdin = strings.NewReader(fmt.Sprintf(`UPDATE subscribers SET categories = (1 << (SELECT count(*) FROM categories)) - 1;
		INSERT INTO subscribers (public_id, email, email_key, status, cadence, categories, position_id, nonce, created_at, confirmed_at, source)
		WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d)
		SELECT lower(hex(randomblob(10))), printf('reader-%%07d@example.com', i), printf('reader-%%07d@example.com', i), status, cadence, categories,
		position_id, lower(hex(randomblob(10))), created_at, confirmed_at, source FROM n, subscribers WHERE id = 1 AND i < %d;`, max(n-1, 1), n))
	if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
		t.Fatalf("copy readers: %v\n%s", err, out)
	}
	c.crowd = make([]string, n) // their number is what counts
	return c
}

// long is an insight in each category, twice, whose summaries make a digest of
// about 20 KB.
func (s *sinkSite) long() {
	summary := strings.TrimSpace(strings.Repeat("a team measures what it ships and ships what it has measured, ", 9))
	for i := range 14 {
		s.written++
		in := insight{
			ID: insightID(s.written), Slug: fmt.Sprintf("long-%04d", s.written), Title: fmt.Sprintf("Long insight %d of some length", s.written), Summary: summary,
			Category: allCategories()[i%7], Date: time.Now().AddDate(-2, 0, 0).Add(time.Duration(s.written) * time.Minute),
		}
		in.write(s.t, s.content)
	}
}

// checkCounts is checkSums without the list, which is long.
func (s *sinkSite) checkCounts(id string) map[string]int {
	s.t.Helper()
	var d digestJSON
	s.read(&d, "digest", "show", id)
	sum := 0
	for _, n := range d.Counts {
		sum += n
	}
	if sum != d.Readers {
		s.t.Errorf("digest %s: counts %v don't add up to %d", id, d.Counts, d.Readers)
	}
	return d.Counts
}
