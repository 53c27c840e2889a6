package newsletter

import (
	"fmt"
	"testing"

	"github.com/scaledbydesign/insights/newsletter/bounce"
)

// pauses plays attempts, one letter each: a accepted, P refused to a proven reader, U to
// another, b blocked; and returns after how many the digest pauses, 0 = never.
func pauses(line string, domains int) (after int, hard bool) {
	var w pauseWatch
	j := DefaultJudgement()
	for i, r := range line {
		a := watched{reader: int64(i + 1), owner: fmt.Sprint("d", i%domains)}
		var reason Reason
		switch r {
		case 'a':
			w.note(1, a.reader, a.owner, &j)
			continue
		case 'b':
			a.class = bounce.Blocked
		case 'P', 'U':
			a.class, a.proven = bounce.Hard, r == 'P'
		}
		if reason, hard = w.refused(1, a, true, &j); reason != "" {
			return i + 1, hard
		}
	}
	return 0, false
}

func TestWhatPausesADigest(t *testing.T) {
	repeat := func(s string, n int) (all string) {
		for range n {
			all += s
		}
		return all
	}
	for _, c := range []struct {
		name    string
		line    string
		domains int
		after   int
		hard    bool
	}{
		{"twenty proven in a row", repeat("P", 50), 5, 20, true},
		{"twenty proven of fifty", repeat("Pa", 50), 7, 39, true},
		{"nineteen proven of fifty", repeat("Paaaaaaaaa", 40), 5, 0, false},
		{"forty of anybody", repeat("U", 50), 5, 40, true},
		{"forty of anybody of fifty", repeat("UUUUa", 50), 7, 49, true},
		{"three of four", repeat("UUUa", 50), 7, 0, false},
		{"at four domains", repeat("P", 200), 4, 0, false},
		{"eleven blocked", repeat("b", 20), 1, 11, false},
		{"eleven blocked of two hundred", repeat("baaaaaaaaaaaaaaaaaa", 20), 1, 191, false},
		{"ten blocked of two hundred", repeat("baaaaaaaaaaaaaaaaaaaa", 20), 1, 0, false},
		{"hard ones don't count as blocked", repeat("Uaaa", 100), 9, 0, false},
	} {
		if after, hard := pauses(c.line, c.domains); after != c.after || hard != c.hard {
			t.Errorf("%s: after %d, hard %t; want %d, %t", c.name, after, hard, c.after, c.hard)
		}
	}
}

func TestAResumeStartsToCountAnew(t *testing.T) {
	var w pauseWatch
	j := DefaultJudgement()
	for round := range 3 {
		for i := range 11 {
			reason, _ := w.refused(1, watched{reader: int64(100*round + i + 1), class: bounce.Blocked}, true, &j)
			if (reason != "") != (i == 10) {
				t.Errorf("round %d, %d blocked: %q", round, i+1, reason)
			}
		}
	}
	for i := range 10 { // one that staff paused
		w.refused(2, watched{reader: int64(i + 1), class: bounce.Blocked}, true, &j)
	}
	w.begin(2)
	if reason, _ := w.refused(2, watched{reader: 11, class: bounce.Blocked}, true, &j); reason != "" {
		t.Error(reason)
	}
}

// What comes back later counts for the attempt, if it is among the last; a blocked one also
// if it is not, since it tells how the relay does.
func TestWhatComesBackLaterCounts(t *testing.T) {
	var w pauseWatch
	j := DefaultJudgement()
	for i := range 400 {
		w.note(1, int64(i+1), fmt.Sprint("d", i%9), &j)
	}
	refuse := func(class bounce.Class, from, n int) (paused bool) {
		for i := range n {
			reason, _ := w.refused(1, watched{reader: int64(from + i), owner: fmt.Sprint("d", i%9), class: class, proven: true, passedOn: true}, false, &j)
			paused = paused || reason != ""
		}
		return paused
	}
	if refuse(bounce.Hard, 1, 100) || refuse(bounce.Hard, 301, 50) {
		t.Error("refusals of long before pause it")
	}
	if !refuse(bounce.Hard, 351, 20) {
		t.Error("refusals of the last ones don't pause it")
	}
	if !refuse(bounce.Blocked, 201, 11) {
		t.Error("a relay that returns everything does not pause it")
	}
}

