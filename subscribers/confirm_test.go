package subscribers

import (
	"strings"
	"testing"
	"time"
)

func TestConfirmRule(t *testing.T) {
	// What the email says counts, not what somebody has asked for since.
	since := func(s *Subscriber) { s.Name, s.Cadence, s.Categories = "Eve", Instant, []string{"architecture"} }
	clicked := Confirmation{Nonce: "old", To: ada, Name: "Ada L", Preferences: Preferences{Monthly, []string{"engineering", "removed"}}, Expires: now}
	confirms := Change{Event: Event{At: now, What: "confirmed", Source: "link", Client: "hash", Version: FormVersion, Detail: "monthly: engineering"}, StartWith: 3}
	confirmed := func(s *Subscriber) {
		s.Status, s.ConfirmedAt, s.UnsubscribedAt = Confirmed, now, time.Time{}
		s.Cause, s.Reason, s.SuppressedAt = "", "", time.Time{}
		s.Name, s.Cadence, s.Categories = "Ada L", Monthly, []string{"engineering"}
	}
	edited := func(edit func(*Confirmation)) Confirmation {
		c := clicked
		edit(&c)
		return c
	}
	ended := edited(func(c *Confirmation) { c.Ended = true })
	late := edited(func(c *Confirmation) { c.Expires = now.Add(-1) })
	toElsewhere := edited(func(c *Confirmation) { c.To = elsewhere })
	gone := edited(func(c *Confirmation) { c.Categories = []string{"removed"} })
	moved := Change{Event: Event{At: now, What: "moved", Source: "link", Client: "hash", Version: FormVersion}, Notice: MovedNotice, To: ada}
	moves := func(s *Subscriber) { s.Address, s.NewAddress = elsewhere, Address{} }
	for _, test := range []struct {
		ruled
		c Confirmation
	}{
		{ruled{"pending", subscriber(Pending), confirmed, confirms, ""}, clicked},
		{ruled{"pending, somebody asked for more since", subscriber(Pending, since), confirmed, confirms, ""}, clicked},
		{ruled{"pending, wanted to move", subscriber(Pending, movesTo(elsewhere)), confirmed, confirms, ""}, clicked},
		{ruled{"signed up after a bounce", subscriber(Suppressed, func(s *Subscriber) { s.Status = Pending }), confirmed, confirms, ""}, clicked},
		{ruled{"signed up again", subscriber(Unsubscribed, func(s *Subscriber) { s.Status = Pending }), confirmed, confirms, ""}, clicked},
		{ruled{"pending, all that was chosen is removed", subscriber(Pending), all(confirmed, func(s *Subscriber) { s.Categories = []string{"removed"} }),
			Change{Event: Event{At: now, What: "confirmed", Source: "link", Client: "hash", Version: FormVersion, Detail: "monthly: removed"}, StartWith: 3}, ""}, gone},
		{ruled{"pending, late", subscriber(Pending), nil, Change{}, ErrExpired.Error()}, late},
		{ruled{"pending, of before they said no", subscriber(Pending), nil, Change{}, ErrExpired.Error()}, ended},
		{ruled{"unsubscribed", subscriber(Unsubscribed), nil, Change{}, ErrExpired.Error()}, clicked},
		{ruled{"confirmed already", subscriber(Confirmed), nil, Change{}, ""}, ended},
		{ruled{"confirmed already, long ago", subscriber(Confirmed), nil, Change{}, ""}, late},
		{ruled{"confirmed, and has left that address", subscriber(Confirmed), nil, Change{}, ErrExpired.Error()}, edited(func(c *Confirmation) { c.To, c.Ended = elsewhere, true })},
		{ruled{"suppressed since", subscriber(Suppressed), nil, Change{}, ErrSuppressed.Error()}, ended},
		{ruled{"moving", subscriber(Confirmed, movesTo(elsewhere)), moves, moved, ""}, toElsewhere},
		{ruled{"moving, late", subscriber(Confirmed, movesTo(elsewhere)), nil, Change{}, ErrExpired.Error()}, edited(func(c *Confirmation) { c.To, c.Expires = elsewhere, now.Add(-1) })},
		{ruled{"moving, by the link of their sign-up", subscriber(Confirmed, movesTo(elsewhere)), nil, Change{}, ""}, ended},
		{ruled{"moving no more", subscriber(Confirmed), nil, Change{}, ErrExpired.Error()}, toElsewhere},
	} {
		test.run(t, func(sub *Subscriber, now time.Time) (Change, error) {
			return testRules.confirm(sub, test.c, []string{"architecture", "engineering", "leadership"}, "hash", now)
		})
	}
}

