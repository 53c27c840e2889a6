package subscribers

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"unicode/utf16"
	"unicode/utf8"
)

// text is a file as UTF-8, seen through a window that moves along.
type text struct {
	r    io.Reader
	buf  []byte
	from int // of what is not yet consumed
	err  error
	done bool // nothing comes after buf
	line int  // where the window begins, from 1
}

func newText(r io.Reader) (*text, error) {
	t := &text{r: r, buf: make([]byte, 0, 4*mostRow), line: 1}
	head := t.window()
	switch {
	case bytes.HasPrefix(head, []byte("\xef\xbb\xbf")):
		t.from += 3
	case bytes.HasPrefix(head, []byte("\xff\xfe")), bytes.HasPrefix(head, []byte("\xfe\xff")):
		u := &fromUTF16{r: io.MultiReader(bytes.NewReader(bytes.Clone(head[2:])), r), order: binary.LittleEndian}
		if head[0] == 0xfe {
			u.order = binary.BigEndian
		}
		*t = text{r: u, buf: t.buf[:0], line: 1}
	}
	head = t.window()
	first := head
	if i := bytes.IndexAny(first, "\r\n"); i >= 0 {
		first = first[:i]
	}
	switch {
	case bytes.HasPrefix(head, []byte("\x1f\x8b")):
		return nil, errors.New("it is compressed: unpack it first, for example with gunzip")
	case bytes.HasPrefix(head, []byte("PK\x03\x04")):
		return nil, errors.New("it is a zip file or a spreadsheet: name the zip file itself, or save the sheet as CSV (UTF-8)")
	case bytes.IndexByte(first, 0) >= 0:
		return nil, errors.New("it holds NUL bytes where its columns should be named: save it as UTF-8 text, or as UTF-16 with a byte order mark")
	}
	return t, nil
}

// window is what comes next: mostRow bytes and more, or all that is left. It is
// valid until the next call.
func (t *text) window() []byte {
	if len(t.buf)-t.from <= mostRow && !t.done {
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
			if err != nil {
				t.done = true
			}
			if err != nil && !errors.Is(err, io.EOF) {
				t.err = err
			}
		}
	}
	return t.buf[t.from:]
}

// row is the window as far as one row may reach; whole says that nothing is after it.
func (t *text) row() (w []byte, whole bool) {
	w = t.window()
	if len(w) > mostRow {
		return w[:mostRow], false
	}
	return w, true
}

// consume moves the window on by n bytes, and counts their lines.
func (t *text) consume(n int) {
	t.line += lineEnds(t.buf[t.from : t.from+n])
	t.from += n
}

// skipLine moves on to the next line, however far that is.
func (t *text) skipLine() {
	for {
		w := t.window()
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
func (t *text) end() error {
	if t.err != nil {
		return &ListError{t.line, t.err}
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

// fromUTF16 turns UTF-16 into UTF-8. What is none becomes U+FFFD.
type fromUTF16 struct {
	r     io.Reader
	order binary.ByteOrder
	in    []byte // not yet turned: less than a character
	out   []byte // turned, not yet read
	raw   [4096]byte
	err   error
}

func (u *fromUTF16) Read(p []byte) (int, error) {
	for len(u.out) == 0 {
		if u.err != nil {
			return 0, u.err
		}
		n, err := u.r.Read(u.raw[:])
		u.in, u.err = append(u.in, u.raw[:n]...), err
		u.turn()
	}
	n := copy(p, u.out)
	u.out = u.out[n:]
	return n, nil
}

func (u *fromUTF16) turn() {
	u.out = u.out[:0]
	in := u.in
	for len(in) >= 2 {
		r, size := rune(u.order.Uint16(in)), 2
		if utf16.IsSurrogate(r) {
			if len(in) < 4 && u.err == nil {
				break
			}
			pair := rune(utf8.RuneError)
			if len(in) >= 4 {
				pair = utf16.DecodeRune(r, rune(u.order.Uint16(in[2:])))
			}
			if r = pair; r != utf8.RuneError {
				size = 4
			}
		}
		u.out = utf8.AppendRune(u.out, r)
		in = in[size:]
	}
	if len(in) == 1 && u.err != nil {
		u.out, in = utf8.AppendRune(u.out, utf8.RuneError), nil
	}
	u.in = append(u.in[:0], in...)
}
