package newsletter

import (
	"sync"
	"time"
)

// resting are the owners of mail servers where single emails are refused for now, one after
// the other: a few are tried, and the others wait. Anybody can sign addresses up at servers
// of theirs that never say yes. Its zero value is ready.
type resting struct {
	mu sync.Mutex
	of map[string]*rest
}

type rest struct {
	refused int // in a row
	wait    time.Duration
	until   time.Time
}

const (
	restAfter   = 3 // refusals
	restFirst   = 30 * time.Second
	restLongest = 10 * time.Minute
)

// until is when an email to an owner's server may be tried; zero = now.
func (r *resting) until(now time.Time, owner string) time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	if of := r.of[owner]; of != nil && of.until.After(now) {
		return of.until
	}
	return time.Time{}
}

// learn takes in what became of an email.
func (r *resting) learn(now time.Time, owner string, o Outcome) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if o.Kind != Temporary || o.Code == 421 { // the one answers, the other is about the relay
		delete(r.of, owner)
		return
	}
	of := r.of[owner]
	if of == nil {
		if r.of == nil || len(r.of) >= maxDomains {
			r.of = make(map[string]*rest)
		}
		of = &rest{}
		r.of[owner] = of
	}
	if of.refused++; of.refused >= restAfter && !of.until.After(now) {
		of.wait = min(max(2*of.wait, restFirst), restLongest)
		of.until = now.Add(of.wait)
	}
}
