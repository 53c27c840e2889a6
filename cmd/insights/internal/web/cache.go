package web

import (
	"context"
	"net/http"
	"sync"
)

// maxCached bounds the answers kept of one snapshot, in bytes.
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
	turn chan struct{} // holds a token while somebody makes it, or waits in line to
	line shared        // of who has the turn, for all who want it
	made chan struct{} // closed when it is
	body *body
	err  error
	size int // what it counts in the cache; 0 until it is made
	ask  int // how many have asked and wait
}

// get returns the answer at a path, made by render if this snapshot has not made it yet. Of
// all who wait for it one makes it, once it has a place; who gives up, because ctx is done
// or there is no place, leaves that to the next. Paths must name what exists, so that there
// can't be too many.
func (c *cache) get(ctx context.Context, snapshot any, path string, at place, render func() (*body, error)) (*body, error) {
	page, kept := c.page(snapshot, path)
	if kept {
		return page.body, nil
	}
	defer c.done(path, page)
	select {
	case page.turn <- struct{}{}:
	default:
		at.share(&page.line)
		select {
		case <-page.made:
			return page.body, page.err
		case <-ctx.Done():
			return nil, ctx.Err()
		case page.turn <- struct{}{}:
		}
	}
	defer func() { <-page.turn }()
	select {
	case <-page.made: // by who had the turn before
		return page.body, page.err
	default:
	}
	leave, err := at.enter(ctx, &page.line)
	if err != nil {
		return nil, err
	}
	defer leave()
	defer close(page.made)
	page.err = statusError(http.StatusInternalServerError) // in case render panics
	page.body, page.err = render()
	c.keep(snapshot, path, page)
	return page.body, page.err
}

// page returns an answer that is kept, or the place for one.
func (c *cache) page(snapshot any, path string) (page *cached, kept bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.snapshot != snapshot {
		c.snapshot, c.pages, c.size = snapshot, make(map[string]*cached), 0
	}
	page = c.pages[path]
	if page == nil {
		page = &cached{turn: make(chan struct{}, 1), made: make(chan struct{})}
		c.pages[path] = page
	}
	if page.size > 0 {
		return page, true
	}
	page.ask++
	return page, false
}

// done forgets an answer that nobody made and nobody waits for.
func (c *cache) done(path string, page *cached) {
	c.mu.Lock()
	defer c.mu.Unlock()
	page.ask--
	if page.ask == 0 && page.size == 0 && c.pages[path] == page {
		delete(c.pages, path)
	}
}

// keep counts an answer that was just made, and makes room for it.
func (c *cache) keep(snapshot any, path string, page *cached) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.snapshot != snapshot || c.pages[path] != page {
		return
	}
	if page.err != nil || len(page.body.bytes) > maxCached/4 {
		delete(c.pages, path)
		return
	}
	page.size = max(1, 2*len(page.body.bytes)) // with what it takes in other codings
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
