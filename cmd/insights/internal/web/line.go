package web

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"runtime"
	"slices"
	"sync"

	"github.com/scaledbydesign/insights/subscribers"
)

// line bounds the work that requests cause: so much at once. Others wait in line, of each
// client and in all so many, and their turn comes in fair order: of the network that has
// the fewest in the line first, as sign-ups that wait. When it is full, the newest of the
// network that has the most gives way to one that has fewer; who finds no place is told to
// come back. Who has gone leaves the line, and nothing is done for them. Use newLine.
type line struct {
	most, mostOfOne int

	mu      sync.Mutex
	free    int       // places at which nobody works
	waiting []*waiter // as they came
	inLine  int
	of      map[string]int // of inLine, by network
}

// waiter is a request that waits for its turn, or has it.
type waiter struct {
	by    subscribers.Asker // by whose network it is counted
	turn  chan struct{}     // closed when it has its turn, or has to give way
	fault error             // of one that gives way
}

// shared is a place in line of several requests that want the same: one of them waits, with
// the rank of the one that comes first of all. Else who waits long on purpose would keep
// others from it. It is guarded by its line.
type shared struct {
	waits  *waiter             // nil: none does
	others []subscribers.Asker // who want it, too
}

// mostShared bounds whose rank is looked at.
const mostShared = 64

// How many requests are worked for or wait. A client that is a proxy for many (a school's,
// or one that is not declared) asks for a few dozen different documents at a time at most.
const (
	mostInLine      = 256
	mostInLineOfOne = 32
)

// errLineFull says that too many wait, in all or of one client.
var errLineFull = errors.New("too many requests wait for what is made on demand")

// newLine returns a line in which so many are worked for at once.
func newLine(places int) *line {
	return &line{free: places, most: mostInLine, mostOfOne: mostInLineOfOne, of: map[string]int{}}
}

// lines are those of a site. What costs much, and strangers can ask for without end, has a
// line of its own, so that it never keeps people from pages, and leaves processors for
// sending.
type lines struct {
	pages     *line // of the library, with assets and images: made once for each snapshot
	documents *line // archives, feeds of several categories, and pages that show feeds
	digests   *line // documents read from the database
}

func newLines() lines {
	all := runtime.GOMAXPROCS(0)
	return lines{newLine(all), newLine(max(1, all/2)), newLine(max(1, all/2))}
}

// enter waits for a place, for a client that may be unknown, and for others who want the
// same. The place is to be given back by calling leave.
func (l *line) enter(ctx context.Context, by subscribers.Asker, others *shared) (leave func(), err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	w, err := l.join(by, others)
	if err != nil {
		return nil, err
	}
	select {
	case <-w.turn:
	case <-ctx.Done():
		if l.abandon(w, others) {
			return nil, ctx.Err()
		}
	}
	if w.fault != nil {
		return nil, w.fault
	}
	return func() { l.part(w) }, nil
}

// join takes a free place, or waits for one.
func (l *line) join(by subscribers.Asker, others *shared) (*waiter, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if by.Wide != "" && l.of[by.Wide] >= l.mostOfOne || l.inLine >= l.most && !l.makeRoom(by) {
		return nil, errLineFull
	}
	l.count(by, 1)
	w := &waiter{by: by, turn: make(chan struct{})}
	if l.free > 0 {
		l.free--
		close(w.turn)
		return w, nil
	}
	l.waiting = append(l.waiting, w)
	others.waits = w
	for _, other := range others.others {
		l.lend(w, other)
	}
	return w, nil
}

// share lends the rank of a client to who waits for the same.
func (l *line) share(s *shared, by subscribers.Asker) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(s.others) < mostShared && !slices.Contains(s.others, by) {
		s.others = append(s.others, by)
	}
	if s.waits != nil {
		l.lend(s.waits, by)
	}
}

// lend counts one that waits by the network of another, if that comes before.
func (l *line) lend(w *waiter, by subscribers.Asker) {
	if slices.Contains(l.waiting, w) && l.compare(by, w.by) < 0 {
		l.count(w.by, -1)
		w.by = by
		l.count(w.by, 1)
	}
}

// count counts one more in line, or one fewer.
func (l *line) count(by subscribers.Asker, more int) {
	l.inLine += more
	for _, name := range networksOf(by) {
		if l.of[name] += more; l.of[name] == 0 {
			delete(l.of, name)
		}
	}
}

// networksOf names the networks of a client that are counted, each once. All that are
// unknown count as one.
func networksOf(by subscribers.Asker) []string {
	if by.Wide == by.Around {
		return []string{by.Wide}
	}
	return []string{by.Wide, by.Around}
}

// makeRoom has the newest of the network with the most give way to one that has fewer.
func (l *line) makeRoom(by subscribers.Asker) bool {
	if len(l.waiting) == 0 {
		return false
	}
	last := 0
	for i, w := range l.waiting {
		if l.compare(w.by, l.waiting[last].by) >= 0 {
			last = i
		}
	}
	if l.of[by.Around]+1 >= l.of[l.waiting[last].by.Around] {
		return false
	}
	w := l.remove(last)
	w.fault = errLineFull
	l.count(w.by, -1)
	close(w.turn)
	return true
}

// compare says which of two comes first, by how many their networks have in line.
func (l *line) compare(a, b subscribers.Asker) int {
	return cmp.Or(cmp.Compare(l.of[a.Around], l.of[b.Around]), cmp.Compare(l.of[a.Wide], l.of[b.Wide]))
}

func (l *line) remove(i int) *waiter {
	w := l.waiting[i]
	l.waiting = slices.Delete(l.waiting, i, i+1)
	return w
}

// part gives a place back, and it to the next.
func (l *line) part(w *waiter) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.count(w.by, -1)
	if len(l.waiting) == 0 {
		l.free++
		return
	}
	first := 0
	for i, w := range l.waiting {
		if l.compare(w.by, l.waiting[first].by) < 0 {
			first = i
		}
	}
	close(l.remove(first).turn)
}

// abandon leaves the line. It is false for who has had a turn, or had to give way,
// meanwhile.
func (l *line) abandon(w *waiter, others *shared) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	i := slices.Index(l.waiting, w)
	if i < 0 {
		return false
	}
	l.remove(i)
	l.count(w.by, -1)
	others.waits = nil
	return true
}

// place is where a request waits: a line, or none.
type place struct {
	line *line
	by   func() subscribers.Asker // is asked if it must wait or work
}

func (p place) enter(ctx context.Context, others *shared) (leave func(), err error) {
	if p.line == nil {
		return func() {}, nil
	}
	return p.line.enter(ctx, p.by(), others)
}

func (p place) share(s *shared) {
	if p.line != nil {
		p.line.share(s, p.by())
	}
}

func (s *site) place(l *line, r *http.Request) place {
	return place{l, func() subscribers.Asker { return s.networks(r) }}
}