func TestConfirmationsOfMoves(t *testing.T) {
	confirmed := subscriber(Confirmed)
	before, after := confirmed.ConfirmedAt.Add(-time.Hour), confirmed.ConfirmedAt.Add(time.Hour)
	for _, test := range []struct {
		name  string
		sub   Subscriber
		asked time.Time
		want  bool
	}{
		{"a sign-up", subscriber(Pending), after, false},
		{"a sign-up that was confirmed", confirmed, before, false},
		{"a move", subscriber(Confirmed, movesTo(elsewhere)), after, true},
		{"a sign-up's, while they move", subscriber(Confirmed, movesTo(elsewhere)), before, false},
		{"a move that was confirmed", confirmed, after, true},
		{"a sign-up after they had left", subscriber(Unsubscribed, func(s *Subscriber) { s.Status = Pending }), now, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			if c := (Confirmation{Asked: test.asked}); c.Moves(test.sub) != test.want {
				t.Errorf("moves: %v, want %v", !test.want, test.want)
			}
		})
	}
}

func TestConfirmationsEnd(t *testing.T) {
	for _, test := range []struct {
		name          string
		before, after Subscriber
		ends          Ends
		change        Change
	}{
		{"unknown, signs up", Subscriber{}, subscriber(Pending), Ends{}, Change{}},
		{"signs up once more", subscriber(Pending), subscriber(Pending, func(s *Subscriber) { s.Cadence = Instant }), Ends{}, Change{}},
		{"confirms", subscriber(Pending), subscriber(Confirmed), Ends{Asked: true}, Change{}},
		{"says no", subscriber(Pending), subscriber(Unsubscribed), Ends{Asked: true}, Change{}},
		{"is suppressed", subscriber(Pending), subscriber(Suppressed), Ends{Asked: true}, Change{}},
		{"signs up again", subscriber(Unsubscribed), subscriber(Pending), Ends{}, Change{}},
		{"wants to move", subscriber(Confirmed), subscriber(Confirmed, movesTo(elsewhere)), Ends{}, Change{}},
		{"wants to move to another", subscriber(Confirmed, movesTo(elsewhere)), subscriber(Confirmed, movesTo(mustParse("third@example.com"))), Ends{Asked: true}, Change{}},
		{"wants to move there again", subscriber(Confirmed, movesTo(elsewhere)), subscriber(Confirmed, movesTo(elsewhere)), Ends{}, Change{}},
		{"moves", subscriber(Confirmed, movesTo(elsewhere)), subscriber(Confirmed, func(s *Subscriber) { s.Address = elsewhere }), Ends{Asked: true}, Change{}},
		{"comes back to a mailbox", subscriber(Confirmed), subscriber(Confirmed, func(s *Subscriber) { s.Address = elsewhere }), Ends{Asked: true, Later: now}, Change{Uses: &Confirmation{Back: now}}},
		{"stays", subscriber(Confirmed, movesTo(elsewhere)), subscriber(Confirmed), Ends{Asked: true}, Change{}},
		{"leaves", subscriber(Confirmed), subscriber(Unsubscribed), Ends{Asked: true, Back: true}, Change{}},
		{"leaves instead of moving", subscriber(Confirmed, movesTo(elsewhere)), subscriber(Unsubscribed, movesTo(elsewhere)), Ends{Asked: true, Back: true}, Change{}},
		{"chooses", subscriber(Confirmed), subscriber(Confirmed, func(s *Subscriber) { s.Cadence = Instant }), Ends{}, Change{}},
	} {
		if got := EndsConfirmations(test.before, test.after, test.change); got != test.ends {
			t.Errorf("%s: %v", test.name, got)
		}
	}
}

