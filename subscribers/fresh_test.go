package subscribers

import (
	"testing"
	"time"
)

func TestSendLinkRule(t *testing.T) {
	sent := Change{Event: Event{At: now, What: "link_asked", Source: "form", Client: "hash"}, Notice: LinkNotice}
	notified := func(at time.Time) func(*Subscriber) { return func(s *Subscriber) { s.NotifiedAt = at } }
	told := all(notified(now), counted(1, now))
	hour := now.Add(-time.Hour)
	for _, test := range []ruled{
		{"confirmed", subscriber(Confirmed), told, sent, ""},
		{"confirmed, told just now", subscriber(Confirmed, notified(now.Add(-15*time.Minute+1))), func(s *Subscriber) { s.Asked, s.AskedSince = 0, now }, Change{}, ""},
		{"confirmed, told a while ago", subscriber(Confirmed, notified(now.Add(-15*time.Minute))), told, sent, ""},
		{"confirmed, asked often", subscriber(Confirmed, asked(3, hour, hour)), nil, Change{}, ""},
		{"unsubscribed", subscriber(Unsubscribed), told, sent, ""},
		{"unsubscribed, told today", subscriber(Unsubscribed, notified(now.Add(-day+1))), nil, Change{}, ""},
		{"unsubscribed, told yesterday", subscriber(Unsubscribed, notified(now.Add(-day))), told, sent, ""},
		{"complained", subscriber(Suppressed, caused(Complained)), told, sent, ""},
		{"complained, told today", subscriber(Suppressed, caused(Complained), notified(hour)), nil, Change{}, ""},
		{"suppressed by staff", subscriber(Suppressed, caused(BlockedHere)), told, sent, ""},
		{"bounced", subscriber(Suppressed), nil, Change{}, ""},
		{"bounced, and signed up again", subscriber(Pending, caused(Bounced), refused(hour)), nil, Change{}, ""},
		{"declined", subscriber(Suppressed, caused(Declined)), nil, Change{}, ""},
		{"never confirmed", subscriber(Pending), nil, Change{}, ""},
		{"left, and was signed up again", subscriber(Pending, refused(now.Add(-day))), told, sent, ""},
	} {
		test.run(t, func(sub *Subscriber, now time.Time) (Change, error) { return testRules.sendLink(sub, "hash", now), nil })
	}
	for _, s := range []Subscriber{{}, kept(Unsubscribed), kept(Suppressed, caused(Complained))} {
		if MayGetLink(s) {
			t.Errorf("a link to nothing: %+v", s)
		}
	}
}

func TestLinksEnd(t *testing.T) {
	keys, err := NewKeyring("a secret for tests, of 32 bytes or more")
	if err != nil {
		t.Fatal(err)
	}
	r := &Registry{Keys: keys, UndatedUntil: now.Add(time.Minute)}
	status := func(st Status) func(*Subscriber) { return func(s *Subscriber) { s.Status = st } }
	confirmedAgain := func(s *Subscriber) { s.ConfirmedAt = now }
	movedAway := func(s *Subscriber) { s.Address = elsewhere }
	sub := subscriber(Confirmed)
	undated := keys.Make(PreferencesToken, sub.PublicID, sub.Address.Key())
	for _, test := range []struct {
		name  string
		p     Purpose
		token string
		sub   Subscriber
		at    time.Time
		works bool
	}{
		{"preferences of today", PreferencesToken, r.Preferences(sub, now), sub, now, true},
		{"preferences, on their last day", PreferencesToken, r.Preferences(sub, now.AddDate(0, 0, -60)), sub, now, true},
		{"preferences, a day later", PreferencesToken, r.Preferences(sub, now.AddDate(0, 0, -61)), sub, now, false},
		{"preferences of who left", PreferencesToken, r.Preferences(sub, now), subscriber(Unsubscribed), now, false},
		{"preferences of who was suppressed", PreferencesToken, r.Preferences(sub, now), subscriber(Suppressed), now, false},
		{"preferences of who left and came back", PreferencesToken, r.Preferences(sub, now), subscriber(Confirmed, confirmedAgain), now, false},
		{"preferences of who moved", PreferencesToken, r.Preferences(sub, now), subscriber(Confirmed, movedAway), now, false},
		{"preferences of another day than signed", PreferencesToken, keys.Make(PreferencesToken, sub.PublicID+".20260701", preferencesScope(sub)), sub, now, false},
		{"preferences of an older version", PreferencesToken, undated, sub, now, true},
		{"preferences of an older version, later", PreferencesToken, undated, sub, now.Add(time.Minute), false},
		{"preferences of an older version, of who left", PreferencesToken, undated, subscriber(Unsubscribed), now, false},
		{"a fresh link for preferences", PreferencesToken, r.Fresh(sub, now), sub, now, false},

		{"fresh", FreshToken, r.Fresh(sub, now), sub, now, true},
		{"fresh, within an hour", FreshToken, r.Fresh(sub, now), sub, now.Add(time.Hour - 1), true},
		{"fresh, an hour later", FreshToken, r.Fresh(sub, now), sub, now.Add(time.Hour), false},
		{"fresh, of who left", FreshToken, r.Fresh(subscriber(Unsubscribed), now), subscriber(Unsubscribed), now, true},
		{"fresh, of who moved", FreshToken, r.Fresh(sub, now), subscriber(Confirmed, movedAway), now, false},
		{"fresh, of another", FreshToken, r.Fresh(sub, now), subscriber(Confirmed, func(s *Subscriber) { s.PublicID = "other" }), now, false},
		{"preferences for a fresh link", FreshToken, r.Preferences(sub, now), sub, now, false},
		{"an older version's for a fresh link", FreshToken, undated, sub, now, false},
		{"unsubscribing, long after", UnsubscribeToken, r.Token(UnsubscribeToken, sub), subscriber(Unsubscribed, movedAway, status(Suppressed)), now.AddDate(9, 0, 0), true},
	} {
		if err := r.valid(test.p, test.token, test.sub, test.at); (err == nil) != test.works || !test.works && err != ErrLapsed {
			t.Errorf("%s: %v", test.name, err)
		}
	}
}
