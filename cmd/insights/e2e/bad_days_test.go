package e2e

import (
	"crypto/tls"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// A server that lets no mail in at all costs no attempt, and nobody their digest:
// the reason is listed, and once it is mended the emails go out.
func TestAServerThatLetsNobodyInIsWaitedFor(t *testing.T) {
	slow(t)
	t.Parallel()
	crowd := newSinkCrowd(t, faultReaders)
	stranger := httptest.NewTLSServer(nil)
	certificates := stranger.TLS.Certificates
	stranger.Close()
	for name, c := range map[string]struct {
		change func(*sink)
		hook   func(moment) reply
		broken map[string]string // settings
		reason string
		mended map[string]string
	}{
		"refused connection": {broken: map[string]string{"SMTP_PORT": "1"}, reason: "can't connect"},
		"certificate of nobody": {
			change: func(s *sink) { s.tls = &tls.Config{Certificates: certificates} }, broken: map[string]string{"SMTP_TLS": "starttls"},
			reason: "can't be trusted", mended: map[string]string{"SMTP_TLS": "none"},
		},
		"no STARTTLS":    {broken: map[string]string{"SMTP_TLS": "starttls"}, reason: "offers no STARTTLS", mended: map[string]string{"SMTP_TLS": "none"}},
		"wrong password": {change: func(s *sink) { s.user, s.pass = "news", "right" }, broken: map[string]string{"SMTP_USER": "news", "SMTP_PASSWORD": "wrong"}, reason: "wrong user or password", mended: map[string]string{"SMTP_PASSWORD": "right"}},
		"554 at once":    {hook: func(m moment) reply { return onVerb(m, "connect", reply{line: "554 5.3.2 no"}) }, reason: "554"},
		"hangs up":       {hook: func(m moment) reply { return onVerb(m, "EHLO", reply{hangUp: true}) }, reason: "ended the connection"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			to := newSink(t, c.change)
			to.misbehave(c.hook, sinkAll)
			s := crowd.site(t, nil, to, c.broken)
			s.start("serve")
			id := s.next()
			until(t, 20*time.Second, "the reason is listed", func() bool {
				for _, d := range s.deliveries("--digest", id) {
					if strings.Contains(d.Reason, c.reason) {
						return true
					}
				}
				return false
			})
			if counts := s.checkSums(id, faultReaders); counts["failed"]+counts["sent"]+counts["uncertain"] != 0 {
				t.Errorf("counts %v; want all waiting", counts)
			}
			for _, d := range s.deliveries("--digest", id) {
				if d.Attempts != 0 {
					t.Errorf("%s: %d attempts; want none: no mail was begun", d.Email, d.Attempts)
				}
			}
			s.daemon.stop(t)
			_, port, _ := strings.Cut(to.addr, ":")
			s.set(map[string]string{"SMTP_PORT": port})
			s.set(c.mended)
			to.misbehave(nil, sinkAll)
			s.start("serve")
			s.awaitDone(id, 90*time.Second)
			s.checkAllOnce(id)
		})
	}
}

func onVerb(m moment, verb string, r reply) reply {
	if m.verb == verb {
		return r
	}
	return reply{}
}

// checkAllOnce checks that a digest has reached everybody once, and that nobody is
// in doubt of it.
func (s *sinkSite) checkAllOnce(id string) {
	s.t.Helper()
	counts, tally := s.checkSums(id, len(s.crowd)), s.sink.tally()
	if counts["sent"] != len(s.crowd) || len(tally.missing(s.crowd)) > 0 || len(tally.repeated()) > 0 || len(s.known(id, "uncertain")) > 0 {
		s.t.Errorf("counts %v, lost %q, repeated %q, uncertain %q; want each once", counts, tally.missing(s.crowd), tally.repeated(), s.known(id, "uncertain"))
	}
}

// atMail calls do once, when the sink has taken n emails; the others wait meanwhile.
func atMail(to *sink, n int, do func()) func(moment) reply {
	var once sync.Once
	return func(m moment) reply {
		if m.verb == "dot" && to.taken() >= n {
			once.Do(do)
		}
		return reply{}
	}
}

