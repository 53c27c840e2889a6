package newsletter

import (
	"math/rand/v2"
	"time"
)

// Retry says how often and for how long a deferred email is retried.
type Retry struct {
	First    time.Duration // before the second attempt, doubling from there; 0 = 10 s
	Most     time.Duration // between two attempts; 0 = 1 hour
	Deadline time.Duration // after the email was queued or approved; 0 = 72 hours
}

// next returns when to try again after the given number of attempts. Up to half the
// wait is added at random, so that emails deferred together do not come back together.
// ok is false when that is past the deadline.
func (r Retry) next(now, deadline time.Time, attempts int) (at time.Time, ok bool) {
	first, most := r.First, r.Most
	if first <= 0 {
		first = 10 * time.Second
	}
	if most <= 0 {
		most = time.Hour
	}
	wait := min(first, most)
	for ; attempts > 1 && wait < most; attempts-- {
		wait = min(2*wait, most)
	}
	wait += rand.N(wait/2 + 1)
	at = now.Add(wait)
	return at, at.Before(deadline)
}

// deadline is when an email queued or approved at the given time is given up.
func (r Retry) deadline(created time.Time) time.Time {
	if r.Deadline > 0 {
		return created.Add(r.Deadline)
	}
	return created.Add(72 * time.Hour)
}
