package newsletter

import (
	"fmt"
	"strings"
	"sync"

	"github.com/scaledbydesign/insights/newsletter/bounce"
)

// pauseWatch tracks the most recent first attempts of each digest that is being sent: when
// the relay or mailbox providers refuse many of them, sending the rest makes it worse.
type pauseWatch struct {
	mu      sync.Mutex
	digests map[int64]*pauseWindow
}

// pauseWindow is a digest's most recent first attempts.
type pauseWindow struct {
	last    []watched // a ring
	next    int
	readers int // of the digest; 0 = not known
}

// watched is a first attempt, or a refusal of an earlier one.
type watched struct {
	reader int64
	domain string
	class  bounce.Class
	proven bool
}

const maxWatched = 100 // digests

// begin starts to count a digest of so many readers anew.
func (w *pauseWatch) begin(digest int64, readers int, j *Judgement) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.digests, digest)
	w.window(digest, j).readers = readers
}

// note counts a first attempt of a digest that was not refused, or not yet.
func (w *pauseWatch) note(digest, reader int64, domain string, j *Judgement) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.window(digest, j).add(watched{reader: reader, domain: domain})
}

// refused counts that an email of a digest was refused. It returns why that is too much,
// "" if it is not, and whether it is for the sake of hard refusals.
func (w *pauseWatch) refused(digest int64, a watched, first bool, j *Judgement) (reason Reason, hard bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	d := w.window(digest, j)
	if !d.mark(a) {
		// One that was sent long before, and is refused only now, tells how the relay does.
		if !first && a.class != bounce.Blocked {
			return "", false
		}
		d.add(a)
	}
	if reason, hard = d.tooMany(j); reason != "" {
		delete(w.digests, digest) // after a resume, counting starts over
	}
	return reason, hard
}

func (w *pauseWatch) window(digest int64, j *Judgement) *pauseWindow {
	d := w.digests[digest]
	if d == nil {
		if w.digests == nil || len(w.digests) >= maxWatched {
			w.digests = make(map[int64]*pauseWindow)
		}
		d = &pauseWindow{last: make([]watched, 0, max(j.PauseProven.Of, j.PauseAnybody.Of, j.PauseBlocked.Of))}
		w.digests[digest] = d
	}
	return d
}

func (d *pauseWindow) add(a watched) {
	if len(d.last) < cap(d.last) {
		d.last = append(d.last, a)
		return
	}
	d.last[d.next] = a
	d.next = (d.next + 1) % len(d.last)
}

// mark notes that an attempt which is among the last was refused.
func (d *pauseWindow) mark(a watched) bool {
	for i := range d.last {
		if d.last[i].reader == a.reader {
			d.last[i] = a
			return true
		}
	}
	return false
}

// mostOfOwner is how many blocked emails at one owner's domains count in full, however long
// the digest is.
const mostOfOwner = 50

// blocked is how many blocked emails count. What one owner's mail servers say of a small
// part of a digest counts half at most of what pauses it: whoever has a domain can sign up a
// dozen addresses there, and have them say that our sending is blocked.
func (d *pauseWindow) blocked(at map[string]int, j *Judgement) (n int) {
	enough := min(max(d.readers/10, j.PauseBlocked.Refused+1), mostOfOwner)
	for _, some := range at {
		if some < enough {
			some = min(some, j.PauseBlocked.Refused/2)
		}
		n += some
	}
	return n
}

// owner is whose a domain probably is: its last two labels. Below co.uk and the like it is
// everybody's, who then counts as one.
func owner(domain string) string {
	if last := strings.LastIndexByte(domain, '.'); last > 0 {
		return domain[strings.LastIndexByte(domain[:last], '.')+1:]
	}
	return domain
}

// tooMany looks at the attempts, newest first.
func (d *pauseWindow) tooMany(j *Judgement) (reason Reason, hard bool) {
	proven, anybody := 0, 0
	blockedAt := make(map[string]int)
	domains := make(map[string]bool)
	for i := range len(d.last) {
		a := d.last[(d.next+len(d.last)-1-i)%len(d.last)]
		if a.class == bounce.Hard {
			if i < j.PauseProven.Of && a.proven {
				proven++
			}
			if i < j.PauseAnybody.Of {
				anybody++
			}
			if i < max(j.PauseProven.Of, j.PauseAnybody.Of) {
				domains[a.domain] = true
			}
		}
		if a.class == bounce.Blocked && i < j.PauseBlocked.Of {
			blockedAt[owner(a.domain)]++
		}
	}
	blocked := d.blocked(blockedAt, j)
	switch {
	case blocked > j.PauseBlocked.Refused:
		return Reason(fmt.Sprintf("%.0f%% of recent messages were blocked", 100*float64(blocked)/float64(min(len(d.last), j.PauseBlocked.Of)))), false
	case len(domains) < j.PauseDomains:
	case proven >= j.PauseProven.Refused:
		return Reason(fmt.Sprintf("%d readers who used to receive emails were refused among the last %d", proven, min(len(d.last), j.PauseProven.Of))), true
	case anybody >= j.PauseAnybody.Refused:
		return Reason(fmt.Sprintf("%d of the last %d messages were refused", anybody, min(len(d.last), j.PauseAnybody.Of))), true
	}
	return "", false
}
