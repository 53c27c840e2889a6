package database

import (
	"context"
	"sync"
)

// changes tells waiters that a connection of this or another process has committed.
type changes struct {
	mu sync.Mutex
	ch chan struct{}
}

func (c *changes) reset() { c.ch = make(chan struct{}) }

func (c *changes) wait() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ch
}

func (c *changes) announce() {
	c.mu.Lock()
	defer c.mu.Unlock()
	close(c.ch)
	c.reset()
}

// Changed returns a channel that is closed at the next commit of any process, while
// Watch runs. Take it before reading what might change.
func (db *DB) Changed() <-chan struct{} { return db.changes.wait() }

// Watch looks for commits of any process until ctx is done.
func (db *DB) Watch(ctx context.Context) error {
	return explain(db.engine.watch(ctx, db.reader, db.changes.announce))
}
