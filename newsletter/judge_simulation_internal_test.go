package newsletter

import (
	"cmp"
	"container/heap"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/scaledbydesign/insights/newsletter/bounce"
)

// What happens to readers on bad days is simulated: weekly digests to 2,000 readers and a
// stale import of 500, which are sent together and last, at 300 domains; what goes wrong on
// the day of a digest; and servers that refuse at once, or a relay that accepts everything
// and returns it later, in any order.

const day = 24 * time.Hour

// citizen is a simulated reader.
type citizen struct {
	id         int64
	domain     *provider
	imported   bool
	dead       bool
	diedBefore int // the digest that was the first to find it dead

	suppressed bool
	found      int           // the digest after which it was
	judgedAt   time.Duration // a refusal waits until then
	confirmed  bool          // by a click
	kept       []time.Duration
	doubts     []time.Duration
	refusals   int // of digests
}

type provider struct {
	name    string
	group   string // of one hoster
	words   string // for a dead address
	readers int
}

// fault is what goes wrong: within its time, it may refuse an email, in its words.
type fault struct {
	name     string
	from, to time.Duration
	refuses  func(w *country, c *citizen) (class bounce.Class, words string)
}

type letter struct {
	reader  *citizen
	sent    time.Duration
	digest  int
	refused bool
	known   time.Duration // when the refusal is known
	words   string
	proven  bool
}

// country is one simulated run.
type country struct {
	rand      *rand.Rand
	j         Judgement
	relay     bool // which accepts everything, and returns it later
	perMinute int
	resumes   time.Duration // how long staff take; < 0 = never
	count     bool          // they resume with --count-refusals
	citizens  []*citizen
	faults    []fault
	letters   []*letter
	events    eventHeap
	now       time.Duration
	digest    int
	pauses    int
	watch     pauseWatch
}

type event struct {
	at time.Duration
	do func()
}
type eventHeap []event

func (h eventHeap) Len() int           { return len(h) }
func (h eventHeap) Less(i, j int) bool { return h[i].at < h[j].at }
func (h eventHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *eventHeap) Push(x any)        { *h = append(*h, x.(event)) }
func (h *eventHeap) Pop() any {
	last := (*h)[len(*h)-1]
	*h = (*h)[:len(*h)-1]
	return last
}

func (w *country) at(at time.Duration, do func()) { heap.Push(&w.events, event{at, do}) }

// until plays what happens until a time.
func (w *country) until(end time.Duration) {
	for len(w.events) > 0 && w.events[0].at <= end {
		e := heap.Pop(&w.events).(event)
		w.now = e.at
		e.do()
	}
	w.now = end
}

// settle makes the readers.
func settle(seed uint64, confirmed, imported int) *country {
	w := &country{rand: rand.New(rand.NewPCG(seed, 1)), j: DefaultJudgement(), perMinute: 100, resumes: time.Hour}
	var all []*provider
	var weights []float64
	add := func(p *provider, weight float64) { all, weights = append(all, p), append(weights, weight) }
	add(&provider{name: "huge", words: "the email account that you tried to reach does not exist"}, 40)
	add(&provider{name: "big", words: "requested action not taken mailbox unavailable"}, 10)
	for i := range 30 {
		add(&provider{name: fmt.Sprint("hosted", i), group: "hoster", words: "no such user here"}, 7.5/30)
	}
	var tail float64
	for i := range 268 {
		tail += 1 / float64(i+3)
	}
	for i := range 268 {
		words := "recipient address rejected user unknown in local recipient table"
		if i%3 == 0 {
			words = "unrouteable address"
		}
		if i%7 == 0 {
			words = fmt.Sprintf("no mailbox here by that name %c%c", 'a'+i%26, 'a'+i/26)
		}
		add(&provider{name: fmt.Sprint("small", i), words: words}, 42.5/float64(i+3)/tail)
	}
	var sum float64
	for _, x := range weights {
		sum += x
	}
	for i := range confirmed + imported {
		x := w.rand.Float64() * sum
		k := 0
		for ; k < len(all)-1 && x > weights[k]; k++ {
			x -= weights[k]
		}
		c := &citizen{id: int64(i + 1), domain: all[k], imported: i >= confirmed, confirmed: i < confirmed}
		c.dead = c.imported && w.rand.Float64() < 0.3
		c.domain.readers++
		w.citizens = append(w.citizens, c)
	}
	return w
}

