package newsletter

import (
	"fmt"
	"strings"
	"sync"

	"github.com/scaledbydesign/insights/newsletter/bounce"
)

// pauseWatch tracks the most recent first attempts of each digest that is being sent: when
// the relay or mailbox providers refuse many of them, sending the rest makes it worse.
//
// What our relay says of the session or of a message is believed. What it says of recipients,
// it may pass on from their mail servers, and what comes back later, anybody can say who has
// an address among the readers: then more refusals are needed the more readers there are, and
// what few mail servers say counts little.
type pauseWatch struct {
	mu      sync.Mutex
	digests map[int64]*pauseWindow
	touched int // how often this process has sent of any
}

// pauseWindow is a digest's most recent first attempts.
type pauseWindow struct {
	last    []watched // a ring, once it is full
	next    int
	readers int // of the digest; 0 = not known
	touched int // when this process sent of it last
}

// watched is a first attempt, or a refusal of an earlier one.
type watched struct {
	reader   int64
	owner    string // whose mail server it is
	class    bounce.Class
	proven   bool
	passedOn bool // by others than our relay, perhaps
}

const maxWatched = 100 // digests

// begin starts to count a digest anew.
func (w *pauseWatch) begin(digest int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	d := w.window(digest)
	d.last, d.next = nil, 0
}

// know says how many readers a digest has.
func (w *pauseWatch) know(digest int64, readers int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.window(digest).readers = readers
}

// note counts a first attempt of a digest that was not refused, or not yet.
func (w *pauseWatch) note(digest, reader int64, owner string, j *Judgement) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.window(digest).add(watched{reader: reader, owner: owner}, j)
}

// refused counts that an email of a digest was refused. It returns why that is too much,
// "" if it is not, and whether it is for the sake of hard refusals.
func (w *pauseWatch) refused(digest int64, a watched, first bool, j *Judgement) (reason Reason, hard bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	d := w.digests[digest]
	switch {
	case d == nil && a.passedOn: // it is not being sent: anybody with an old email can write about it
		return "", false
	case d == nil:
		d = w.window(digest)
	}
	if !d.mark(a) {
		// One that was sent long before, and is refused only now, tells how the relay does.
		if !first && a.class != bounce.Blocked {
			return "", false
		}
		d.add(a, j)
	}
	if reason, hard = d.tooMany(j); reason != "" {
		d.last, d.next = nil, 0 // after a resume, counting starts over
	}
	return reason, hard
}

// window returns that of a digest that is being sent. When there are too many, it forgets
// the one that has been idle for longest.
func (w *pauseWatch) window(digest int64) *pauseWindow {
	if w.digests == nil {
		w.digests = make(map[int64]*pauseWindow)
	}
	d := w.digests[digest]
	if d == nil {
		d = new(pauseWindow)
		w.digests[digest] = d
	}
	w.touched++
	d.touched = w.touched
	if len(w.digests) > maxWatched {
		idle := digest
		for id, d := range w.digests {
			if d.touched < w.digests[idle].touched {
				idle = id
			}
		}
		delete(w.digests, idle)
	}
	return d
}

func (d *pauseWindow) add(a watched, j *Judgement) {
	if len(d.last) < d.scaled(max(j.PauseProven.Of, j.PauseAnybody.Of, j.PauseBlocked.Of)) {
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

// scaled is how many refusals, or attempts, are needed in place of n when others may have said
// so: with many readers up to fifty times as many, so that it takes one reader in twenty, or
// some hundreds.
func (d *pauseWindow) scaled(n int) int {
	return n * min(max(d.readers/200, 1), 50)
}

// ownerOf is whose the mail server of an address or a domain probably is: the last two labels,
// or three below such as co.uk.
func ownerOf(address string) string {
	labels := strings.Split(domainOf(address), ".")
	keep := 2
	if n := len(labels); n > 2 && len(labels[n-1]) == 2 && sharedLabels[labels[n-2]] {
		keep = 3
	}
	return strings.Join(labels[max(len(labels)-keep, 0):], ".")
}

// sharedLabels are those below which countries give out names. The public suffix list knows
// all of them, and brings in HTTP.
var sharedLabels = func() map[string]bool {
	all := make(map[string]bool)
	for label := range strings.FieldsSeq("ac asn asso biz co com ed edu firm gen go gob gob gouv gov govt id ind inf info k12 lg ltd me mil mod name ne net nhs nom or org plc pro sch web") {
		all[label] = true
	}
	return all
}()

// tally is what was refused among the last attempts.
type tally struct {
	proven, anybody int
	owners          map[string]bool // of those
	blocked         map[string]int  // by owner
	attempts        int
}

// count looks at the last attempts, n times as many as the judgement says: at those that
// our relay refused by itself, or at all.
func (d *pauseWindow) count(j *Judgement, n int, passedOn bool) tally {
	t := tally{owners: make(map[string]bool), blocked: make(map[string]int), attempts: min(len(d.last), n*j.PauseBlocked.Of)}
	for i := range min(len(d.last), n*max(j.PauseProven.Of, j.PauseAnybody.Of, j.PauseBlocked.Of)) {
		a := &d.last[(d.next+len(d.last)-1-i)%len(d.last)] // newest first
		switch {
		case a.passedOn && !passedOn:
		case a.class == bounce.Hard:
			if i < n*j.PauseProven.Of && a.proven {
				t.proven++
			}
			if i < n*j.PauseAnybody.Of {
				t.anybody++
			}
			if i < n*max(j.PauseProven.Of, j.PauseAnybody.Of) {
				t.owners[a.owner] = true
			}
		case a.class == bounce.Blocked && i < n*j.PauseBlocked.Of:
			t.blocked[a.owner]++
		}
	}
	return t
}

// blockedOf is how many blocked emails count, where more than needed are too many. What is
// blocked at one owner's mail servers counts in full if it is a tenth of the digest, or far
// more than is needed; else no more than some of it: the owner of a domain can sign up a
// dozen addresses there, and have them say that our sending is blocked.
func (d *pauseWindow) blockedOf(t tally, needed, some int) (n int) {
	whole := needed + 1
	if d.readers > 0 {
		whole = min(max(d.readers/10, 1), 5*needed)
	}
	for _, at := range t.blocked {
		if at < whole {
			at = min(at, some)
		}
		n += at
	}
	return n
}

// tooMany looks at what the relay said, and then at all that was refused.
func (d *pauseWindow) tooMany(j *Judgement) (reason Reason, hard bool) {
	if reason, hard = d.judge(j, 1, false); reason == "" {
		reason, hard = d.judge(j, d.scaled(1), true)
	}
	return reason, hard
}

func (d *pauseWindow) judge(j *Judgement, n int, passedOn bool) (reason Reason, hard bool) {
	t := d.count(j, n, passedOn)
	needed := n * j.PauseBlocked.Refused
	some := needed / 2
	if passedOn {
		some = max(1, needed/5)
	}
	blocked := d.blockedOf(t, needed, some)
	switch {
	case blocked > needed:
		return Reason(fmt.Sprintf("%.0f%% of recent messages were blocked", 100*float64(blocked)/float64(t.attempts))), false
	case len(t.owners) < j.PauseDomains:
	case t.proven >= n*j.PauseProven.Refused:
		return Reason(fmt.Sprintf("%d readers who used to receive emails were refused among the last %d", t.proven, min(len(d.last), n*j.PauseProven.Of))), true
	case t.anybody >= n*j.PauseAnybody.Refused:
		return Reason(fmt.Sprintf("%d of the last %d messages were refused", t.anybody, min(len(d.last), n*j.PauseAnybody.Of))), true
	}
	return "", false
}
