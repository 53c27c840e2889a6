package newsletter

import (
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// throttle keeps a worker to its rates: emails per second in all and to each recipient
// domain, and below both while the server asks for less.
type throttle struct {
	most      rate.Limit // in all; rate.Inf = no limit
	perDomain rate.Limit

	mu      sync.Mutex
	all     *rate.Limiter
	domains map[string]*domainThrottle

	// What the server has asked for.
	slowed  time.Time // when it last asked; zero = it is content
	changed time.Time // when the rate was last changed for it
	ceiling rate.Limit
	window  time.Time // in which accepted emails are counted
	count   int
	before  float64 // emails per second in the previous window
}

type domainThrottle struct {
	limiter *rate.Limiter
	last    time.Time // when the last postponed email comes back
}

const (
	throttleWindow = 5 * time.Second
	slowAgain      = 5 * time.Second  // within which several requests to slow down are one
	fasterAfter    = 10 * time.Second // without one
	slowest        = rate.Limit(0.2)  // emails per second
	maxDomains     = 10_000
	maxWait        = 200 * time.Millisecond // for a domain; an email that must wait longer comes back
)

func newThrottle(all, perDomain float64) *throttle {
	t := &throttle{most: limit(all), perDomain: limit(perDomain), domains: make(map[string]*domainThrottle)}
	t.all = rate.NewLimiter(t.most, burst(t.most))
	return t
}

func limit(perSecond float64) rate.Limit {
	if perSecond <= 0 {
		return rate.Inf
	}
	return rate.Limit(perSecond)
}

// burst keeps up a fast rate with inexact timers.
func burst(l rate.Limit) int {
	if l == rate.Inf {
		return 1
	}
	return max(1, int(l/50))
}

// next returns how long to wait before sending an email to this domain or, if that
// would hold up others, when the email should come back.
func (t *throttle) next(now time.Time, domain string) (wait time.Duration, back time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.perDomain != rate.Inf {
		d := t.domains[domain]
		if d == nil {
			if len(t.domains) >= maxDomains {
				clear(t.domains)
			}
			d = &domainThrottle{limiter: rate.NewLimiter(t.perDomain, burst(t.perDomain))}
			t.domains[domain] = d
		}
		r := d.limiter.ReserveN(now, 1)
		if wait = r.DelayFrom(now); wait > maxWait {
			r.CancelAt(now)
			// One after the other, as the rate allows, so that none comes back too early.
			back = now.Add(wait)
			if turn := d.last.Add(time.Duration(float64(time.Second) / float64(t.perDomain))); turn.After(back) {
				back = turn
			}
			d.last = back
			return 0, back
		}
	}
	return max(wait, t.all.ReserveN(now, 1).DelayFrom(now)), time.Time{}
}

// accepted counts an email that the server accepted, and raises the rate again when
// the server has been content for a while.
func (t *throttle) accepted(now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.turn(now)
	t.count++
	if t.slowed.IsZero() || now.Sub(t.changed) < fasterAfter {
		return
	}
	t.changed = now
	next := t.all.Limit() * 1.25
	if next >= min(t.most, t.ceiling) {
		next, t.slowed = t.most, time.Time{}
	}
	t.set(now, next)
}

// slower halves the rate at which emails were going out.
func (t *throttle) slower(now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.turn(now)
	if !t.slowed.IsZero() && now.Sub(t.changed) < slowAgain {
		return
	}
	was := t.before
	if since := now.Sub(t.window).Seconds(); since > 0 {
		was = max(was, float64(t.count)/max(since, 1))
	}
	if t.slowed.IsZero() {
		t.ceiling = rate.Limit(2 * was)
	}
	t.slowed, t.changed = now, now
	t.set(now, max(min(t.all.Limit(), rate.Limit(was))/2, slowest))
}

func (t *throttle) set(now time.Time, l rate.Limit) {
	t.all.SetLimitAt(now, l)
	t.all.SetBurstAt(now, burst(l))
}

// turn starts a new window when the current one is over.
func (t *throttle) turn(now time.Time) {
	since := now.Sub(t.window)
	if since < throttleWindow {
		return
	}
	t.before = float64(t.count) / since.Seconds()
	t.window, t.count = now, 0
}
