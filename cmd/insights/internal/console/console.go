// Package console is how commands speak: results on standard output, everything else
// on standard error. It is the only package that knows about terminals.
package console

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/sys/unix"
)

// Console is the terminal, or the files, that a command talks to. Its fields are set
// once.
type Console struct {
	In   io.Reader
	Out  *Output
	Err  io.Writer
	JSON bool // one JSON document on Out, and no lines
}

// Output is standard output. It remembers whether something could not be written, so
// that a result cut short does not count as success.
type Output struct {
	io.Writer
	Failed error
}

func (o *Output) Write(b []byte) (int, error) {
	n, err := o.Writer.Write(b)
	if o.Failed == nil && err != nil {
		o.Failed = fmt.Errorf("the result could not be written: %w", err)
	}
	return n, err
}

// Line writes a line of a command's result; nothing under --json.
func (c *Console) Line(format string, args ...any) {
	if !c.JSON {
		fmt.Fprint(c.Out, plain(format, args))
	}
}

// plain formats lines for a person. Parts may come from a stranger's file or from another
// server, and must not control the terminal.
func plain(format string, args []any) string {
	return strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' {
			return r
		}
		return printable(r)
	}, fmt.Sprintf(format, args...)) + "\n"
}

// Note writes a line about what is going on.
func (c *Console) Note(format string, args ...any) { fmt.Fprint(c.Err, plain(format, args)) }

// Item writes a label and a text next to it, wrapped on a terminal.
func (c *Console) Item(label, text string) {
	const indent = 9
	room := max(c.Width()-indent-1, minColumn)
	var line string
	for _, word := range strings.Fields(strings.Map(printable, text)) {
		if line != "" && c.Width() > 0 && utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) > room {
			c.Line("%-*s%s", indent, label, line)
			label, line = "", ""
		}
		line = strings.TrimSpace(line + " " + word)
	}
	c.Line("%-*s%s", indent, label, line)
}

// Document writes a command's result as JSON under --json, else nothing: lines and tables
// are for people.
func (c *Console) Document(v any) error {
	if !c.JSON {
		return nil
	}
	encoder := json.NewEncoder(JSONWriter{c.Out})
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(v)
}

// JSONWriter writes JSON in whole characters, and escapes those in it that could control a
// terminal: the JSON stays the same.
type JSONWriter struct{ io.Writer }

func (w JSONWriter) Write(b []byte) (int, error) {
	if _, err := w.Writer.Write(escaped(b)); err != nil {
		return 0, err
	}
	return len(b), nil
}

func escaped(text []byte) []byte {
	if !bytes.ContainsFunc(text, controls) {
		return text
	}
	var b []byte
	for _, r := range string(text) {
		if controls(r) {
			b = fmt.Appendf(b, "\\u%04x", r)
		} else {
			b = utf8.AppendRune(b, r)
		}
	}
	return b
}

// controls reports a character of JSON that may control a terminal. Those of ASCII are
// escaped there, or between values.
func controls(r rune) bool { return r >= 0x7f && printable(r) != r }

// Result writes a command's result: a document under --json, else a line.
func (c *Console) Result(document any, format string, args ...any) error {
	c.Line(format, args...)
	return c.Document(document)
}

// Listing writes a command's result as a list: documents under --json, else a table, or a
// line if there are no rows.
func (c *Console) Listing(documents any, header []string, rows [][]string, empty string) error {
	if len(rows) == 0 && empty != "" {
		return c.Result(documents, "%s", empty)
	}
	c.Table(header, rows)
	return c.Document(documents)
}

// Clear clears the screen for the next view of something that is watched.
func (c *Console) Clear() {
	if isTerminal(c.Out.Writer) {
		fmt.Fprint(c.Out, "\x1b[H\x1b[2J")
	} else {
		c.Line("")
	}
}

// OneLine is a text on one line, without characters that control the terminal.
func OneLine(s string) string { return strings.Map(printable, s) }

// printable keeps text from others, such as a server's reply, from controlling the terminal
// or breaking a table.
func printable(r rune) rune {
	if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) {
		return ' '
	}
	return r
}

// Width is the terminal's, or 0 if stdout is not one: files and pipes get whole lines.
func (c *Console) Width() int {
	f, ok := c.Out.Writer.(*os.File)
	if !ok {
		return 0
	}
	size, err := unix.IoctlGetWinsize(int(f.Fd()), unix.TIOCGWINSZ)
	if err != nil {
		return 0
	}
	return int(size.Col)
}

// isTerminal reports whether a person can be asked.
func isTerminal(r any) bool {
	f, ok := r.(*os.File)
	if !ok {
		return false
	}
	_, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	return err == nil
}

// NotConfirmed is the error when a person said no, or could not be asked.
type NotConfirmed struct{ Err error }

func (e *NotConfirmed) Error() string { return e.Err.Error() }
func (e *NotConfirmed) Unwrap() error { return e.Err }

// Asks reports whether there is a terminal, at which a person can be asked.
func (c *Console) Asks() bool { return isTerminal(c.In) }

// Confirm asks before something that can't be undone, unless yes. Without a terminal it
// fails, giving why and asking for --yes. Its error is a [NotConfirmed].
func (c *Console) Confirm(question, why string, yes bool) error {
	if yes {
		return nil
	}
	if !isTerminal(c.In) {
		return &NotConfirmed{fmt.Errorf("%s: add --yes to confirm", why)}
	}
	fmt.Fprintf(c.Err, "%s [y/N] ", question)
	answer, _ := bufio.NewReader(c.In).ReadString('\n') // an error is not a yes
	switch strings.ToLower(strings.TrimSpace(answer)) {
	case "y", "yes":
		return nil
	}
	return &NotConfirmed{errors.New("nothing was done")}
}
