package subscribers

import (
	"testing"
	"time"
)

// An address that nobody has confirmed is kept for a week, however long its link works.
func TestUnconfirmedAddressesAreKeptForAWeek(t *testing.T) {
	for _, confirmFor := range []time.Duration{time.Hour, 72 * time.Hour} {
		r := rules{confirmFor: confirmFor, newID: func() string { return "id" }}
		var sub Subscriber
		r.begin(&sub, ada, now)
		sub.Status = Pending
		for after, want := range map[time.Duration]bool{7 * day: false, 7*day + 1: true} {
			if _, forget := Tidied(sub, r.tidyBefore(now.Add(after))); forget != want {
				t.Errorf("links that work for %v, after %v: forgotten is %v", confirmFor, after, forget)
			}
		}
	}
}
