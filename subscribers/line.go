package subscribers

import (
	"context"
	"slices"
	"sync"
	"time"
)

// lineFor is how long it is told from one look how long sign-ups wait: a flood asks often,
// and thousands may wait.
const lineFor = 5 * time.Second

// line is what waited a short while ago.
type line struct {
	mu    sync.Mutex
	look  time.Time
	known standing
}

// standing are the places of a line in their order, each with all up to it.
type standing []upTo

type upTo struct {
	Rank
	ahead
}

// at returns the line as it was at most lineFor before a time. One looks, and others who
// ask meanwhile wait for that.
func (l *line) at(ctx context.Context, store Store, now time.Time) (standing, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if since := now.Sub(l.look); !l.look.IsZero() && since >= 0 && since < lineFor {
		return l.known, nil
	}
	var places standing
	var up ahead
	of := make(map[string]int)
	for w, err := range store.Line(ctx) {
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
	l.look, l.known = now, places
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
