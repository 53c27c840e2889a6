package newsletter_test

import (
	"errors"
	"testing"
	"time"

	"github.com/scaledbydesign/insights/newsletter"
	"github.com/scaledbydesign/insights/subscribers"
)

func TestTheOldestSlotThatIsNotPlannedIsOverdue(t *testing.T) {
	utc := func(text string) time.Time {
		if text == "" {
			return time.Time{}
		}
		at, err := time.Parse("2006-01-02 15:04:05", text)
		if err != nil {
			t.Fatal(err)
		}
		return at
	}
	const began, first = "2026-11-20 12:00:00", "2026-11-23T09:00"
	failing := map[string]newsletter.SlotRecord{first: {Outcome: newsletter.SlotFailing, Reason: "disk full"}}
	planned := map[string]newsletter.SlotRecord{first: {Outcome: newsletter.SlotPlanned}}
	for _, test := range []struct {
		name         string
		zone         string
		cadence      subscribers.Cadence
		since, now   string
		recorded     map[string]newsletter.SlotRecord
		slot, reason string
	}{
		{"it may take a minute", "America/New_York", subscribers.Weekly, began, "2026-11-23 14:00:59", nil, "", ""},
		{"not planned", "America/New_York", subscribers.Weekly, began, "2026-11-23 14:01:00", nil, first, ""},
		{"its plan failed", "America/New_York", subscribers.Weekly, began, "2026-11-23 15:00:00", failing, first, "disk full"},
		{"the first one that failed, not the last", "America/New_York", subscribers.Weekly, began, "2026-12-05 15:00:00", failing, first, "disk full"},
		{"planned", "America/New_York", subscribers.Weekly, "2026-11-23 14:00:00", "2026-11-23 15:00:00", planned, "", ""},
		{"the next one", "America/New_York", subscribers.Weekly, "2026-11-23 14:00:00", "2026-11-30 14:02:00", planned, "2026-11-30T09:00", ""},
		{"recorded in another zone", "America/Los_Angeles", subscribers.Weekly, "2026-11-23 14:00:00", "2026-11-23 18:00:00", planned, "", ""},
		{"never seen", "America/New_York", subscribers.Weekly, "", "2026-12-05 15:00:00", nil, "", ""},
		{"instant", "America/New_York", subscribers.Instant, began, "2026-12-05 15:00:00", nil, "", ""},
	} {
		zone, err := time.LoadLocation(test.zone)
		if err != nil {
			t.Fatal(err)
		}
		s := newsletter.Schedule{Name: "weekly", Cadence: test.cadence, Cron: "0 9 * * 1", Zone: zone}
		got, ok, err := s.Overdue(utc(test.since), utc(test.now), func(key string) (newsletter.SlotRecord, bool, error) {
			r, ok := test.recorded[key]
			return r, ok, nil
		})
		if err != nil || ok != (test.slot != "") || got.Slot.Key != test.slot || string(got.Reason) != test.reason {
			t.Errorf("%s: %+v, %v, %v; want %q, %q", test.name, got, ok, err, test.slot, test.reason)
		}
	}
	failure := errors.New("unreadable")
	s := newsletter.Schedule{Cadence: subscribers.Weekly, Cron: "0 9 * * 1"}
	if _, _, err := s.Overdue(utc(began), utc("2026-12-05 15:00:00"), func(string) (r newsletter.SlotRecord, ok bool, err error) { return r, false, failure }); err != failure {
		t.Errorf("%v", err)
	}
}
