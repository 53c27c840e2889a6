package web

import (
	"net/http"
	"sync"

	"github.com/scaledbydesign/insights/content"
)

// maxCached bounds the pages kept of one snapshot, in bytes.
const maxCached = 32 << 20

// pageCache keeps the pages of one snapshot, each made once however many ask for
// it at the same time. When it is full, pages taken at random make room: that
// costs nothing on the way of a hit, and a popular page is soon back.
type pageCache struct {
	mu      sync.Mutex
	library *content.Library
	pages   map[string]*cachedPage
	size    int
}

type cachedPage struct {
	once sync.Once
	body body
	err  error
	size int // what it counts in the cache; 0 until it is made
}

// get returns the page at a path, made by render if this snapshot has not made
// it yet. Paths must name pages that exist, so that there can't be too many.
func (c *pageCache) get(library *content.Library, path string, render func() (body, error)) (body, error) {
	c.mu.Lock()
	if c.library != library {
		c.library, c.pages, c.size = library, make(map[string]*cachedPage), 0
	}
	page := c.pages[path]
	if page == nil {
		page = new(cachedPage)
		c.pages[path] = page
	}
	c.mu.Unlock()

	page.once.Do(func() {
		page.err = statusError(http.StatusInternalServerError) // stands if render panics
		page.body, page.err = render()
		c.keep(library, path, page)
	})
	return page.body, page.err
}

// keep counts a page that was just made, and makes room for it.
func (c *pageCache) keep(library *content.Library, path string, page *cachedPage) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.library != library {
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
