package e2e

import (
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

func TestDevNeedsNothingConfiguredAndStartsWithinASecond(t *testing.T) {
	slow(t)
	s := newSite(t, nil)
	s.plain()
	s.env = s.env[:4] // where to listen, and nothing else of ours
	best := time.Hour
	for range 3 {
		d := s.start("dev")
		best = min(best, d.ready, d.processor())
		d.stop(t)
	}
	t.Logf("ready %v after its start, or of processor time where the machine was busy, at best of three", best.Round(time.Millisecond))
	if best > time.Second {
		t.Errorf("ready after %v; want less than a second", best)
	}
	screen := s.daemon.log.String()
	before, _, found := strings.Cut(screen, "\ntime=")
	if !found {
		before = screen
	}
	lines := strings.Split(strings.Trim(before, "\n"), "\n")
	if len(lines) > 24 {
		t.Errorf("it says %d lines; a screen has 24:\n%s", len(lines), before)
	}
	for _, line := range lines {
		if n := utf8.RuneCountInString(line); n > 80 {
			t.Errorf("a line of %d characters; a screen has 80: %s", n, line)
		}
	}
	for what, path := range map[string]string{"site": "/", "feeds": "/feeds", "sign-up": "/subscribe", "inbox": "/_inbox"} {
		line := regexp.MustCompile(`(?im)^\s*` + what + `\s+http://` + regexp.QuoteMeta(s.addr+path) + `(\s|$)`)
		if !line.MatchString(screen) {
			t.Errorf("it does not say where the %s is:\n%s", what, before)
		}
	}
	s.start("dev")
	for _, path := range []string{"/", "/feeds", "/feeds/all.atom", "/feeds/all.rss", "/feeds/all.json", "/subscribe", "/_inbox"} {
		if answer := s.get(path); answer.Status != http.StatusOK {
			t.Errorf("%s: %d", path, answer.Status)
		}
	}
}
