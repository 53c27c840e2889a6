package web

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"sync"
	"time"
)

// exports are those of readers' data. A reader takes them rarely; who has their link must
// not make the site read the same again and again. The data is packed before it is sent: a
// reader who takes it slowly then keeps no place from others. Use newExports.
type exports struct {
	line *line // of those that are read

	mu   sync.Mutex
	of   map[string]bool // by public id of the subscriber
	kept int             // bytes of those that are packed
}

const (
	maxExports    = 4 // that are read at once
	exportTime    = time.Minute
	exportWait    = 10 * time.Second // in line
	maxPacked     = 1 << 20          // of one; larger ones are sent while they are read
	maxPackedKept = 32 << 20         // of all
)

// errExporting says that the same reader's data is being sent.
var errExporting = errors.New("the data of this reader is being sent already")

func newExports() *exports {
	return &exports{line: newLine(maxExports), of: make(map[string]bool)}
}

// begin notes that a reader's data is being sent, until done.
func (e *exports) begin(subscriber string) (done func(), err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.of[subscriber] {
		return nil, errExporting
	}
	e.of[subscriber] = true
	return func() {
		e.mu.Lock()
		defer e.mu.Unlock()
		delete(e.of, subscriber)
	}, nil
}

// keep reports whether so many bytes may be kept until they are sent, and gives them back by
// done.
func (e *exports) keep(n int) (done func(), ok bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.kept+n > maxPackedKept {
		return nil, false
	}
	e.kept += n
	return func() {
		e.mu.Lock()
		defer e.mu.Unlock()
		e.kept -= n
	}, true
}

// packed keeps what is written, in little space, until send. What is too much goes to w at
// once, and all that follows.
type packed struct {
	w       io.Writer
	bytes   bytes.Buffer
	pack    *gzip.Writer
	through bool
}

func newPacked(w io.Writer) *packed {
	p := &packed{w: w}
	p.pack = gzip.NewWriter(&p.bytes)
	return p
}

func (p *packed) Write(b []byte) (n int, err error) {
	if p.through {
		return p.w.Write(b)
	}
	n, err = p.pack.Write(b)
	if err == nil && p.bytes.Len() > maxPacked {
		err = p.send()
	}
	return n, err
}

// end ends what is kept, and returns its size.
func (p *packed) end() (size int, err error) {
	if p.through {
		return 0, nil
	}
	err = p.pack.Close()
	return p.bytes.Len(), err
}

// send writes what is kept.
func (p *packed) send() error {
	if p.through {
		return nil
	}
	p.through = true
	if err := p.pack.Close(); err != nil {
		return err
	}
	unpacked, err := gzip.NewReader(&p.bytes)
	if err != nil {
		return err
	}
	_, err = io.Copy(p.w, unpacked)
	p.bytes = bytes.Buffer{}
	return err
}
