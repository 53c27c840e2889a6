package lists

import (
	"encoding/csv"
	"io"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/scaledbydesign/insights/subscribers"
)

// Writer writes subscribers as separated values that [Reader] reads again.
type Writer struct {
	csv    *csv.Writer
	record []string
}

var writtenColumns = own.columns[:7]

// NewWriter writes the header line.
func NewWriter(w io.Writer) (*Writer, error) {
	l := &Writer{csv: csv.NewWriter(w)}
	return l, l.csv.Write(writtenColumns)
}

// Write writes a row. Rows may be held back until Close.
func (l *Writer) Write(s subscribers.Subscriber) error {
	confirmed := ""
	if !s.ConfirmedAt.IsZero() {
		confirmed = s.ConfirmedAt.UTC().Format(time.RFC3339Nano)
	}
	l.record = append(l.record[:0], forSpreadsheet(s.Address.String()), string(s.Status), string(s.Cadence), strings.Join(s.Categories, ";"),
		forSpreadsheet(s.Name), confirmed, forSpreadsheet(s.Source))
	return l.csv.Write(l.record)
}

// Close writes what is held back. It does not close what is written to.
func (l *Writer) Close() error {
	l.csv.Flush()
	return l.csv.Error()
}

// forSpreadsheet keeps a spreadsheet from taking a stranger's words for a formula: an
// apostrophe goes before what looks like one, and one more before those that have some
// already, so that fromSpreadsheet gives back what it was.
func forSpreadsheet(s string) string {
	if isFormula(s) {
		return "'" + s
	}
	return s
}

func fromSpreadsheet(s string) string {
	if strings.HasPrefix(s, "'") && isFormula(s) {
		return s[1:]
	}
	return s
}

// isFormula reports whether a spreadsheet may take a value for a formula: it begins with
// = + - or @, or with one of their wide and small forms, behind whatever a spreadsheet
// skips or nobody sees, such as a byte order mark.
func isFormula(s string) bool {
	begins := strings.TrimLeftFunc(s, func(r rune) bool { return r == '\'' || skipped(r) })
	r, _ := utf8.DecodeRuneInString(begins)
	return begins != "" && strings.ContainsRune("=+-@＝＋－＠﹦﹢﹣﹫−", r)
}

func skipped(r rune) bool {
	return unicode.IsSpace(r) || unicode.IsControl(r) || unicode.In(r, unicode.Z, unicode.Cf, unicode.Variation_Selector, unicode.Other_Default_Ignorable_Code_Point)
}