// week sends one digest, and plays the week after it.
func (w *country) week() {
	start := time.Duration(w.digest) * 7 * day
	w.until(start)
	w.digest++
	for _, c := range w.citizens {
		if !c.dead && w.rand.Float64() < 0.003 {
			c.dead, c.diedBefore, c.refusals = true, w.digest-1, 0
		}
	}
	var audience []*citizen
	for _, c := range w.citizens {
		if !c.suppressed && c.judgedAt <= w.now {
			audience = append(audience, c)
		}
	}
	w.watch.know(int64(w.digest), len(w.citizens))
	w.watch.begin(int64(w.digest))
	w.send(audience, w.digest, start+7*day, false)
	w.until(start + 7*day - 1)
}

// send sends the next email, and goes on a moment later.
func (w *country) send(left []*citizen, digest int, end time.Duration, counted bool) {
	gap := time.Minute / time.Duration(w.perMinute)
	if len(left) == 0 || w.now >= end {
		return
	}
	paused := w.deliver(left[0], digest, true) && !counted
	left = left[1:]
	if !paused {
		w.at(w.now+gap, func() { w.send(left, digest, end, counted) })
		return
	}
	w.pauses++
	w.watch.know(int64(digest), len(w.citizens))
	w.watch.begin(int64(digest))
	if w.resumes >= 0 {
		w.at(w.now+max(w.resumes, gap), func() { w.send(left, digest, end, w.count) })
	}
}

// deliver makes an attempt, and reports whether the digest pauses.
func (w *country) deliver(c *citizen, digest int, first bool) (paused bool) {
	class, words := bounce.None, ""
	if c.dead {
		class, words = bounce.Hard, c.domain.words
	}
	for _, f := range w.faults {
		if w.now >= f.from && w.now < f.to && class == bounce.None || class != bounce.None && f.from <= w.now && w.now < f.to {
			if k, said := f.refuses(w, c); k != bounce.None {
				class, words = k, said
			}
		}
	}
	l := &letter{reader: c, sent: w.now, digest: digest, words: words}
	if first {
		w.letters = append(w.letters, l)
	}
	if class == bounce.None || w.relay {
		w.watch.note(int64(digest), c.id, c.domain.name, &w.j)
	}
	switch {
	case class == bounce.None:
		c.kept = append(c.kept, w.now)
		return false
	case class == bounce.Blocked:
		if w.relay { // it is told of later
			return false
		}
		reason, _ := w.watch.refused(int64(digest), watched{reader: c.id, owner: c.domain.name, class: class, passedOn: true}, first, &w.j)
		return reason != ""
	}
	after := time.Duration(0)
	if w.relay {
		after = min(time.Duration(float64(10*time.Minute)*math.Exp(w.rand.NormFloat64()*1.5)), 36*time.Hour)
	}
	if after == 0 {
		return w.refuse(l, first)
	}
	w.at(w.now+after, func() { w.refuse(l, first) }) // by then the digest is sent: see M37 on what a pause sees
	return false
}

// refuse is when a hard refusal is known.
func (w *country) refuse(l *letter, first bool) (paused bool) {
	if !first {
		return false // its row was judged
	}
	c := l.reader
	c.refusals++
	l.refused, l.known = true, w.now
	l.proven = c.confirmed || slices.ContainsFunc(c.kept, func(at time.Duration) bool { return at <= l.sent-w.j.ProvenAfter && at >= l.sent-w.j.ProvenFor })
	reason, _ := w.watch.refused(int64(l.digest), watched{reader: c.id, owner: c.domain.name, class: bounce.Hard, proven: l.proven, passedOn: true}, !w.relay, &w.j)
	due := time.Unix(0, 0).Add(w.now)
	when := w.j.dueAfter(due).Sub(time.Unix(0, 0))
	c.judgedAt = max(c.judgedAt, when)
	w.at(when, func() { w.judge(l) })
	return reason != "" && !w.relay
}