func TestAskAgainRule(t *testing.T) {
	again := func(s *Subscriber) {
		s.NewAddress, s.NonceExpires = Address{}, now.Add(72*time.Hour)
	}
	for _, test := range []ruled{
		{"pending, asked often", subscriber(Pending, asked(3, now, now)), again, Change{Event: event("asked_again", "staff", ""), Notice: ConfirmNotice, Asks: asks(ada, "Ada", Weekly, "leadership")}, ""},
		{"confirmed", subscriber(Confirmed), nil, Change{}, "ada@example.com is confirmed"},
		{"unsubscribed", subscriber(Unsubscribed), nil, Change{}, "nothing to confirm"},
		{"suppressed", subscriber(Suppressed), nil, Change{}, "nothing to confirm"},
	} {
		test.run(t, testRules.askAgain)
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
		if err := r.valid(ReturnToken, r.WayBack(sub, elsewhere, now.AddDate(0, 0, -days)), sub, now); err != want {
			t.Errorf("%d days old: %v", days, err)
		}
	}
	other := subscriber(Confirmed, func(s *Subscriber) { s.PublicID = "other" })
	for _, p := range []Purpose{ReturnToken, UnsubscribeToken} {
		token := r.Token(p, other)
		if p == ReturnToken {
			token = r.WayBack(other, elsewhere, now)
		}
		if err := r.valid(p, token, sub, now); err != ErrToken {
			t.Errorf("%s of another: %v", p, err)
		}
	}
}

// A link back leads to the mailbox that it was sent to, also when the key has changed since.
func TestAWayBackIsForOneMailbox(t *testing.T) {
	secrets := []string{"a secret for tests, of 32 bytes or more", "another secret, of 32 bytes or more too"}
	before, err := NewKeyring(secrets[0])
	if err != nil {
		t.Fatal(err)
	}
	keys, err := NewKeyring(secrets[1], secrets[0])
	if err != nil {
		t.Fatal(err)
	}
	sub := subscriber(Confirmed)
	for _, ring := range []*Keyring{before, keys} {
		token := (&Registry{Keys: ring}).WayBack(sub, elsewhere, now)
		if !keys.IsFor(ReturnToken, token, elsewhere.Key()) || keys.IsFor(ReturnToken, token, ada.Key()) {
			t.Errorf("%s is for another mailbox", token)
		}
		forged := strings.Replace(token, "-", "-0", 1)
		if _, _, err := keys.CheckFor(ReturnToken, forged); err != ErrToken {
			t.Errorf("with another mark: %v", err)
		}
	}
	for _, token := range []string{"", "a.b.c.d", keys.Make(ReturnToken, sub.PublicID, ""), keys.MakeDated(ReturnToken, sub.PublicID, "20260101", "")} {
		if _, _, err := keys.CheckFor(ReturnToken, token); err != ErrToken || keys.IsFor(ReturnToken, token, "") {
			t.Errorf("%q: %v", token, err)
		}
	}
}

// A mailbox that had a subscription later does not end what one that was left before asks for.
func TestWhatBringsASubscriptionBackEnds(t *testing.T) {
	at := func(made time.Time) Confirmation { return Confirmation{Back: made} }
	for name, test := range map[string]struct {
		ends Ends
		c    Confirmation
		want bool
	}{
		"by a move":                              {Ends{Asked: true}, at(now), false},
		"by one that was left before":            {Ends{Asked: true, Later: now.Add(-time.Hour)}, at(now), true},
		"by one that was left later":             {Ends{Asked: true, Later: now}, at(now.Add(-time.Hour)), false},
		"by leaving":                             {Ends{Asked: true, Back: true}, at(now), true},
		"another one, by one that was left":      {Ends{Asked: true, Later: now}, Confirmation{}, true},
		"another one, by nothing":                {Ends{}, Confirmation{}, false},
		"one that brings it back, by nothing":    {Ends{}, at(now), false},
		"by the same link that was asked before": {Ends{Asked: true, Later: now}, at(now), false},
	} {
		if got := test.ends.Ends(test.c); got != test.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
