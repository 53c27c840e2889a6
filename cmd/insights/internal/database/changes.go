package database

import (
	"context"
	"sync"
	"time"
)

// changes tells waiters that some connection, of this process or another, has
// committed.
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

// watchEvery is how soon changes of other processes are seen.
const watchEvery = 250 * time.Millisecond

// Changed returns a channel that is closed at the next commit, whoever makes it,
// as long as Watch runs. Take it before reading what might change.
func (db *DB) Changed() <-chan struct{} { return db.changes.wait() }

// Watch looks for commits of any process until ctx is done.
func (db *DB) Watch(ctx context.Context) error {
	conn, err := db.reader.Conn(ctx)
	if err != nil {
		if ctx.Err() != nil {
			return nil // told to stop before it began
		}
		return explain(err)
	}
	defer conn.Close()
	ticker := time.NewTicker(watchEvery)
	defer ticker.Stop()
	var seen int64
	for {
		// data_version moves when another connection than this one commits.
		var version int64
		if err := conn.QueryRowContext(ctx, "PRAGMA data_version").Scan(&version); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return explain(err)
		}
		if version != seen && seen != 0 {
			db.changes.announce()
		}
		seen = version
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}
