package newsletter

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Judgement holds the numbers by which a hard refusal is judged, and by which a digest
// pauses. A refusal says that an address is dead, unless so many were refused around it
// that it more likely says something about the provider, the relay, or the sender.
type Judgement struct {
	Wait time.Duration // before a refusal is judged; what was sent within it, before or after, counts

	// A refusal is in doubt when anywhere within that time so many emails were refused:
	Domain  Run // at its domain
	Words   Run // in its words, at the domains that used these words
	Proven  Run // of readers who are proven to have received emails, whatever the domain
	Anybody Run // whatever the domain

	Digests int           // in doubt in as many, the address is suppressed after all
	Apart   time.Duration // each as long after the last one counted

	ProvenFor   time.Duration // how long before an email a confirmation or an accepted email proves its reader
	ProvenAfter time.Duration // and how long before it the accepted one was at least

	// A digest pauses when among its last emails so many were refused:
	PauseProven  Run // of proven readers, as hard
	PauseAnybody Run // of anybody, as hard
	PauseDomains int // over as many domains
	PauseBlocked Run // for the sender's sake: more than that
}

// DefaultJudgement is the numbers that were found by simulation: no other choice that was
// tried kept every living reader and still found every dead address.
func DefaultJudgement() Judgement {
	const day = 24 * time.Hour
	return Judgement{
		Wait:   day,
		Domain: Run{10, 12}, Words: Run{10, 12}, Proven: Run{10, 200}, Anybody: Run{30, 50},
		Digests: 3, Apart: 5 * day, ProvenFor: 180 * day, ProvenAfter: 5 * day,
		PauseProven: Run{20, 50}, PauseAnybody: Run{40, 50}, PauseDomains: 5, PauseBlocked: Run{10, 200},
	}
}

// Run is a number of emails among some in a row.
type Run struct{ Refused, Of int }

// String is the form of the configuration: "10 of 12".
func (r Run) String() string { return strconv.Itoa(r.Refused) + " of " + strconv.Itoa(r.Of) }

// ParseRun reads what String writes.
func ParseRun(s string) (r Run, err error) {
	refused, of, ok := strings.Cut(s, " of ")
	if ok {
		r.Refused, err = strconv.Atoi(strings.TrimSpace(refused))
	}
	if ok && err == nil {
		r.Of, err = strconv.Atoi(strings.TrimSpace(of))
	}
	if !ok || err != nil || r.Refused < 1 || r.Of < r.Refused || r.Of > 10000 {
		return Run{}, fmt.Errorf("%q must look like 10 of 12: a number of emails among some in a row", s)
	}
	return r, nil
}

// Attempt is the first attempt at an email.
type Attempt struct {
	Reader  int64
	Domain  string
	Refused bool   // as hard, in the session or later
	Words   string // of a refused one: see RefusalWords
	Proven  bool   // of a refused one: its reader is proven
}

// Doubts says which refusals among some attempts are in doubt.
type Doubts struct {
	all            Reason
	domains, words map[string]Reason
}

// Of returns why the refusal of an attempt is in doubt, "" if it is not.
func (d Doubts) Of(a Attempt) Reason {
	switch {
	case d.all != "":
		return d.all
	case d.domains[a.Domain] != "":
		return d.domains[a.Domain]
	}
	return d.words[a.Words]
}

// Doubts looks for runs of refusals among first attempts, which are in the order of
// sending, of all digests together. A reader counts once.
func (j *Judgement) Doubts(attempts []Attempt) Doubts {
	attempts = oncePerReader(attempts)
	d := Doubts{domains: make(map[string]Reason), words: make(map[string]Reason)}
	proven, anybody := runOf(j.Proven), runOf(j.Anybody)
	domains := make(map[string]*run)
	words := j.wordRuns(attempts)
	for _, a := range attempts {
		if anybody.note(a.Refused) {
			d.all = Reason(fmt.Sprintf("%d of %d emails in a row were refused", anybody.hits(), anybody.span()))
		}
		if proven.note(a.Refused && a.Proven) {
			d.all = Reason(fmt.Sprintf("%d readers who used to receive emails were refused among %d in a row", proven.hits(), proven.span()))
		}
		at := domains[a.Domain]
		if at == nil {
			at = runOf(j.Domain)
			domains[a.Domain] = at
		}
		if at.note(a.Refused) {
			d.domains[a.Domain] = Reason(fmt.Sprintf("%d of %d emails in a row to %s were refused", at.hits(), at.span(), a.Domain))
		}
		for _, w := range words[a.Domain] {
			if w.note(a.Refused && a.Words == w.words) {
				d.words[w.words] = Reason(fmt.Sprintf("%d of %d emails in a row were refused in the same words", w.hits(), w.span()))
			}
		}
	}
	return d
}

