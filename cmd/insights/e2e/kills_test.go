package e2e

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// What becomes of a digest whose daemon is killed in its middle, again and again.
// The whole of it, some minutes long, whose table stands in the README:
//
//	INSIGHTS_TEST_KILLS=200 INSIGHTS_TEST_READERS=2000 go test ./cmd/insights/e2e -run TestKilled -v -timeout 60m
//
// INSIGHTS_TEST_SEED repeats the moments of an earlier run.
func TestKilledDaemonsLoseNobodyAndListWhoMayHaveGotItTwice(t *testing.T) {
	slow(t)
	t.Parallel()
	kills, readers := scale(t, "INSIGHTS_TEST_KILLS", 4), scale(t, "INSIGHTS_TEST_READERS", 200)
	seed := uint64(scale(t, "INSIGHTS_TEST_SEED", int(time.Now().UnixNano()&0x7fffffff)))
	t.Logf("INSIGHTS_TEST_SEED=%d", seed)
	crowd := newSinkCrowd(t, readers)
	var table strings.Builder
	table.WriteString("| A daemon that is | uncertain emails are | digests | times | emails | lost | repeated | listed as uncertain |\n| --- | --- | --- | --- | --- | --- | --- | --- |\n")
	for i, c := range []killCase{
		{name: "killed (SIGKILL)", policy: "resend", signal: syscall.SIGKILL, kills: kills},
		{name: "killed (SIGKILL)", policy: "skip", signal: syscall.SIGKILL, kills: (kills + 1) / 2},
		{name: "killed (SIGKILL)", policy: "hold", signal: syscall.SIGKILL, kills: (kills + 1) / 2},
		{name: "killed (SIGKILL), 5 % greylisted", policy: "resend", signal: syscall.SIGKILL, kills: (kills + 3) / 4, grey: true},
		{name: "stopped (SIGTERM)", policy: "resend", signal: syscall.SIGTERM, kills: (kills + 1) / 2},
		{name: "left alone, 5 % greylisted", policy: "resend", kills: (kills + 7) / 8, grey: true},
	} {
		t.Run(strings.ReplaceAll(c.name+" "+c.policy, " ", "_"), func(t *testing.T) {
			c.random = rand.New(rand.NewPCG(seed, uint64(i)))
			began := time.Now()
			c.run(t, crowd)
			fmt.Fprintf(&table, "| %s | %s | %d | %d | %s | %d | %d | %d |\n", c.name, map[string]string{"resend": "sent again", "skip": "skipped", "hold": "held"}[c.policy],
				c.digests, c.killed, grouped(c.mails), c.lost, c.repeated, c.uncertain)
			t.Logf("%d digests, %d times in %v", c.digests, c.killed, time.Since(began).Round(time.Second))
		})
	}
	t.Logf("%d readers, %d connections:\n%s", readers, killConnections, table.String())
}

// killConnections is over how many connections the digests go.
const killConnections = 20

// killCase is one row of the table.
type killCase struct {
	name   string
	policy string
	signal syscall.Signal // 0 = none
	kills  int
	grey   bool
	random *rand.Rand

	digests, killed, mails    int
	lost, repeated, uncertain int
}

// perSite is how many digests go out from one database before the next is begun:
// each brings insights of its own, and many make the daemon's start slow.
const perSite = 12

func (c *killCase) run(t *testing.T, crowd *sinkCrowd) {
	var s *sinkSite
	for left := c.kills; left > 0 && !t.Failed(); c.digests++ {
		if c.digests%perSite == 0 {
			if s != nil {
				s.daemon.stop(t)
			}
			s = crowd.site(t, c.random, newSink(t, nil), map[string]string{"SMTP_CONNECTIONS": strconv.Itoa(killConnections), "DIGESTS_ON_UNCERTAIN": c.policy})
			s.start("serve")
		}
		times := 1
		if c.signal != 0 {
			times = min(1+c.random.IntN(4), left)
		}
		left -= times
		c.digest(t, s, times)
	}
	s.daemon.stop(t)
}

// killer ends a daemon when the sink has taken so many emails.
type killer struct {
	mu     sync.Mutex
	taken  int
	points []int    // ascending
	daemon *process // nil while there is none to end
	signal syscall.Signal
	delays []time.Duration // one to a point; 0 = before the mail is answered
	struck chan struct{}
}

func (k *killer) took() {
	k.mu.Lock()
	k.taken++
	// What the dying daemon had on its way is taken still, and kills no other.
	if len(k.points) == 0 || k.taken < k.points[0] || k.daemon == nil {
		k.mu.Unlock()
		return
	}
	delay, daemon := k.delays[0], k.daemon
	k.points, k.delays, k.daemon = k.points[1:], k.delays[1:], nil
	k.mu.Unlock()
	strike := func() {
		_ = daemon.cmd.Process.Signal(k.signal)
		k.struck <- struct{}{}
	}
	if delay == 0 {
		strike()
	} else {
		time.AfterFunc(delay, strike)
	}
}

