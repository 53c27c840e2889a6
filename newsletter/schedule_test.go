package newsletter_test

import (
	"fmt"
	"slices"
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
		{"a time that is skipped is as much later", "America/New_York", "30 2 * * *", "2026-03-07 00:00:00", "2026-03-10 00:00:00", "2026-03-07T02:30=07:30Z 2026-03-08T02:30=07:30Z 2026-03-09T02:30=06:30Z"},
		{"a time that occurs twice is one slot, the first", "America/New_York", "30 1 * * *", "2026-10-31 00:00:00", "2026-11-03 00:00:00", "2026-10-31T01:30=05:30Z 2026-11-01T01:30=05:30Z 2026-11-02T01:30=06:30Z"},
		{"no time in Berlin", "Europe/Berlin", "30 2 * * *", "2026-03-28 00:00:00", "2026-03-30 12:00:00", "2026-03-28T02:30=01:30Z 2026-03-29T02:30=01:30Z 2026-03-30T02:30=00:30Z"},
		{"twice in Berlin", "Europe/Berlin", "30 2 * * *", "2026-10-24 00:00:00", "2026-10-26 12:00:00", "2026-10-24T02:30=00:30Z 2026-10-25T02:30=00:30Z 2026-10-26T02:30=01:30Z"},
		{"hourly in spring", "America/New_York", "0 * * * *", "2026-03-08 00:30:00", "2026-03-08 04:30:00", "2026-03-08T01:00=06:00Z 2026-03-08T02:00=07:00Z 2026-03-08T04:00=08:00Z"},
		{"hourly in autumn", "America/New_York", "0 * * * *", "2026-11-01 00:30:00", "2026-11-01 03:30:00", "2026-11-01T01:00=05:00Z 2026-11-01T02:00=07:00Z 2026-11-01T03:00=08:00Z"},
		{"half an hour on Lord Howe", "Australia/Lord_Howe", "15 2 * * *", "2026-10-03 00:00:00", "2026-10-05 12:00:00", "2026-10-03T02:15=15:45Z 2026-10-04T02:15=15:45Z 2026-10-05T02:15=15:15Z"},
		{"half an hour twice on Lord Howe", "Australia/Lord_Howe", "45 1 * * *", "2026-04-04 00:00:00", "2026-04-06 12:00:00", "2026-04-04T01:45=14:45Z 2026-04-05T01:45=14:45Z 2026-04-06T01:45=15:15Z"},
		{"what is skipped may come after what is not", "Australia/Lord_Howe", "*/20 2 * * *", "2026-10-04 00:00:00", "2026-10-04 12:00:00", "2026-10-04T02:00=15:30Z 2026-10-04T02:40=15:40Z 2026-10-04T02:20=15:50Z"},
		{"all that is skipped", "America/New_York", "0,30 2 * * *", "2026-03-08 00:00:00", "2026-03-08 12:00:00", "2026-03-08T02:00=07:00Z 2026-03-08T02:30=07:30Z"},
		{"no midnight in Santiago", "America/Santiago", "0 0 * * *", "2026-09-04 12:00:00", "2026-09-07 12:00:00", "2026-09-05T00:00=04:00Z 2026-09-06T00:00=04:00Z 2026-09-07T00:00=03:00Z"},
		{"the end of a day twice in Santiago", "America/Santiago", "30 23 * * *", "2026-04-03 12:00:00", "2026-04-06 12:00:00", "2026-04-03T23:30=02:30Z 2026-04-04T23:30=02:30Z 2026-04-05T23:30=03:30Z"},
		{"no midnight in Cairo", "Africa/Cairo", "30 0 * * *", "2026-04-22 12:00:00", "2026-04-25 12:00:00", "2026-04-23T00:30=22:30Z 2026-04-24T00:30=22:30Z 2026-04-25T00:30=21:30Z"},
		{"no midnight on a Sunday in Beirut", "Asia/Beirut", "0 0 * * 0", "2026-03-21 12:00:00", "2026-04-06 12:00:00", "2026-03-22T00:00=22:00Z 2026-03-29T00:00=22:00Z 2026-04-05T00:00=21:00Z"},
		{"no Friday in Apia", "Pacific/Apia", "0 9 * * 5", "2011-12-22 12:00:00", "2012-01-07 12:00:00", "2011-12-23T09:00=19:00Z 2011-12-30T09:00=19:00Z 2012-01-06T09:00=19:00Z"},
		{"each day but one in Apia", "Pacific/Apia", "0 9 * * *", "2011-12-28 12:00:00", "2012-01-02 12:00:00", "2011-12-29T09:00=19:00Z 2011-12-30T09:00=19:00Z 2012-01-01T09:00=19:00Z 2012-01-02T09:00=19:00Z"},
		{"the end of a month", "UTC", "0 8 31 * *", "2026-01-01 00:00:00", "2026-06-01 00:00:00", "2026-01-31T08:00=08:00Z 2026-03-31T08:00=08:00Z 2026-05-31T08:00=08:00Z"},
	}
	for _, test := range tests {
		s := schedule(t, test.zone, test.cron)
		var got []string
		for slot := range s.Due(at(t, test.zone, test.from), at(t, test.zone, test.to)) {
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

// TestSlotsAdvance walks minute by minute over the nights in which clocks change: the
// next slot is always later, and no key repeats.
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
				for slot := range s.Due(from, from.Add(36*time.Hour)) {
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
	for cron, want := range map[string]bool{"0 9 * * 1": true, "@weekly": true, "": false, "0 9 * *": false, "0 0 9 * * 1": false, "61 9 * * 1": false, "0 9 * * mon": true, "@every 1h": false, "CRON_TZ=UTC 0 9 * * 1": false, "TZ=UTC 0 9 * * 1": false,
		"0 9 1-7 * 1": false, "0 9 15 * fri": false, "0 9 */2 * 1": false, "0 9 1-31 * 1": false, "0 9 15 * 0-6": false, "0 9 1-7 * *": true, "0 9 ? * 1": true, "0 9 1 * ?": true,
		"0 9 30 2 *": false, "0 9 31 2,4,6,9,11 *": false, "0 9 29 2 *": true, "0 9 31 * *": true, "0 9 31 4,5 *": true,
		"0 9 * * 7": true, "0 9 * * 5-7": true, "0 9 * * 1,7": true, "0 9 * * 1-7/2": true, "0 9 * * 7-2": true, "0 9 * * 8": false, "0 9 * * 7-7": false, "0 9 * * 6-8": false,
		"0 9 L * *": false, "0 9 * * 5L": false, "0 9 * * 1#1": false, "0 9 15W * *": false, "0 9 1 jul *": true} {
		s := schedule(t, "UTC", cron)
		err := s.Check()
		if (err == nil) != want {
			t.Errorf("%q: %v", cron, err)
		}
		if slot, ok := s.Next(time.Now()); ok != want {
			t.Errorf("%q: next is %v", cron, slot)
		}
	}
	instant := newsletter.Schedule{Cadence: subscribers.Instant}
	if err := instant.Check(); err != nil {
		t.Errorf("the instant cadence needs no cron: %v", err)
	}
	if _, ok := instant.Next(time.Now()); ok {
		t.Error("the instant cadence has no times")
	}
}

func TestTheFieldAtFaultIsNamed(t *testing.T) {
	const five = "write five fields (minute, hour, day of the month, month, weekday), for example \"0 9 * * 1\""
	for cron, want := range map[string]string{
		"60 9 * * 1":              `minute "60" is not one of 0 to 59`,
		"-1 9 * * 1":              `minute "-1" lacks a number`,
		"0 24 * * 1":              `hour "24" is not one of 0 to 23`,
		"0 9am * * 1":             `hour "9am" is not one of 0 to 23`,
		"0 9 0 * *":               `day of the month "0" is not one of 1 to 31`,
		"0 9 32 * *":              `day of the month "32" is not one of 1 to 31`,
		"0 9 * 13 *":              `month "13" is not one of 1 to 12, or jan to dec`,
		"0 9 * march *":           `month "march" is not one of 1 to 12, or jan to dec`,
		"0 9 * * 8":               `weekday "8" is not one of 0 to 7, or sun to sat`,
		"0 9 * * monday":          `weekday "monday" is not one of 0 to 7, or sun to sat`,
		"0 9 * * 5L":              `weekday "5L" is not understood, nor is anything with L, W or #: write days as numbers, such as 1-7`,
		"0 9 * * mon#1":           `weekday "mon#1" is not understood, nor is anything with L, W or #`,
		"0 9 L * *":               `day of the month "L" is not understood, nor is anything with L, W or #`,
		"0 9 L-3 * *":             `day of the month "L-3" is not understood, nor is anything with L, W or #`,
		"0 9 * * 5-1":             `weekday "5-1" ends before it begins: write two ranges with a comma between them`,
		"0 9 * * 7/2":             `weekday "7/2" begins with 7: write 0 for Sunday`,
		"0 9 * * 7-7":             `weekday "7-7" begins with 7: write 0 for Sunday`,
		"*/0 9 * * 1":             `minute "*/0" must have a whole number of 1 or more after the /`,
		"*/x 9 * * 1":             `minute "*/x" must have a whole number`,
		"0,,5 9 * * 1":            `minute "" lacks a number`,
		"60 25 * * 1":             `minute "60" is not one of 0 to 59; hour "25" is not one of 0 to 23`,
		"":                        "it is empty: " + five,
		"daily":                   "it has one field: " + five,
		"0 9 * *":                 "it has 4 fields: " + five,
		"0 0 9 * * 1":             "it has 6 fields; cron has no seconds here: " + five,
		"0 0 9 * * 1 2":           "it has 7 fields: " + five,
		"@fortnightly":            "@fortnightly is unknown: write one of @yearly,",
		"@every 1h":               "a schedule needs times of day, not a distance: " + five,
		"TZ=UTC 0 9 * * 1":        "the time zone has no place in it: set time_zone instead",
		"CRON_TZ=Mars 0 9 * * 99": "the time zone has no place in it: set time_zone instead",
	} {
		s := schedule(t, "UTC", cron)
		err := s.Check()
		if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("schedule \"test\": cron %q: %s", cron, want)) {
			t.Errorf("%q: %v", cron, err)
			continue
		}
		if !strings.Contains(want, five) && strings.Contains(err.Error(), "five fields (") {
			t.Errorf("%q: says how many fields to write: %v", cron, err)
		}
	}
}

// Whatever the fields are, the words are ours: the parser refuses nothing that they allow.
func TestTheParserRefusesNoFieldThatIsAllowed(t *testing.T) {
	for _, minute := range []string{"0", "59", "*", "?", "*/15", "0-30", "0-30/10", "5/20", "1,2,3", "60", "x", "-", "1-", "/5", "1--2"} {
		for _, day := range []string{"*", "1", "31", "1-7", "*/2", "L", "0"} {
			for _, weekday := range []string{"*", "0", "7", "mon", "MON-FRI", "1-7/2", "7-2", "7-2/2", "7/3", "0-7", "7-7", "fri-mon", "1,7", "5#2"} {
				s := schedule(t, "UTC", minute+" 9 "+day+" * "+weekday)
				if err := s.Check(); err != nil && strings.Contains(err.Error(), "five fields (") {
					t.Errorf("%v", err)
				}
			}
		}
	}
}

func TestSundayIsSevenToo(t *testing.T) {
	start := at(t, "UTC", "2026-11-30 12:00:00") // a Monday
	for cron, same := range map[string]string{
		"0 9 * * 7": "0 9 * * 0", "0 9 * * 5-7": "0 9 * * 5,6,0", "0 9 * * 1,7": "0 9 * * 0,1", "0 9 * * 1-7/2": "0 9 * * 0,1,3,5", "0 9 * * 7-2": "0 9 * * 0-2", "0 9 * * 0-7": "0 9 * * 0-6", "0 9 7 * *": "0 9 7 * *",
	} {
		a, b := schedule(t, "UTC", cron), schedule(t, "UTC", same)
		var first, second []string
		for slot := range a.Due(start, start.AddDate(0, 0, 40)) {
			first = append(first, slot.Key)
		}
		for slot := range b.Due(start, start.AddDate(0, 0, 40)) {
			second = append(second, slot.Key)
		}
		if len(first) == 0 || !slices.Equal(first, second) {
			t.Errorf("%q: %v, and %q: %v", cron, first, same, second)
		}
	}
}

func TestScheduleNotes(t *testing.T) {
	for cron, want := range map[string]string{
		"0 9 31 * *": "skips the months that have 30 days or fewer", "0 9 30 * *": "skips February;", "0 9 29 * *": "except in leap years", "0 9 28 * *": "", "0 9 1,31 * *": "", "0 9 * * 1": "", "not a line": "",
	} {
		s := schedule(t, "UTC", cron)
		notes := strings.Join(s.Notes(), " ")
		if (notes == "") != (want == "") || !strings.Contains(notes, want) {
			t.Errorf("%q: %q", cron, notes)
		}
	}
}

// TestSlotsAreWhatClocksShow compares the slots of nights in which clocks change
// with the times that a clock shows, minute by minute.
func TestSlotsAreWhatClocksShow(t *testing.T) {
	for zone, day := range map[string]string{
		"America/New_York": "2026-03-08", "Europe/Berlin": "2026-10-25", "Australia/Lord_Howe": "2026-10-04", "America/Santiago": "2026-09-06",
		"Africa/Cairo": "2026-10-30", "Asia/Beirut": "2026-03-29", "Pacific/Apia": "2011-12-31", "Antarctica/Troll": "2026-03-29", "UTC": "2026-03-29",
	} {
		from := at(t, zone, day+" 00:00:00").Add(-30 * time.Hour).Truncate(time.Minute)
		to := from.Add(60 * time.Hour)
		due := make(map[time.Time]string)
		seen := make(map[string]bool)
		note := func(wall, when time.Time) {
			key := wall.Format("2006-01-02T15:04")
			if wall.Minute()%7 != 0 || seen[key] || !when.After(from) || when.After(to) {
				return
			}
			seen[key] = true
			if first, ok := due[when.UTC()]; !ok || key < first {
				due[when.UTC()] = key
			}
		}
		clock := func(when time.Time) time.Time {
			wall, _ := time.Parse("2006-01-02T15:04", when.Format("2006-01-02T15:04"))
			return wall
		}
		for when := from.Add(-26 * time.Hour); !when.After(to); when = when.Add(time.Minute) {
			expected := clock(when.Add(-time.Minute)).Add(time.Minute)
			for skipped := expected; skipped.Before(clock(when)); skipped = skipped.Add(time.Minute) {
				note(skipped, when.Add(skipped.Sub(expected)))
			}
			note(clock(when), when)
		}
		s := schedule(t, zone, "*/7 * * * *")
		n := 0
		for slot := range s.Due(from, to) {
			if n++; due[slot.Due.UTC()] != slot.Key {
				t.Errorf("%s: %s at %v, want %q", zone, slot.Key, slot.Due, due[slot.Due.UTC()])
			}
		}
		if n != len(due) {
			t.Errorf("%s: %d slots, want %d", zone, n, len(due))
		}
	}
}
