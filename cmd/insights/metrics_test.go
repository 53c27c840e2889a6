package main

import (
	"bytes"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/scaledbydesign/insights/cmd/insights/internal/database"
	"github.com/scaledbydesign/insights/feeds/readership"
)

func newMetrics(t testing.TB) *metrics {
	t.Helper()
	c := defaultConfig()
	c.Metrics.Listen = "127.0.0.1:0"
	m, err := c.openMetrics(slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.listener.Close() })
	return m
}

func TestObserveAllocatesNothing(t *testing.T) {
	m := newMetrics(t)
	m.observe("GET /feeds/all.rss", 304, time.Millisecond)
	if n := testing.AllocsPerRun(100, func() { m.observe("GET /feeds/all.rss", 304, time.Millisecond) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestMetricsForAllToReadAreWarnedOf(t *testing.T) {
	for listen, warned := range map[string]bool{"127.0.0.1:0": false, "[::1]:0": false, "localhost:0": false, "0.0.0.0:0": true, ":0": true} {
		var log bytes.Buffer
		c := defaultConfig()
		c.Metrics.Listen = listen
		m, err := c.openMetrics(slog.New(slog.NewTextHandler(&log, nil)))
		if err != nil {
			t.Logf("%s: %v", listen, err) // a machine may lack IPv6
			continue
		}
		m.listener.Close()
		if got := strings.Contains(log.String(), "metrics can be read by whoever reaches their address"); got != warned {
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
				m.observe("GET /feeds/all.rss", 100+status, time.Millisecond)
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
		m.observe("GET /feeds/all.rss", 304, time.Millisecond)
	}
}

func TestScrapesAskTheDatabaseNowAndThen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db, err := database.Open("sqlite:"+filepath.Join(t.TempDir(), "test.db"), true)
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		if _, err := db.Migrate(t.Context()); err != nil {
			t.Fatal(err)
		}
		g := &gauges{d: &daemon{newsroom: &newsroom{db: db, config: &Config{}}, log: slog.New(slog.DiscardHandler)}}
		wantReaders := func(want int) {
			t.Helper()
			f, err := g.figures()
			if got := f.readers["/feeds/all.rss"].Total(); err != nil || got != want {
				t.Errorf("%d readers, %v; want %d", got, err, want)
			}
		}
		wantReaders(0)
		count := []readership.Count{{Day: readership.Today(), Document: "/feeds/all.rss", Source: readership.Others, Readers: 3}}
		if err := db.SaveReadership(t.Context(), count, 0); err != nil {
			t.Fatal(err)
		}
		time.Sleep(figuresFor - time.Millisecond)
		wantReaders(0)
		time.Sleep(time.Millisecond)
		wantReaders(3)
	})
}

func TestOverdueBeginsWhenAMailIsDue(t *testing.T) {
	now := time.Now()
	for _, test := range []struct {
		due  time.Time
		want time.Duration
	}{{time.Time{}, 0}, {now.Add(time.Minute), 0}, {now.Add(-time.Minute), time.Minute}} {
		if got := (figures{due: test.due}).overdue(now); got != test.want {
			t.Errorf("due %s: %s, want %s", test.due, got, test.want)
		}
	}
}
