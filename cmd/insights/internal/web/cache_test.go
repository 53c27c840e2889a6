package web

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/scaledbydesign/insights/content"
	"github.com/scaledbydesign/insights/subscribers"
)

// The bound of the cache can't be seen from outside.

func TestCacheMakesAPageOnceForAllWhoWait(t *testing.T) {
	var c cache
	var made atomic.Int32
	library := new(content.Library)
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			c.get(t.Context(), library, "/", place{}, func() (*body, error) {
				made.Add(1)
				return newBody([]byte("page"), htmlType), nil
			})
		})
	}
	wg.Wait()
	if made.Load() != 1 {
		t.Errorf("the page was made %d times", made.Load())
	}
}

func TestCacheIsBounded(t *testing.T) {
	var c cache
	library := new(content.Library)
	page := make([]byte, 1<<20)
	for i := range 100 {
		if _, err := c.get(t.Context(), library, fmt.Sprint(i), place{}, func() (*body, error) { return newBody(page, htmlType), nil }); err != nil {
			t.Fatal(err)
		}
	}
	held := 0
	for _, p := range c.pages {
		held += 2 * len(p.body.bytes) // with other codings
	}
	if held > maxCached || held != c.size || held < maxCached/2 {
		t.Errorf("the cache holds %d bytes and counts %d; the bound is %d", held, c.size, maxCached)
	}
}

func TestCacheForgetsFailures(t *testing.T) {
	var c cache
	library := new(content.Library)
	c.get(t.Context(), library, "/", place{}, func() (*body, error) { return nil, statusError(500) })
	b, err := c.get(t.Context(), library, "/", place{}, func() (*body, error) { return newBody([]byte("page"), htmlType), nil })
	if err != nil || string(b.bytes) != "page" {
		t.Errorf("got %q, %v", b.bytes, err)
	}
}

// What nobody waits for any more is not made, and nothing of it is kept; who still waits
// makes it in the place of who has gone.
func TestCacheLeavesWhatNobodyWaitsFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c cache
		library := new(content.Library)
		l := newLine(1)
		work, err := l.enter(t.Context(), subscribers.Asker{}, new(shared)) // one is at work
		if err != nil {
			t.Fatal(err)
		}
		at := place{l, func() subscribers.Asker { return subscribers.Asker{} }}
		ask := func(ctx context.Context, path string, made *[]string) {
			c.get(ctx, library, path, at, func() (*body, error) {
				*made = append(*made, path)
				return newBody([]byte("page"), htmlType), nil
			})
		}
		var made []string
		gone, leave := context.WithCancel(t.Context())
		for i := range 100 {
			go ask(gone, fmt.Sprint(i), &made)
		}
		go ask(gone, "shared", &made)
		synctest.Wait()
		done := make(chan struct{})
		go func() {
			ask(t.Context(), "shared", &made)
			close(done)
		}()
		synctest.Wait()
		leave()
		synctest.Wait()
		if len(c.pages) != 1 || l.inLine != 2 {
			t.Errorf("%d pages and %d in line are left", len(c.pages), l.inLine)
		}
		work()
		<-done
		if len(made) != 1 || made[0] != "shared" {
			t.Errorf("made %v", made)
		}
	})
}

// Who stands in line for a page with a bad rank keeps it from nobody: it has the rank of the
// one who comes first of all who want it.
func TestWhoWaitsForTheSamePageLendsTheirRank(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c cache
		library := new(content.Library)
		l := newLine(1)
		work, err := l.enter(t.Context(), subscribers.Asker{Wide: "first", Around: "first"}, new(shared))
		if err != nil {
			t.Fatal(err)
		}
		var made []string
		var mu sync.Mutex
		ask := func(from, path string) {
			go c.get(t.Context(), library, path, place{l, func() subscribers.Asker { return subscribers.Asker{Client: from, Wide: from, Around: from} }}, func() (*body, error) {
				mu.Lock()
				defer mu.Unlock()
				made = append(made, path)
				return newBody([]byte("page"), htmlType), nil
			})
			synctest.Wait()
		}
		for i := range 30 {
			ask("stranger", fmt.Sprint("kept", i))
		}
		for i := range 12 {
			ask("another", fmt.Sprint("other", i))
		}
		ask("visitor", "kept7")
		work()
		synctest.Wait()
		if i := slices.Index(made, "kept7"); i != 0 {
			t.Errorf("it was made after %d others", i)
		}
		if len(made) != 42 || l.inLine != 0 || l.free != 1 || len(l.of) != 0 {
			t.Errorf("%d made, %d are left in line: %v", len(made), l.inLine, l.of)
		}
	})
}
