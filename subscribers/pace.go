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

// Asked is how often a network has asked: in an hour of the clock, in the one before, and
// earlier, which counts less with every hour and is forgotten after AskedFor.
type Asked struct {
	Hour        int64 // since 1970
	Now, Before int
	Earlier     int // in hundredths
}

// AskedFor is for how many hours it is known what a network asked for.
const AskedFor = 32

// at is the same as it counts in the hour of a time.
func (a Asked) at(now time.Time) Asked {
	hour := now.Unix() / 3600
	hours := hour - a.Hour
	if hours < 0 || hours > AskedFor {
		return Asked{Hour: hour}
	}
	for range hours {
		a.Earlier += 100 * a.Before
		if a.Earlier = a.Earlier * 24 / 25; a.Earlier < 30 { // of one, after 30 hours
			a.Earlier = 0
		}
		a.Before, a.Now = a.Now, 0
	}
	a.Hour = hour
	return a
}

// Within is how often it asked within the last hour, if it asked evenly in the hour before
// this one.
func (a Asked) Within(now time.Time) int {
	a = a.at(now)
	left := time.Hour - now.Sub(time.Unix(a.Hour*3600, 0))
	return a.Now + int(time.Duration(a.Before)*left/time.Hour)
}

// Lately is Within, and what it asked for earlier: who comes back every hour has less of a
// claim than who comes for the first time.
func (a Asked) Lately(now time.Time) int {
	return a.Within(now) + (a.at(now).Earlier+99)/100
}

// Another counts one more.
func (a Asked) Another(now time.Time) Asked {
	a = a.at(now)
	a.Now++
	return a
}

// fewAsked is below how many a network has asked for little of late: a link and a change of
// address, for one reader or two.
const fewAsked = 5

// AskedLittle reports whether a network has asked for little of late. Changes of address from
// there have shared limits of their own: they can't wait, and somebody with many readers could
// use up what there is for everybody.
func (a Asked) AskedLittle(now time.Time) bool { return a.Lately(now) < fewAsked }
