package subscribers

import (
	"context"
	"math/rand/v2"
	"time"
)

// Turns are when emails may go out that strangers ask for, one after the other: as sending
// has a pace, the time at which one's own comes would tell whether another one went out, to
// somebody else. So each request takes a turn, also one that brings no email.
type Turns struct {
	Every     time.Duration // between two, to anybody; 0 = no pace
	EveryAt   time.Duration // between two to one domain
	MostAhead time.Duration // turns beyond that are at a random time within it: none waits for long
}

// Paced reports whether there is a pace.
func (t Turns) Paced() bool { return t.Every > 0 || t.EveryAt > 0 }

// Next returns the next turn, and up to when turns are taken then, given up to when they are
// in all and at a domain.
func (t Turns) Next(all, domain, now time.Time) (turn, allThen, domainThen time.Time) {
	turn = now
	for _, taken := range []time.Time{all, domain} {
		if taken.After(turn) {
			turn = taken
		}
	}
	if turn.Sub(now) > t.MostAhead {
		return now.Add(rand.N(max(t.MostAhead, 1))), all, domain
	}
	return turn, turn.Add(t.Every), turn.Add(t.EveryAt)
}

// turn takes a turn for an attempt; zero = sending has no pace.
func (r *Registry) turn(ctx context.Context, a Attempt) (time.Time, error) {
	if !r.Turns.Paced() {
		return time.Time{}, nil
	}
	var at time.Time
	err := r.Store.TakeTurn(ctx, a.Address.Domain(), func(all, domain time.Time) (time.Time, time.Time) {
		var allThen, domainThen time.Time
		at, allThen, domainThen = r.Turns.Next(all, domain, a.At)
		return allThen, domainThen
	})
	return at, err
}