// doubtsAround is what a Judge would see at this moment.
func (w *country) doubtsAround(l *letter) Doubts {
	from, to := l.sent-w.j.Wait, l.sent+w.j.Wait
	lo, _ := slices.BinarySearchFunc(w.letters, from, func(l *letter, at time.Duration) int { return cmp.Compare(l.sent, at) })
	var attempts []Attempt
	for _, other := range w.letters[lo:] {
		if other.sent > to {
			break
		}
		a := Attempt{Reader: other.reader.id, Domain: other.reader.domain.name, Refused: other.refused && other.known <= w.now}
		if a.Refused {
			a.Words, a.Proven = other.words, other.proven
		}
		attempts = append(attempts, a)
	}
	return w.j.Doubts(attempts)
}

func (w *country) judge(l *letter) {
	c := l.reader
	if slices.ContainsFunc(c.kept, func(at time.Duration) bool { return at > l.known }) {
		return // superseded
	}
	doubt := w.doubtsAround(l).Of(Attempt{Reader: c.id, Domain: c.domain.name, Words: l.words})
	if doubt != "" {
		kept := time.Duration(-1)
		if len(c.kept) > 0 {
			kept = slices.Max(c.kept)
		}
		c.doubts = append(slices.DeleteFunc(c.doubts, func(at time.Duration) bool { return at <= kept }), l.sent)
		var times []time.Time
		for _, at := range c.doubts {
			times = append(times, time.Unix(0, 0).Add(at))
		}
		if !w.j.DoubtsEnough(times) {
			if !w.relay {
				w.deliver(c, l.digest, false)
			}
			return
		}
	}
	c.suppressed, c.found = true, l.digest
}

// result is what came of a run.
type result struct {
	wrong     int // living readers suppressed, at providers with ten readers or more
	late      int // dead ones that three digests did not find
	found     [3]float64
	pauses    int
	wrongTiny int
}

func (w *country) result() (r result) {
	groups := make(map[string]int)
	for _, c := range w.citizens {
		if c.domain.group != "" {
			groups[c.domain.group]++
		}
	}
	dead := 0
	for _, c := range w.citizens {
		switch {
		case c.suppressed && !c.dead:
			if max(c.domain.readers, groups[c.domain.group]) >= 10 {
				r.wrong++
			} else {
				r.wrongTiny++
			}
		case c.dead && c.diedBefore+3 <= w.digest: // three digests have gone out since
			dead++
			// Only digests count that asked its server. One that staff left for days comes too
			// soon before the next: doubts that are not five days apart count once.
			most := 3
			if time.Duration(w.pauses)*w.resumes > 2*day {
				most = 4
			}
			if c.refusals > most || c.refusals == most && !c.suppressed {
				r.late++
			}
			took := 99
			if c.suppressed {
				took = c.found - c.diedBefore
			}

			for i := range r.found {
				if took <= i+1 {
					r.found[i]++
				}
			}
		}
	}
	for i := range r.found {
		r.found[i] = 100 * r.found[i] / float64(max(dead, 1))
	}
	r.pauses = w.pauses
	return r
}

// everybody refuses everybody in its words.
func everybody(class bounce.Class, words func(w *country) string) func(*country, *citizen) (bounce.Class, string) {
	return func(w *country, c *citizen) (bounce.Class, string) { return class, words(w) }
}

func always(words string) func(*country) string { return func(*country) string { return words } }

// varying is words that differ with every refusal, or with some.
func varying(share float64) func(*country) string {
	return func(w *country) string {
		if w.rand.Float64() < share {
			return fmt.Sprintf("ticket %c%c%c%c", 'a'+w.rand.IntN(26), 'a'+w.rand.IntN(26), 'a'+w.rand.IntN(26), 'a'+w.rand.IntN(26))
		}
		return "no such mailbox"
	}
}

// at refuses at the domains that match.
func atDomains(match func(p *provider) bool, share float64, class bounce.Class, words func(w *country) string) func(*country, *citizen) (bounce.Class, string) {
	return func(w *country, c *citizen) (bounce.Class, string) {
		if match(c.domain) && w.rand.Float64() < share {
			return class, words(w)
		}
		return bounce.None, ""
	}
}

// oneOf is one broken relay of some.
func oneOf(n int) func(*country, *citizen) (bounce.Class, string) {
	return func(w *country, c *citizen) (bounce.Class, string) {
		if w.rand.IntN(n) == 0 {
			return bounce.Hard, "host or domain name not name service error for"
		}
		return bounce.None, ""
	}
}

