// Package readership estimates how many people follow each feed document, from the
// requests for it.
package readership

import (
	"cmp"
	"context"
	"errors"
	"hash/maphash"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Counter counts who follows which feed document, from the requests for it. A
// subscription is to one document, so documents are what is counted, each format
// of a feed by itself: a person who follows two counts in both.
//
// Two kinds of client ask. An aggregator asks once for all of its readers and
// says how many those are; the largest number it announced on a day counts, for
// each id that it gives the document. Every other client is a reader: distinct
// ones are counted, by address and User-Agent. Robots that say so are nobody.
//
// Nothing about a client is kept. To tell clients apart they are hashed under a
// random key that never leaves memory, and both go when the day ends, which is
// at midnight UTC; what remains is one number for each day, document and source.
//
// The zero value with a Store is ready. Methods are safe for concurrent use.
type Counter struct {
	Store Store
	Log   *slog.Logger // nil: silent

	today atomic.Pointer[dayCounter]

	mu     sync.Mutex
	closed []Count // of days that are over, until they are stored
}

// Store keeps what was counted.
type Store interface {
	// SaveReadership keeps counts, all or none. A count that is kept for the same
	// day, document and source is only ever raised: after a restart counting begins
	// from zero. Days before oldest are deleted.
	SaveReadership(ctx context.Context, counts []Count, oldest Day) error
}

// Count is how many readers of a document one source stood for on a day.
type Count struct {
	Day      Day
	Document string // its path, "/feeds/all.rss"
	Source   string // an aggregator's name, or Others
	Readers  int
}

// Others is the source of readers without an aggregator.
const Others = "others"

// KeptDays is for how many days counts are kept.
const KeptDays = 400

const (
	// flushEvery is how much of a day's count a power cut may cost.
	flushEvery = time.Minute
	// finalFlush bounds how long the last flush may hold up the end.
	finalFlush = 5 * time.Second
)

// Run stores what was counted every minute, and once more when ctx is done. It
// returns nil: a count that can't be stored now is stored later.
func (r *Counter) Run(ctx context.Context) error {
	ticker := time.NewTicker(flushEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), finalFlush)
			defer cancel()
			r.flush(last)
			return nil
		case <-ticker.C:
			r.flush(ctx)
		}
	}
}

func (r *Counter) flush(ctx context.Context) {
	if err := r.Flush(ctx); err != nil && !errors.Is(err, context.Canceled) && r.Log != nil {
		r.Log.WarnContext(ctx, "cannot store feed readership; retrying", "error", err)
	}
}

// Flush stores what was counted since the last time. After an error it can be
// called again; nothing is lost.
func (r *Counter) Flush(ctx context.Context) error {
	t := r.day() // a day without requests ends too
	r.mu.Lock()
	closed := r.closed
	r.closed = nil
	r.mu.Unlock()
	counts, changed := t.counts()
	if !changed && len(closed) == 0 {
		return nil
	}
	err := r.Store.SaveReadership(ctx, slices.Concat(closed, counts), t.day-KeptDays)
	if err != nil {
		t.mu.Lock()
		t.changed = true
		t.mu.Unlock()
		r.mu.Lock()
		r.closed = append(closed, r.closed...)
		r.mu.Unlock()
	}
	return err
}

// day returns today's, and closes yesterday's when the day is new.
func (r *Counter) day() *dayCounter {
	day := Today()
	if t := r.today.Load(); t != nil && t.day == day {
		return t
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	old := r.today.Load()
	if old != nil && old.day == day {
		return old // another goroutine was first
	}
	if old != nil {
		counts, _ := old.counts()
		// A store that has failed for a week will not be missed for what was before.
		r.closed = slices.DeleteFunc(append(r.closed, counts...), func(c Count) bool { return c.Day <= day-WindowDays })
	}
	t := &dayCounter{day: day, seed: maphash.MakeSeed(), documents: make(map[string]*readers)}
	r.today.Store(t)
	return t
}

// Estimate is the estimate of how many people follow a document.
type Estimate struct {
	Announced int       // by aggregators
	Others    int       // distinct other clients
	Services  []Service // the aggregators, most readers first
	Day       Day       // the last on which anybody asked
}

// Service is an aggregator with the readers it announced.
type Service struct {
	Name    string
	Readers int
}

// Total returns all readers.
func (r Estimate) Total() int { return r.Announced + r.Others }

// WindowDays is how many days back a source counts that has not asked since: some
// ask once a week for what seldom changes.
const WindowDays = 7

// Estimates makes the estimate for each document from the counts of the last
// WindowDays days, in any order. Of each source the larger of its two newest
// days counts: the newest may have just begun.
func Estimates(counts []Count) map[string]Estimate {
	type source struct{ document, name string }
	newest := make(map[source][]Count) // two at most
	sorted := slices.SortedFunc(slices.Values(counts), func(a, b Count) int { return cmp.Compare(b.Day, a.Day) })
	for _, c := range sorted {
		if key := (source{c.Document, c.Source}); len(newest[key]) < 2 {
			newest[key] = append(newest[key], c)
		}
	}
	estimates := make(map[string]Estimate)
	for key, days := range newest {
		e := estimates[key.document]
		e.Day = max(e.Day, days[0].Day)
		n := slices.MaxFunc(days, func(a, b Count) int { return cmp.Compare(a.Readers, b.Readers) }).Readers
		if key.name == Others {
			e.Others = n
		} else {
			e.Announced += n
			e.Services = append(e.Services, Service{key.name, n})
		}
		estimates[key.document] = e
	}
	for _, e := range estimates {
		slices.SortFunc(e.Services, func(a, b Service) int {
			return cmp.Or(cmp.Compare(b.Readers, a.Readers), cmp.Compare(a.Name, b.Name))
		})
	}
	return estimates
}

// Day is a day of UTC, counted from 1970.
type Day int

// Today returns the present day.
func Today() Day { return Day(time.Now().Unix() / secondsPerDay) }

const secondsPerDay = 24 * 60 * 60

// String returns the day as 2006-01-02.
func (d Day) String() string {
	return time.Unix(int64(d)*secondsPerDay, 0).UTC().Format(time.DateOnly)
}