func (k *killer) aim(d *process) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.daemon = d
}

// digest sends one digest to its end, through a number of kills.
func (c *killCase) digest(t *testing.T, s *sinkSite, times int) {
	t.Helper()
	k := &killer{signal: c.signal, struck: make(chan struct{}, times), daemon: s.daemon}
	for range times {
		if c.signal != 0 {
			k.points = append(k.points, 1+c.random.IntN(len(s.crowd)*4/5))
			k.delays = append(k.delays, time.Duration(max(0, c.random.IntN(4000)-2000))*time.Microsecond)
		}
	}
	slices.Sort(k.points)
	points := len(k.points)
	s.sink.misbehave(func(m moment) reply {
		switch m.verb {
		case "RCPT":
			if c.grey && isGrey(m.to) && s.sink.firstTime(m.to) {
				return reply{line: "451 4.7.1 greylisted, come back later"}
			}
		case "dot":
			k.took()
		}
		return reply{}
	}, sinkAll)
	id := s.next()
	for range points {
		select {
		case <-k.struck:
		case <-time.After(time.Minute):
			t.Fatalf("digest %s took no %d emails: %v", id, k.points, s.checkSums(id, len(s.crowd)))
		}
		select {
		case <-s.daemon.ended:
		case <-time.After(time.Minute):
			t.Fatalf("it did not end within a minute of %v", c.signal)
		}
		if c.signal == syscall.SIGTERM {
			if code := s.daemon.cmd.ProcessState.ExitCode(); code != 0 {
				t.Errorf("after SIGTERM it ended with %d\n%s", code, s.daemon.log.String())
			}
			s.checkSums(id, len(s.crowd))
		}
		s.start("serve")
		k.aim(s.daemon)
		c.killed++
	}
	s.awaitDone(id, 2*time.Minute)
	c.check(t, s, id, points)
}

// isGrey says whether a reader's server puts off mail the first time: one in twenty.
func isGrey(to string) bool {
	n, _ := strconv.Atoi(strings.TrimSuffix(strings.TrimPrefix(to, "reader-"), "@example.com"))
	return n%20 == 7
}

// check checks what the sink counted against what is listed.
func (c *killCase) check(t *testing.T, s *sinkSite, id string, times int) {
	t.Helper()
	s.checkSums(id, len(s.crowd))
	tally, uncertain := s.sink.tally(), s.known(id, "uncertain")
	lost, repeated := tally.missing(s.crowd), tally.repeated()
	if len(tally.differs) > 0 {
		t.Errorf("digest %s: %q got different emails", id, tally.differs)
	}
	if len(uncertain) > times*killConnections {
		t.Errorf("digest %s: %d uncertain after %d kills; want %d at most for each", id, len(uncertain), times, killConnections)
	}
	if hidden := without(repeated, uncertain); len(hidden) > 0 {
		t.Errorf("digest %s: %q got it again and are not listed as uncertain", id, hidden)
	}
	if c.policy == "resend" {
		if len(lost) > 0 {
			t.Errorf("digest %s: lost %q", id, lost)
		}
	} else {
		if hidden := without(lost, uncertain); len(hidden) > 0 {
			t.Errorf("digest %s: %q got nothing and are not listed as uncertain", id, hidden)
		}
		if len(repeated) > 0 {
			t.Errorf("digest %s: %q got it again, with %s", id, repeated, c.policy)
		}
	}
	if c.signal != syscall.SIGKILL && len(uncertain)+len(repeated)+len(lost) > 0 {
		t.Errorf("digest %s: uncertain %q, repeated %q, lost %q; want none: nobody was killed", id, uncertain, repeated, lost)
	}
	if c.policy == "hold" && len(uncertain) > 0 {
		s.insights("digest", "retry", id, "--uncertain", "--yes")
		until(t, time.Minute, "nobody is uncertain any more", func() bool {
			return s.awaitDone(id, time.Minute).Counts["uncertain"] == 0
		})
		counts := s.checkSums(id, len(s.crowd))
		after := s.sink.tally()
		if missing := after.missing(s.crowd); len(missing) > 0 || counts["sent"] != len(s.crowd) {
			t.Errorf("digest %s: after the retry %q got nothing, counts %v", id, missing, counts)
		}
		if hidden := without(after.repeated(), uncertain); len(hidden) > 0 || len(after.differs) > 0 {
			t.Errorf("digest %s: the retry mailed %q again, who were not uncertain; different emails %q", id, hidden, after.differs)
		}
		lost = after.missing(s.crowd)
	}
	c.mails += len(s.crowd)
	c.lost += len(without(lost, uncertain))
	if c.policy != "skip" {
		c.lost += len(lost) - len(without(lost, uncertain))
	}
	c.repeated += len(repeated)
	c.uncertain += len(uncertain)
}

// grouped writes 1,234,567.
func grouped(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