// badDay draws what goes wrong, around the digest that is sent at a time.
func badDay(r *rand.Rand, digest time.Duration) (name string, all []fault) {
	huge := func(p *provider) bool { return p.name == "huge" }
	big := func(p *provider) bool { return p.name == "big" }
	hoster := func(p *provider) bool { return p.group == "hoster" }
	provider := []func(p *provider) bool{huge, big, hoster}[r.IntN(3)]
	lasts := []time.Duration{10 * time.Minute, 6 * time.Hour, 3 * day}[r.IntN(3)]
	begins := digest + time.Duration(r.Int64N(int64(30*time.Minute))) - 15*time.Minute
	words := []func(*country) string{always("no such mailbox"), varying(0.5), varying(1)}[r.IntN(3)]
	one := func(name string, refuses func(*country, *citizen) (bounce.Class, string)) (string, []fault) {
		return fmt.Sprint(name, " for ", lasts), []fault{{name, begins, begins + lasts, refuses}}
	}
	switch r.IntN(9) {
	case 0:
		return "an ordinary week", nil
	case 1:
		return one("account closed", everybody(bounce.Blocked, always("your account is closed")))
	case 2:
		return one("relay without dns", everybody(bounce.Hard, always("host or domain name not name service error for")))
	case 3:
		return one("one of some relays broken", oneOf([]int{2, 4, 10}[r.IntN(3)]))
	case 4:
		return one("gateway", everybody(bounce.Hard, words))
	case 5:
		return one("provider", atDomains(provider, 1, bounce.Hard, words))
	case 6:
		return one("one of two servers of a provider", atDomains(provider, 0.5, bounce.Hard, words))
	case 7:
		lasts = 8 * day
		return one("provider over two digests", atDomains(provider, 1, bounce.Hard, words))
	}
	lasts = 7 * day
	return one("provider blocks us", atDomains(provider, 1, bounce.Blocked, words))
}

// days is how many bad days are drawn.
func days(t *testing.T) int {
	if s := os.Getenv("INSIGHTS_TEST_DAYS"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	if testing.Short() {
		return 3
	}
	return 6
}

func TestNoBadDaySuppressesAReader(t *testing.T) {
	for seed := range days(t) {
		for _, relay := range []bool{false, true} {
			t.Run(fmt.Sprintf("%d relay %t", seed, relay), func(t *testing.T) {
				t.Parallel()
				w := settle(uint64(seed), 2000, 500)
				w.relay = relay
				w.resumes = []time.Duration{0, 10 * time.Minute, 3 * time.Hour, 3 * day, -1}[w.rand.IntN(5)]
				w.count = w.rand.IntN(5) == 0
				if w.rand.IntN(6) == 0 {
					w.perMinute = 10
				}
				bad := w.rand.IntN(2)
				name, faults := badDay(w.rand, time.Duration(bad)*7*day)
				w.faults = faults
				for range 6 {
					w.week()
				}
				w.until(w.now + 3*day)
				r := w.result()
				t.Logf("%s at digest %d (staff after %v, %d a minute): wrong %d, at tiny providers %d, dead found after 1/2/3 digests %.0f %.0f %.0f %%, pauses %d",
					name, bad+1, w.resumes, w.perMinute, r.wrong, r.wrongTiny, r.found[0], r.found[1], r.found[2], r.pauses)
				if r.wrong > 0 {
					t.Errorf("%d living readers are suppressed", r.wrong)
				}
				if r.late > 0 {
					t.Errorf("%d dead addresses were not found within three digests", r.late)
				}
			})
		}
	}
}

func TestAYearOfOrdinaryWeeksPausesNothing(t *testing.T) {
	weeks := 52
	if testing.Short() {
		weeks = 12
	}
	for _, relay := range []bool{false, true} {
		for _, imported := range []int{0, 500} {
			t.Run(fmt.Sprintf("relay %t import %d", relay, imported), func(t *testing.T) {
				t.Parallel()
				w := settle(7, 2000, imported)
				w.relay = relay
				for range weeks {
					w.week()
				}
				w.until(w.now + 3*day)
				r := w.result()
				t.Logf("%+v", r)
				if r.wrong > 0 || r.wrongTiny > 0 || r.late > 0 || r.pauses > 0 {
					t.Error("an ordinary year does harm")
				}
			})
		}
	}
}
