package content

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// recheck is how long a [Live] trusts its timer: a clock that was set, or a
// machine that slept, is noticed after at most this time.
const recheck = 30 * time.Second

// smallStep is how far back the clock may be set without anything being hidden
// again that was just published.
const smallStep = time.Minute

// Live holds the current [Library] and swaps it when files change or an insight's
// time comes. Its methods may be called by any number of goroutines.
type Live struct {
	load    func(previous *Library) (*Library, error)
	current atomic.Pointer[snapshot]
	failed  atomic.Pointer[error] // of the last reload

	reloading sync.Mutex // one reload at a time
	swapping  sync.Mutex // one swap at a time
}

type snapshot struct {
	library *Library
	changed chan struct{} // closed when another takes its place
}

// NewLive loads once, with nil, and fails if that fails. Later calls of load get
// the current library, for [Options.Previous].
func NewLive(load func(previous *Library) (*Library, error)) (*Live, error) {
	library, err := load(nil)
	if err != nil {
		return nil, err
	}
	l := &Live{load: load}
	l.current.Store(&snapshot{library, make(chan struct{})})
	return l, nil
}

// Current returns the current snapshot. It never waits.
func (l *Live) Current() *Library { return l.current.Load().library }

// Changed returns a channel that is closed when the current snapshot is replaced.
// Take it before Current: then no change is missed.
//
//	for {
//		changed := live.Changed()
//		use(live.Current())
//		<-changed
//	}
func (l *Live) Changed() <-chan struct{} { return l.current.Load().changed }

// Err returns the error of the last reload; nil when the folder could be read, whatever
// the faults of its files.
func (l *Live) Err() error {
	if err := l.failed.Load(); err != nil {
		return *err
	}
	return nil
}

// Reload loads again. The library takes the place of the current one if it
// differs in anything that readers or staff see, faults included. An error leaves the
// current one in place, and is returned and kept for Err.
func (l *Live) Reload() error {
	l.reloading.Lock()
	defer l.reloading.Unlock()
	library, err := l.load(l.Current())
	if err != nil {
		l.failed.Store(&err)
		return err
	}
	l.failed.Store(nil)
	l.swap(func(old *Library) *Library {
		if !library.next.IsZero() { // loading takes time: an insight's may have come meanwhile
			library = library.At(library.folder.now())
		}
		if library.version == old.version && library.folder.equal(old.folder) && library.next.Equal(old.next) {
			return old
		}
		return library
	})
	return nil
}

// Run makes insights appear when their time comes, until ctx is done; then it
// returns nil. It follows the clock of [Options.Now].
func (l *Live) Run(ctx context.Context) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		changed := l.Changed()
		wait := recheck
		if library := l.Current(); !library.next.IsZero() {
			wait = min(recheck, max(0, library.next.Sub(library.folder.now())))
		}
		timer.Reset(wait) // then it is time to look at the clock again
		select {
		case <-ctx.Done():
			return nil
		case <-changed: // perhaps with another time to wait for
		case <-timer.C:
			l.swap(asOfNow)
		}
	}
}

// asOfNow returns the library as of the present time, or the same one when no
// other insights are visible.
func asOfNow(old *Library) *Library {
	now := old.folder.now()
	back := old.asOf.Sub(now)
	appears := !old.next.IsZero() && !now.Before(old.next)
	if !appears && back < smallStep {
		return old
	}
	if fresh := old.At(now); fresh.version != old.version {
		return fresh
	}
	return old
}

// swap replaces the current library by what next makes of it.
func (l *Live) swap(next func(old *Library) *Library) {
	l.swapping.Lock()
	defer l.swapping.Unlock()
	old := l.current.Load()
	library := next(old.library)
	if library == old.library {
		return
	}
	l.current.Store(&snapshot{library, make(chan struct{})})
	close(old.changed)
}
