package newsletter

import "sync"

// blockWatch looks at the last mails of each digest that is being sent: when a relay
// or the mailbox providers block many of them, to send the rest makes it worse.
type blockWatch struct {
	mu      sync.Mutex
	digests map[int64]*blockWindow
}

// blockWindow is the last mails of one digest: which of them were blocked.
type blockWindow struct {
	last    [blockedOf]bool
	next    int
	seen    int // at most len(last)
	blocked int
}

const (
	blockedOf   = 200 // mails that are looked at
	mostBlocked = 10  // of them; more stop the digest
	mostWatched = 100 // digests
)

// note adds a mail of a digest, and returns the share that was blocked of the last
// ones and whether it is too much.
func (w *blockWatch) note(digest int64, blocked bool) (share float64, many bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	d := w.digests[digest]
	if d == nil {
		if w.digests == nil || len(w.digests) >= mostWatched {
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
	d.next = (d.next + 1) % blockedOf
	d.seen = min(d.seen+1, blockedOf)
	share = float64(d.blocked) / float64(d.seen)
	if many = d.blocked > mostBlocked; many {
		delete(w.digests, digest) // once it goes on, what was before does not count
	}
	return share, many
}
