package subscribers

import (
	"testing"
	"time"
)

var signUpForm = SignUp{Address: ada, Name: "Ada L", Preferences: Preferences{Monthly, []string{"architecture"}}, Source: "page", Asker: Asker{Client: "hash"}}

// entered is what the form above makes of a subscriber.
func entered(s *Subscriber) {
	s.Address, s.NewAddress, s.Undo, s.NonceExpires = ada, Address{}, "", now.Add(72*time.Hour)
	s.Status, s.Name, s.Source, s.PausedUntil = Pending, "Ada L", "page", time.Time{}
	s.Cadence, s.Categories = Monthly, []string{"architecture"}
}

func created(s *Subscriber) { s.PublicID, s.CreatedAt = "fresh", now }

func counted(times int, since time.Time) func(*Subscriber) {
	return func(s *Subscriber) { s.Asked, s.AskedSince = times, since }
}

func all(edits ...func(*Subscriber)) func(*Subscriber) {
	return func(s *Subscriber) {
		for _, edit := range edits {
			edit(s)
		}
	}
}

func TestSignUpRule(t *testing.T) {
	asks := Change{Event: Event{At: now, What: "signed_up", Source: "page", Client: "hash", Version: FormVersion, Detail: "monthly: architecture"}, Notice: ConfirmNotice, Asks: asks(ada, "Ada L", Monthly, "architecture")}
	because := func(what string, notice Notice) Change {
		return Change{Event: Event{At: now, What: "signed_up", Source: "page", Client: "hash", Version: FormVersion, Detail: "asked for monthly: architecture; " + what}, Notice: notice}
	}
	noted := because("no email: they were asked a short while before", NoNotice)
	told, again := because("they are subscribed, and are told so", AlreadyNotice), because("no email: they are subscribed, and were told so or emailed often within a day", NoNotice)
	blocked := because("no email: the address is suppressed", NoNotice)
	flooded := func(s *Subscriber) { s.Lately = signUpsHourly }
	notified := func(at time.Time) func(*Subscriber) { return func(s *Subscriber) { s.NotifiedAt = at } }
	hour := now.Add(-time.Hour)
	for _, test := range []ruled{
		{"unknown", Subscriber{}, all(entered, created, counted(1, now)), asks, ""},
		{"pending, asked long ago", subscriber(Pending), all(entered, counted(1, now)), asks, ""},
		{"pending, asked just now", subscriber(Pending, asked(1, hour, now.Add(-15*time.Minute+1))), nil, noted, ""},
		{"pending, asked a while ago", subscriber(Pending, asked(1, hour, now.Add(-15*time.Minute))), all(entered, counted(2, hour)), asks, ""},
		{"pending, asked often", subscriber(Pending, asked(3, hour, hour)), nil, noted, ""},
		{"pending, asked often until yesterday", subscriber(Pending, asked(3, now.Add(-day), hour)), all(entered, counted(1, now)), asks, ""},
		{"unsubscribed, and wanted to move, and paused", subscriber(Unsubscribed, movesTo(elsewhere), func(s *Subscriber) { s.PausedUntil = now.Add(day) }), all(entered, counted(1, now)), asks, ""},
		{"unsubscribed, asked often", subscriber(Unsubscribed, asked(3, hour, hour)), nil, noted, ""},
		{"unsubscribed just now", subscriber(Unsubscribed, func(s *Subscriber) { s.Undo = "undo" }), all(entered, counted(1, now)), asks, ""},
		{"forgotten", kept(Unsubscribed), all(entered, created, counted(1, now)), asks, ""},
		{"confirmed, never told", subscriber(Confirmed), all(notified(now), counted(1, now)), told, ""},
		{"confirmed, told today", subscriber(Confirmed, notified(now.Add(-day+1))), nil, again, ""},
		{"confirmed, told today, and signed up again and again", subscriber(Confirmed, notified(now), flooded), nil, Change{}, ""},
		{"pending, asked just now, and signed up again and again", subscriber(Pending, asked(1, hour, now), flooded), nil, Change{}, ""},
		{"confirmed, told yesterday", subscriber(Confirmed, notified(now.Add(-day))), all(notified(now), counted(1, now)), told, ""},
		{"confirmed, asked often", subscriber(Confirmed, asked(3, hour, hour)), nil, again, ""},
		{"bounced lately", subscriber(Suppressed, func(s *Subscriber) { s.SuppressedAt = now.Add(-30*day + 1) }), nil, blocked, ""},
		{"bounced a month ago", subscriber(Suppressed, func(s *Subscriber) { s.SuppressedAt = now.Add(-30 * day) }), all(entered, counted(1, now)), asks, ""},
		{"bounced, and forgotten", kept(Suppressed), all(entered, created, counted(1, now)), asks, ""},
		{"complained", subscriber(Suppressed, caused(Complained)), nil, blocked, ""},
		{"declined", subscriber(Suppressed, caused(Declined)), nil, blocked, ""},
		{"blocked, and not known", kept(Suppressed, caused(BlockedHere)), nil, Change{}, ""},
	} {
		test.run(t, func(sub *Subscriber, now time.Time) (Change, error) {
			return testRules.signUp(sub, signUpForm, now), nil
		})
	}
}

func TestAddRule(t *testing.T) {
	asks := Change{Event: event("added", "page", "monthly: architecture"), Notice: ConfirmNotice, Asks: asks(ada, "Ada L", Monthly, "architecture")}
	confirms := Change{Event: event("added", "page", "monthly: architecture; basis: the fair"), StartWith: 3}
	confirmed := func(s *Subscriber) {
		s.Status, s.ConfirmedAt, s.NonceExpires = Confirmed, now, time.Time{}
	}
	for _, test := range []struct {
		ruled
		basis string
	}{
		{ruled{"unknown", Subscriber{}, all(entered, created), asks, ""}, ""},
		{ruled{"unknown, confirmed", Subscriber{}, all(entered, created, confirmed), confirms, ""}, "the fair"},
		{ruled{"pending", subscriber(Pending), entered, asks, ""}, ""},
		{ruled{"pending, confirmed", subscriber(Pending), all(entered, confirmed), confirms, ""}, "the fair"},
		{ruled{"confirmed already", subscriber(Confirmed), nil, Change{}, ""}, ""},
		{ruled{"confirmed already, confirmed", subscriber(Confirmed), nil, Change{}, ""}, "the fair"},
		{ruled{"suppressed", subscriber(Suppressed), nil, Change{}, ErrSuppressed.Error() + ": 550"}, ""},
		{ruled{"unsubscribed", subscriber(Unsubscribed), entered, asks, ""}, ""},
		{ruled{"unsubscribed, confirmed", subscriber(Unsubscribed), nil, Change{}, "they unsubscribed, so only they"}, "the fair"},
		{ruled{"forgotten, confirmed", kept(Unsubscribed), nil, Change{}, "their data was erased, so only they"}, "the fair"},
		{ruled{"signed up again, confirmed", subscriber(Pending, refused(now.Add(-day))), nil, Change{}, "they unsubscribed before, or their data was erased, so only they"}, "the fair"},
		{ruled{"signed up after a bounce", subscriber(Pending, caused(Bounced)), entered, asks, ""}, ""},
		{ruled{"signed up after a bounce, confirmed", subscriber(Pending, caused(Bounced)), nil, Change{}, ErrSuppressed.Error() + " until"}, "the fair"},
	} {
		test.run(t, func(sub *Subscriber, now time.Time) (Change, error) {
			return testRules.add(sub, signUpForm, test.basis, now)
		})
	}
}
