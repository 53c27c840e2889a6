package newsletter_test

import (
	"testing"

	"github.com/scaledbydesign/insights/newsletter"
)

func TestSucceeded(t *testing.T) {
	type counts = map[newsletter.DeliveryState]int
	for _, test := range []struct {
		counts   counts
		want     newsletter.Success
		deferred bool // they only wait
	}{
		{counts{}, newsletter.AllReached, false},
		{counts{newsletter.Sent: 3}, newsletter.AllReached, false},
		{counts{newsletter.Sent: 3, newsletter.Skipped: 2}, newsletter.AllReached, false},
		{counts{newsletter.Skipped: 2}, newsletter.AllReached, false},
		{counts{newsletter.Failed: 2}, newsletter.NoneReached, false},
		{counts{newsletter.Failed: 2, newsletter.Skipped: 1}, newsletter.NoneReached, false},
		{counts{newsletter.Failed: 2, newsletter.Sent: 1}, newsletter.SomeReached, false},
		{counts{newsletter.Uncertain: 1}, newsletter.SomeReached, false},
		{counts{newsletter.Uncertain: 1, newsletter.Sent: 9}, newsletter.SomeReached, false},
		{counts{newsletter.Failed: 2, newsletter.Deferred: 1}, newsletter.SomeReached, true},
		{counts{newsletter.Sent: 2, newsletter.Deferred: 1, newsletter.Pending: 1}, newsletter.SomeReached, false},
		{counts{newsletter.Sent: 2, newsletter.Deferred: 1, newsletter.Sending: 1}, newsletter.SomeReached, false},
		{counts{newsletter.Deferred: 1}, newsletter.SomeReached, true},
	} {
		if got := newsletter.Succeeded(test.counts); got != test.want {
			t.Errorf("%v: %d, want %d", test.counts, got, test.want)
		}
		if got := newsletter.OnlyWaiting(test.counts, 0, false); got != test.deferred {
			t.Errorf("%v: only waiting is %v", test.counts, got)
		}
	}
	for _, test := range []struct {
		counts counts
		stuck  bool
		behind bool // with two that wait for an earlier email
	}{
		{counts{newsletter.Pending: 3}, true, false},
		{counts{newsletter.Pending: 2}, true, true},
		{counts{newsletter.Pending: 2, newsletter.Deferred: 4, newsletter.Sent: 1}, true, true},
		{counts{newsletter.Pending: 3, newsletter.Deferred: 1, newsletter.Sent: 1}, true, false},
		{counts{newsletter.Pending: 2, newsletter.Claimed: 1}, false, false},
		{counts{newsletter.Pending: 2, newsletter.Sending: 1}, false, false},
		{counts{newsletter.Sent: 3}, false, false},
	} {
		if got := newsletter.OnlyWaiting(test.counts, 0, true); got != test.stuck {
			t.Errorf("%v while nothing can be sent: only waiting is %v", test.counts, got)
		}
		if got := newsletter.OnlyWaiting(test.counts, 2, false); got != test.behind {
			t.Errorf("%v with two behind others: only waiting is %v", test.counts, got)
		}
	}
}