// A disk that is full for a while in the middle of a digest keeps outcomes from
// being recorded: no mail is begun then, and at most those on their way are
// uncertain.
func TestADiskThatIsFullInTheMiddleOfADigestLosesNobody(t *testing.T) {
	slow(t)
	t.Parallel()
	if os.Getuid() != 0 {
		if os.Getenv("CI") == "true" {
			t.Fatal("only root can mount the small disk of this test, and CI=true wants every test")
		}
		t.Skip("only root can mount the small disk of this test")
	}
	const readers, connections = 400, 5
	crowd := newSinkCrowd(t, readers)
	for name, long := range map[string]bool{"for two seconds": false, "for longer than outcomes are kept in memory": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			to := newSink(t, nil)
			s := crowd.site(t, nil, to, map[string]string{"SMTP_CONNECTIONS": fmt.Sprint(connections)})
			disk := filepath.Join(s.dir, "disk")
			if err := os.Mkdir(disk, 0o700); err != nil {
				t.Fatal(err)
			}
			if err := syscall.Mount("tmpfs", disk, "tmpfs", 0, "size=16m"); err != nil {
				t.Fatalf("mount a small disk: %v", err)
			}
			t.Cleanup(func() {
				s.daemon.kill()
				_ = syscall.Unmount(disk, syscall.MNT_DETACH)
			})
			copyFile(t, filepath.Join(s.dir, "insights.db"), filepath.Join(disk, "insights.db"))
			s.set(map[string]string{"DATABASE_URL": "sqlite:" + filepath.Join(disk, "insights.db")})
			s.start("serve")
			filler, full := filepath.Join(disk, "filler"), make(chan struct{})
			to.misbehave(atMail(to, 100, func() {
				fill(t, filler)
				close(full)
			}), sinkAll)
			id := s.next()
			<-full
			if long {
				until(t, time.Minute, "the outbox has failed", func() bool { return strings.Contains(s.daemon.log.String(), "outbox failed") })
			} else {
				last, since := to.taken(), time.Now()
				until(t, 30*time.Second, "nothing is sent any more", func() bool {
					if n := to.taken(); n != last {
						last, since = n, time.Now()
					}
					return time.Since(since) > 2*time.Second
				})
			}
			taken := to.taken()
			if taken == readers {
				t.Fatal("the disk was never full: everything was sent")
			}
			if err := os.Remove(filler); err != nil {
				t.Fatal(err)
			}
			s.awaitDone(id, 2*time.Minute)
			counts, tally, uncertain := s.checkSums(id, readers), to.tally(), s.known(id, "uncertain")
			t.Logf("%d emails before the disk was full; %d repeated, %d uncertain", taken, len(tally.repeated()), len(uncertain))
			if counts["sent"] != readers || len(tally.missing(s.crowd)) > 0 {
				t.Errorf("counts %v, lost %q", counts, tally.missing(s.crowd))
			}
			if hidden := without(tally.repeated(), uncertain); len(hidden) > 0 || len(tally.differs) > 0 || len(uncertain) > connections {
				t.Errorf("repeated and not listed: %q, different %q, uncertain %q", hidden, tally.differs, uncertain)
			}
			if !long && len(uncertain) > 0 {
				t.Errorf("uncertain after a moment: %q", uncertain)
			}
		})
	}
}

// fill writes until the disk is full.
func fill(t *testing.T, file string) {
	f, err := os.Create(file)
	if err != nil {
		t.Error(err)
		return
	}
	defer f.Close()
	for size := 1 << 16; size > 0; {
		if _, err := f.Write(make([]byte, size)); errors.Is(err, syscall.ENOSPC) {
			size /= 2
		} else if err != nil {
			t.Error(err)
			return
		}
	}
}

func TestASecondDaemonOnTheFileIsRefusedInTheMiddleOfADigest(t *testing.T) {
	slow(t)
	t.Parallel()
	crowd := newSinkCrowd(t, 60)
	to := newSink(t, nil)
	s := crowd.site(t, rand.New(rand.NewPCG(1, 1)), to, map[string]string{"SMTP_CONNECTIONS": "3"})
	s.start("serve")
	reached, on := make(chan struct{}), make(chan struct{})
	to.misbehave(atMail(to, 20, func() {
		close(reached)
		<-on
	}), sinkAll)
	id := s.next()
	<-reached
	second := *s.site
	second.env = append(append([]string(nil), s.env...), "INSIGHTS_LISTEN="+freeAddress(t))
	if _, stderr, code := second.run("serve"); code != 5 || !strings.Contains(stderr, "another process is sending from this database") {
		t.Errorf("a second daemon: exit %d, %q; want 5 and why", code, stderr)
	}
	close(on)
	s.insights("digest", "send", id, "--yes", "--wait")
	s.checkAllOnce(id)
}

// A copy of the database that was made before a digest and put back after it knows
// nothing of the emails: nobody is mailed again until staff say so.
func TestAnOlderDatabasePutBackMailsNobodyByItself(t *testing.T) {
	slow(t)
	t.Parallel()
	crowd := newSinkCrowd(t, faultReaders)
	to := newSink(t, nil)
	to.misbehave(nil, sinkAll)
	s := crowd.site(t, nil, to, nil)
	s.start("serve")
	first := s.next()
	s.awaitDone(first, 30*time.Second)
	s.daemon.stop(t)

	id := s.next() // approved, with nobody there to send it
	file := filepath.Join(s.dir, "insights.db")
	older := filepath.Join(t.TempDir(), "older.db")
	copyFile(t, file, older)
	to.misbehave(nil, sinkAll)
	s.start("serve")
	s.awaitDone(id, 30*time.Second)
	s.checkAllOnce(id)
	s.daemon.stop(t)

	for _, end := range []string{"-wal", "-shm"} {
		_ = os.Remove(file + end) // as they should be gone
	}
	copyFile(t, older, file)
	s.start("serve")
	var status struct {
		Held    string         `json:"held"`
		Outbox  map[string]int `json:"outbox"`
		Running bool           `json:"running"`
	}
	until(t, 20*time.Second, "sending is held", func() bool {
		s.read(&status, "status")
		return status.Held != ""
	})
	if !strings.Contains(status.Held, "older") || !status.Running {
		t.Errorf("held %q, running %v; want why, and that it runs", status.Held, status.Running)
	}
	// A test mail shows that its daemon sees what is new, and still sends nothing.
	s.insights("digest", "test", "staff@example.com", "--yes")
	s.daemon.stop(t)
	s.start("serve")
	if counts := s.checkSums(id, faultReaders); counts["pending"] != faultReaders || to.taken() != faultReaders {
		t.Errorf("counts %v, %d emails; want all pending, and the emails of before alone", counts, to.taken())
	}
	to.misbehave(nil, sinkAll)
	s.insights("digest", "release", "--yes")
	s.awaitDone(id, 30*time.Second)
	if s.read(&status, "status"); status.Held != "" {
		t.Errorf("still held after the release: %q", status.Held)
	}
	if counts, missing := s.checkSums(id, faultReaders), to.tally().missing(s.crowd); counts["sent"] != faultReaders || len(missing) > 0 {
		t.Errorf("after the release: counts %v, %q got nothing", counts, missing)
	}
}
