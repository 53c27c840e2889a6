package readership

import (
	"slices"
	"strings"
)

// aggregator is what one says of itself in its User-Agent. There is no
// standard for it; what they have in common is a number and the word subscribers:
//
//	Feedly/1.0 (+http://www.feedly.com/fetcher.html; 15 subscribers; like FeedFetcher-Google)
//	Mozilla/5.0 (compatible; theoldreader.com; 2 subscribers; feed-id=0719795c4d27)
//	Feedbin feed-id:1373711 - 142 subscribers
//	NewsBlur Feed Fetcher - 5 subscribers - https://www.newsblur.com/site/123/example (…)
type aggregator struct {
	service string // a name of few bytes, without digits at its start
	id      string // under which it keeps the document; "" = none is said
	readers int    // maxAnnounced+1 means any number above maxAnnounced
}

// maxAnnounced is what is believed of one aggregator. Scrapers that pass for one
// like to announce a quarter of a million readers or a million.
const maxAnnounced = 100_000

// parseUserAgent reads a User-Agent. It allocates nothing: the texts are parts
// of it.
func parseUserAgent(userAgent string) (a aggregator, ok bool) {
	readers, ok := announcedReaders(userAgent)
	if !ok {
		return aggregator{}, false
	}
	return aggregator{serviceName(userAgent), feedID(userAgent), readers}, true
}

// announcedReaders finds "12 subscribers", "1 subscriber", "1,204 Subscribers" or
// "Subscriber Count: 12".
func announcedReaders(s string) (n int, ok bool) {
	const word = "ubscriber" // S or s
	for {
		i := strings.Index(s, word)
		if i < 0 {
			return 0, false
		}
		if i > 0 && s[i-1]|0x20 == 's' {
			before := strings.TrimRight(s[:i-1], " ")
			digits := before[len(strings.TrimRightFunc(before, isDigitOrComma)):]
			if digits == "" {
				after := strings.TrimPrefix(s[i+len(word):], "s")
				after = strings.TrimLeft(strings.TrimPrefix(after, " Count"), " ")
				if value := strings.TrimLeft(after, ":="); len(value) < len(after) {
					value = strings.TrimLeft(value, " ")
					digits = value[:leading(value, isDigitOrComma)]
				}
			}
			if n, ok = number(digits); ok {
				return n, true
			}
		}
		s = s[i+len(word):]
	}
}

// number reads digits with or without commas, up to maxAnnounced+1.
func number(digits string) (n int, ok bool) {
	for _, c := range []byte(digits) {
		if c == ',' {
			continue
		}
		ok = true
		n = min(n*10+int(c-'0'), maxAnnounced+1)
	}
	return n, ok
}

// services are the names of well-known aggregators by how they begin to name
// themselves, so that a new version or fetcher of one stays the same source.
var services = []struct{ prefix, name string }{
	{"feedly", "Feedly"},
	{"inoreader", "Inoreader"},
	{"feedbin", "Feedbin"},
	{"newsblur", "NewsBlur"},
	{"theoldreader", "The Old Reader"},
	{"bazqux", "BazQux"},
}

const (
	unnamed        = "unnamed"
	maxServiceName = 40
	maxFeedID      = 64
)

// serviceName is the product that a User-Agent names first, behind the word
// compatible where it passes for a browser. Only words that begin with a letter
// belong to it: no version, no address.
func serviceName(userAgent string) string {
	s := userAgent
	if strings.HasPrefix(s, "Mozilla") {
		_, s, _ = strings.Cut(s, "compatible;")
	}
	s = strings.TrimPrefix(strings.TrimLeft(s, " "), "www.")
	for _, known := range services {
		if len(s) >= len(known.prefix) && strings.EqualFold(s[:len(known.prefix)], known.prefix) {
			return known.name
		}
	}
	end := 0
	for at := 0; at < len(s); at++ { // word by word
		length := leading(s[at:], isNameRune)
		if length == 0 || !isLetter(rune(s[at])) || length > 1 && s[at] == 'v' && isDigit(rune(s[at+1])) {
			break
		}
		at += length
		end = at
		if at < len(s) && s[at] != ' ' {
			break
		}
	}
	name := strings.TrimRight(s[:min(end, maxServiceName)], " ")
	if name == "" || strings.EqualFold(name, Others) {
		return unnamed
	}
	return name
}

// feedID finds feed-id=1, feed-id:1 and feedId: 1, and the number in the address
// of NewsBlur's page about a feed.
func feedID(userAgent string) string {
	if _, id, ok := strings.Cut(userAgent, "newsblur.com/site/"); ok {
		return id[:min(maxFeedID, leading(id, isDigit))]
	}
	for rest := userAgent; ; {
		i := strings.Index(rest, "eed")
		if i < 0 {
			return ""
		}
		rest = rest[i+len("eed"):]
		s := strings.TrimLeft(rest, "-_")
		if len(s) < 2 || !strings.EqualFold(s[:2], "id") {
			continue
		}
		if value := strings.TrimLeft(s[2:], ":= "); len(value) < len(s)-2 {
			return value[:min(maxFeedID, leading(value, isNameRune))]
		}
	}
}

// leading is how many bytes at the start of s hold.
func leading(s string, holds func(rune) bool) int {
	return len(s) - len(strings.TrimLeftFunc(s, holds))
}

// robotWords are in the User-Agents of programs that fetch a feed for no reader:
// search engines, monitors, validators.
var robotWords = []string{"bot", "crawl", "spider", "slurp", "monitor", "uptime", "pingdom", "validator", "headless", "facebookexternalhit"}

// isRobot reports whether a User-Agent says that nobody reads.
func isRobot(userAgent string) bool {
	s := strings.ToLower(userAgent)
	return slices.ContainsFunc(robotWords, func(word string) bool { return strings.Contains(s, word) })
}

func isDigit(r rune) bool        { return '0' <= r && r <= '9' }
func isDigitOrComma(r rune) bool { return isDigit(r) || r == ',' }
func isLetter(r rune) bool       { return 'a' <= r|0x20 && r|0x20 <= 'z' }
func isNameRune(r rune) bool     { return isLetter(r) || isDigit(r) || r == '.' || r == '-' || r == '_' }
