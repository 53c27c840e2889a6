package content_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"

	"github.com/scaledbydesign/insights/content"
)

// loader loads the files that it holds at the time.
type loader struct {
	files atomic.Pointer[fstest.MapFS]
	now   func() time.Time
	err   error
}

func (l *loader) load(previous *content.Library) (*content.Library, error) {
	if l.err != nil {
		return nil, l.err
	}
	return content.Load(*l.files.Load(), content.Options{Categories: categories, Previous: previous, Now: l.now})
}

func (l *loader) set(files fstest.MapFS) { l.files.Store(&files) }

func live(t *testing.T, files fstest.MapFS) (*content.Live, *loader) {
	t.Helper()
	l := &loader{}
	l.set(files)
	live, err := content.NewLive(l.load)
	if err != nil {
		t.Fatal(err)
	}
	return live, l
}

func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// run starts Run in the bubble; the test ends it.
func run(t *testing.T, live *content.Live) {
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- live.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
}

func in(d time.Duration) string { return "date: " + time.Now().Add(d).UTC().Format(time.RFC3339) }

func TestFutureInsightsAppearAtTheirTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		live, _ := live(t, fstest.MapFS{
			"now.md": insight(1, "", in(0)), "soon.md": insight(2, "", in(10*time.Second)), "day.md": insight(3, "", in(24*time.Hour)),
		})
		run(t, live)
		changed := live.Changed()
		time.Sleep(10*time.Second - time.Nanosecond)
		synctest.Wait()
		if got := slugs(live.Current().Insights()); got != "now" || closed(changed) {
			t.Fatalf("before: %q, changed %v", got, closed(changed))
		}
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		if got := slugs(live.Current().Insights()); got != "soon now" || !closed(changed) {
			t.Fatalf("at its time: %q, changed %v", got, closed(changed))
		}
		changed = live.Changed()
		time.Sleep(24*time.Hour - 11*time.Second)
		synctest.Wait()
		if closed(changed) {
			t.Error("a change without a cause")
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if got := slugs(live.Current().Insights()); got != "day soon now" {
			t.Errorf("a day later: %q", got)
		}
	})
}

func TestAReloadBringsAnEarlierDate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		day, second := in(24*time.Hour), in(time.Second)
		live, files := live(t, fstest.MapFS{"a.md": insight(1, "", day)})
		run(t, live)
		synctest.Wait()
		files.set(fstest.MapFS{"a.md": insight(1, "", second)})
		if err := live.Reload(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if got := slugs(live.Current().Insights()); got != "a" {
			t.Errorf("got %q", got)
		}
	})
}

// The clock of the machine is set; timers know nothing of it.
func TestAClockThatIsSetIsNoticedWithinHalfAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var offset atomic.Int64
		files := &loader{now: func() time.Time { return time.Now().Add(time.Duration(offset.Load())) }}
		files.set(fstest.MapFS{"a.md": insight(1, "", in(24*time.Hour))})
		live, err := content.NewLive(files.load)
		if err != nil {
			t.Fatal(err)
		}
		run(t, live)
		after := func(what string, set time.Duration, want string) {
			t.Helper()
			offset.Store(int64(set))
			time.Sleep(30 * time.Second)
			synctest.Wait()
			if got := slugs(live.Current().Insights()); got != want {
				t.Errorf("%s: got %q, want %q", what, got, want)
			}
		}
		after("not set", 0, "")
		after("forward", 24*time.Hour-50*time.Second, "a")
		after("back by a moment", 24*time.Hour-100*time.Second, "a")
		after("back", 0, "")
	})
}

func TestReload(t *testing.T) {
	live, files := live(t, fstest.MapFS{"a.md": insight(1, "one")})
	first, changed := live.Current(), live.Changed()
	reload := func(f fstest.MapFS) error { files.set(f); return live.Reload() }

	if err := reload(fstest.MapFS{"a.md": insight(1, "one")}); err != nil || live.Current() != first || closed(changed) {
		t.Errorf("the same again: %v, swapped %v, changed %v", err, live.Current() != first, closed(changed))
	}
	if err := reload(fstest.MapFS{"a.md": file("bad")}); err != nil || !closed(changed) || live.Current().Version() != first.Version() || len(live.Current().Faults()) == 0 {
		t.Errorf("a faulty one: %v, changed %v, faults %v", err, closed(changed), live.Current().Faults())
	}
	first, changed = live.Current(), live.Changed()
	files.err = errors.New("unmounted")
	if err := live.Reload(); err != files.err || live.Err() != files.err || live.Current() != first || closed(changed) {
		t.Errorf("no folder: %v, %v", err, live.Err())
	}
	files.err = nil
	if err := reload(fstest.MapFS{"a.md": insight(1, "two")}); err != nil || live.Err() != nil || len(live.Current().Faults()) > 0 || !closed(changed) {
		t.Errorf("a good one: %v, %v, changed %v", err, live.Err(), closed(changed))
	}
	changed = live.Changed()
	if err := reload(fstest.MapFS{"a.md": insight(1, "two"), "b.md": insight(2, "", "draft: true")}); err != nil || !closed(changed) || len(live.Current().All()) != 2 {
		t.Errorf("what only staff see: %v, changed %v", err, closed(changed))
	}
}

func TestNewLiveFailsWithItsFirstLoad(t *testing.T) {
	if live, err := content.NewLive(func(*content.Library) (*content.Library, error) { return nil, errors.New("no") }); err == nil || live != nil {
		t.Errorf("got %v, %v", live, err)
	}
}

func TestLiveIsSafeForConcurrentUse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		live, files := live(t, fstest.MapFS{"a.md": insight(1, "", in(0)), "b.md": insight(2, "", in(time.Millisecond))})
		run(t, live)
		var all sync.WaitGroup
		for i := range 4 {
			all.Go(func() {
				for j := range 20 {
					files.set(fstest.MapFS{"a.md": insight(1, string(rune('a'+i+j)), in(0)), "b.md": insight(2, "", in(time.Millisecond))})
					_ = live.Reload()
					time.Sleep(time.Millisecond)
				}
			})
			all.Go(func() {
				for range 100 {
					changed := live.Changed()
					if len(live.Current().All()) != 2 || live.Err() != nil {
						t.Error("a half-made library")
					}
					select {
					case <-changed:
					case <-time.After(time.Millisecond):
					}
				}
			})
		}
		all.Wait()
	})
}
