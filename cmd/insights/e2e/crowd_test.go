package e2e

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	gosmtp "github.com/emersion/go-smtp"
)

// crowdReader is a reader of a crowd.
type crowdReader struct {
	email      string
	categories []string
}

// addCrowd adds readers who have three insights unread. INSIGHTS_TEST_READERS says how
// many; the program's own command would take a process for each.
func addCrowd(t testing.TB, s *site) []crowdReader {
	t.Helper()
	until(t, 20*time.Second, "the insights are numbered", func() bool {
		return strings.Contains(s.daemon.log.String(), "insights numbered")
	})
	return addReaders(t, "sqlite:"+s.dir+"/insights.db", scale(t, "INSIGHTS_TEST_READERS", 300), 3)
}

// checkCrowd checks that each reader has got a digest with exactly the newest
// three of their categories, and returns who got it more than once, with the same
// bytes each time.
func checkCrowd(t *testing.T, s *site, relay *mailServer, crowd []crowdReader, insights []insight) (repeated []string) {
	t.Helper()
	arrived := make(map[string][]arrival)
	for _, m := range relay.all() {
		arrived[m.To] = append(arrived[m.To], m)
	}
	if len(arrived) != len(crowd) {
		t.Errorf("%d readers got mail; want %d", len(arrived), len(crowd))
	}
	for _, reader := range crowd {
		mails := arrived[reader.email]
		if len(mails) == 0 {
			t.Errorf("%s got nothing", reader.email)
			continue
		}
		if len(mails) > 1 {
			repeated = append(repeated, reader.email)
		}
		for _, m := range mails[1:] {
			if !bytes.Equal(m.Raw, mails[0].Raw) {
				t.Errorf("%s got different emails", reader.email)
			}
		}
		l := readMessage(t, mails[0].Raw)
		want := newestSlugs(insights, 3, reader.categories...)
		if got := linkedSlugs(s.base, l.HTMLLinks); !slices.Equal(got, want) {
			t.Errorf("%s, who reads %q, got %q; want %q", reader.email, reader.categories, got, want)
		}
		if got := linkedSlugs(s.base, l.TextLinks); !slices.Equal(got, want) {
			t.Errorf("%s got %q in the text part; want %q", reader.email, got, want)
		}
	}
	return repeated
}

// uncertain lists the addresses whose emails have been uncertain.
func (s *site) uncertain(digest string) (addresses []string) {
	s.t.Helper()
	for _, d := range s.deliveries("--digest", digest, "--state", "uncertain") {
		addresses = append(addresses, d.Email)
	}
	return addresses
}

func TestEveryReaderGetsTheirOwnDigestOnceThroughABadMailServer(t *testing.T) {
	slow(t)
	t.Parallel()
	var mu sync.Mutex
	tried := make(map[string]bool)
	firstTime := func(what, to string) bool {
		mu.Lock()
		defer mu.Unlock()
		first := !tried[what+to]
		tried[what+to] = true
		return first
	}
	relay := newMailServer(t, func(r *mailServer, _ *gosmtp.Server) {
		r.onRecipient = func(to string) error {
			if strings.ContainsAny(to[len("reader-0000"):len("reader-00000")], "05") && firstTime("busy", to) {
				return &gosmtp.SMTPError{Code: 451, EnhancedCode: gosmtp.EnhancedCode{4, 7, 1}, Message: "come back later"}
			}
			if to == "reader-00151@example.com" && firstTime("recipient", to) {
				return errHangUp
			}
			return nil
		}
		r.onData = func(to string) error {
			if to == "reader-00051@example.com" && firstTime("middle", to) {
				return errHangUp
			}
			return nil
		}
		r.onMessage = func(m arrival) error {
			if m.To == "reader-00101@example.com" && firstTime("dot", m.To) {
				return errHangUp
			}
			return nil
		}
	})
	dir, insights := insightsFolder(t, 5)
	s := newServe(t, relay.addr, map[string]string{"CONTENT_DIR": dir})
	s.start("serve")
	crowd := addCrowd(t, s)
	id, planned := s.plan("--cadence", "weekly")
	if planned.Readers != len(crowd) {
		t.Fatalf("planned for %d readers; want %d", planned.Readers, len(crowd))
	}
	began := time.Now()
	s.insights("digest", "send", id, "--yes", "--wait")
	t.Logf("%d readers in %v", len(crowd), time.Since(began).Round(10*time.Millisecond))

	done := s.awaitDone(id, 5*time.Second)
	if done.Counts["sent"] != len(crowd) {
		t.Errorf("counts %v; want all %d sent", done.Counts, len(crowd))
	}
	repeated := checkCrowd(t, s, relay, crowd, insights)
	var want []string
	if len(crowd) > 101 {
		want = []string{"reader-00101@example.com"} // taken, but without an answer
	}
	if !slices.Equal(repeated, want) {
		t.Errorf("%q got it twice; want %q", repeated, want)
	}
	// A short message is on its way whole before a server that hangs up in its
	// middle is heard of: whether it was taken can't be known then, either.
	uncertain := slices.DeleteFunc(s.uncertain(id), func(email string) bool { return email == "reader-00051@example.com" })
	if !slices.Equal(uncertain, want) {
		t.Errorf("listed as uncertain: %q; want %q", uncertain, want)
	}
	var next digestJSON
	s.read(&next, "digest", "plan")
	if next.ID != nil {
		t.Errorf("after it %d readers have something unread; want none", next.Readers)
	}
}

