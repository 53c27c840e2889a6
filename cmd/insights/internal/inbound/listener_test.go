package inbound

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// calls are connections as they come in.
type calls struct {
	in   chan net.Conn
	done chan struct{}
}

func newCalls() calls { return calls{make(chan net.Conn), make(chan struct{})} }

func (c calls) Accept() (net.Conn, error) {
	select {
	case conn := <-c.in:
		return conn, nil
	case <-c.done:
		return nil, errors.New("closed")
	}
}
func (c calls) Close() error { close(c.done); return nil }
func (calls) Addr() net.Addr { return &net.TCPAddr{} }

// call is the near end of a connection from an address.
type call struct {
	net.Conn
	from string
}

func (c call) RemoteAddr() net.Addr {
	addr, err := net.ResolveTCPAddr("tcp", c.from)
	if err != nil {
		panic(err)
	}
	return addr
}

// dialog is the far end: a mail server's.
type dialog struct {
	t *testing.T
	net.Conn
	lines *bufio.Scanner
}

func (c calls) dial(t *testing.T, from string) *dialog {
	near, far := net.Pipe()
	c.in <- call{near, from}
	t.Cleanup(func() { far.Close() })
	return &dialog{t, far, bufio.NewScanner(far)}
}

// says sends a line unless it is empty, and wants a reply that begins in some way.
func (d *dialog) says(line, want string) {
	d.t.Helper()
	if line != "" {
		if _, err := io.WriteString(d, line+"\r\n"); err != nil {
			d.t.Fatalf("%s: %v", line, err)
		}
	}
	for d.lines.Scan() {
		if got := d.lines.Text(); len(got) < 4 || got[3] != '-' {
			if !strings.HasPrefix(got, want) {
				d.t.Fatalf("%q is answered %q, want %q", line, got, want)
			}
			return
		}
	}
	d.t.Fatalf("%q is not answered, want %q", line, want)
}

// addresses goes as far as an accepted recipient.
func (d *dialog) addresses() {
	d.t.Helper()
	d.says("EHLO there", "250")
	d.says("MAIL FROM:<>", "250")
	d.says("RCPT TO:<bounce+a@b.example>", "250")
}

// ended reports whether the session was ended for now: with a word if there was time to
// take it, and with none that a server would take for good.
func (d *dialog) ended() bool {
	d.SetReadDeadline(time.Now().Add(time.Millisecond))
	defer d.SetReadDeadline(time.Time{})
	said, err := io.ReadAll(d)
	return err == nil && (len(said) == 0 || strings.Contains(string(said), "421 ")) && !strings.HasPrefix(string(said), "5")
}

// sink takes messages for addresses that begin with bounce+.
type sink struct{}

func (sink) Takes(address string) bool { return strings.HasPrefix(address, "bounce+") }
func (sink) HandleMessage(_ context.Context, _ []string, message io.Reader) (string, error) {
	_, err := io.Copy(io.Discard, message)
	return "taken", err
}

// serving runs a server in a bubble of virtual time.
func serving(t *testing.T, test func(*testing.T, calls)) {
	synctest.Test(t, func(t *testing.T) {
		in := newCalls()
		s := newServer(in, false, "bounces.example.com", sink{}, slog.New(slog.DiscardHandler))
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- s.Run(ctx) }()
		test(t, in)
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if open := s.listener.open; len(open) > 0 {
			t.Errorf("%d sessions are still counted", len(open))
		}
	})
}

// TestEachNetworkHasAShare tries the shares of one network and those of the wider ones.
func TestEachNetworkHasAShare(t *testing.T) {
	for name, test := range map[string]struct {
		from  func(i int) string
		share int // 0: all
	}{
		"an IPv4 address": {func(int) string { return "203.0.113.7:1" }, 20},
		"a /24":           {func(i int) string { return fmt.Sprintf("203.0.113.%d:1", i) }, 30},
		"a /64":           {func(i int) string { return fmt.Sprintf("[2001:db8::%x]:1", i+1) }, 20},
		"a /56":           {func(i int) string { return fmt.Sprintf("[2001:db8:0:%x::1]:1", i) }, 25},
		"a /48":           {func(i int) string { return fmt.Sprintf("[2001:db8:0:%x00::1]:1", i) }, 30},
		"many /48s":       {func(i int) string { return fmt.Sprintf("[2001:db8:%x::1]:1", i) }, 50},
		"this machine":    {func(int) string { return "127.0.0.1:1" }, 50},
	} {
		t.Run(name, func(t *testing.T) {
			serving(t, func(t *testing.T, in calls) {
				for i := range 51 {
					want := "220"
					if i >= test.share {
						want = "421 4.3.2"
					}
					in.dial(t, test.from(i)).says("", want)
				}
			})
		})
	}
}

