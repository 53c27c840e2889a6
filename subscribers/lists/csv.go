package lists

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"golang.org/x/text/unicode/norm"
)

// csvRows are separated values with a header line. encoding/csv can't go on after a
// quote that is never closed, so it is given one record at a time; of what is no
// record the first line is skipped.
type csvRows struct {
	input     *input
	separator byte
	header    []string // names as they are looked up
	shown     []string // and as the file has them
	fields    []string // of the last row

	record bytes.Buffer // for csv to read, and written by split
	csv    *csv.Reader
}

var (
	errLongRow   = fmt.Errorf("a row of more than %d KB: is a quote not closed?", maxRow>>10)
	errOpenQuote = errors.New("a quote is not closed; reading continues with the next line")
	errQuote     = errors.New(`a quote (") is in the wrong place: put the value in quotes, and double those inside`)
)

// separators are tried in this order; the first wins of those as frequent.
const separators = ",;\t"

func newCSV(t *input) (*csvRows, error) {
	c := &csvRows{input: t, separator: ','}
	first := firstLine(t.peek())
	named := separatorLine(first)
	if named != 0 {
		t.skipLine()
		first, c.separator = firstLine(t.peek()), named
	}
	for i := range len(separators) {
		if s := separators[i : i+1]; named == 0 && bytes.Count(first, []byte(s)) > bytes.Count(first, []byte{c.separator}) {
			c.separator = s[0]
		}
	}
	line, err := c.read()
	if err != nil {
		return nil, fmt.Errorf("line %d: %w", line, err)
	}
	for _, name := range c.fields {
		name = strings.ToLower(strings.TrimSpace(name))
		if fault := readable(name); fault != "" {
			return nil, fmt.Errorf("line %d: %s", line, fault)
		}
		c.shown = append(c.shown, name)
		c.header = append(c.header, strings.ReplaceAll(norm.NFC.String(name), " ", "_"))
	}
	return c, nil
}

// separatorLine is the separator that a line before the header names, as Excel writes
// and reads it: sep=; else 0.
func separatorLine(line []byte) byte {
	word := strings.ToLower(strings.Trim(string(line), "\" "))
	if len(word) < len("sep=?") || !strings.HasPrefix(word, "sep=") || !strings.Contains(separators+"|", word[4:5]) {
		return 0
	}
	if strings.Trim(word[5:], "\""+separators) != "" { // the empty values that a spreadsheet adds
		return 0
	}
	return word[4]
}

func (c *csvRows) has(name string) bool { return slices.Contains(c.header, name) }

// hasAs reports whether there is a column with another name for name.
func (c *csvRows) hasAs(alias map[string]string, name string) bool {
	return slices.ContainsFunc(c.header, func(column string) bool { return alias[column] == name })
}

// rename gives columns their usual names, unless others have them.
func (c *csvRows) rename(alias map[string]string) {
	for i, column := range c.header {
		if name, ok := alias[column]; ok && !c.has(name) {
			c.header[i] = name
		}
	}
}

func (c *csvRows) next() (int, func(string) string, error) {
	line, err := c.read()
	return line, func(name string) string {
		if i := slices.Index(c.header, name); i >= 0 && i < len(c.fields) {
			return c.fields[i]
		}
		return ""
	}, err
}

// read reads a row that is not empty, and returns the line where it begins.
func (c *csvRows) read() (line int, err error) {
	for {
		w, whole := c.input.peekRow()
		if len(w) == 0 {
			return c.input.line, c.input.end()
		}
		if n := lineEnd(w); n > 0 {
			c.input.consume(n)
			continue
		}
		line = c.input.line
		n, err := c.parse(w, whole)
		if err == nil && c.header != nil && len(c.fields) != len(c.header) && lineEnds(w[:n]) > 1 {
			err = errOpenQuote // two of them, and what is between is no value
		}
		if whole && c.input.err != nil && (n == len(w) || err != nil) {
			err = &Error{Line: line, Err: c.input.err} // it is cut
		}
		if err != nil {
			c.input.skipLine()
			return line, err
		}
		c.input.consume(n)
		return line, nil
	}
}

// parse reads the first record of w and returns its length with its line end. whole
// says that the file ends with w.
func (c *csvRows) parse(w []byte, whole bool) (n int, err error) {
	n, closed := c.split(w)
	if c.csv == nil {
		c.csv = csv.NewReader(&c.record)
		c.csv.Comma, c.csv.FieldsPerRecord, c.csv.ReuseRecord = rune(c.separator), -1, true
	}
	c.fields, err = c.csv.Read()
	if err != nil {
		c.csv = nil // it holds the rest of the record
	}
	switch {
	case errors.Is(err, io.EOF): // a line of blanks
		c.fields, err = []string{""}, nil
	case errors.Is(err, csv.ErrBareQuote), errors.Is(err, csv.ErrQuote) && closed:
		err = errQuote
	case err != nil && whole:
		err = errOpenQuote
	case err != nil:
		err = errLongRow
	}
	if err == nil && n == len(w) && !whole {
		err = errLongRow
	}
	return n + lineEnd(w[n:]), err
}

// split writes the first record of w, which ends at the first line end outside quotes,
// for csv to read. Spaces around its values are removed, which csv would not allow
// after a quote. closed says that every quote has its other one.
func (c *csvRows) split(w []byte) (n int, closed bool) {
	c.record.Reset()
	inside, value := false, 0 // where the value begins
	end := func() { c.record.Write(bytes.Trim(w[value:n], " \t")) }
	for ; n < len(w); n++ {
		switch {
		case w[n] == '"':
			inside = !inside
		case inside:
		case w[n] == c.separator:
			end()
			c.record.WriteByte(c.separator)
			value = n + 1
		case w[n] == '\n' || w[n] == '\r':
			end()
			return n, true
		}
	}
	end()
	return n, !inside
}
