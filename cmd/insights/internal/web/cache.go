package web

import (
	"net/http"
	"sync"
)

// maxCached bounds the answers kept of one snapshot, in bytes before encoding.
const maxCached = 32 << 20

// cache keeps the answers of one snapshot, each made once however many ask for
// it at the same time. When it is full, pages taken at random make room: that
// costs nothing on the way of a hit, and a popular page is soon back.
type cache struct {
	mu       sync.Mutex
	snapshot any // what the answers were made from
	pages    map[string]*cached
	size     int
}

type cached struct {
	once sync.Once
	body *body
	err  error
	size int // what it counts in the cache; 0 until it is made
}

// get returns the answer at a path, made by render if this snapshot has not made
// it yet. Paths must name what exists, so that there can't be too many.
func (c *cache) get(snapshot any, path string, render func() (*body, error)) (*body, error) {
	c.mu.Lock()
	if c.snapshot != snapshot {
		c.snapshot, c.pages, c.size = snapshot, make(map[string]*cached), 0
	}
	page := c.pages[path]
	if page == nil {
		page = new(cached)
		c.pages[path] = page
	}
	c.mu.Unlock()

	page.once.Do(func() {
		page.err = statusError(http.StatusInternalServerError) // in case render panics
		page.body, page.err = render()
		c.keep(snapshot, path, page)
	})
	return page.body, page.err
}

// keep counts an answer that was just made, and makes room for it.
func (c *cache) keep(snapshot any, path string, page *cached) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.snapshot != snapshot {
		return
	}
	if page.err != nil || len(page.body.bytes) > maxCached/4 {
		delete(c.pages, path)
		return
	}
	page.size = len(page.body.bytes)
	c.size += page.size
	for other, p := range c.pages {
		if c.size <= maxCached {
			break
		}
		if p != page && p.size > 0 {
			c.size -= p.size
			delete(c.pages, other)
		}
	}
}
