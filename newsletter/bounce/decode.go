package bounce

import (
	"html"
	"regexp"
	"strings"
)

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
