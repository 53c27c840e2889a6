package subscribers

import (
	"fmt"
	"regexp"
	"strings"
)

// ReadAddress reads an address as a person types it. Its error says what is wrong and,
// where there is one, which address was probably meant.
func ReadAddress(s string) (Address, error) {
	a, err := ParseAddress(s)
	if err == nil {
		return a, nil
	}
	if meant, ok := Suggest(s); ok {
		return a, fmt.Errorf("%w; did you mean %s?", err, meant)
	}
	return a, err
}

// Suggest is the address that somebody probably meant who typed an impossible one. It
// knows only slips, and nothing of who is subscribed.
func Suggest(s string) (meant Address, ok bool) {
	if len(s) > 1000 {
		return Address{}, false
	}
	s = strings.TrimSpace(visible(s))
	if at, end := strings.LastIndexByte(s, '<'), strings.LastIndexByte(s, '>'); at >= 0 && end > at {
		s = s[at+1 : end] // Ada <ada@example.com>
	}
	s = mailtoPrefix.ReplaceAllString(s, "")
	if i := strings.IndexByte(s, '?'); i > strings.IndexByte(s, '@') && strings.Contains(s, "@") {
		s = s[:i] // mailto:ada@example.com?subject=…
	}
	s = strings.Trim(s, "\"'“”„‘’«»<>()[]{};:,. \t\r\n")
	s = writtenAt.ReplaceAllString(s, "@")
	s = manyAt.ReplaceAllString(s, "@")
	local, domain, found := strings.Cut(s, "@")
	if !found || strings.Contains(domain, "@") {
		return Address{}, false
	}
	local = strings.Trim(manyDots.ReplaceAllString(aroundDot.ReplaceAllString(local, "."), "."), ". ")
	domain = writtenDot.ReplaceAllString(strings.ToLower(domain), ".")
	domain = strings.Trim(manyDots.ReplaceAllString(aroundDot.ReplaceAllString(domain, "."), "."), ".,;:/\\ ")
	a, err := ParseAddress(local + "@" + withDot(domain))
	return a, err == nil
}

var (
	mailtoPrefix = regexp.MustCompile(`(?i)^\s*(?:e-?mail|mailto)\s*:\s*`)
	writtenAt    = regexp.MustCompile(`(?i)\s*(?:\(at\)|\[at\]|\{at\}|\s+at\s+|＠|﹫|@)\s*`)
	manyAt       = regexp.MustCompile(`@{2,}`)
	writtenDot   = regexp.MustCompile(`(?i)\s*(?:\(dot\)|\[dot\]|\{dot\}|\s+dot\s+|\s+punkt\s+|[,;:。．·])\s*`)
	aroundDot    = regexp.MustCompile(`\s*\.\s*`)
	manyDots     = regexp.MustCompile(`\.{2,}`)
)

// withDot gives a domain of one word the dot that it lacks.
func withDot(domain string) string {
	if strings.Contains(domain, ".") || domain == "" {
		return domain
	}
	for _, top := range []string{"com", "org", "net", "gov", "edu"} {
		if name, ok := strings.CutSuffix(domain, top); ok && name != "" {
			return strings.TrimSuffix(name, "-") + "." + top
		}
	}
	return domain + ".com"
}
