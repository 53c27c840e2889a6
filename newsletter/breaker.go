package newsletter

import (
	"sync"
	"time"
)

// breaker is the circuit breaker of a worker: while the mail server can't be reached
// nothing is claimed, and one mail at a time finds out whether it can be again. A
// server that answers about a mail, be it to refuse it, is there.
type breaker struct {
	patience int             // failures in a row that shut it while connections are open
	changed  func(t Trouble) // told when it shuts and when it opens again

	mu       sync.Mutex
	working  int // open connections on which a mail was answered
	failures int // in a row, since the last answer
	trouble  Trouble
	wait     time.Duration // how long it was last shut; 0 = it is open
}

// mostShut is the longest that a worker waits before it tries the server again.
const maxOpen = time.Minute

// shut is until when nothing is to be sent, and why. trial says that the time is
// over and that no mail has been answered yet.
func (b *breaker) open(now time.Time) (t Trouble, shut, trial bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	shut = now.Before(b.trouble.Until)
	return b.trouble, shut, !shut && b.wait > 0
}

// fail takes note that a connection could not be opened, or was lost before a mail
// was answered on it.
func (b *breaker) failure(now time.Time, reason Reason) {
	b.mu.Lock()
	b.failures++
	enough := b.failures >= b.patience || b.working == 0
	if !enough || now.Before(b.trouble.Until) {
		b.mu.Unlock()
		return // others still get through, or it is shut already
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

// answer takes note that the server answered about a mail.
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

// connected counts connections on which mails are answered.
func (b *breaker) connected(change int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.working += change
}