// TestIdleSessionsKeepNoServerOut takes all sessions from the /64s of two /48s, as anybody
// can, and from as many /48s, and says nothing, or enough not to be thought idle.
func TestIdleSessionsKeepNoServerOut(t *testing.T) {
	for name, test := range map[string]struct {
		from    func(i int) string
		after   time.Duration // the newcomer comes so much later
		address int           // so many of them know an address that is taken
	}{
		"two /48s":                   {from: func(i int) string { return fmt.Sprintf("[2001:db8:%x:%x00::1]:1", i%2, i) }},
		"two /24s":                   {from: func(i int) string { return fmt.Sprintf("203.0.%d.%d:1", i%2, i) }},
		"two /48s with an address":   {from: func(i int) string { return fmt.Sprintf("[2001:db8:%x:%x00::1]:1", i%2, i) }, address: 50},
		"some with an address":       {from: func(i int) string { return fmt.Sprintf("[2001:db8:%x:%x00::1]:1", i%2, i) }, address: 7},
		"50 /48s, each with one":     {from: func(i int) string { return fmt.Sprintf("[2001:db8:%x::1]:1", i) }, after: 10 * time.Second},
		"50 IPv4 networks, each one": {from: func(i int) string { return fmt.Sprintf("203.0.%d.1:1", i) }, after: 10 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			serving(t, func(t *testing.T, in calls) {
				var idlers []*dialog
				for i := range 50 {
					d := in.dial(t, test.from(i))
					d.says("", "220")
					if i < test.address {
						d.addresses()
					}
					idlers = append(idlers, d)
				}
				time.Sleep(test.after)
				honest := in.dial(t, "198.51.100.9:1")
				honest.says("", "220")
				synctest.Wait()
				least := test.address % 50
				if !idlers[least].ended() {
					t.Error("the one that has idled longest, without an address if there are such, was not told to go")
				}
				honest.addresses()
				honest.says("DATA", "354")
				honest.says("Subject: a\r\n\r\nb\r\n.", "250")
				for i, d := range idlers {
					if i != least && d.ended() {
						t.Errorf("session %d had to go, too", i)
					}
				}
			})
		})
	}
}

// TestNobodyWithAsManySessionsPushesAnotherOut: servers that just came would push each
// other out for ever, and none would get to the end of a message.
func TestNobodyWithAsManySessionsPushesAnotherOut(t *testing.T) {
	serving(t, func(t *testing.T, in calls) {
		from := func(i int) string { return fmt.Sprintf("203.0.%d.1:1", i) }
		var busy []*dialog
		for i := range 50 {
			d := in.dial(t, from(i))
			d.says("", "220")
			busy = append(busy, d)
		}
		in.dial(t, from(50)).says("", "421 4.3.2")
		for _, d := range busy[1:] {
			d.addresses()
			d.says("DATA", "354")
		}
		time.Sleep(11 * time.Second)
		in.dial(t, from(0)).says("", "421 4.3.2") // its network would have more
		in.dial(t, from(51)).says("", "220")
		synctest.Wait()
		if !busy[0].ended() || busy[1].ended() {
			t.Error("another than the one without a message had to go")
		}
		in.dial(t, from(52)).says("", "421 4.3.2")
		busy[1].says("Subject: a\r\n\r\nb\r\n.", "250") // now it has no purpose, but not for long
		in.dial(t, from(53)).says("", "421 4.3.2")
		in.dial(t, "127.0.0.1:1").says("", "421 4.3.2")
	})
}

