package content

import (
	"strings"

	"github.com/yuin/goldmark/text"
)

// segments are the parts of a source that belong together, as the lines of a block that
// is inside a quote.
type segments struct {
	parts  []text.Segment
	source []byte
}

// String returns the parts one after the other.
func (s segments) String() string {
	var b strings.Builder
	for _, part := range s.parts {
		b.Write(part.Value(s.source))
	}
	return b.String()
}

// pass takes bytes of String off the front and returns where in the source they began.
func (s *segments) pass(n int) (began int) {
	if len(s.parts) == 0 {
		return len(s.source)
	}
	began = s.parts[0].Start
	for len(s.parts) > 0 && n > 0 {
		part := &s.parts[0]
		taken := min(n, part.Padding)
		part.Padding -= taken
		n -= taken
		taken = min(n, part.Len())
		part.Start += taken
		n -= taken
		if part.IsEmpty() {
			s.parts = s.parts[1:]
		}
	}
	return began
}

// lineCounter counts the lines of a text before places in it. It is asked in their order
// mostly, and counts on from the one before.
type lineCounter struct {
	text     string
	at, line int
}

func (c *lineCounter) before(at int) int {
	at = min(max(at, 0), len(c.text))
	if at < c.at {
		c.at, c.line = 0, 0
	}
	c.line += strings.Count(c.text[c.at:at], "\n")
	c.at = at
	return c.line
}
