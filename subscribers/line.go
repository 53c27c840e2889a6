package subscribers

import (
	"context"
	"iter"
	"slices"
	"sync"
	"time"
)

// How long it is told from one look how long sign-ups wait: a flood asks often, and
// thousands may wait, which takes a while to read.
const (
	lineFor   = 5 * time.Second
	lineStale = time.Minute // at most, while another look is under way
	lookFor   = 30 * time.Second
)

// line is what waited a short while ago.
type line struct {
	mu      sync.Mutex
	known   look
	looking *look // under way
}

// look is one reading of all that waits.
type look struct {
	at     time.Time
	places standing
	err    error
	done   chan struct{} // closed when it is
}

// standing are the places of a line in their order, each with all up to it.
type standing []upTo

type upTo struct {
	Rank
	ahead
}

// at returns the line as it was a short while before a time. Nobody waits for another look
// than the first after a time without any; one at a time is under way.
func (l *line) at(ctx context.Context, store Store, now time.Time) (standing, error) {
	l.mu.Lock()
	known, age := l.known, now.Sub(l.known.at)
	told := !known.at.IsZero() && age >= 0 && age < lineStale
	if told && age < lineFor {
		l.mu.Unlock()
		return known.places, nil
	}
	if l.looking == nil {
		l.looking = &look{at: now, done: make(chan struct{})}
		go l.read(context.WithoutCancel(ctx), store, l.looking)
	}
	next := l.looking
	l.mu.Unlock()
	if told {
		return known.places, nil
	}
	select {
	case <-next.done:
		return next.places, next.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// read reads the line. After an error what was known stays known.
func (l *line) read(ctx context.Context, store Store, next *look) {
	ctx, cancel := context.WithTimeout(ctx, lookFor)
	defer cancel()
	next.places, next.err = standingOf(store.Line(ctx))
	l.mu.Lock()
	defer l.mu.Unlock()
	if next.err == nil {
		l.known = *next
	}
	l.looking = nil
	close(next.done)
}

func standingOf(line iter.Seq2[Place, error]) (standing, error) {
	var places standing
	var up ahead
	of := make(map[string]int)
	for w, err := range line {
		if err != nil {
			return nil, err
		}
		up.All++
		of[w.Domain]++
		up.Domain = max(up.Domain, of[w.Domain])
		w.Rank.At = time.Time{} // who asks comes after all that ask as often
		if n := len(places); n > 0 && places[n-1].Rank == w.Rank {
			places[n-1].ahead = up
			continue
		}
		places = append(places, upTo{w.Rank, up})
	}
	return places, nil
}

// before are those that come before a place.
func (s standing) before(r Rank) ahead {
	n, _ := slices.BinarySearchFunc(s, r, func(in upTo, r Rank) int {
		if in.Rank.Before(r) {
			return -1
		}
		return 1
	})
	if n == 0 {
		return ahead{}
	}
	return s[n-1].ahead
}
