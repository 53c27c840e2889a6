package websub

import "time"

// FirstLease is the longest that a subscription can have at first, MaxLease the longest
// that it can earn.
const (
	FirstLease = 24 * time.Hour
	MaxLease   = 30 * 24 * time.Hour
)

// quietFor is how long a subscription that gets no content must last to earn a longer
// lease.
const quietFor = 24 * time.Hour

// Standing is what a subscription has earned: who subscribes for nothing must come back
// soon, and who takes what is pushed may stay away longer and longer.
type Standing struct {
	Term      time.Duration // the longest lease it can have; 0: there is no subscription
	Since     time.Time     // when it earned that
	Delivered time.Time     // when it last took a push
	Behind    bool          // it lacks the newest content
}

// Renew is the standing after a renewal that was verified.
func (s Standing) Renew(now time.Time) Standing {
	switch {
	case s.Term <= 0:
		return Standing{Term: FirstLease, Since: now}
	case s.Delivered.After(s.Since), !s.Behind && now.Sub(s.Since) >= quietFor:
		s.Term, s.Since = min(2*s.Term, MaxLease), now
	}
	return s
}
