package subscribers

import (
	"testing"
	"time"
)

func TestAskToMoveRule(t *testing.T) {
	asks := Change{Event: event("move_asked", "link", ""), Notice: ConfirmNotice, Asks: asks(elsewhere, "Ada", Weekly, "leadership")}
	hour := now.Add(-time.Hour)
	back := asks
	back.Asks = new(*asks.Asks)
	back.Asks.Back = hour
	silently := asks
	silently.Withheld = "suppressed"
	waits := func(s *Subscriber) {
		s.NewAddress, s.NonceExpires = elsewhere, now.Add(72*time.Hour)
	}
	for _, test := range []struct {
		ruled
		to       Address
		withheld string
		back     time.Time
	}{
		{ruled{"elsewhere", subscriber(Confirmed), waits, asks, ""}, elsewhere, "", time.Time{}},
		{ruled{"where they are", subscriber(Confirmed), nil, Change{}, ErrOwnAddress.Error()}, mustParse("ADA@example.com"), "", time.Time{}},
		{ruled{"where they are, back", subscriber(Confirmed), nil, Change{}, ""}, mustParse("ADA@example.com"), "", hour},
		{ruled{"to an address that may not be written to", subscriber(Confirmed), waits, silently, ""}, elsewhere, "suppressed", time.Time{}},
		{ruled{"unsubscribed", subscriber(Unsubscribed), nil, Change{}, ErrExpired.Error()}, elsewhere, "", time.Time{}},
		{ruled{"back, while they want to move elsewhere", subscriber(Confirmed, movesTo(mustParse("third@example.com"))), nil, back, ""}, elsewhere, "", hour},
	} {
		test.run(t, func(sub *Subscriber, now time.Time) (Change, error) {
			return testRules.askToMove(sub, test.to, test.withheld, test.back, now)
		})
	}
}

func TestCountMoveRule(t *testing.T) {
	hour := now.Add(-time.Hour)
	third := mustParse("third@example.com")
	for _, test := range []struct {
		ruled
		to   Address
		want bool
	}{
		{ruled{"elsewhere", subscriber(Confirmed), counted(1, now), Change{}, ""}, elsewhere, true},
		{ruled{"where they are", subscriber(Confirmed), nil, Change{}, ErrOwnAddress.Error()}, mustParse("ADA@example.com"), false},
		{ruled{"unsubscribed", subscriber(Unsubscribed), nil, Change{}, ErrExpired.Error()}, elsewhere, false},
		{ruled{"signed up just now, and confirmed", subscriber(Confirmed, asked(1, hour, now)), counted(2, hour), Change{}, ""}, elsewhere, true},
		{ruled{"again at once", subscriber(Confirmed, movesTo(third), asked(1, hour, now.Add(-15*time.Minute+1))), nil, Change{}, ""}, elsewhere, false},
		{ruled{"again later", subscriber(Confirmed, movesTo(third), asked(1, hour, now.Add(-15*time.Minute))), counted(2, hour), Change{}, ""}, elsewhere, true},
		{ruled{"too often", subscriber(Confirmed, asked(3, hour, hour)), nil, Change{}, ""}, elsewhere, false},
	} {
		test.run(t, func(sub *Subscriber, now time.Time) (Change, error) {
			got, err := testRules.countMove(sub, test.to, now)
			if got != test.want {
				t.Errorf("%s: %v", test.name, got)
			}
			return Change{}, err
		})
	}
}

func TestStayRule(t *testing.T) {
	for _, test := range []ruled{
		{"wants to move there", subscriber(Confirmed, movesTo(elsewhere)), func(s *Subscriber) { s.NewAddress = Address{} }, Change{Event: event("move_declined", "link", "")}, ""},
		{"wants to move elsewhere", subscriber(Confirmed, movesTo(mustParse("third@example.com"))), nil, Change{}, ""},
		{"wants to stay", subscriber(Confirmed), nil, Change{}, ""},
	} {
		test.run(t, func(sub *Subscriber, now time.Time) (Change, error) { return stay(sub, elsewhere, now), nil })
	}
}
