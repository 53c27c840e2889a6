package lists

import (
	"bytes"
	"errors"
	"io"

	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"
)

// input is a file as UTF-8, of which a part that moves along is in memory.
type input struct {
	r    io.Reader
	buf  []byte
	from int // of what is not yet consumed
	err  error
	done bool // nothing comes after buf
	line int  // of what comes next, from 1
}

func newInput(r io.Reader) (*input, error) {
	t := &input{r: transform.NewReader(r, unicode.BOMOverride(transform.Nop)), buf: make([]byte, 0, 4*maxRow), line: 1}
	head := t.peek()
	switch {
	case bytes.HasPrefix(head, []byte("\x1f\x8b")):
		return nil, errors.New("it is compressed: unpack it first, for example with gunzip")
	case bytes.HasPrefix(head, []byte("PK\x03\x04")):
		return nil, errors.New("it is a zip file or a spreadsheet: name the zip file itself, or save the sheet as CSV (UTF-8)")
	case bytes.IndexByte(firstLine(head), 0) >= 0:
		return nil, errors.New("it contains NUL bytes in its first line: save it as UTF-8 text, or as UTF-16 with a byte order mark")
	}
	return t, nil
}

// firstLine is b up to its first line end.
func firstLine(b []byte) []byte {
	if i := bytes.IndexAny(b, "\r\n"); i >= 0 {
		return b[:i]
	}
	return b
}

// peek is what comes next: maxRow bytes and more, or all that is left. It is
// valid until the next call.
func (t *input) peek() []byte {
	if len(t.buf)-t.from <= maxRow && !t.done {
		t.buf = t.buf[:copy(t.buf[:cap(t.buf)], t.buf[t.from:])]
		t.from = 0
		for empty := 0; len(t.buf) < cap(t.buf) && !t.done; {
			n, err := t.r.Read(t.buf[len(t.buf):cap(t.buf)])
			t.buf = t.buf[:len(t.buf)+n]
			if empty++; n > 0 {
				empty = 0
			}
			if err == nil && empty > 100 {
				err = io.ErrNoProgress
			}
			t.done = err != nil
			if err != nil && !errors.Is(err, io.EOF) {
				t.err = err
			}
		}
	}
	return t.buf[t.from:]
}

// peekRow is what comes next as far as one row may reach; whole says that nothing is
// after it.
func (t *input) peekRow() (w []byte, whole bool) {
	w = t.peek()
	if len(w) > maxRow {
		return w[:maxRow], false
	}
	return w, true
}

// consume moves on by n bytes, and counts their lines.
func (t *input) consume(n int) {
	t.line += lineEnds(t.buf[t.from : t.from+n])
	t.from += n
}

// skipLine moves on to the next line, however far that is.
func (t *input) skipLine() {
	for {
		w := t.peek()
		if i := bytes.IndexAny(w, "\r\n"); i >= 0 {
			t.consume(i + lineEnd(w[i:]))
			return
		}
		t.consume(len(w))
		if t.done {
			return
		}
	}
}

// end is what to say where nothing is left.
func (t *input) end() error {
	if t.err != nil {
		return &Error{Line: t.line, Err: t.err}
	}
	return io.EOF
}

// lineEnd is how long the line end is that b begins with: 0, 1 or 2.
func lineEnd(b []byte) int {
	switch {
	case len(b) == 0 || b[0] != '\n' && b[0] != '\r':
		return 0
	case b[0] == '\r' && len(b) > 1 && b[1] == '\n':
		return 2
	}
	return 1
}

func lineEnds(b []byte) int {
	n := bytes.Count(b, []byte("\n"))
	if bytes.IndexByte(b, '\r') < 0 {
		return n
	}
	for i, c := range b {
		if c == '\r' && (i+1 == len(b) || b[i+1] != '\n') {
			n++
		}
	}
	return n
}
