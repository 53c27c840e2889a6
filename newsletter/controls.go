package newsletter

import (
	"strings"
	"unicode"
)

// WithoutControls takes out what changes how the text around it is shown: control
// characters, and those that embed, isolate or override a direction (Unicode UAX 9). Marks
// of a direction stay, which right-to-left languages need.
func WithoutControls(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r >= '\u202a' && r <= '\u202e' || r >= '\u2066' && r <= '\u2069' {
			return -1
		}
		return r
	}, s)
}
