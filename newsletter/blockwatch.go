package newsletter

import "sync"

// blockWatch tracks the most recent emails of each digest that is being sent: when the
// relay or mailbox providers block many of them, sending the rest makes it worse.
type blockWatch struct {
	mu      sync.Mutex
	digests map[int64]*blockWindow
}

// blockWindow records which of a digest's most recent emails were blocked.
type blockWindow struct {
	last    [windowSize]bool
	next    int
	seen    int // at most len(last)
	blocked int
}

const (
	windowSize = 200 // emails
	maxBlocked = 10  // of windowSize; more pause the digest
	maxWatched = 100 // digests
)

// note records one email of a digest. It returns the share of its recent emails that
// were blocked, and whether that is too many.
func (w *blockWatch) note(digest int64, blocked bool) (share float64, many bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	d := w.digests[digest]
	if d == nil {
		if w.digests == nil || len(w.digests) >= maxWatched {
			w.digests = make(map[int64]*blockWindow)
		}
		d = new(blockWindow)
		w.digests[digest] = d
	}
	if d.last[d.next] {
		d.blocked--
	}
	if d.last[d.next] = blocked; blocked {
		d.blocked++
	}
	d.next = (d.next + 1) % windowSize
	d.seen = min(d.seen+1, windowSize)
	share = float64(d.blocked) / float64(d.seen)
	if many = d.blocked > maxBlocked; many {
		delete(w.digests, digest) // after a resume, counting starts over
	}
	return share, many
}
