package newsletter

import (
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// throttle keeps a worker to its share of the rates: emails per second in all and to each
// recipient domain, and below both while the server asks for less.
type throttle struct {
	wholeMost, wholePerDomain rate.Limit // of all workers; rate.Inf = no limit

	mu        sync.Mutex
	most      rate.Limit // this worker's share
	perDomain rate.Limit
	own       rate.Limit // most, or less while the server asks this worker for less
	others    rate.Limit // to which it has slowed another worker
	all       *rate.Limiter
	domains   map[string]*domainThrottle

	// What the server has asked for.
	slowed  time.Time // when it last asked; zero = it is content
	changed time.Time // when the rate was last changed for it
	ceiling rate.Limit
	window  time.Time // in which accepted emails are counted
	count   int
	before  float64 // emails per second in the previous window

	tried tried // what recipients were answered of late
}

// tried is what became of first attempts within this minute and the one before, by whose
// mail server it is.
type tried struct {
	since       time.Time
	now, before answers
}

type answers struct {
	accepted map[string]int
	slow     map[string]int // a refusal of the recipient asked for less
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
	slowestOfThem  = rate.Limit(2)    // the same, by what is said of recipients
	triedFor       = time.Minute
	enoughOwners   = 3  // that make it the relay's own limit
	enoughOfTried  = 10 // one of so many recipients is enough
	maxDomains     = 10_000
	maxWait        = 200 * time.Millisecond // for a domain; an email that must wait longer comes back
)

func newThrottle(all, perDomain float64) *throttle {
	t := &throttle{wholeMost: limit(all), wholePerDomain: limit(perDomain), others: rate.Inf, domains: make(map[string]*domainThrottle)}
	t.most, t.perDomain, t.own = t.wholeMost, t.wholePerDomain, t.wholeMost
	t.all = rate.NewLimiter(t.most, burst(t.most))
	return t
}

// share sets this worker's share of the rates.
func (t *throttle) share(now time.Time, s Share) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.others = limit(s.Slowest)
	part := func(whole rate.Limit) rate.Limit {
		if whole == rate.Inf {
			return whole
		}
		return whole / rate.Limit(max(s.Workers, 1))
	}
	most := part(t.wholeMost)
	if t.slowed.IsZero() || t.own > most {
		t.own = most
	}
	if perDomain := part(t.wholePerDomain); perDomain != t.perDomain {
		t.perDomain = perDomain
		for _, d := range t.domains {
			d.limiter.SetLimitAt(now, perDomain)
			d.limiter.SetBurstAt(now, burst(perDomain))
		}
	}
	t.most = most
	t.apply(now)
}

// slowedTo is the rate to which the server has slowed this worker; 0 = it has not.
func (t *throttle) slowedTo() float64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.slowed.IsZero() {
		return 0
	}
	return float64(t.own)
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

// take counts an email that has a turn of the pace already, and reports whether it may go out
// at once: not while a server asks for less. Others wait for it.
func (t *throttle) take(now time.Time, domain string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.slowed.IsZero() || t.others < t.most {
		return false
	}
	t.all.ReserveN(now, 1)
	if d := t.domains[domain]; d != nil {
		d.limiter.ReserveN(now, 1)
	}
	return true
}

// accepted counts an email that the server accepted, and raises the rate again when
// the server has been content for a while.
func (t *throttle) accepted(now time.Time, owner string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.turn(now)
	t.tried.of(now).accepted[owner]++
	t.count++
	if t.slowed.IsZero() || now.Sub(t.changed) < fasterAfter {
		return
	}
	t.changed = now
	next := t.own * 1.25
	if next >= min(t.most, t.ceiling) {
		next, t.slowed = t.most, time.Time{}
	}
	t.set(now, next)
}

// of is what was tried within this minute.
func (r *tried) of(now time.Time) *answers {
	if age := now.Sub(r.since); r.now.accepted == nil || age >= triedFor || len(r.now.accepted)+len(r.now.slow) > maxDomains {
		r.before = answers{}
		if age < 2*triedFor {
			r.before = r.now
		}
		r.since, r.now = now, answers{make(map[string]int), make(map[string]int)}
	}
	return &r.now
}

// relayAsks reports whether recipients are refused for the relay's sake, and not for that of
// their own mail servers, whose words a relay passes on: at several owners' servers, or where
// no other owner's takes any; and not just a few of many.
func (r *tried) relayAsks() bool {
	slow, accepted, elsewhere, owners := 0, 0, 0, 0
	for owner, n := range r.now.slow {
		slow += n
		owners++
		if r.before.slow[owner] > 0 {
			owners--
		}
	}
	for _, n := range r.before.slow {
		slow += n
		owners++
	}
	for _, of := range []answers{r.now, r.before} {
		for owner, n := range of.accepted {
			accepted += n
			if r.now.slow[owner]+r.before.slow[owner] == 0 {
				elsewhere += n
			}
		}
	}
	return (owners >= enoughOwners || elsewhere == 0) && slow*enoughOfTried >= slow+accepted
}

// recipientSlower counts that the recipient of an email was refused with words that ask for
// less. Anybody can sign addresses up of which a relay says so: each email counts once, few
// of them change nothing, and many don't stop the rest.
func (t *throttle) recipientSlower(now time.Time, owner string, first bool) {
	if !first {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.tried.of(now).slow[owner]++
	if t.tried.relayAsks() {
		t.slow(now, slowestOfThem)
	}
}

// slower halves the rate at which emails were going out.
func (t *throttle) slower(now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.slow(now, slowest)
}

// slow halves the rate, down to the least.
func (t *throttle) slow(now time.Time, least rate.Limit) {
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
	t.set(now, max(min(t.own, rate.Limit(was))/2, min(least, t.own)))
}

func (t *throttle) set(now time.Time, l rate.Limit) {
	t.own = l
	t.apply(now)
}

// apply makes the least of what is asked for the rate.
func (t *throttle) apply(now time.Time) {
	l := min(t.own, t.most, t.others)
	if l != t.all.Limit() {
		t.all.SetLimitAt(now, l)
		t.all.SetBurstAt(now, burst(l))
	}
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
