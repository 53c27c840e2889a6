package web

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/scaledbydesign/insights/content"
)

// The bound of the cache can't be seen from outside.

func TestCacheMakesAPageOnceForAllWhoWait(t *testing.T) {
	var c cache
	var made atomic.Int32
	library := new(content.Library)
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			c.get(library, "/", func() (*body, error) {
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
		if _, err := c.get(library, fmt.Sprint(i), func() (*body, error) { return newBody(page, htmlType), nil }); err != nil {
			t.Fatal(err)
		}
	}
	held := 0
	for _, p := range c.pages {
		held += len(p.body.bytes)
	}
	if held > maxCached || held != c.size || held < maxCached/2 {
		t.Errorf("the cache holds %d bytes and counts %d; the bound is %d", held, c.size, maxCached)
	}
}

func TestCacheForgetsFailures(t *testing.T) {
	var c cache
	library := new(content.Library)
	c.get(library, "/", func() (*body, error) { return nil, statusError(500) })
	b, err := c.get(library, "/", func() (*body, error) { return newBody([]byte("page"), htmlType), nil })
	if err != nil || string(b.bytes) != "page" {
		t.Errorf("got %q, %v", b.bytes, err)
	}
}
