// Package lists reads the files that subscribers are imported from, our own and those of
// listmonk, Mailchimp, Buttondown, Ghost and Substack, and writes the one they are exported to.
package lists

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/scaledbydesign/insights/subscribers"
)

// Reader reads subscribers from a file that somebody exported, a row at a time, and
// never holds more of it than the longest row that is taken. A file is comma-, semicolon-
// or tab-separated values (RFC 4180) with a header line, or JSON: an array of objects,
// or one object after the other (JSON Lines). It is UTF-8, or UTF-16 with a byte order
// mark; lines end with LF, CRLF or CR.
//
// Whose export it is, is told by the names of its columns: see [Format].
type Reader struct {
	input   *input
	options Options
	rows    source
	format  *Format
	unknown []string
}

// Options say what a file alone does not.
type Options struct {
	Name string // of the file: Mailchimp's tell there what status their readers have
	// Vouched says that somebody answers for the consent of those whom the file calls
	// active, where it does not say that they confirmed. They are pending else.
	Vouched bool
}

// Row is one row of a list.
type Row struct {
	Line  int    // of the file, from 1, where the row begins
	Email string // as the file has it
	subscribers.Imported
}

// Error ends the reading of a file: it can't be read any further.
type Error = subscribers.LineError

// source gives the rows of a file as fields with names.
type source interface {
	// next reads a row. After a fault that is not a *Error, and not io.EOF, the
	// next row can be read. The function is valid until then.
	next() (line int, field func(name string) string, err error)
}

// maxRow is how many bytes a row may have. It bounds what an open quote can take.
const maxRow = 64 << 10

// NewReader reads as much as tells what the file is. Its error is fit to be shown.
func NewReader(r io.Reader, o Options) (*Reader, error) {
	t, err := newInput(r)
	if err != nil {
		return nil, err
	}
	l := &Reader{input: t, options: o}
	start := bytes.TrimLeft(t.peek(), " \t\r\n")
	switch {
	case len(start) == 0 && t.err == nil:
		return nil, errors.New("it is empty; the first line must look like email,status,cadence,categories")
	case len(start) == 0:
		return nil, t.err
	case start[0] == '[', start[0] == '{':
		l.format = &own
		l.rows = &jsonRows{input: t, list: l}
		return l, nil
	}
	c, err := newCSV(t)
	if err != nil {
		return nil, err
	}
	l.rows = c
	if l.format, err = formatOf(c); err != nil {
		return nil, err
	}
	for i, name := range c.header {
		used := slices.Contains(l.format.columns, name) || bars(name)
		if used && slices.Index(c.header, name) < i {
			return nil, fmt.Errorf("line 1: duplicate column %q", name)
		}
		if !used && name != "" {
			l.unknown = append(l.unknown, c.shown[i])
		}
	}
	return l, nil
}

// Format is whose export the file is: "" = our own columns.
func (l *Reader) Format() string { return l.format.name }

// Unknown lists the columns that are not used; those of JSON as far as it is read.
func (l *Reader) Unknown() []string { return l.unknown }

// Doubt is what the file leaves open, for a person, or "".
func (l *Reader) Doubt() string {
	if l.format.doubt == nil {
		return ""
	}
	return l.format.doubt(l.options)
}

// note adds a name to those that are not used.
func (l *Reader) note(name string) {
	const most = 100
	if len(l.unknown) < most && !slices.Contains(l.unknown, name) {
		l.unknown = append(l.unknown, name)
	}
}

// Read reads a row. Its error is io.EOF at the end, a *Error when no further row
// can be read, and else about this row alone.
func (l *Reader) Read() (Row, error) {
	line, field, err := l.rows.next()
	row := Row{Line: line}
	if err != nil {
		return row, err
	}
	fault := ""
	clean := func(name string) string {
		value := strings.TrimSpace(field(name))
		if err := readable(value); err != "" && fault == "" {
			fault = name + ": " + err
		}
		return value
	}
	if err = l.format.read(clean, l.options, &row); err == nil {
		row.bar(clean)
	}
	if fault != "" {
		err = errors.New(fault)
	}
	return row, err
}

// readable says what is wrong with a value that is no input.
func readable(value string) string {
	if strings.IndexByte(value, 0) >= 0 {
		return "it contains a NUL byte: save the file as UTF-8 text"
	}
	if !utf8.ValidString(value) {
		return "it is not UTF-8 text: save the file as UTF-8"
	}
	return ""
}

// farthestZone is how far ahead of UTC a time without a zone may have been written.
const farthestZone = 14 * time.Hour

// parseTime reads a moment of the past, or a day in UTC. "" is the zero time.
func parseTime(name, s string) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	for _, form := range timeForms {
		if t, err := time.Parse(form, s); err == nil {
			return pastTime(name, s, t)
		}
	}
	if t, ok, err := slashed(name, s); ok || err != nil {
		if err != nil {
			return time.Time{}, err
		}
		return pastTime(name, s, t)
	}
	return time.Time{}, fmt.Errorf("%s %q: write 2026-03-16T09:00:00Z, or a day", name, s)
}

func pastTime(name, s string, t time.Time) (time.Time, error) {
	if t.After(time.Now().Add(farthestZone)) || t.Year() < 1990 {
		return t, fmt.Errorf("%s %q is not a possible time of consent", name, s)
	}
	return t, nil
}

// slashed reads a day as spreadsheets save it, with its numbers in an order that depends
// on the country: 16/03/2026, or 03/16/2026. Where both orders are possible and differ,
// it is refused.
func slashed(name, s string) (t time.Time, ok bool, err error) {
	day, clock, _ := strings.Cut(s, " ")
	separator := "/"
	if !strings.Contains(day, separator) {
		separator = "-"
	}
	parse := func(form string) (time.Time, bool) {
		form = strings.ReplaceAll(form, "/", separator)
		for _, rest := range []string{"", " 15:04:05", " 15:04", " 3:04:05 PM", " 3:04 PM"} {
			if t, err := time.Parse(form+rest, strings.TrimSpace(day+" "+clock)); err == nil {
				return t, true
			}
		}
		return time.Time{}, false
	}
	monthFirst, american := parse("1/2/2006")
	dayFirst, european := parse("2/1/2006")
	switch {
	case american && european && !monthFirst.Equal(dayFirst):
		return t, false, fmt.Errorf("%s %q may be %s or %s: write %s or %s", name, s, monthFirst.Format("2 January 2006"), dayFirst.Format("2 January 2006"),
			monthFirst.Format(time.DateOnly), dayFirst.Format(time.DateOnly))
	case american:
		return monthFirst, true, nil
	}
	return dayFirst, european, nil
}

var timeForms = []string{
	time.RFC3339, time.DateTime, time.DateOnly,
	"2006-01-02 15:04:05Z07:00",                       // as Python writes it
	"2006-01-02 15:04:05 -0700 MST",                   // as Go does
	"2006-01-02 15:04:05 -0700 -0700",                 // and where the zone has no name
	"2006-01-02T15:04:05Z0700",                        // and others
	"2006-01-02T15:04:05",                             // in UTC
	"2.1.2006 15:04:05", "2.1.2006 15:04", "2.1.2006", // with dots the day always comes first
}
