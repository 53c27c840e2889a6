package subscribers

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// CSV reads subscribers from comma-separated values (RFC 4180) with a header line,
// also with semicolons between them, or a byte order mark before them. It holds one
// row at a time.
type CSV struct {
	reader  *csv.Reader
	input   *bounded
	columns map[string]int
	unknown []string
	line    int // of the last row
}

// CSVRow is one row. Line is that of the file, from 1.
type CSVRow struct {
	Line  int
	Email string // as it stands there
	Imported
}

// CSVError ends the reading of a file: what follows can't be told apart.
type CSVError struct {
	Line int
	Err  error
}

func (e *CSVError) Error() string { return fmt.Sprintf("line %d: %v", e.Line, e.Err) }
func (e *CSVError) Unwrap() error { return e.Err }

// csvColumns are the columns that are used.
var csvColumns = []string{"email", "status", "cadence", "categories", "name", "confirmed_at", "source"}

const mostLine = 64 << 10 // bytes of one row

// ReadCSV reads the header line.
func ReadCSV(r io.Reader) (*CSV, error) {
	buffered := bufio.NewReader(r)
	if mark, err := buffered.Peek(3); err == nil && bytes.Equal(mark, []byte("\xef\xbb\xbf")) {
		buffered.Discard(3)
	}
	head, err := buffered.Peek(4096) // what there is of it
	if len(head) == 0 {
		if errors.Is(err, io.EOF) {
			return nil, errors.New("it is empty; it begins with a line such as email,status,cadence,categories")
		}
		return nil, err
	}
	input := &bounded{Reader: buffered}
	c := &CSV{reader: csv.NewReader(input), input: input, columns: make(map[string]int)}
	c.reader.FieldsPerRecord, c.reader.ReuseRecord, c.reader.TrimLeadingSpace = -1, true, true
	if first, _, _ := bytes.Cut(head, []byte("\n")); bytes.Count(first, []byte(";")) > bytes.Count(first, []byte(",")) {
		c.reader.Comma = ';'
	}
	c.input.left = mostLine
	header, err := c.reader.Read()
	if err != nil {
		return nil, fmt.Errorf("line 1: %w", err)
	}
	c.line = 1
	for i, name := range header {
		name = strings.ToLower(strings.TrimSpace(name))
		switch _, twice := c.columns[name]; {
		case twice:
			return nil, fmt.Errorf("line 1: the column %q stands there twice", name)
		case slices.Contains(csvColumns, name):
			c.columns[name] = i
		case name != "":
			c.unknown = append(c.unknown, name)
		}
	}
	for _, name := range []string{"email", "status"} {
		if _, ok := c.columns[name]; !ok {
			return nil, fmt.Errorf("line 1: there is no column %q; it begins with a line such as email,status,cadence,categories", name)
		}
	}
	return c, nil
}

// Unknown lists the columns that are not used.
func (c *CSV) Unknown() []string { return c.unknown }

// Next reads a row. Its error is io.EOF at the end, a *CSVError when no further row
// can be read, and else about this row alone.
func (c *CSV) Next() (CSVRow, error) {
	c.input.left = mostLine
	record, err := c.reader.Read()
	row := CSVRow{Line: c.line + 1}
	if err == nil {
		row.Line, _ = c.reader.FieldPos(0)
	}
	c.line = row.Line
	switch parse, ok := errors.AsType[*csv.ParseError](err); {
	case ok && errors.Is(err, errLongRow):
		return row, &CSVError{parse.StartLine, errLongRow}
	case ok:
		row.Line, c.line = parse.StartLine, parse.Line
		return row, fmt.Errorf("column %d: %w", parse.Column, parse.Err)
	case errors.Is(err, errLongRow):
		return row, &CSVError{row.Line, errLongRow}
	case errors.Is(err, io.EOF):
		return row, io.EOF
	case err != nil:
		return row, &CSVError{row.Line, err}
	}
	field := func(name string) string {
		if i, ok := c.columns[name]; ok && i < len(record) {
			return strings.TrimSpace(record[i])
		}
		return ""
	}
	row.Email = field("email")
	row.Name, row.Source = field("name"), field("source")
	if row.Address, err = ParseAddress(row.Email); err != nil {
		return row, err
	}
	if row.Status, err = ParseStatus(field("status")); err != nil {
		return row, err
	}
	if row.Cadence = Weekly; field("cadence") != "" {
		if row.Cadence, err = ParseCadence(field("cadence")); err != nil {
			return row, err
		}
	}
	if row.Source == "" {
		row.Source = "import"
	}
	if len(row.Source) > 100 || strings.ContainsFunc(row.Source, breaks) {
		return row, errors.New("the source is longer than 100 bytes, or holds a line break")
	}
	row.Categories = strings.FieldsFunc(field("categories"), func(r rune) bool { return r == ';' || r == ',' || r == ' ' })
	row.ConfirmedAt, err = parseTime(field("confirmed_at"))
	return row, err
}

// parseTime reads a moment, or a day in UTC. "" is the zero time.
func parseTime(s string) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	for _, form := range []string{time.RFC3339, time.DateTime, time.DateOnly} {
		if t, err := time.Parse(form, s); err == nil {
			if t.After(time.Now()) || t.Year() < 1990 {
				return t, fmt.Errorf("confirmed_at %q is no time at which somebody can have agreed", s)
			}
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("confirmed_at %q: write 2026-03-16T09:00:00Z, or a day", s)
}

// bounded keeps one row from taking all memory: a quote that is never closed makes
// everything after it one field.
type bounded struct {
	io.Reader
	left int // octets until the row is too long
}

var errLongRow = fmt.Errorf("a row of more than %d KB: is a quote left open?", mostLine>>10)

func (b *bounded) Read(p []byte) (int, error) {
	if b.left < 0 {
		return 0, errLongRow
	}
	n, err := b.Reader.Read(p)
	b.left -= n
	return n, err
}
