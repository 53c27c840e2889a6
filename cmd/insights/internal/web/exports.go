package web

import (
	"errors"
	"sync"
	"time"
)

// exports are those of readers' data that are being sent. A reader takes them rarely; who
// has their link must not make the site read the same again and again.
type exports struct {
	mu sync.Mutex
	of map[string]bool // by public id of the subscriber
}

const (
	maxExports = 4
	exportTime = time.Minute // that one may take
)

// errExporting says that the same reader's data is being sent.
var errExporting = errors.New("the data of this reader is being sent already")

// begin takes a place for a reader's data, until done.
func (e *exports) begin(subscriber string) (done func(), err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	switch {
	case e.of[subscriber]:
		return nil, errExporting
	case len(e.of) >= maxExports:
		return nil, errLineFull
	case e.of == nil:
		e.of = make(map[string]bool)
	}
	e.of[subscriber] = true
	return func() {
		e.mu.Lock()
		defer e.mu.Unlock()
		delete(e.of, subscriber)
	}, nil
}