// A stranger has some domains, with many names below each, and addresses there of which it is
// reported that our sending is blocked, or that they don't exist: that stops nobody's digest.
// A provider of many readers does, and so do many owners,
// and what our own relay says.
func TestFewOwnersStopNoDigestOfOthers(t *testing.T) {
	j := DefaultJudgement()
	one := func(int) string { return "evil.example" }
	of := func(n int) func(int) string {
		return func(i int) string { return fmt.Sprintf("m%d.d%d.example", i, i%n) }
	}
	for _, c := range []struct {
		name            string
		readers, refuse int
		domain          func(i int) string
		class           bounce.Class
		said            bool // by our relay, in the session
		pauses          bool
	}{
		{"a domain of twelve among eight hundred", 812, 12, one, bounce.Blocked, false, false},
		{"names below it", 812, 12, of(1), bounce.Blocked, false, false},
		{"three domains of twelve among three thousand", 3012, 12, of(3), bounce.Blocked, false, false},
		{"twelve owners among three thousand", 3012, 12, of(12), bounce.Blocked, false, false},
		{"a hundred owners among three thousand", 3012, 100, of(100), bounce.Blocked, false, false},
		{"two hundred owners among three thousand", 3012, 200, of(200), bounce.Blocked, false, true},
		{"three owners of a list of thirty", 30, 30, of(3), bounce.Blocked, false, true},
		{"a tenth of all", 120, 12, one, bounce.Blocked, false, true},
		{"all of a small digest", 12, 12, one, bounce.Blocked, false, true},
		{"fifty at one owner", 100_000, 50, one, bounce.Blocked, false, false},
		{"three thousand at a large provider", 100_000, 3000, one, bounce.Blocked, false, true},
		{"three owners of four hundred", 100_000, 400, of(3), bounce.Blocked, false, false},
		{"two hundred owners", 100_000, 201, of(201), bounce.Blocked, false, false},
		{"five hundred owners", 100_000, 501, of(501), bounce.Blocked, false, true},
		{"names below one domain, which don't exist", 3045, 45, of(1), bounce.Hard, false, false},
		{"five owners of forty-five", 3045, 45, of(5), bounce.Hard, false, false},
		{"most of the last ones", 3045, 320, of(50), bounce.Hard, false, true},
		{"most of the last ones, in a small digest", 100, 20, of(10), bounce.Hard, false, true},
		{"the relay about eleven owners", 100_000, 11, of(11), bounce.Blocked, true, true},
		{"the relay about twenty, hard", 100_000, 20, of(10), bounce.Hard, true, true},
	} {
		var w pauseWatch
		w.know(1, c.readers)
		for i := range min(c.readers-c.refuse, 100) {
			w.note(1, int64(10_000+i), "other.example", &j)
		}
		if !c.said {
			for i := range c.refuse {
				w.note(1, int64(i+1), ownerOf(c.domain(i)), &j)
			}
		}
		report := func() (paused bool) {
			for i := range c.refuse {
				reason, _ := w.refused(1, watched{reader: int64(i + 1), owner: ownerOf(c.domain(i)), class: c.class, proven: true, passedOn: !c.said}, c.said, &j)
				paused = paused || reason != ""
			}
			return paused
		}
		if paused := report(); paused != c.pauses {
			t.Errorf("%s: paused %t", c.name, paused)
		}
	}
}

func TestOwners(t *testing.T) {
	for address, want := range map[string]string{
		"a@example.com": "example.com", "a@m1.example.com": "example.com", "a@Mail.Firm1.CO.UK": "firm1.co.uk", "a@firm2.co.uk": "firm2.co.uk",
		"a@x.edu.au": "x.edu.au", "a@co.uk": "co.uk", "a@example.de": "example.de", "a@a.b.example.de": "example.de", "a@localhost": "localhost", "": "",
	} {
		if got := ownerOf(address); got != want {
			t.Errorf("%s is of %q, want %q", address, got, want)
		}
	}
}

// Reports about digests that were sent long ago make nobody forget the one that goes out, and
// so how many readers it has.
func TestOldReportsDoNotLowerWhatPauses(t *testing.T) {
	var w pauseWatch
	j := DefaultJudgement()
	const digest, readers = 1000, 10_000
	w.know(digest, readers)
	for i := range 2000 {
		w.note(digest, int64(i+1), fmt.Sprint("d", i%50), &j)
	}
	blocked := func(digest, reader int64, i int) Reason {
		reason, _ := w.refused(digest, watched{reader: reader, owner: fmt.Sprint("evil", i%6), class: bounce.Blocked, passedOn: true}, false, &j)
		return reason
	}
	for i := range 3 * maxWatched {
		if reason := blocked(int64(i), 1, i); reason != "" {
			t.Fatalf("an old digest pauses: %s", reason)
		}
	}
	for i := range 200 {
		if reason := blocked(digest, int64(i+1), i); reason != "" {
			t.Fatalf("%d of %d readers pause it: %s", i+1, readers, reason)
		}
	}
	for other := range int64(3 * maxWatched) { // many are sent: the one that is idle is forgotten
		w.know(2000+other, 10)
		w.know(digest, readers)
	}
	if len(w.digests) > maxWatched || w.digests[digest].readers != readers || len(w.digests[digest].last) == 0 {
		t.Errorf("%d digests are watched, this one with %d readers", len(w.digests), w.digests[digest].readers)
	}
}
