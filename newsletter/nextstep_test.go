package newsletter_test

import (
	"testing"
	"time"

	"github.com/scaledbydesign/insights/newsletter"
)

func TestWhatHappensNextToAnEmail(t *testing.T) {
	now := time.Date(2026, 11, 30, 9, 0, 0, 0, time.UTC)
	later := now.Add(time.Hour)
	for _, test := range []struct {
		state  newsletter.DeliveryState
		next   time.Time
		digest newsletter.DigestState
		held   bool
		want   newsletter.NextStep
	}{
		{newsletter.Pending, time.Time{}, newsletter.DigestSending, false, newsletter.NextSoon},
		{newsletter.Pending, time.Time{}, "", false, newsletter.NextSoon},
		{newsletter.Pending, time.Time{}, newsletter.DigestPlanned, false, newsletter.NextUnapproved},
		{newsletter.Pending, time.Time{}, newsletter.DigestPaused, false, newsletter.NextPaused},
		{newsletter.Pending, time.Time{}, newsletter.DigestPaused, true, newsletter.NextHeld},
		{newsletter.Deferred, later, newsletter.DigestSending, false, newsletter.NextAt},
		{newsletter.Deferred, now, newsletter.DigestSending, false, newsletter.NextSoon},
		{newsletter.Deferred, later, newsletter.DigestPaused, false, newsletter.NextPaused},
		{newsletter.Claimed, time.Time{}, newsletter.DigestPaused, true, newsletter.NextSending},
		{newsletter.Sending, time.Time{}, newsletter.DigestSending, true, newsletter.NextAnswer},
		{newsletter.Sent, time.Time{}, newsletter.DigestDone, true, newsletter.NextNone},
		{newsletter.Skipped, time.Time{}, newsletter.DigestDone, false, newsletter.NextSkipped},
		{newsletter.Failed, time.Time{}, newsletter.DigestPaused, true, newsletter.NextFailed},
		{newsletter.Uncertain, time.Time{}, newsletter.DigestDone, false, newsletter.NextUncertain},
	} {
		d := newsletter.Delivery{State: test.state, NextAt: test.next}
		if got := d.Next(test.digest, test.held, now); got != test.want {
			t.Errorf("%+v: %s", test, got)
		}
	}
}