// wordRuns returns, for each domain, the runs of the words that were used there. Words that
// were not used often enough are left out.
func (j *Judgement) wordRuns(attempts []Attempt) map[string][]*wordRun {
	used := make(map[string]int)
	for _, a := range attempts {
		if a.Refused {
			used[a.Words]++
		}
	}
	runs := make(map[string]*wordRun)
	at := make(map[string][]*wordRun)
	type use struct{ domain, words string }
	seen := make(map[use]bool)
	for _, a := range attempts {
		if !a.Refused || used[a.Words] < j.Words.Refused || seen[use{a.Domain, a.Words}] {
			continue
		}
		seen[use{a.Domain, a.Words}] = true
		if runs[a.Words] == nil {
			runs[a.Words] = &wordRun{words: a.Words, run: *runOf(j.Words)}
		}
		at[a.Domain] = append(at[a.Domain], runs[a.Words])
	}
	return at
}

// oncePerReader keeps one attempt of each reader: the first that was refused, else the
// first.
func oncePerReader(attempts []Attempt) []Attempt {
	kept := make([]Attempt, 0, len(attempts))
	refused := make(map[int64]bool) // whether the one that is kept was
	for _, a := range attempts {
		if a.Refused {
			refused[a.Reader] = true
		}
	}
	done := make(map[int64]bool, len(attempts))
	for _, a := range attempts {
		if done[a.Reader] || refused[a.Reader] && !a.Refused {
			continue
		}
		done[a.Reader] = true
		kept = append(kept, a)
	}
	return kept
}

// run watches whether enough of some attempts in a row were refused.
type run struct {
	Run
	seen int
	last []int // the numbers of the last refused ones, at most Run.Refused
}

type wordRun struct {
	run
	words string
}

func runOf(r Run) *run { return &run{Run: r} }

// note counts one attempt, and reports whether that completes a run.
func (r *run) note(refused bool) bool {
	r.seen++
	if !refused {
		return false
	}
	if len(r.last) == r.Refused {
		copy(r.last, r.last[1:])
		r.last = r.last[:len(r.last)-1]
	}
	r.last = append(r.last, r.seen)
	return len(r.last) == r.Refused && r.span() <= r.Of
}

func (r *run) hits() int { return len(r.last) }
func (r *run) span() int { return r.seen - r.last[0] + 1 }

// StillInDoubt reports whether a refusal of an email that was sent at a time is in doubt
// because an earlier one was, and nothing has arrived since: it may be the end of the same
// trouble, when the reader gets an email that hardly anybody else at their provider gets.
// sent is as in DoubtsEnough, without it.
func (j *Judgement) StillInDoubt(sent []time.Time, at time.Time) bool {
	return len(sent) > 0 && at.Sub(sent[len(sent)-1]) < j.Apart
}

// DoubtsEnough reports whether a refusal in doubt suppresses after all, by when the emails
// in doubt were sent since an email to this reader was last accepted and kept, oldest
// first, this one included.
func (j *Judgement) DoubtsEnough(sent []time.Time) bool {
	counted := 0
	var last time.Time
	for _, at := range sent {
		if counted == 0 || at.Sub(last) >= j.Apart {
			counted, last = counted+1, at
		}
	}
	return counted >= j.Digests
}

var quotedWords = regexp.MustCompile(`"[^"]*"|“[^”]*”|«[^»]*»|‘[^’]*’|(?:^|\s)'[^']*'`)

// RefusalWords is what two refusals in the same words have in common: lower case, without
// status codes, quotations, and whatever names a host, an address or a number.
func RefusalWords(text string) string {
	var kept []string
	for _, word := range strings.Fields(strings.ToLower(quotedWords.ReplaceAllString(text, " "))) {
		if !strings.ContainsAny(word, "0123456789@./:=<>") {
			kept = append(kept, word)
		}
	}
	return strings.Join(kept, " ")
}
