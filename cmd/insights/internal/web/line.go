package web

import (
	"context"
	"errors"
	"net/http"
	"runtime"
	"sync"
)

// line bounds the work that requests cause: as much at once as there are processors. Others
// wait in line, of each client and in all so many; beyond that they are told to come back.
// Who has gone leaves the line, and nothing is done for them. Use newLine.
type line struct {
	places          chan struct{}
	most, mostOfOne int
	mu              sync.Mutex
	inLine          int
	of              map[string]int // by client
}

// How many requests are worked for or wait. A client that is a proxy for many (a school's,
// or one that is not declared) asks for a few dozen different documents at a time at most.
const (
	mostInLine      = 256
	mostInLineOfOne = 32
)

// errLineFull says that too many wait, in all or of one client.
var errLineFull = errors.New("too many requests wait for what is made on demand")

func newLine() *line {
	return &line{places: make(chan struct{}, runtime.GOMAXPROCS(0)), most: mostInLine, mostOfOne: mostInLineOfOne, of: map[string]int{}}
}

// enter waits for a place, for a client that may be "" = not known. The place is to be
// given back by calling leave.
func (l *line) enter(ctx context.Context, client string) (leave func(), err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if !l.join(client) {
		return nil, errLineFull
	}
	select {
	case l.places <- struct{}{}:
		return func() { <-l.places; l.part(client) }, nil
	case <-ctx.Done():
		l.part(client)
		return nil, ctx.Err()
	}
}

func (l *line) join(client string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.inLine >= l.most || client != "" && l.of[client] >= l.mostOfOne {
		return false
	}
	l.inLine++
	l.of[client]++
	return true
}

func (l *line) part(client string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.inLine--
	if l.of[client]--; l.of[client] == 0 {
		delete(l.of, client)
	}
}

// place lets a request into the line; its client is looked up if it must wait or work.
func (s *site) place(r *http.Request) func(context.Context) (func(), error) {
	return func(ctx context.Context) (func(), error) {
		return s.line.enter(ctx, s.networks(r).Wide)
	}
}
