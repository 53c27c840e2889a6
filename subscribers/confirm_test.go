package subscribers

import (
	"testing"
	"time"
)

func TestConfirmRule(t *testing.T) {
	confirms := Change{Event: Event{At: now, What: "confirmed", Source: "link", Client: "hash", Version: FormVersion, Detail: "weekly: leadership"}, StartWith: 3}
	confirmed := func(s *Subscriber) {
		s.Status, s.ConfirmedAt, s.UnsubscribedAt = Confirmed, now, time.Time{}
		s.Cause, s.Reason, s.SuppressedAt = "", "", time.Time{}
	}
	for _, test := range []ruled{
		{"pending", subscriber(Pending), confirmed, confirms, ""},
		{"pending, wanted to move", subscriber(Pending, movesTo(elsewhere)), confirmed, confirms, ""},
		{"signed up after a bounce", subscriber(Suppressed, func(s *Subscriber) { s.Status = Pending }), confirmed, confirms, ""},
		{"signed up again", subscriber(Unsubscribed, func(s *Subscriber) { s.Status = Pending }), confirmed, confirms, ""},
		{"confirmed already", subscriber(Confirmed), nil, Change{}, ""},
		{"suppressed since", subscriber(Suppressed), nil, Change{}, ErrSuppressed.Error()},
		{"moving", subscriber(Confirmed, movesTo(elsewhere)), func(s *Subscriber) { s.Address, s.NewAddress = elsewhere, Address{} },
			Change{Event: Event{At: now, What: "moved", Source: "link", Client: "hash", Version: FormVersion}, Notice: MovedNotice, To: ada}, ""},
	} {
		test.run(t, func(sub *Subscriber, now time.Time) (Change, error) { return testRules.confirm(sub, "hash", now) })
	}
}

func TestAskAgainRule(t *testing.T) {
	again := func(s *Subscriber) {
		s.NewAddress, s.Nonce, s.NonceExpires = Address{}, "fresh", now.Add(72*time.Hour)
	}
	for _, test := range []ruled{
		{"pending, asked often", subscriber(Pending, asked(3, now, now)), again, Change{Event: event("asked_again", "staff", ""), Notice: ConfirmNotice}, ""},
		{"confirmed", subscriber(Confirmed), nil, Change{}, "ada@example.com is confirmed"},
		{"unsubscribed", subscriber(Unsubscribed), nil, Change{}, "nothing to confirm"},
		{"suppressed", subscriber(Suppressed), nil, Change{}, "nothing to confirm"},
	} {
		test.run(t, testRules.askAgain)
	}
}

func TestConfirmationLinksExpire(t *testing.T) {
	expires := func(at time.Time) func(*Subscriber) { return func(s *Subscriber) { s.NonceExpires = at } }
	for _, test := range []struct {
		name    string
		sub     Subscriber
		expired bool
	}{
		{"pending, in time", subscriber(Pending, expires(now)), false},
		{"pending, late", subscriber(Pending, expires(now.Add(-1))), true},
		{"confirmed by it, long ago", subscriber(Confirmed, expires(now.Add(-day))), false},
		{"moving, in time", subscriber(Confirmed, movesTo(elsewhere), expires(now)), false},
		{"moving, late", subscriber(Confirmed, movesTo(elsewhere), expires(now.Add(-1))), true},
		{"unsubscribed", subscriber(Unsubscribed, expires(now.Add(day))), true},
		{"suppressed", subscriber(Suppressed, expires(now.Add(-1))), false}, // they are told so
	} {
		if got := confirmExpired(test.sub, now); got != test.expired {
			t.Errorf("%s: %v", test.name, got)
		}
	}
}

func TestLinksOfAWayBackEnd(t *testing.T) {
	keys, err := NewKeyring("a secret for tests, of 32 bytes or more")
	if err != nil {
		t.Fatal(err)
	}
	r := &Registry{Keys: keys}
	sub := subscriber(Confirmed)
	for days, want := range map[int]error{0: nil, 1: nil, 7: nil, 8: ErrToken, -1: ErrToken} {
		if err := r.valid(ReturnToken, r.WayBack(sub, now.AddDate(0, 0, -days)), sub, now); err != want {
			t.Errorf("%d days old: %v", days, err)
		}
	}
	other := subscriber(Confirmed, func(s *Subscriber) { s.PublicID = "other" })
	for _, p := range []Purpose{ReturnToken, UnsubscribeToken} {
		token := r.Token(p, other)
		if p == ReturnToken {
			token = r.WayBack(other, now)
		}
		if err := r.valid(p, token, sub, now); err != ErrToken {
			t.Errorf("%s of another: %v", p, err)
		}
	}
}