// TestSessionsThatDoLittleMakeRoom: fifty networks keep nobody out by naming recipients, or by
// a message now and then.
func TestSessionsThatDoLittleMakeRoom(t *testing.T) {
	for name, keep := range map[string]func(calls, *dialog, int) *dialog{
		"a recipient": func(_ calls, d *dialog, _ int) *dialog {
			d.says("NOOP", "250")
			return d
		},
		"a message": func(_ calls, d *dialog, _ int) *dialog {
			d.says("DATA", "354")
			d.says("Subject: a\r\n\r\nb\r\n.", "250")
			d.says("MAIL FROM:<>", "250")
			d.says("RCPT TO:<bounce+a@b.example>", "250")
			return d
		},
		"a slow message": func(_ calls, d *dialog, _ int) *dialog {
			d.says("Subject: a\r\n\r\nb\r\n.", "250")
			d.says("MAIL FROM:<>", "250")
			d.says("RCPT TO:<bounce+a@b.example>", "250")
			d.says("DATA", "354")
			return d
		},
		"the beginning of a message": func(in calls, d *dialog, i int) *dialog {
			d.Close()
			synctest.Wait()
			d = in.dial(d.t, fmt.Sprintf("203.0.%d.1:1", i))
			d.says("", "220")
			d.addresses()
			d.says("DATA", "354")
			return d
		},
	} {
		t.Run(name, func(t *testing.T) {
			serving(t, func(t *testing.T, in calls) {
				var theirs []*dialog
				for i := range 50 {
					d := in.dial(t, fmt.Sprintf("203.0.%d.1:1", i))
					d.says("", "220")
					d.addresses()
					if name == "a slow message" {
						d.says("DATA", "354")
					}
					theirs = append(theirs, d)
				}
				for range 10 {
					time.Sleep(9 * time.Second)
					for i, d := range theirs {
						theirs[i] = keep(in, d, i)
					}
				}
				for range 5 {
					d := in.dial(t, "198.51.100.7:1")
					d.says("", "220")
					d.addresses()
					d.says("DATA", "354")
					d.says("Subject: a\r\n\r\nb\r\n.", "250")
					d.says("QUIT", "221")
					synctest.Wait()
				}
			})
		})
	}
}

// TestASessionNeedsAPurpose: a server that says nothing of use for 30 seconds is told to go,
// whatever else it says; one with a message has its time.
func TestASessionNeedsAPurpose(t *testing.T) {
	serving(t, func(t *testing.T, in calls) {
		silent, chatty, useful := in.dial(t, "203.0.113.1:1"), in.dial(t, "127.0.0.1:1"), in.dial(t, "203.0.113.3:1")
		for _, d := range []*dialog{silent, chatty, useful} {
			d.says("", "220")
		}
		useful.addresses()
		chatty.says("EHLO there", "250")
		chatty.says("MAIL FROM:<>", "250")
		chatty.says("RCPT TO:<nobody@b.example>", "550")
		for range 2 {
			time.Sleep(14 * time.Second)
			chatty.says("NOOP", "250")
			useful.says("NOOP", "250")
		}
		time.Sleep(3 * time.Second)
		if !silent.ended() || !chatty.ended() {
			t.Error("a session without a purpose lasts")
		}
		for range 10 {
			time.Sleep(55 * time.Second)
			useful.says("NOOP", "250")
		}
		time.Sleep(20 * time.Second)
		if !useful.ended() {
			t.Error("a session lasts for ever")
		}
	})
}

// TestTheEndWaitsForMessagesAlone stops a server with one session that is silent, one whose
// message comes to its end, and one whose message does not.
func TestTheEndWaitsForMessagesAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := newCalls()
		s := newServer(in, false, "bounces.example.com", sink{}, slog.New(slog.DiscardHandler))
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- s.Run(ctx) }()
		silent, useful, stuck := in.dial(t, "203.0.113.1:1"), in.dial(t, "127.0.0.1:1"), in.dial(t, "203.0.113.3:1")
		silent.says("", "220")
		for _, d := range []*dialog{useful, stuck} {
			d.says("", "220")
			d.addresses()
			d.says("DATA", "354")
		}
		stop()
		synctest.Wait()
		if !silent.ended() {
			t.Error("the silent session holds up the end")
		}
		time.Sleep(3 * time.Second)
		useful.says("Subject: a\r\n\r\nb\r\n.", "250")
		useful.says("QUIT", "221")
		before := time.Now()
		if err := <-done; err != nil || time.Since(before) > 2*time.Second {
			t.Errorf("%v after %s", err, time.Since(before))
		}
		synctest.Wait()
		if !stuck.ended() {
			t.Error("the stuck session outlives the server")
		}
		time.Sleep(time.Second)
		if open := s.listener.open; len(open) > 0 {
			t.Errorf("%d sessions are still counted", len(open))
		}
	})
}
