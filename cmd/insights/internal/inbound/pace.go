package inbound

import (
	"net/netip"
	"sync"
	"time"
)

// pace bounds how many recipients clients may name. Each message costs work and a durable
// write, in the same line as what is sent: without a bound one client could have most of it.
// A mail server that passes on everything on a bad day tries again later.
type pace struct {
	mu       sync.Mutex
	reserved map[paced]time.Time
}

// paced is one network, at one place of networksOf.
type paced struct {
	at      int
	network netip.Prefix
}

const (
	paceBurst    = 1000   // at once
	pacedAtMost  = 20_000 // networks that are remembered
	pacedForgets = pacedAtMost / 2
)

// paceOf is how many a second one network has in the long run, as networksOf names them.
var paceOf = [3]int{50, 75, 100}

// takes reports whether a client may name one more recipient, and counts it. Local clients
// always may.
func (p *pace) takes(networks [3]netip.Prefix, now time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.reserved == nil {
		p.reserved = make(map[paced]time.Time)
	}
	for at, network := range networks {
		if network.IsValid() && p.reserved[paced{at, network}].Sub(now) > paceBurst*p.every(at) {
			return false
		}
	}
	for at, network := range networks {
		if !network.IsValid() {
			continue
		}
		key := paced{at, network}
		from := p.reserved[key]
		if from.Before(now) {
			from = now
		}
		p.reserved[key] = from.Add(p.every(at))
	}
	if len(p.reserved) > pacedAtMost {
		p.forget(now)
	}
	return true
}

func (p *pace) every(at int) time.Duration { return time.Second / time.Duration(paceOf[at]) }

// forget forgets networks that have nothing reserved, and if they are still too many any.
func (p *pace) forget(now time.Time) {
	for key, until := range p.reserved {
		if until.Before(now) {
			delete(p.reserved, key)
		}
	}
	for key := range p.reserved {
		if len(p.reserved) <= pacedForgets {
			return
		}
		delete(p.reserved, key)
	}
}
