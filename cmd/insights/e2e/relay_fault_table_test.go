package e2e

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// fault is one way in which a mail server goes wrong, and what is to become of a
// digest to faultReaders of whom one, the victim, meets it.
type fault struct {
	name string
	hook func(s *sink) func(moment) reply
	// want is the end of the victim's mail: sent, failed. Everybody else's is sent.
	want      string
	attempts  int    // of the victim's mail at the end; 0 = any number
	reason    string // that a failed one has
	uncertain bool   // the victim is listed as uncertain
	maybe     bool   // or may be: the message is short, and was on its way whole
	repeated  bool   // and has got it twice
	lacks     string // an extension that the server does not offer
}

const (
	faultReaders = 12
	victim       = "reader-00005@example.com"
)

// once misbehaves the first time that the victim's mail is at a verb. MAIL and what
// comes before name no reader: the first mail of all is meant then.
func once(verb string, r reply) func(s *sink) func(moment) reply {
	return func(s *sink) func(moment) reply {
		return func(m moment) reply {
			if m.verb == verb && (m.to == victim || m.to == "") && s.firstTime(verb) {
				return r
			}
			return reply{}
		}
	}
}

// always misbehaves at the victim each time.
func always(verb string, r reply) func(s *sink) func(moment) reply {
	return func(*sink) func(moment) reply {
		return func(m moment) reply {
			if m.verb == verb && m.to == victim {
				return r
			}
			return reply{}
		}
	}
}

var faults = []fault{
	{name: "none", want: "sent", attempts: 1},
	{name: "451 to MAIL", hook: once("MAIL", reply{line: "451 4.3.0 later"}), want: "sent"},
	{name: "451 to RCPT", hook: once("RCPT", reply{line: "451 4.7.1 greylisted"}), want: "sent", attempts: 2},
	{name: "451 to DATA", hook: once("DATA", reply{line: "451 4.3.0 later"}), want: "sent", attempts: 2},
	{name: "451 to the dot", hook: once("dot", reply{line: "451 4.3.0 later"}), want: "sent", attempts: 2},
	{name: "452 with 4.2.2 to RCPT", hook: once("RCPT", reply{line: "452 4.2.2 mailbox full"}), want: "sent", attempts: 2},
	{name: "454 to the dot", hook: once("dot", reply{line: "454 4.7.0 too fast"}), want: "sent", attempts: 2},
	{name: "550 to RCPT", hook: always("RCPT", reply{line: "550 5.1.1 no such user"}), want: "failed", attempts: 1, reason: "550"},
	{name: "554 to DATA", hook: always("DATA", reply{line: "554 5.7.1 no"}), want: "failed", attempts: 1, reason: "554"},
	{name: "552 to the dot", hook: always("dot", reply{line: "552 5.3.4 too big"}), want: "failed", attempts: 1, reason: "552"},
	{name: "550 to MAIL", hook: once("MAIL", reply{line: "550 5.7.1 sender not allowed"}), want: "sent"},
	{name: "421 to MAIL", hook: once("MAIL", reply{line: "421 4.3.2 shutting down"}), want: "sent"},
	{name: "421 to RCPT", hook: once("RCPT", reply{line: "421 4.3.2 shutting down"}), want: "sent"},
	{name: "421 to DATA", hook: once("DATA", reply{line: "421 4.3.2 shutting down"}), want: "sent"},
	{name: "421 to the dot", hook: once("dot", reply{line: "421 4.3.2 shutting down"}), want: "sent"},
	{name: "hangs up at MAIL", hook: once("MAIL", reply{hangUp: true}), want: "sent"},
	{name: "hangs up at RCPT", hook: once("RCPT", reply{hangUp: true}), want: "sent"},
	{name: "hangs up at DATA", hook: once("DATA", reply{hangUp: true}), want: "sent"},
	{name: "hangs up in the message", hook: once("middle", reply{hangUp: true}), want: "sent", maybe: true},
	{name: "hangs up after the dot, with the mail", hook: once("dot", reply{hangUp: true, counted: true}), want: "sent", attempts: 2, uncertain: true, repeated: true},
	{name: "hangs up after the dot, without the mail", hook: once("dot", reply{hangUp: true}), want: "sent", attempts: 2, uncertain: true},
	{name: "slow at RCPT", hook: once("RCPT", reply{after: 400 * time.Millisecond}), want: "sent", attempts: 1},
	{name: "slow after the dot", hook: once("dot", reply{after: 400 * time.Millisecond}), want: "sent", attempts: 1},
	{name: "answers in nonsense", hook: once("RCPT", reply{line: "what did you say"}), want: "sent"},
	{name: "no 8BITMIME", want: "sent", attempts: 1, lacks: "8BITMIME"},
	{name: "no SMTPUTF8", want: "sent", attempts: 1, lacks: "SMTPUTF8"},
	{name: "no DSN", want: "sent", attempts: 1, lacks: "DSN"},
}

// noRefusal is what status says when no refusal is to be judged.
var noRefusal = regexp.MustCompile(`"refusals": \{\s+"waiting": 0`)

