package inbound

import (
	"math"
	"net/netip"
	"time"
)

// spent is for how long sessions of a network kept places while no message came in. The half
// of it is forgotten each half hour.
type spent struct {
	time time.Duration
	at   time.Time
}

func (s spent) now() time.Duration {
	return time.Duration(float64(s.time) * math.Exp2(-float64(time.Since(s.at))/float64(30*time.Minute)))
}

const (
	// slowMessage is how long a message comes in before its session may give way to others.
	slowMessage = 10 * time.Second
	// A message takes quickMessage, and a second for so many bytes.
	quickMessage = time.Second
	bytesASecond = 20_000
	// moreSpent is by how much more time another network must have spent to make room for one.
	moreSpent = time.Minute
	mostSpent = 10_000 // networks that are remembered
)

// spentBy is what the sessions of a network have spent, with those that are open.
func (l *fairListener) spentBy(network netip.Prefix) time.Duration {
	all := l.idle[network].now()
	for _, c := range l.open {
		if c.networks[around] == network {
			all += c.spends()
		}
	}
	return all
}

// spend adds what a session has spent since it came to its stage.
func (l *fairListener) spend(c *fairConn) {
	network := c.networks[around]
	if network.IsValid() {
		if l.idle == nil || len(l.idle) >= mostSpent {
			l.idle = make(map[netip.Prefix]spent)
		}
		l.idle[network] = spent{l.idle[network].now() + c.spends(), time.Now()}
	}
	c.reached = time.Now()
}

// spends is for how long the session has been at its stage.
func (c *fairConn) spends() time.Duration { return time.Since(c.reached) }

// waits is for how long no message has come in, or a slow one.
func (c *fairConn) waits() time.Duration {
	if c.stage == receiving {
		return max(0, c.spends()-slowMessage)
	}
	return c.spends()
}

// received notes that a message of so many bytes came in whole: the time that such a one takes
// was well spent.
func (c *fairConn) received(bytes int) {
	l := c.listener
	l.mu.Lock()
	defer l.mu.Unlock()
	c.reached = c.reached.Add(min(c.spends(), quickMessage+time.Duration(bytes)*time.Second/bytesASecond))
}
