package bounce

import (
	"html"
	"io"
	"mime"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/japanese"
)

// charsets are those that bounces are written in, other than UTF-8. Of any other
// one the ASCII is read, and that holds the reply.
var charsets = map[string]encoding.Encoding{
	"iso-8859-1":   charmap.Windows1252,
	"iso-8859-2":   charmap.ISO8859_2,
	"iso-8859-15":  charmap.ISO8859_15,
	"windows-1250": charmap.Windows1250,
	"windows-1251": charmap.Windows1251,
	"windows-1252": charmap.Windows1252,
	"koi8-r":       charmap.KOI8R,
	"iso-2022-jp":  japanese.ISO2022JP,
	"shift_jis":    japanese.ShiftJIS,
	"euc-jp":       japanese.EUCJP,
}

// toUTF8 reads text in a charset. Bytes that are no UTF-8 and have no known
// charset are taken as Latin-1.
func toUTF8(charset string, b []byte) string {
	set, ok := charsets[strings.ToLower(charset)]
	if !ok {
		if utf8.Valid(b) || strings.EqualFold(charset, "utf-8") {
			return string(b)
		}
		set = charmap.Windows1252
	}
	out, err := set.NewDecoder().Bytes(b)
	if err != nil {
		return string(b)
	}
	return string(out)
}

// decodeHeader undoes encoded words (RFC 2047).
func decodeHeader(s string) string {
	d := mime.WordDecoder{CharsetReader: func(charset string, r io.Reader) (io.Reader, error) {
		b, err := io.ReadAll(r)
		return strings.NewReader(toUTF8(charset, b)), err
	}}
	if plain, err := d.DecodeHeader(s); err == nil {
		return plain
	}
	return s
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

var (
	addresses    = regexp.MustCompile(`[^\s<>"'(),;:\[\]]+@[^\s<>"'(),;:\[\]]+`)
	doubts       = regexp.MustCompile(`(?i)\b(?:may|might)\s+(?:not\s+)?(?:be\s+|have\s+been\s+|have\s+|no\s+longer\s+)?\pL+|il se peut que[^.]{0,200}|存在しないか`)
	continuation = regexp.MustCompile(`\b[245]\d\d[- ]#?[245]\.\d{1,3}\.\d{1,3}\b|\b[245]\d\d-`)
)

// plainWords makes words comparable: lower case, single spaces, and no punctuation
// but the stops and slashes within words. Addresses are left out, since they hold any
// word; so are codes, which stand in the middle of sentences where a reply has several
// lines, and what may be the reason or not.
func plainWords(s string) string {
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

const maxGap = 48 // octets that a * in a phrase stands for

// says reports whether words hold a phrase. A * in it stands for a few words.
func says(words, phrase string) bool {
	first, rest, gap := strings.Cut(phrase, "*")
	if !gap {
		return strings.Contains(words, phrase)
	}
	for at := strings.Index(words, first); at >= 0; {
		end := at + len(first)
		if says(words[end:min(len(words), end+maxGap+len(rest))], rest) {
			return true
		}
		next := strings.Index(words[at+1:], first)
		if next < 0 {
			return false
		}
		at += 1 + next
	}
	return false
}

const maxText = 512 // octets of any text in a Report

// oneLine makes words from outside fit for a log or a terminal: one line, no
// control or formatting characters, valid UTF-8, at most maxText octets.
func oneLine(s string) string {
	if len(s) > 16*maxText {
		s = s[:16*maxText]
	}
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.IsSpace(r) || unicode.Is(unicode.Cf, r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD"))
	s = strings.Join(strings.Fields(s), " ")
	if len(s) <= maxText {
		return s
	}
	end := maxText - len("…")
	for !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + "…"
}