// faultsPerSite is how many faults one installation meets, one after the other: each
// digest brings insights of its own, and many make the daemon slow.
const faultsPerSite = 7

func TestEveryFaultOfAMailServerEndsAsItShould(t *testing.T) {
	slow(t)
	t.Parallel()
	crowd := newSinkCrowd(t, faultReaders)
	for _, pipelining := range []bool{true, false} {
		offered := slices.Clone(sinkAll)
		if !pipelining {
			offered = slices.DeleteFunc(offered, func(e string) bool { return e == "PIPELINING" })
		}
		for some := range slices.Chunk(faults, faultsPerSite) {
			t.Run(fmt.Sprintf("PIPELINING=%v", pipelining), func(t *testing.T) {
				t.Parallel()
				s := crowd.site(t, nil, newSink(t, nil), map[string]string{"SMTP_CONNECTIONS": "3", "BOUNCES_JUDGEMENT_WAIT": "1s"})
				s.start("serve")
				for _, f := range some {
					ok := t.Run(f.name, func(t *testing.T) {
						s.t = t
						f.run(t, s, offered)
					})
					s.t = t
					if !ok {
						break // the next would begin in disorder
					}
				}
			})
		}
	}
}

func (f fault) run(t *testing.T, s *sinkSite, offered []string) {
	var hook func(moment) reply
	if f.hook != nil {
		hook = f.hook(s.sink)
	}
	if f.lacks != "" {
		offered = slices.DeleteFunc(slices.Clone(offered), func(e string) bool { return e == f.lacks })
		s.sink.hangUp() // what was offered is asked for at the start of a connection
	}
	s.sink.misbehave(hook, offered)
	until(t, 20*time.Second, "nothing is to be judged", func() bool {
		return noRefusal.MatchString(s.insights("status", "--json"))
	})
	s.run("suppress", "remove", victim) // whom a fault before this one may have cost their subscription
	id := s.next()
	s.awaitDone(id, 2*time.Minute)
	want := map[string]int{"sent": faultReaders - 1}
	want[f.want]++
	if counts := s.checkSums(id, faultReaders); !maps.Equal(counts, want) {
		t.Errorf("counts %v; want %v: %+v", counts, want, s.deliveries("--digest", id))
	}
	tally, uncertain := s.sink.tally(), s.known(id, "uncertain")
	var unmailed, twice, listed []string
	if f.want == "failed" {
		unmailed = []string{victim}
	}
	if f.repeated {
		twice = []string{victim}
	}
	if f.uncertain || f.maybe && len(uncertain) > 0 {
		listed = []string{victim}
	}
	if missing := tally.missing(s.crowd); !slices.Equal(missing, unmailed) {
		t.Errorf("%q got nothing; want %q", missing, unmailed)
	}
	if repeated := tally.repeated(); !slices.Equal(repeated, twice) || len(tally.differs) > 0 {
		t.Errorf("%q got it twice, %q in different words; want %q", repeated, tally.differs, twice)
	}
	if !slices.Equal(uncertain, listed) {
		t.Errorf("listed as uncertain: %q; want %q", uncertain, listed)
	}
	for _, d := range s.deliveries("--digest", id) {
		if d.Email != victim {
			continue
		}
		if f.attempts > 0 && d.Attempts != f.attempts || !strings.Contains(d.Reason, f.reason) {
			t.Errorf("%d attempts, reason %q; want %d, %q", d.Attempts, d.Reason, f.attempts, f.reason)
		}
	}
}

// A server that is shut down in the middle of a digest and comes back a moment
// later has lost nothing; only what was on its way can be uncertain.
func TestARelayThatRestartsInTheMiddleOfADigestLosesNobody(t *testing.T) {
	slow(t)
	t.Parallel()
	const readers, connections = 200, 5
	crowd := newSinkCrowd(t, readers)
	to := newSink(t, nil)
	s := crowd.site(t, rand.New(rand.NewPCG(1, 2)), to, map[string]string{"SMTP_CONNECTIONS": fmt.Sprint(connections)})
	s.start("serve")
	struck := make(chan struct{}, readers)
	to.misbehave(func(m moment) reply {
		if m.verb == "dot" && to.taken() >= 60 && to.firstTime("restart") {
			struck <- struct{}{}
		}
		return reply{}
	}, sinkAll)
	id := s.next()
	<-struck
	to.stop()
	s.checkCounts(id) // the list, a moment later, may have moved on
	to.listen(t)
	s.awaitDone(id, time.Minute)
	if counts := s.checkSums(id, readers); counts["sent"] != readers {
		t.Errorf("counts %v; want all %d sent", counts, readers)
	}
	tally, uncertain := to.tally(), s.known(id, "uncertain")
	t.Logf("%d repeated, %d uncertain", len(tally.repeated()), len(uncertain))
	if missing := tally.missing(s.crowd); len(missing) > 0 {
		t.Errorf("lost %q", missing)
	}
	if hidden := without(tally.repeated(), uncertain); len(hidden) > 0 || len(tally.differs) > 0 || len(uncertain) > connections {
		t.Errorf("repeated and not listed: %q, different %q, uncertain %q", hidden, tally.differs, uncertain)
	}
}
