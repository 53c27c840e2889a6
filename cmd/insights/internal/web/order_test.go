package web

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/scaledbydesign/insights/subscribers"
)

// queue is a line of one place, which is taken, with who wants a place.
type queue struct {
	*line
	release func() // the first place
	ctx     context.Context
	end     func()
	served  []string
	refused []string
}

func newQueue(t *testing.T) *queue {
	q := &queue{line: newLine(1)}
	q.ctx, q.end = context.WithCancel(t.Context())
	var err error
	if q.release, err = q.enter(q.ctx, subscribers.Asker{Client: "first", Wide: "first", Around: "first"}, new(shared)); err != nil {
		t.Fatal(err)
	}
	return q
}

// ask has so many requests come from a client, whose networks are named by its path:
// around/wide.
func (q *queue) ask(path string, n int) {
	around, _, _ := strings.Cut(path, "/")
	for range n {
		go func() {
			leave, err := q.enter(q.ctx, subscribers.Asker{Client: path, Wide: path, Around: around}, new(shared))
			switch {
			case errors.Is(err, errLineFull):
				q.refused = append(q.refused, path)
			case err == nil:
				q.served = append(q.served, path)
				leave()
			}
		}()
		synctest.Wait()
	}
}

func TestTheLineIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue(t)
		q.ask("one/one", mostInLineOfOne+5)
		if n := len(q.refused); n != 5 {
			t.Errorf("%d of one client were refused, want 5", n)
		}
		for i := range mostInLine - 1 - mostInLineOfOne {
			q.ask(fmt.Sprintf("a%d/a", i), 1)
		}
		if n := len(q.refused); n != 5 || q.inLine != mostInLine {
			t.Errorf("%d were refused, %d are in line", n, q.inLine)
		}
		q.ask("a1/a", 1) // its second, of which one/one has more
		if n := len(q.refused); n != 6 || q.refused[5] != "one/one" || q.inLine != mostInLine {
			t.Errorf("refused %v, %d are in line", q.refused, q.inLine)
		}
		q.end()
		synctest.Wait()
		if q.inLine != 1 || len(q.waiting) != 0 || len(q.of) != 1 {
			t.Errorf("%d are left in line: %v", q.inLine, q.of)
		}
		q.release()
		if q.inLine != 0 || q.free != 1 || len(q.of) != 0 {
			t.Errorf("%d are left in line, %d places are free", q.inLine, q.free)
		}
	})
}

// Somebody who has a /48, and so 256 /56s, fills the line: who comes from elsewhere is served
// before them, and takes the places of their newest.
func TestOneNetworkKeepsNobodyFromTheLine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue(t)
		for i := range 40 {
			q.ask(fmt.Sprintf("theirs/%d", i), 20)
		}
		if q.inLine != mostInLine {
			t.Fatalf("%d are in line", q.inLine)
		}
		refused := len(q.refused)
		for i := range 10 {
			q.ask(fmt.Sprintf("visitor%d/home", i), 2)
		}
		for _, path := range q.refused[refused:] {
			if !strings.HasPrefix(path, "theirs/") {
				t.Errorf("%s was refused", path)
			}
		}
		q.release()
		synctest.Wait()
		if len(q.served) != mostInLine-1 {
			t.Errorf("%d were served", len(q.served))
		}
		last := 0
		for i, path := range q.served {
			if strings.HasPrefix(path, "visitor") {
				last = i
			}
		}
		if last >= 20 {
			t.Errorf("a visitor was served after %d others", last)
		}
	})
}

// Within one network the fairness is the same: one household does not wait for another.
func TestTheLineIsFairWithinANetwork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue(t)
		q.ask("theirs/busy", 20)
		q.ask("theirs/calm", 1)
		q.release()
		synctest.Wait()
		if i := slices.Index(q.served, "theirs/calm"); i != 0 {
			t.Errorf("the one who asked once was served after %d others", i)
		}
	})
}
