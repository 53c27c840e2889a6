package e2e

import (
	"net"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	gosmtp "github.com/emersion/go-smtp"
)

// A reload waits for no mail server: what listens goes on listening, other emails go out,
// and the one whose answer is still to come is not given up.
func TestAReloadWaitsForNoMailServer(t *testing.T) {
	slow(t)
	t.Parallel()
	answer := make(chan struct{})
	release := sync.OnceFunc(func() { close(answer) })
	relay := newMailServer(t, func(r *mailServer, _ *gosmtp.Server) {
		r.onMessage = func(m arrival) error {
			if m.To == "slow@example.com" {
				<-answer
			}
			return nil
		}
	})
	defer release()
	bounces, metrics := freeAddress(t), freeAddress(t)
	s := newServe(t, relay.addr, map[string]string{"BOUNCES_LISTEN": bounces, "METRICS_LISTEN": metrics, "SHUTDOWN_GRACE": "1s", "SMTP_CONNECTIONS": "1"})
	s.start("serve")
	s.insights("subscriber", "add", "slow@example.com", "--confirmed", "--basis", "test")
	first, _ := s.plan()
	s.insights("digest", "send", first, "--yes")
	relay.await(t, "slow@example.com", 1)

	listening := func(what string) {
		t.Helper()
		for _, address := range []string{bounces, metrics, s.addr} {
			conn, err := net.Dial("tcp", address)
			if err != nil {
				t.Errorf("%s: %v", what, err)
				continue
			}
			conn.Close()
		}
	}
	for n := range 2 {
		if err := s.daemon.cmd.Process.Signal(syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
		until(t, time.Minute, "the daemon is reloaded", func() bool {
			listening("during the reload")
			return strings.Count(s.daemon.log.String(), "msg=reloaded") == n+1
		})
		listening("after the reload")
	}
	s.insights("subscriber", "add", "quick@example.com", "--confirmed", "--basis", "test")
	second, _ := s.plan()
	s.insights("digest", "send", second, "--yes")
	relay.await(t, "quick@example.com", 1)
	release()
	s.awaitDone(first, time.Minute)
	s.awaitDone(second, time.Minute)
	s.daemon.stop(t)
	if n := len(relay.all()); n != 2 || strings.Contains(s.daemon.log.String(), "unreachable") {
		t.Errorf("%d emails arrived, want 2; log:\n%s", n, s.daemon.log.String())
	}
}