// stalledServer lets a relay take emails, and from a given number on lets them wait for
// their answer until it is released.
type stalledServer struct {
	from     int
	mu       sync.Mutex
	taken    int
	waiting  int
	once     sync.Once
	released chan struct{}
}

// release lets every mail have its answer.
func (w *stalledServer) release() { w.once.Do(func() { close(w.released) }) }

func (w *stalledServer) onMessage(arrival) error {
	w.mu.Lock()
	w.taken++
	waits := w.taken > w.from
	if waits {
		w.waiting++
	}
	w.mu.Unlock()
	if waits {
		<-w.released
	}
	return nil
}

func (w *stalledServer) stuck() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.waiting
}

const stalledConnections = 3

// startStalled gets a digest for a crowd under way, until each connection waits
// for the answer to a message that the server has taken.
func startStalled(t *testing.T) (s *site, relay *mailServer, stall *stalledServer, crowd []crowdReader, insights []insight, id string) {
	t.Helper()
	stall = &stalledServer{from: scale(t, "INSIGHTS_TEST_READERS", 300) / 3, released: make(chan struct{})}
	relay = newMailServer(t, func(r *mailServer, _ *gosmtp.Server) { r.onMessage = stall.onMessage })
	t.Cleanup(stall.release)
	dir, insights := insightsFolder(t, 5)
	s = newServe(t, relay.addr, map[string]string{"CONTENT_DIR": dir, "SMTP_CONNECTIONS": fmt.Sprint(stalledConnections)})
	s.start("serve")
	crowd = addCrowd(t, s)
	id, _ = s.plan("--cadence", "weekly")
	s.insights("digest", "send", id, "--yes")
	until(t, time.Minute, "each connection waits for an answer", func() bool { return stall.stuck() == stalledConnections })
	return s, relay, stall, crowd, insights, id
}

func TestADaemonKilledInTheMiddleOfADigestLosesNobody(t *testing.T) {
	slow(t)
	t.Parallel()
	s, relay, stall, crowd, insights, id := startStalled(t)
	s.daemon.kill()
	stall.release()

	began := time.Now()
	s.start("serve")
	done := s.awaitDone(id, time.Minute)
	t.Logf("done %v after the restart", time.Since(began).Round(10*time.Millisecond))
	if done.Counts["sent"] != len(crowd) {
		t.Errorf("counts %v; want all %d sent", done.Counts, len(crowd))
	}
	repeated, uncertain := checkCrowd(t, s, relay, crowd, insights), s.uncertain(id)
	t.Logf("%d repeated, %d listed as uncertain", len(repeated), len(uncertain))
	if len(repeated) == 0 || len(repeated) > stalledConnections {
		t.Errorf("%q got it again; want at least one of the %d in flight, and nobody else", repeated, stalledConnections)
	}
	for _, email := range repeated {
		if !slices.Contains(uncertain, email) {
			t.Errorf("%s got it again and is not listed as uncertain: %q", email, uncertain)
		}
	}
	if len(uncertain) > stalledConnections {
		t.Errorf("uncertain: %q; want %d at most", uncertain, stalledConnections)
	}
}

func TestADaemonStoppedInTheMiddleOfADigestRepeatsNothing(t *testing.T) {
	slow(t)
	t.Parallel()
	s, relay, stall, crowd, insights, id := startStalled(t)
	s.daemon.terminate(t)
	until(t, 10*time.Second, "it has heard SIGTERM", func() bool { return strings.Contains(s.daemon.log.String(), "msg=stopping") })
	stall.release()
	began := time.Now()
	select {
	case <-s.daemon.ended:
	case <-time.After(30 * time.Second):
		t.Fatal("it did not end")
	}
	t.Logf("ended %v after the answers came", time.Since(began).Round(time.Millisecond))
	if code := s.daemon.cmd.ProcessState.ExitCode(); code != 0 {
		t.Errorf("it ended with %d; want 0", code)
	}
	var d digestJSON
	s.read(&d, "digest", "show", id)
	if d.State != "sending" || d.Counts["sent"] != len(relay.all()) || d.Counts["pending"] != len(crowd)-len(relay.all()) {
		t.Errorf("state %s, counts %v after %d emails; want the rest pending", d.State, d.Counts, len(relay.all()))
	}

	s.start("serve")
	s.awaitDone(id, time.Minute)
	if repeated := checkCrowd(t, s, relay, crowd, insights); len(repeated) != 0 {
		t.Errorf("%q got it again; want nobody", repeated)
	}
	if uncertain := s.uncertain(id); len(uncertain) != 0 {
		t.Errorf("uncertain: %q; want nobody", uncertain)
	}
}
