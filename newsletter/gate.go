package newsletter

import (
	"sync"
	"time"
)

// gate is the circuit breaker of a worker: while the mail server can't be reached
// nothing is claimed, and one mail at a time finds out whether it can be again. A
// server that answers about a mail, be it to refuse it, is there.
type gate struct {
	patience int             // failures in a row that shut it while connections are open
	changed  func(t Trouble) // told when it shuts and when it opens again

	mu       sync.Mutex
	working  int // open connections on which a mail was answered
	failures int // in a row, since the last answer
	trouble  Trouble
	wait     time.Duration // how long it was last shut; 0 = it is open
}

// mostShut is the longest that a worker waits before it tries the server again.
const mostShut = time.Minute

// shut is until when nothing is to be sent, and why. trial says that the time is
// over and that no mail has been answered yet.
func (g *gate) shut(now time.Time) (t Trouble, shut, trial bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	shut = now.Before(g.trouble.Until)
	return g.trouble, shut, !shut && g.wait > 0
}

// fail takes note that a connection could not be opened, or was lost before a mail
// was answered on it.
func (g *gate) fail(now time.Time, reason string) {
	g.mu.Lock()
	g.failures++
	enough := g.failures >= g.patience || g.working == 0
	if !enough || now.Before(g.trouble.Until) {
		g.mu.Unlock()
		return // others still get through, or it is shut already
	}
	g.wait = min(max(2*g.wait, time.Second), mostShut)
	if g.trouble.Since.IsZero() {
		g.trouble.Since = now
	}
	g.trouble.Reason, g.trouble.Until = reason, now.Add(g.wait)
	t := g.trouble
	g.mu.Unlock()
	g.changed(t)
}

// answer takes note that the server answered about a mail.
func (g *gate) answer() {
	g.mu.Lock()
	g.failures = 0
	was := g.trouble
	g.trouble, g.wait = Trouble{}, 0
	g.mu.Unlock()
	if was != (Trouble{}) {
		g.changed(Trouble{})
	}
}

// connected counts connections on which mails are answered.
func (g *gate) connected(change int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.working += change
}
