package websub

import (
	"testing"
	"time"
)

func TestLeasesAreEarned(t *testing.T) {
	const day = 24 * time.Hour
	now := time.Date(2026, 3, 10, 12, 0, 0, 0, time.UTC)
	ago := func(d time.Duration) time.Time { return now.Add(-d) }
	for name, test := range map[string]struct {
		before Standing
		want   time.Duration
	}{
		"a new one":                        {Standing{}, day},
		"after a push":                     {Standing{Term: day, Since: ago(time.Hour), Delivered: ago(time.Minute)}, 2 * day},
		"after a push, though behind":      {Standing{Term: day, Since: ago(time.Hour), Delivered: ago(time.Minute), Behind: true}, 2 * day},
		"at once again":                    {Standing{Term: day, Since: ago(time.Hour)}, day},
		"before the day is over":           {Standing{Term: 4 * day, Since: ago(day - time.Second)}, 4 * day},
		"after a day without content":      {Standing{Term: 4 * day, Since: ago(day)}, 8 * day},
		"after days of pushes that failed": {Standing{Term: 4 * day, Since: ago(3 * day), Behind: true}, 4 * day},
		"a push that counted before":       {Standing{Term: 2 * day, Since: ago(time.Hour), Delivered: ago(time.Hour)}, 2 * day},
		"16 days":                          {Standing{Term: 16 * day, Since: ago(16 * day)}, 30 * day},
		"the longest":                      {Standing{Term: 30 * day, Since: ago(30 * day)}, 30 * day},
	} {
		got := test.before.Renew(now)
		if got.Term != test.want {
			t.Errorf("%s: %v, want %v", name, got.Term, test.want)
		}
		if raised := got.Term != test.before.Term; raised && !got.Since.Equal(now) || !raised && test.before.Term < MaxLease && !got.Since.Equal(test.before.Since) {
			t.Errorf("%s: since %v", name, got.Since)
		}
	}
}
