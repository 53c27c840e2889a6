package newsletter_test

import (
	"testing"
	"time"

	"github.com/scaledbydesign/insights/newsletter"
	"github.com/scaledbydesign/insights/subscribers"
)

func TestTheNextSlotIsTheFirstOfACadence(t *testing.T) {
	schedules := []newsletter.Schedule{
		{Name: "instant", Cadence: subscribers.Instant},
		{Name: "tuesday", Cadence: subscribers.Weekly, Cron: "0 9 * * 2"},
		{Name: "monday", Cadence: subscribers.Weekly, Cron: "0 9 * * 1"},
		{Name: "daily", Cadence: subscribers.Daily, Cron: "0 8 * * *"},
	}
	sunday := time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)
	for cadence, want := range map[subscribers.Cadence]string{subscribers.Instant: "", subscribers.Weekly: "monday", subscribers.Daily: "daily", subscribers.Monthly: ""} {
		got := newsletter.NextSlot(schedules, cadence, sunday)
		if got == nil && want != "" || got != nil && got.Schedule != want {
			t.Errorf("%s: %+v, want %q", cadence, got, want)
		}
	}
}
