package subscribers

import (
	"math"
	"time"
)

// Pace lets so many through in an hour: half of them at once, the others evenly, so that a
// flood never uses up an hour in its first minute. What it lets through is kept as one
// time, up to which it is reserved: each one takes it further. 0 = no limit.
type Pace int

// Every is the time between two that are let through while others wait.
func (p Pace) Every() time.Duration {
	if p <= 0 {
		return 0
	}
	return time.Hour / time.Duration((p+1)/2)
}

// Until is up to when may be reserved at a time for one more to be let through.
func (p Pace) Until(now time.Time) time.Time {
	if p <= 0 {
		return time.UnixMilli(math.MaxInt64)
	}
	return now.Add(time.Duration(p/2) * p.Every())
}

// Free is when one more may be let through.
func (p Pace) Free(reserved time.Time) time.Time {
	if p <= 0 {
		return time.Time{}
	}
	return reserved.Add(-time.Duration(p/2) * p.Every())
}

// Take is up to when is reserved after one more.
func (p Pace) Take(reserved, now time.Time) time.Time {
	if p <= 0 {
		return reserved
	}
	if reserved.Before(now) {
		reserved = now
	}
	return reserved.Add(p.Every())
}

func (p Pace) allows(reserved, now time.Time) bool {
	return p <= 0 || !reserved.After(p.Until(now))
}

// Asked is how often a network has asked: in an hour of the clock, and in the one before.
type Asked struct {
	Hour        int64 // since 1970
	Now, Before int
}

// at is the same as it counts in the hour of a time.
func (a Asked) at(now time.Time) Asked {
	switch hour := now.Unix() / 3600; hour - a.Hour {
	case 0:
		return a
	case 1:
		return Asked{Hour: hour, Before: a.Now}
	default:
		return Asked{Hour: hour}
	}
}

// Within is how often it asked within the last hour, if it asked evenly in the hour before
// this one.
func (a Asked) Within(now time.Time) int {
	a = a.at(now)
	left := time.Hour - now.Sub(time.Unix(a.Hour*3600, 0))
	return a.Now + int(time.Duration(a.Before)*left/time.Hour)
}

// Another counts one more.
func (a Asked) Another(now time.Time) Asked {
	a = a.at(now)
	a.Now++
	return a
}
