package newsletter

import (
	"sync"
	"time"
)

// breaker is a worker's circuit breaker. While it is open, because the mail server is
// unreachable, nothing is claimed; after the wait one email at a time probes the
// server. Any answer about an email, even a refusal, closes it.
type breaker struct {
	patience int             // consecutive failures that open it while connections work
	changed  func(t Trouble) // called when it opens and when it closes

	mu       sync.Mutex
	working  int // connections on which the server has answered
	failures int // consecutive, since the last answer
	trouble  Trouble
	wait     time.Duration // how long it was last open; 0 = closed
}

// maxOpen is the longest wait before the server is tried again.
const maxOpen = time.Minute

// state returns whether the breaker is open, why and until when. halfOpen says that
// the wait is over but the server has not answered yet.
func (b *breaker) state(now time.Time) (t Trouble, isOpen, halfOpen bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	isOpen = now.Before(b.trouble.Until)
	return b.trouble, isOpen, !isOpen && b.wait > 0
}

// failure records that a connection could not be opened, or was lost before the server
// answered on it.
func (b *breaker) failure(now time.Time, reason Reason) {
	b.mu.Lock()
	b.failures++
	enough := b.failures >= b.patience || b.working == 0
	if !enough || now.Before(b.trouble.Until) {
		b.mu.Unlock()
		return // others still get through, or it is already open
	}
	b.wait = min(max(2*b.wait, time.Second), maxOpen)
	if b.trouble.Since.IsZero() {
		b.trouble.Since = now
	}
	b.trouble.Reason, b.trouble.Until = reason, now.Add(b.wait)
	t := b.trouble
	b.mu.Unlock()
	b.changed(t)
}

// success records that the server answered about an email.
func (b *breaker) success() {
	b.mu.Lock()
	b.failures = 0
	was := b.trouble
	b.trouble, b.wait = Trouble{}, 0
	b.mu.Unlock()
	if was != (Trouble{}) {
		b.changed(Trouble{})
	}
}

// connected adjusts the number of connections on which the server has answered.
func (b *breaker) connected(change int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.working += change
}
