package subscribers

import (
	"testing"
	"time"
)

func TestTurnsComeOneAfterTheOther(t *testing.T) {
	turns := Turns{Every: time.Second, EveryAt: 4 * time.Second, MostAhead: time.Minute}
	all, domains := now, map[string]time.Time{}
	take := func(domain string) time.Duration {
		var at time.Time
		at, all, domains[domain] = turns.Next(all, domains[domain], now)
		return at.Sub(now)
	}
	for i, want := range []struct {
		domain string
		after  time.Duration
	}{{"a", 0}, {"b", time.Second}, {"a", 4 * time.Second}, {"c", 5 * time.Second}, {"a", 8 * time.Second}} {
		if got := take(want.domain); got != want.after {
			t.Errorf("turn %d, at %s, is after %v, want %v", i, want.domain, got, want.after)
		}
	}
	for range 100 {
		if at := take("a"); at < 0 || at > turns.MostAhead {
			t.Errorf("a turn is after %v", at)
		}
	}
	if ahead := all.Sub(now); ahead > turns.MostAhead+turns.Every {
		t.Errorf("turns are taken for %v", ahead)
	}
}
