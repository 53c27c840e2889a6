package subscribers

import (
	"testing"
	"time"
)

func TestPreferRule(t *testing.T) {
	to := func(c Cadence, categories ...string) func(*Subscriber) {
		return func(s *Subscriber) { s.Cadence, s.Categories = c, categories }
	}
	for _, test := range []struct {
		ruled
		wanted Preferences
	}{
		{ruled{"the same", subscriber(Confirmed), nil, Change{}, ""}, Preferences{Weekly, []string{"leadership"}}},
		{ruled{"a cadence", subscriber(Confirmed), to(Daily, "leadership"), Change{Event: event("preferences", "link", "daily: leadership")}, ""}, Preferences{Daily, []string{"leadership"}}},
		{ruled{"categories", subscriber(Confirmed), to(Weekly, "architecture"), Change{Event: event("preferences", "link", "weekly: architecture")}, ""}, Preferences{Weekly, []string{"architecture"}}},
		{ruled{"pending", subscriber(Pending), nil, Change{}, ErrExpired.Error()}, Preferences{Daily, []string{"leadership"}}},
		{ruled{"unsubscribed", subscriber(Unsubscribed), nil, Change{}, ErrExpired.Error()}, Preferences{Daily, []string{"leadership"}}},
	} {
		test.run(t, func(sub *Subscriber, now time.Time) (Change, error) { return prefer(sub, test.wanted, now) })
	}
}

func TestSlowDownRule(t *testing.T) {
	for _, test := range []ruled{
		{"confirmed", subscriber(Confirmed), func(s *Subscriber) { s.Cadence = Monthly }, Change{Event: event("preferences", "link", "monthly")}, ""},
		{"unsubscribed", subscriber(Unsubscribed), nil, Change{}, ErrExpired.Error()},
	} {
		test.run(t, func(sub *Subscriber, now time.Time) (Change, error) { return slowDown(sub, Monthly, now) })
	}
}

func TestPauseRule(t *testing.T) {
	paused := func(until time.Time) func(*Subscriber) { return func(s *Subscriber) { s.PausedUntil = until } }
	year := now.Add(366 * day)
	for _, test := range []struct {
		ruled
		until time.Time
	}{
		{ruled{"a day", subscriber(Confirmed), paused(now.Add(day)), Change{Event: event("paused", "link", "until 2026-07-02T12:00:00Z")}, ""}, now.Add(day)},
		{ruled{"a year", subscriber(Confirmed), paused(year), Change{Event: event("paused", "link", "until 2027-07-02T12:00:00Z")}, ""}, year},
		{ruled{"too long", subscriber(Confirmed), nil, Change{}, "a year at most"}, year.Add(1)},
		{ruled{"ended", subscriber(Confirmed, paused(now.Add(day))), paused(time.Time{}), Change{Event: event("resumed", "link", "")}, ""}, time.Time{}},
		{ruled{"until now", subscriber(Confirmed, paused(now.Add(day))), paused(time.Time{}), Change{Event: event("resumed", "link", "")}, ""}, now},
		{ruled{"ended, and there was none", subscriber(Confirmed), nil, Change{}, ""}, time.Time{}},
		{ruled{"pending", subscriber(Pending), nil, Change{}, ErrExpired.Error()}, now.Add(day)},
	} {
		test.run(t, func(sub *Subscriber, now time.Time) (Change, error) { return pause(sub, test.until, now) })
	}
}

func TestStaffPreferRule(t *testing.T) {
	at := func(t time.Time) *time.Time { return &t }
	tomorrow := now.Add(day)
	for _, test := range []struct {
		ruled
		wanted Preferences
		until  *time.Time
	}{
		{ruled{"nothing", subscriber(Confirmed), nil, Change{}, ""}, Preferences{}, nil},
		{ruled{"a cadence", subscriber(Confirmed), func(s *Subscriber) { s.Cadence = Daily }, Change{Event: event("preferences", "staff", "daily: leadership")}, ""}, Preferences{Cadence: Daily}, nil},
		{ruled{"categories", subscriber(Confirmed), func(s *Subscriber) { s.Categories = []string{"architecture"} }, Change{Event: event("preferences", "staff", "weekly: architecture")}, ""}, Preferences{Categories: []string{"architecture"}}, nil},
		{ruled{"a pause", subscriber(Confirmed), func(s *Subscriber) { s.PausedUntil = tomorrow }, Change{Event: event("preferences", "staff", "weekly: leadership; paused until 2026-07-02T12:00:00Z")}, ""}, Preferences{}, &tomorrow},
		{ruled{"the same pause", subscriber(Confirmed, func(s *Subscriber) { s.PausedUntil = tomorrow }), nil, Change{}, ""}, Preferences{}, &tomorrow},
		{ruled{"no pause", subscriber(Confirmed, func(s *Subscriber) { s.PausedUntil = tomorrow }), func(s *Subscriber) { s.PausedUntil = time.Time{} }, Change{Event: event("preferences", "staff", "weekly: leadership; not paused")}, ""}, Preferences{}, at(time.Time{})},
		{ruled{"unknown category", subscriber(Confirmed), nil, Change{}, `unknown category "gossip"`}, Preferences{Categories: []string{"gossip"}}, nil},
		{ruled{"pending", subscriber(Pending), func(s *Subscriber) { s.Cadence = Daily }, Change{Event: event("preferences", "staff", "daily: leadership")}, ""}, Preferences{Cadence: Daily}, nil},
	} {
		test.run(t, func(sub *Subscriber, now time.Time) (Change, error) {
			return staffPrefer(sub, test.wanted, []string{"architecture", "leadership"}, test.until, now)
		})
	}
}
