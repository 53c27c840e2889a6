package subscribers

import (
	"testing"
	"time"
)

func TestLimitsAreReached(t *testing.T) {
	limits := Limits{AddressEvery: 15 * time.Minute, AddressADay: 3, Client: 4, Domain: 5, All: 6}
	signsUp := Attempt{At: now, Client: "hash", Address: ada}
	moves, anonymous := signsUp, signsUp
	moves.Moves, anonymous.Client = true, ""
	lately := now.Add(-15*time.Minute + 1)
	for _, test := range []struct {
		name    string
		limits  Limits
		attempt Attempt
		counts  Counts
		want    limit
	}{
		{"none yet", limits, signsUp, Counts{}, ""},
		{"just below", limits, signsUp, Counts{Client: 3, Domain: 4, All: 5, Inbox: 2}, ""},
		{"all", limits, signsUp, Counts{Client: 4, Domain: 5, All: 6, Inbox: 3}, inAll},
		{"one client", limits, signsUp, Counts{Client: 4, Domain: 5, All: 5, Inbox: 3}, perClient},
		{"a client that is not known", limits, anonymous, Counts{Client: 4}, ""},
		{"one domain", limits, signsUp, Counts{Domain: 5, Inbox: 3}, perDomain},
		{"others of the mailbox", limits, signsUp, Counts{Inbox: 3}, perAddress},
		{"the address itself, which its record counts", limits, signsUp, Counts{Address: 3, AddressLast: now}, ""},
		{"moves to the address", limits, moves, Counts{Address: 3, AddressLast: now.Add(-time.Hour)}, perAddress},
		{"moves to the address, the last just now", limits, moves, Counts{Address: 1, AddressLast: lately}, perAddress},
		{"moves to the address, the last a while ago", limits, moves, Counts{Address: 2, AddressLast: lately.Add(-1)}, ""},
		{"no limits", Limits{}, moves, Counts{Client: 99, Domain: 99, All: 99, Address: 99, AddressLast: now, Inbox: 99}, ""},
	} {
		if got := test.limits.reached(test.attempt, test.counts); got != test.want {
			t.Errorf("%s: %q, want %q", test.name, got, test.want)
		}
	}
}

func TestEmailsToOneAddress(t *testing.T) {
	limits := Limits{AddressEvery: 15 * time.Minute, AddressADay: 3}
	for _, test := range []struct {
		name   string
		limits Limits
		asked  int
		since  time.Duration // before now
		last   time.Duration // before now
		may    bool
		counts int // afterwards
	}{
		{"the first", limits, 0, 48 * time.Hour, 48 * time.Hour, true, 1},
		{"at once", limits, 1, time.Hour, 15*time.Minute - 1, false, 1},
		{"later", limits, 1, time.Hour, 15 * time.Minute, true, 2},
		{"the last of a day", limits, 2, time.Hour, time.Hour, true, 3},
		{"one too many", limits, 3, day - 1, time.Hour, false, 3},
		{"the next day", limits, 3, day, time.Hour, true, 1},
		{"the next day, at once", limits, 3, day, time.Minute, false, 0},
		{"no limits", Limits{}, 9, time.Hour, 0, true, 10},
	} {
		sub := Subscriber{Asked: test.asked, AskedSince: now.Add(-test.since)}
		if may := test.limits.mayEmail(&sub, now.Add(-test.last), now); may != test.may || sub.Asked != test.counts {
			t.Errorf("%s: %v, %d counted", test.name, may, sub.Asked)
		}
	}
}

func TestAttemptsCountForAWhile(t *testing.T) {
	a := Attempt{At: now}
	if !a.Since().Equal(now.Add(-time.Hour)) || !a.MailboxSince().Equal(now.Add(-day)) {
		t.Errorf("since %s, to one mailbox since %s", a.Since(), a.MailboxSince())
	}
}

func TestAnAlarmIsRaisedNowAndThen(t *testing.T) {
	var a alarm
	for _, test := range []struct {
		after time.Duration
		due   bool
	}{{0, true}, {10*time.Minute - 1, false}, {10 * time.Minute, true}, {11 * time.Minute, false}} {
		if due := a.due(now.Add(test.after)); due != test.due {
			t.Errorf("after %v: %v", test.after, due)
		}
	}
}
