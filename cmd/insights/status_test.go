package main

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/scaledbydesign/insights/cmd/insights/internal/database"
	"github.com/scaledbydesign/insights/newsletter"
)

func TestOverdueSlotsAreSeenWithTheirReason(t *testing.T) {
	db, err := database.Open("sqlite:"+filepath.Join(t.TempDir(), "test.db"), true)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	ctx := t.Context()
	if _, err := db.Migrate(ctx); err != nil {
		t.Fatal(err)
	}
	c := defaultConfig()
	c.Site.TimeZone = "America/New_York"
	c.Digests.Schedules = []ScheduleConfig{{Name: "weekly", Cadence: "weekly", Cron: "0 9 * * 1"}, {Name: "instant", Cadence: "instant"}, {Name: "never seen", Cadence: "daily", Cron: "0 9 * * *"}}
	n := &newsroom{db: db, config: &c}
	utc := func(text string) time.Time {
		at, err := time.Parse("2006-01-02 15:04:05", text)
		if err != nil {
			t.Fatal(err)
		}
		return at
	}
	want := func(now, slot, reason string) {
		t.Helper()
		got, err := n.overdue(ctx, utc(now))
		switch {
		case err != nil:
			t.Fatal(err)
		case slot == "" && len(got) == 0:
		case len(got) != 1 || got[0].Schedule != "weekly" || got[0].Slot != slot || !strings.Contains(got[0].Reason, reason):
			t.Errorf("at %s %+v is overdue, want %q, %q", now, got, slot, reason)
		}
	}
	record := func(key, due string, outcome newsletter.SlotOutcome, reason string) {
		t.Helper()
		if err := db.RecordSlots(ctx, newsletter.SlotRecord{Schedule: "weekly", Key: key, Due: utc(due), Outcome: outcome, Reason: newsletter.Reason(reason)}); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"weekly", "instant"} {
		if _, err := db.Since(ctx, name, utc("2026-11-20 12:00:00")); err != nil {
			t.Fatal(err)
		}
	}
	want("2026-11-23 14:00:59", "", "")
	want("2026-11-23 14:01:00", "2026-11-23T09:00", "")
	record("2026-11-23T09:00", "2026-11-23 14:00:00", newsletter.SlotFailing, "disk full")
	want("2026-11-23 15:00:00", "2026-11-23T09:00", "disk full")
	want("2026-12-05 15:00:00", "2026-11-23T09:00", "disk full") // since when, not the last one
	record("2026-11-23T09:00", "2026-11-23 14:00:00", newsletter.SlotPlanned, "")
	want("2026-11-23 15:00:00", "", "")
	want("2026-11-30 14:02:00", "2026-11-30T09:00", "")
	// On record already, by the clocks of the zone that the site had before.
	c.Site.TimeZone = "America/Los_Angeles"
	want("2026-11-23 18:00:00", "", "")
}

func TestMeterSaysOnceWhatIsInTheWay(t *testing.T) {
	var shown bytes.Buffer
	m := meter{what: "digest 7", out: &output{stderr: &shown}}
	start := time.Date(2026, 11, 26, 9, 0, 0, 0, time.UTC)
	for i, step := range []struct {
		g    progress
		want string
	}{
		{progress{total: 20000, ended: 10000}, "digest 7: 10,000 of 20,000, 0 a second, 0 failed\n"},
		{progress{total: 20000, ended: 11000, failed: 3}, "digest 7: 11,000 of 20,000, 100 a second, 1m30s left, 3 failed\n"},
		{progress{total: 20000, ended: 11000, failed: 3, waits: "sending is held: why"}, "sending is held: why\ndigest 7: 11,000 of 20,000, 50 a second, 3m0s left, 3 failed\n"},
		{progress{total: 20000, ended: 11000, failed: 3, waits: "sending is held: why"}, "digest 7: 11,000 of 20,000, 33 a second, 4m30s left, 3 failed\n"},
		{progress{total: 20000, ended: 20000, failed: 3, done: true}, "digest 7 goes on\ndigest 7: 20,000 of 20,000, 250 a second, 3 failed\n"},
	} {
		shown.Reset()
		m.show(step.g, start.Add(time.Duration(i)*noticeEvery))
		if shown.String() != step.want {
			t.Errorf("step %d shows %q, want %q", i, shown.String(), step.want)
		}
	}
}
