package newsletter_test

import (
	"strings"
	"testing"
	"time"

	"github.com/scaledbydesign/insights/newsletter"
	"github.com/scaledbydesign/insights/subscribers"
)

func at(t *testing.T, zone, text string) time.Time {
	t.Helper()
	location, err := time.LoadLocation(zone)
	if err != nil {
		t.Fatal(err)
	}
	when, err := time.ParseInLocation("2006-01-02 15:04:05", text, location)
	if err != nil {
		t.Fatal(err)
	}
	return when
}

func schedule(t *testing.T, zone, cron string) newsletter.Schedule {
	return newsletter.Schedule{Name: "test", Cadence: subscribers.Weekly, Cron: cron, Zone: at(t, zone, "2026-01-01 00:00:00").Location()}
}

// TestEachWallTimeIsOneSlot covers the nights in which clocks change, west and
// east of Greenwich, in whole and half hours.
func TestEachWallTimeIsOneSlot(t *testing.T) {
	tests := []struct{ name, zone, cron, from, to, want string }{
		{"Mondays at nine over the spring change", "America/New_York", "0 9 * * 1", "2026-03-01 00:00:00", "2026-03-17 00:00:00", "2026-03-02T09:00=14:00Z 2026-03-09T09:00=13:00Z 2026-03-16T09:00=13:00Z"},
		{"Mondays at nine over the autumn change", "America/New_York", "0 9 * * 1", "2026-10-26 00:00:00", "2026-11-10 00:00:00", "2026-10-26T09:00=13:00Z 2026-11-02T09:00=14:00Z 2026-11-09T09:00=14:00Z"},
		{"a time that does not come is as much later", "America/New_York", "30 2 * * *", "2026-03-07 00:00:00", "2026-03-10 00:00:00", "2026-03-07T02:30=07:30Z 2026-03-08T02:30=07:30Z 2026-03-09T02:30=06:30Z"},
		{"a time that comes twice is one slot, the first", "America/New_York", "30 1 * * *", "2026-10-31 00:00:00", "2026-11-03 00:00:00", "2026-10-31T01:30=05:30Z 2026-11-01T01:30=05:30Z 2026-11-02T01:30=06:30Z"},
		{"no time in Berlin", "Europe/Berlin", "30 2 * * *", "2026-03-28 00:00:00", "2026-03-30 12:00:00", "2026-03-28T02:30=01:30Z 2026-03-29T02:30=01:30Z 2026-03-30T02:30=00:30Z"},
		{"twice in Berlin", "Europe/Berlin", "30 2 * * *", "2026-10-24 00:00:00", "2026-10-26 12:00:00", "2026-10-24T02:30=00:30Z 2026-10-25T02:30=00:30Z 2026-10-26T02:30=01:30Z"},
		{"hourly in spring", "America/New_York", "0 * * * *", "2026-03-08 00:30:00", "2026-03-08 04:30:00", "2026-03-08T01:00=06:00Z 2026-03-08T02:00=07:00Z 2026-03-08T04:00=08:00Z"},
		{"hourly in autumn", "America/New_York", "0 * * * *", "2026-11-01 00:30:00", "2026-11-01 03:30:00", "2026-11-01T01:00=05:00Z 2026-11-01T02:00=07:00Z 2026-11-01T03:00=08:00Z"},
		{"half an hour on Lord Howe", "Australia/Lord_Howe", "15 2 * * *", "2026-10-03 00:00:00", "2026-10-05 12:00:00", "2026-10-03T02:15=15:45Z 2026-10-04T02:15=15:45Z 2026-10-05T02:15=15:15Z"},
		{"the end of a month", "UTC", "0 8 31 * *", "2026-01-01 00:00:00", "2026-06-01 00:00:00", "2026-01-31T08:00=08:00Z 2026-03-31T08:00=08:00Z 2026-05-31T08:00=08:00Z"},
	}
	for _, test := range tests {
		s := schedule(t, test.zone, test.cron)
		var got []string
		for _, slot := range s.Due(at(t, test.zone, test.from), at(t, test.zone, test.to)) {
			got = append(got, slot.Key+"="+slot.Due.UTC().Format("15:04Z"))
			if slot.Schedule != "test" {
				t.Errorf("slot of %q", slot.Schedule)
			}
		}
		if strings.Join(got, " ") != test.want {
			t.Errorf("%s:\n got %s\nwant %s", test.name, strings.Join(got, " "), test.want)
		}
	}
}

// TestSlotsAdvance walks minute by minute over the nights in which clocks change:
// the next slot is always later, its key never comes back.
func TestSlotsAdvance(t *testing.T) {
	for _, zone := range []string{"America/New_York", "Europe/Berlin", "Australia/Lord_Howe", "Pacific/Apia", "UTC"} {
		for _, day := range []string{"2026-03-08", "2026-03-29", "2026-04-05", "2026-10-04", "2026-10-25", "2026-11-01", "2011-12-30"} {
			for _, cron := range []string{"30 2 * * *", "*/20 * * * *", "0 1,2 * * *"} {
				s := schedule(t, zone, cron)
				from := at(t, zone, day+" 00:00:00").Add(-2 * time.Hour)
				for now := from; now.Before(from.Add(10 * time.Hour)); now = now.Add(time.Minute) {
					slot, ok := s.Next(now)
					if !ok || !slot.Due.After(now) || slot.Due.Sub(now) > 72*time.Hour {
						t.Fatalf("%s %q: after %v comes %+v", zone, cron, now, slot)
					}
				}
				seen := make(map[string]bool)
				for _, slot := range s.Due(from, from.Add(36*time.Hour)) {
					if seen[slot.Key] {
						t.Errorf("%s %q: %s comes twice", zone, cron, slot.Key)
					}
					seen[slot.Key] = true
				}
			}
		}
	}
}

func TestScheduleCheck(t *testing.T) {
	for cron, want := range map[string]bool{"0 9 * * 1": true, "@weekly": true, "": false, "0 9 * *": false, "0 0 9 * * 1": false, "61 9 * * 1": false, "0 9 * * mon": true} {
		s := schedule(t, "UTC", cron)
		err := s.Check()
		if (err == nil) != want {
			t.Errorf("%q: %v", cron, err)
		}
		if err != nil && !strings.Contains(err.Error(), `"0 9 * * 1"`) {
			t.Errorf("the error gives no example: %v", err)
		}
	}
	instant := newsletter.Schedule{Cadence: subscribers.Instant}
	if err := instant.Check(); err != nil {
		t.Errorf("the instant cadence needs no cron: %v", err)
	}
	if _, ok := instant.Next(time.Now()); ok {
		t.Error("the instant cadence has no times")
	}
	never := schedule(t, "UTC", "0 9 30 2 *")
	if slot, ok := never.Next(time.Now()); ok {
		t.Errorf("30 February is %v", slot.Due)
	}
}

func TestDueIsBounded(t *testing.T) {
	s := schedule(t, "UTC", "* * * * *")
	now := at(t, "UTC", "2026-01-01 00:00:00")
	slots := s.Due(now.AddDate(0, 0, -7), now)
	if len(slots) != 1000 || !slots[999].Due.Equal(now) {
		t.Errorf("%d slots, the last at %v", len(slots), slots[len(slots)-1].Due)
	}
}
