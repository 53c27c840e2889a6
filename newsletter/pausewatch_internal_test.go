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
		a := watched{reader: int64(i + 1), domain: fmt.Sprint("d", i%domains)}
		var reason Reason
		switch r {
		case 'a':
			w.note(1, a.reader, a.domain, &j)
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
	w.begin(2, 0, &j)
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
			reason, _ := w.refused(1, watched{reader: int64(from + i), domain: fmt.Sprint("d", i%9), class: class, proven: true}, false, &j)
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
	if !refuse(bounce.Blocked, 1, 11) {
		t.Error("a relay that returns everything does not pause it")
	}
}

// A stranger has a domain, or many names below it, and a dozen addresses there that say that
// our sending is blocked: that stops nobody's digest. A provider of many readers does, and
// so do many owners.
func TestOneOwnerStopsNoDigestOfOthers(t *testing.T) {
	j := DefaultJudgement()
	for _, c := range []struct {
		name            string
		readers, refuse int
		domain          func(i int) string
		pauses          bool
	}{
		{"a domain of twelve among eight hundred", 812, 12, func(int) string { return "evil.example" }, false},
		{"names below it", 812, 12, func(i int) string { return fmt.Sprintf("m%d.evil.example", i) }, false},
		{"a tenth of all", 120, 12, func(int) string { return "evil.example" }, true},
		{"all of a small digest", 12, 12, func(int) string { return "example.com" }, true},
		{"fifty at a large provider", 100_000, 50, func(int) string { return "mail.example" }, true},
		{"as many owners", 100_000, 11, func(i int) string { return fmt.Sprintf("d%d.example", i) }, true},
		{"three owners", 100_000, 33, func(i int) string { return fmt.Sprintf("d%d.example", i%3) }, true},
	} {
		var w pauseWatch
		w.begin(1, c.readers, &j)
		for i := range min(c.readers-c.refuse, 100) {
			w.note(1, int64(1000+i), "other.example", &j)
		}
		paused := false
		for round := range 2 { // their reports come again in other words
			for i := range c.refuse {
				reason, _ := w.refused(1, watched{reader: int64(i + 1), domain: c.domain(i), class: bounce.Blocked}, round == 0, &j)
				paused = paused || reason != ""
			}
		}
		if paused != c.pauses {
			t.Errorf("%s: paused %t", c.name, paused)
		}
	}
}
