package content

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// WithoutControls takes out what changes how the text around it is shown: control
// characters, and those that embed, isolate or override a direction (Unicode UAX 9). Marks
// of a direction stay, which right-to-left languages need.
func WithoutControls(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || Redirects(r) {
			return -1
		}
		return r
	}, s)
}

// Redirects reports a character that embeds, isolates or overrides a direction: of a text
// among others, it turns the others around as well.
func Redirects(r rune) bool { return r >= '\u202a' && r <= '\u202e' || r >= '\u2066' && r <= '\u2069' }

// undirected returns a value of the front matter without what would turn around the text
// beside it, wherever it is shown, and notes it.
func (f *fields) undirected(line int, name, s string) string {
	i := strings.IndexFunc(s, Redirects)
	if i < 0 {
		return s
	}
	r, _ := utf8.DecodeRuneInString(s[i:])
	f.flaw(line, "%s: the invisible character %U, which changes the direction of text, is left out; delete it", name, r)
	return withoutRedirects(s)
}

func withoutRedirects(s string) string {
	return strings.Map(func(r rune) rune {
		if Redirects(r) {
			return -1
		}
		return r
	}, s)
}
