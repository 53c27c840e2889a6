package templates

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// mailWidth is how many characters a line of the text part has at most, so that
// it can be quoted a few times before it breaks (RFC 5322 allows 78).
const mailWidth = 72

// wrapMail breaks lines between words, keeps their indentation, joins blank lines
// into one and ends the text with one newline. A word that is longer than a line,
// such as a URL, is left whole.
func wrapMail(s string) string {
	var b strings.Builder
	b.Grow(len(s) + len(s)/mailWidth)
	blank := false
	for line := range strings.Lines(s) {
		words := strings.FieldsFunc(line, breaks)
		if len(words) == 0 {
			blank = b.Len() > 0
			continue
		}
		if blank {
			b.WriteByte('\n')
			blank = false
		}
		indent := line[:len(line)-len(strings.TrimLeft(line, " "))]
		width := 0
		for i, word := range words {
			n := utf8.RuneCountInString(word)
			switch {
			case i == 0:
				b.WriteString(indent)
				width = len(indent)
			case width+1+n > mailWidth:
				b.WriteString("\n" + indent)
				width = len(indent)
			default:
				b.WriteByte(' ')
				width++
			}
			b.WriteString(word)
			width += n
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// breaks reports whether a line may end at r: at white space other than the
// no-break spaces.
func breaks(r rune) bool {
	return unicode.IsSpace(r) && r != '\u00a0' && r != '\u202f'
}
