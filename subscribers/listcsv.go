package subscribers

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// csvRows are separated values with a header line. encoding/csv can't go on after a
// quote that is never closed; here a row that is none ends with its first line.
type csvRows struct {
	text      *text
	separator byte
	header    []string // names as they are looked up
	shown     []string // and as they stand there
	values    []byte   // of the last row, one after the other
	ends      []int
}

var (
	errLongRow   = fmt.Errorf("a row of more than %d KB: is a quote left open?", mostRow>>10)
	errOpenQuote = errors.New("a quote is left open; the next line is taken for a row of its own")
	errQuote     = errors.New(`a quote (") stands where none may: put the value in quotes, and double those inside`)
)

// separators are tried in this order; the first wins of those as frequent.
const separators = ",;\t"

func newCSV(t *text) (*csvRows, error) {
	c := &csvRows{text: t, separator: ','}
	first := t.window()
	if i := bytes.IndexAny(first, "\r\n"); i >= 0 {
		first = first[:i]
	}
	for i := range len(separators) {
		if s := separators[i : i+1]; bytes.Count(first, []byte(s)) > bytes.Count(first, []byte{c.separator}) {
			c.separator = s[0]
		}
	}
	line, err := c.read()
	if err != nil {
		return nil, fmt.Errorf("line %d: %w", line, err)
	}
	for i := range c.ends {
		name := strings.ToLower(strings.TrimSpace(c.value(i)))
		if fault := readable(name); fault != "" {
			return nil, fmt.Errorf("line %d: %s", line, fault)
		}
		c.shown = append(c.shown, name)
		c.header = append(c.header, strings.ReplaceAll(name, " ", "_"))
	}
	return c, nil
}

func (c *csvRows) has(name string) bool { return slices.Contains(c.header, name) }

func (c *csvRows) next() (int, func(string) string, error) {
	line, err := c.read()
	return line, func(name string) string {
		if i := slices.Index(c.header, name); i >= 0 && i < len(c.ends) {
			return c.value(i)
		}
		return ""
	}, err
}

func (c *csvRows) value(i int) string {
	from := 0
	if i > 0 {
		from = c.ends[i-1]
	}
	return string(c.values[from:c.ends[i]])
}

// read reads a row that is not empty, and returns the line where it begins.
func (c *csvRows) read() (line int, err error) {
	for {
		w, whole := c.text.row()
		if len(w) == 0 {
			return c.text.line, c.text.end()
		}
		if n := lineEnd(w); n > 0 {
			c.text.consume(n)
			continue
		}
		line = c.text.line
		n, err := c.split(w, whole)
		if err == nil && c.header != nil && len(c.ends) != len(c.header) && lineEnds(w[:n]) > 1 {
			err = errOpenQuote // two of them, and what is between is no value
		}
		if whole && c.text.err != nil && (n == len(w) || err != nil) {
			err = &ListError{line, c.text.err} // it is cut
		}
		if err != nil {
			c.text.skipLine()
			return line, err
		}
		c.text.consume(n)
		return line, nil
	}
}

// split takes the first row of w apart and returns its length. whole says that the
// file ends with w.
func (c *csvRows) split(w []byte, whole bool) (n int, err error) {
	c.values, c.ends = c.values[:0], c.ends[:0]
	for {
		for n < len(w) && (w[n] == ' ' || w[n] == '\t') && w[n] != c.separator {
			n++
		}
		if n < len(w) && w[n] == '"' {
			n, err = c.quoted(w, n+1, whole)
		} else {
			n, err = c.bare(w, n)
		}
		if err != nil {
			return n, err
		}
		c.ends = append(c.ends, len(c.values))
		switch {
		case n == len(w) && !whole:
			return n, errLongRow
		case n == len(w):
			return n, nil
		case w[n] == c.separator:
			n++
		default:
			return n + lineEnd(w[n:]), nil
		}
	}
}

// bare reads a value without quotes, up to what ends it.
func (c *csvRows) bare(w []byte, n int) (int, error) {
	from := n
	for ; n < len(w); n++ {
		switch w[n] {
		case c.separator, '\n', '\r':
			c.values = append(c.values, w[from:n]...)
			return n, nil
		case '"':
			return n, errQuote
		}
	}
	c.values = append(c.values, w[from:n]...)
	return n, nil
}

// quoted reads a value after its quote.
func (c *csvRows) quoted(w []byte, n int, whole bool) (int, error) {
	for {
		i := bytes.IndexByte(w[n:], '"')
		switch {
		case i < 0 && whole:
			return n, errOpenQuote
		case i < 0:
			return n, errLongRow
		}
		c.values = append(c.values, w[n:n+i]...)
		n += i + 1
		if n < len(w) && w[n] == '"' {
			c.values = append(c.values, '"')
			n++
			continue
		}
		for n < len(w) && (w[n] == ' ' || w[n] == '\t') && w[n] != c.separator {
			n++
		}
		if n < len(w) && w[n] != c.separator && lineEnd(w[n:]) == 0 {
			return n, errQuote
		}
		return n, nil
	}
}
