package newsletter

import (
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// pace keeps a worker to its rates: mails a second in all and to each recipient
// domain, and below both for as long as the server asks for fewer.
type pace struct {
	most      rate.Limit // in all; rate.Inf = none
	perDomain rate.Limit

	mu      sync.Mutex
	all     *rate.Limiter
	domains map[string]*domainPace

	// What the server has asked for.
	slowed  time.Time // when it last asked; zero: it does not mind
	changed time.Time // when the rate was last changed for it
	ceiling rate.Limit
	window  time.Time // in which accepted mails are counted
	count   int
	before  float64 // mails a second in the window before
}

type domainPace struct {
	limiter *rate.Limiter
	last    time.Time // when the last of those that were put off comes back
}

const (
	paceWindow  = 5 * time.Second
	slowAgain   = 5 * time.Second  // within which several requests to slow down are one
	fasterAfter = 10 * time.Second // without one
	slowest     = rate.Limit(0.2)  // mails a second
	mostDomains = 10_000
	mostWait    = 200 * time.Millisecond // for a domain; whoever must wait longer comes back
)

func newPace(all, perDomain float64) *pace {
	p := &pace{most: limit(all), perDomain: limit(perDomain), domains: make(map[string]*domainPace)}
	p.all = rate.NewLimiter(p.most, burst(p.most))
	return p
}

func limit(perSecond float64) rate.Limit {
	if perSecond <= 0 {
		return rate.Inf
	}
	return rate.Limit(perSecond)
}

// burst lets a fast rate be kept by timers that are not exact.
func burst(l rate.Limit) int {
	if l == rate.Inf {
		return 1
	}
	return max(1, int(l/50))
}

// next says how long to wait before a mail to this domain is sent, or, where that
// would hold up others, when it is to come back.
func (p *pace) next(now time.Time, domain string) (wait time.Duration, back time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.perDomain != rate.Inf {
		d := p.domains[domain]
		if d == nil {
			if len(p.domains) >= mostDomains {
				clear(p.domains)
			}
			d = &domainPace{limiter: rate.NewLimiter(p.perDomain, burst(p.perDomain))}
			p.domains[domain] = d
		}
		r := d.limiter.ReserveN(now, 1)
		if wait = r.DelayFrom(now); wait > mostWait {
			r.CancelAt(now)
			// One after the other, as the rate allows, so that none comes in vain.
			back = now.Add(wait)
			if turn := d.last.Add(time.Duration(float64(time.Second) / float64(p.perDomain))); turn.After(back) {
				back = turn
			}
			d.last = back
			return 0, back
		}
	}
	return max(wait, p.all.ReserveN(now, 1).DelayFrom(now)), time.Time{}
}

// accepted counts a mail that the server took, and lets the rate rise again when
// the server has not minded for a while.
func (p *pace) accepted(now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.turn(now)
	p.count++
	if p.slowed.IsZero() || now.Sub(p.changed) < fasterAfter {
		return
	}
	p.changed = now
	next := p.all.Limit() * 1.25
	if next >= min(p.most, p.ceiling) {
		next, p.slowed = p.most, time.Time{}
	}
	p.set(now, next)
}

// slower halves the rate at which mails were going out.
func (p *pace) slower(now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.turn(now)
	if !p.slowed.IsZero() && now.Sub(p.changed) < slowAgain {
		return
	}
	was := p.before
	if since := now.Sub(p.window).Seconds(); since > 0 {
		was = max(was, float64(p.count)/max(since, 1))
	}
	if p.slowed.IsZero() {
		p.ceiling = rate.Limit(2 * was)
	}
	p.slowed, p.changed = now, now
	p.set(now, max(min(p.all.Limit(), rate.Limit(was))/2, slowest))
}

func (p *pace) set(now time.Time, l rate.Limit) {
	p.all.SetLimitAt(now, l)
	p.all.SetBurstAt(now, burst(l))
}

// turn begins a new window when one is over.
func (p *pace) turn(now time.Time) {
	since := now.Sub(p.window)
	if since < paceWindow {
		return
	}
	p.before = float64(p.count) / since.Seconds()
	p.window, p.count = now, 0
}
