package bounce

import (
	"html"
	"regexp"
	"strings"
	"unicode"
)

var (
	addresses    = regexp.MustCompile(`[^\s<>"'(),;:\[\]]+@[^\s<>"'(),;:\[\]]+`)
	doubts       = regexp.MustCompile(`(?i)\b(?:may|might)\s+(?:not\s+)?(?:be\s+|have\s+been\s+|have\s+|no\s+longer\s+)?\pL+|il se peut que[^.]{0,200}|存在しないか`)
	continuation = regexp.MustCompile(`\b[245]\d\d[- ]#?[245]\.\d{1,3}\.\d{1,3}\b|\b[245]\d\d-`)
)

// normalized makes words comparable: lower case, single spaces, and no punctuation
// but the stops and slashes within words. Addresses are removed, since they contain any
// word; so are codes, which are in the middle of sentences where a reply has several
// lines, and what may be the reason or not.
func normalized(s string) string {
	s = continuation.ReplaceAllString(s, " ")
	s = addresses.ReplaceAllString(s, " ")
	s = doubts.ReplaceAllString(s, " ")
	s = strings.Map(func(r rune) rune {
		switch {
		case r == '’' || r == '`':
			return '\''
		case r == '\'' || r == '.' || r == '/' || r == '=' || unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r):
			return unicode.ToLower(r)
		}
		return ' '
	}, s)
	words := strings.Fields(s)
	for i, w := range words {
		words[i] = strings.Trim(w, ".'/=")
	}
	return " " + strings.Join(words, " ") + " "
}

const maxGap = 48 // bytes that a * in a phrase matches

// matches reports whether words hold a phrase. A * in it matches a few words.
func matches(words, phrase string) bool {
	first, rest, gap := strings.Cut(phrase, "*")
	if !gap {
		return strings.Contains(words, phrase)
	}
	for at := strings.Index(words, first); at >= 0; at = strings.Index(words, first) {
		after := words[at+len(first):]
		if matches(cut(after, maxGap+len(rest)), rest) {
			return true
		}
		words = words[at+1:]
	}
	return false
}

var (
	unseen = regexp.MustCompile(`(?is)<!--.*?-->|<(?:style|script|head|title)\b.*?</(?:style|script|head|title)>`)
	breaks = regexp.MustCompile(`(?i)<(?:br|/?p|/?div|/?tr|/?h\d|/?li|/?pre)\b[^>]*>`)
	tags   = regexp.MustCompile(`</?[a-zA-Z!][^>@]*>`)
)

// fromHTML is the text of a page, roughly.
func fromHTML(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	s = unseen.ReplaceAllString(s, " ")
	s = breaks.ReplaceAllString(s, "\n")
	s = tags.ReplaceAllString(s, " ")
	return html.UnescapeString(s)
}
