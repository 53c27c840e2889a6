package metrics

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/scaledbydesign/insights/newsletter"
)

func newMetrics(t testing.TB) *Server {
	t.Helper()
	m, err := Listen("127.0.0.1:0", "test", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return m
}

func TestObserveAllocatesNothing(t *testing.T) {
	m := newMetrics(t)
	m.Observe("GET /feeds/all.rss", 304, time.Millisecond)
	if n := testing.AllocsPerRun(100, func() { m.Observe("GET /feeds/all.rss", 304, time.Millisecond) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestMetricsForAllToReadAreWarnedOf(t *testing.T) {
	for listen, warned := range map[string]bool{"127.0.0.1:0": false, "[::1]:0": false, "localhost:0": false, "0.0.0.0:0": true, ":0": true} {
		var log bytes.Buffer
		m, err := Listen(listen, "test", slog.New(slog.NewTextHandler(&log, nil)))
		if err != nil {
			t.Logf("%s: %v", listen, err) // a machine may lack IPv6
			continue
		}
		m.Close()
		if got := strings.Contains(log.String(), "metrics endpoint is public"); got != warned {
			t.Errorf("%s: %q", listen, log.String())
		}
	}
}

func TestObservedByManyAtOnce(t *testing.T) {
	m := newMetrics(t)
	var requests sync.WaitGroup
	for range 8 {
		requests.Go(func() {
			for status := range 500 {
				m.Observe("GET /feeds/all.rss", 100+status, time.Millisecond)
			}
		})
	}
	requests.Wait()
	families, err := m.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	total := 0.0
	for _, f := range families {
		if f.GetName() == "insights_http_requests_total" {
			for _, sample := range f.GetMetric() {
				total += sample.GetCounter().GetValue()
			}
		}
	}
	if total != 8*500 {
		t.Errorf("%v of %d", total, 8*500)
	}
}

func BenchmarkObserve(b *testing.B) {
	m := newMetrics(b)
	b.ReportAllocs()
	for b.Loop() {
		m.Observe("GET /feeds/all.rss", 304, time.Millisecond)
	}
}

// counted is a source whose database has been asked so many times.
type counted struct{ asked int }

func (*counted) Insights() Insights               { return Insights{Valid: true} }
func (*counted) Schedules() []newsletter.Schedule { return nil }
func (s *counted) Figures(context.Context) (Figures, error) {
	s.asked++
	return Figures{Paused: s.asked}, nil
}

func TestScrapesAskTheDatabaseNowAndThen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &collector{source: new(counted), log: slog.New(slog.DiscardHandler)}
		want := func(asked int) {
			t.Helper()
			if f, err := c.figures(); err != nil || f.Paused != asked {
				t.Errorf("asked %d times, %v; want %d", f.Paused, err, asked)
			}
		}
		want(1)
		time.Sleep(figuresFor - time.Millisecond)
		want(1)
		time.Sleep(time.Millisecond)
		want(2)
	})
}

func TestOverdueBeginsWhenAMailIsDue(t *testing.T) {
	now := time.Now()
	for _, test := range []struct {
		due  time.Time
		want time.Duration
	}{{time.Time{}, 0}, {now.Add(time.Minute), 0}, {now.Add(-time.Minute), time.Minute}} {
		if got := (Figures{Due: test.due}).overdue(now); got != test.want {
			t.Errorf("due %s: %s, want %s", test.due, got, test.want)
		}
	}
}
