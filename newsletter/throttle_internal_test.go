package newsletter

import (
	"fmt"
	"testing"
	"time"

	"golang.org/x/time/rate"
)

// playMinute plays a minute of emails: of every ten seconds so many are accepted, at so many
// owners' servers, and so many recipients are refused with words that ask for less.
func playMinute(t *throttle, now time.Time, accepted, owners, refused, refusedOwners int, first bool) time.Time {
	for range 6 {
		all := max(accepted, refused)
		for i := range all { // evenly
			if i*accepted/all != (i+1)*accepted/all {
				t.accepted(now, fmt.Sprint("o", i%owners))
			}
			if i*refused/all != (i+1)*refused/all {
				t.recipientSlower(now, fmt.Sprint("r", i%refusedOwners), first)
			}
		}
		now = now.Add(10 * time.Second)
	}
	return now
}

// What is said of recipients slows all down only if it is the relay's own limit: strangers
// can sign up addresses of which any relay says what they like.
func TestWhatIsSaidOfRecipientsSlowsFewDown(t *testing.T) {
	begin := time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		name                                     string
		accepted, owners, refused, refusedOwners int
		again, slower                            bool
	}{
		{"a few addresses of one owner", 200, 50, 20, 1, false, false},
		{"a few of some owners", 200, 50, 20, 5, false, false},
		{"many of one owner", 20, 5, 100, 1, false, false},
		{"the same emails again and again", 20, 5, 100, 5, true, false},
		{"many of many owners", 100, 50, 50, 40, false, true},
		{"all, of one owner", 0, 1, 50, 1, false, true},
	} {
		th := newThrottle(20, 0)
		now := begin
		for range 5 {
			now = playMinute(th, now, c.accepted, c.owners, c.refused, c.refusedOwners, !c.again)
		}
		if slower := th.all.Limit() < 20; slower != c.slower {
			t.Errorf("%s: %v a second", c.name, th.all.Limit())
		}
		if th.all.Limit() < slowestOfThem {
			t.Errorf("%s: as slow as %v a second", c.name, th.all.Limit())
		}
	}
	th := newThrottle(20, 0)
	for i := range 20 { // what it says of the session goes as far as it likes
		th.slower(begin.Add(time.Duration(i) * 10 * time.Second))
	}
	if th.all.Limit() != slowest {
		t.Errorf("asked for less again and again: %v a second", th.all.Limit())
	}
	th.recipientSlower(begin.Add(time.Hour), "one", true)
	if th.all.Limit() != rate.Limit(slowest) {
		t.Errorf("a recipient made it %v a second", th.all.Limit())
	}
}

// Workers divide the rates, and go no faster than the one that a mail server has slowed.
func TestARateIsShared(t *testing.T) {
	now := time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)
	th := newThrottle(20, 4)
	want := func(name string, all, perDomain rate.Limit) {
		t.Helper()
		if got := th.all.Limit(); got != all || th.perDomain != perDomain || th.domains["d"].limiter.Limit() != perDomain {
			t.Errorf("%s: %v in all, %v to a domain; want %v and %v", name, got, th.perDomain, all, perDomain)
		}
	}
	th.next(now, "d")
	want("alone", 20, 4)
	th.share(now, Share{Workers: 4})
	want("of four", 5, 1)
	th.share(now, Share{Workers: 4, Slowest: 2})
	want("while another is slowed", 2, 1)
	if th.slowedTo() != 0 {
		t.Error("it says that it is slowed itself")
	}
	th.share(now, Share{Workers: 2})
	want("of two", 10, 2)
	th.slower(now)
	if own := th.slowedTo(); own <= 0 || own >= 10 {
		t.Errorf("slowed to %v", own)
	}
	slowed := th.all.Limit()
	th.share(now, Share{Workers: 2, Slowest: 100})
	want("slowed itself", slowed, 2)
	for range 100 { // the server is content again
		now = now.Add(fasterAfter)
		th.accepted(now, "o")
	}
	want("content", 10, 2)
	// One that has its turn already waits for nothing, and others wait for it.
	begin := now
	for range 2 {
		if !th.take(now, "d") {
			t.Error("one that has its turn waits")
		}
	}
	if wait, back := th.next(now, "d"); back.Sub(begin) < time.Second/2 && wait < time.Second/2 {
		t.Errorf("the next one to that domain waits %v, until %v", wait, back)
	}
	th.slower(now)
	if th.take(now, "d") {
		t.Error("it goes out at once while the server asks for less")
	}
	none := newThrottle(0, 0)
	none.share(now, Share{Workers: 3})
	if wait, back := none.next(now, "d"); none.all.Limit() != rate.Inf || wait != 0 || !back.IsZero() {
		t.Errorf("no limit is one of %v", none.all.Limit())
	}
}
