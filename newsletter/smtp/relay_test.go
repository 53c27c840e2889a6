package smtp_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"net"
	"net/textproto"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/scaledbydesign/insights/newsletter"
	"github.com/scaledbydesign/insights/newsletter/smtp"
)

const (
	user     = "news"
	password = "correct horse 7!"
)

func TestEveryWayIntoARealServer(t *testing.T) {
	for _, test := range []struct {
		name       string
		tls        smtp.TLSMode
		mechanisms []string
		user       string
	}{
		{"in clear, no login", smtp.TLSNone, nil, ""},
		{"in clear over loopback, PLAIN", smtp.TLSNone, []string{"PLAIN"}, user},
		{"STARTTLS, no login", smtp.TLSStartTLS, nil, ""},
		{"STARTTLS, PLAIN", smtp.TLSStartTLS, []string{"LOGIN", "PLAIN"}, user},
		{"STARTTLS, LOGIN", smtp.TLSStartTLS, []string{"LOGIN"}, user},
		{"implicit TLS, PLAIN", smtp.TLSImplicit, []string{"PLAIN"}, user},
		{"implicit TLS, no login", smtp.TLSImplicit, nil, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			backend, relay := startServer(t, test.tls, test.mechanisms)
			relay.User, relay.Password = test.user, password
			session := open(t, relay)
			wire := compose(t, digest())
			for _, to := range []string{reader, "grace@reader.example"} {
				o := session.Send(t.Context(), newsletter.Envelope{From: sender, To: to}, wire)
				if o.Kind != newsletter.Accepted || o.Code != 250 {
					t.Fatalf("%+v", o)
				}
			}
			if err := session.Close(); err != nil {
				t.Error(err)
			}
			got := backend.mails()
			if len(got) != 2 {
				t.Fatalf("the server has %d emails, want 2", len(got))
			}
			if got[0].from != sender || got[0].to != reader || !bytes.Equal(got[0].message, wire) {
				t.Errorf("from %s to %s: not the bytes that were sent", got[0].from, got[0].to)
			}
			if logged := got[0].user; logged != test.user {
				t.Errorf("logged in as %q, want %q", logged, test.user)
			}
		})
	}
}

func TestARealServersRefusalsKeepTheSession(t *testing.T) {
	_, relay := startServer(t, smtp.TLSStartTLS, nil)
	session := open(t, relay)
	wire := compose(t, digest())
	for _, test := range []struct {
		to     string
		result newsletter.OutcomeKind
		status string
	}{
		{"unknown@reader.example", newsletter.Permanent, "5.1.1"},
		{"busy@reader.example", newsletter.Temporary, "4.2.0"},
		{"spam@reader.example", newsletter.Permanent, "5.7.1"},
		{"zoë@reader.example", newsletter.Accepted, "2.0.0"},
		{reader, newsletter.Accepted, "2.0.0"},
	} {
		if o := session.Send(t.Context(), newsletter.Envelope{From: sender, To: test.to}, wire); o.Kind != test.result || o.Status != test.status || o.Broken {
			t.Errorf("%s: %+v", test.to, o)
		}
	}
}

func TestOpenSaysWhatToDo(t *testing.T) {
	addressOf := func(r *smtp.Relay) string { return net.JoinHostPort(r.Host, strconv.Itoa(r.Port)) }
	for _, test := range []struct {
		name   string
		tls    smtp.TLSMode
		offers []string
		change func(*smtp.Relay)
		want   []string
		cause  func(error) bool
	}{
		{"wrong password", smtp.TLSStartTLS, []string{"PLAIN"}, func(r *smtp.Relay) { r.User, r.Password = user, "wr0ng" },
			[]string{`smtp: 535 from ADDR as "news": wrong user or password; set INSIGHTS_SMTP_PASSWORD`}, isReply(535)},
		{"unknown authority", smtp.TLSStartTLS, nil, func(r *smtp.Relay) { r.TLSConfig = nil },
			[]string{"certificate of ADDR can't be trusted", "INSIGHTS_SMTP_HOST"}, isUntrusted},
		{"unknown authority, implicit TLS", smtp.TLSImplicit, nil, func(r *smtp.Relay) { r.TLSConfig = nil },
			[]string{"certificate of ADDR can't be trusted"}, isUntrusted},
		{"another's certificate", smtp.TLSStartTLS, nil, func(r *smtp.Relay) {
			r.TLSConfig = &tls.Config{RootCAs: r.TLSConfig.RootCAs, ServerName: "other.example"}
		},
			[]string{"other.example", "INSIGHTS_SMTP_HOST"}, isUntrusted},
		{"no STARTTLS", smtp.TLSNone, nil, func(r *smtp.Relay) { r.TLS = smtp.TLSStartTLS },
			[]string{"ADDR offers no STARTTLS", "INSIGHTS_SMTP_TLS"}, nil},
		{"the zero mode wants STARTTLS", smtp.TLSNone, nil, func(r *smtp.Relay) { r.TLS = "" },
			[]string{"offers no STARTTLS"}, nil},
		{"TLS to a port in clear", smtp.TLSNone, nil, func(r *smtp.Relay) { r.TLS = smtp.TLSImplicit },
			[]string{"does not speak TLS first", "starttls"}, nil},
		{"a port in TLS taken for one in clear", smtp.TLSImplicit, nil, func(r *smtp.Relay) { r.TLS, r.Timeout = smtp.TLSNone, 200*time.Millisecond },
			[]string{"INSIGHTS_SMTP_TLS"}, nil},
		{"no login offered", smtp.TLSStartTLS, nil, func(r *smtp.Relay) { r.User = user },
			[]string{"offers no login", "INSIGHTS_SMTP_USER"}, nil},
		{"unknown logins only", smtp.TLSStartTLS, []string{"XOAUTH2"}, func(r *smtp.Relay) { r.User = user },
			[]string{"offers only XOAUTH2"}, nil},
		{"nobody listens", smtp.TLSNone, nil, func(r *smtp.Relay) { r.Port = freePort(t) },
			[]string{"can't connect to ADDR", "refused", "INSIGHTS_SMTP_PORT"}, nil},
		{"no such way", smtp.TLSNone, nil, func(r *smtp.Relay) { r.TLS = "ssl" }, []string{`"ssl"`, "INSIGHTS_SMTP_TLS"}, nil},
		{"no host", smtp.TLSNone, nil, func(r *smtp.Relay) { r.Host = "" }, []string{"INSIGHTS_SMTP_HOST"}, nil},
		{"no such port", smtp.TLSNone, nil, func(r *smtp.Relay) { r.Port = 70000 }, []string{"70000", "INSIGHTS_SMTP_PORT"}, nil},
		{"no host name in HELO", smtp.TLSNone, nil, func(r *smtp.Relay) { r.HELO = "a\r\nMAIL FROM:<>" }, []string{"CR or LF"}, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, relay := startServer(t, test.tls, test.offers)
			relay.Password = password
			test.change(relay)
			session, err := relay.Open(t.Context())
			if err == nil {
				session.Close()
				t.Fatal("opened")
			}
			for _, want := range test.want {
				if want = strings.ReplaceAll(want, "ADDR", addressOf(relay)); !strings.Contains(err.Error(), want) {
					t.Errorf("%q does not say %q", err, want)
				}
			}
			if !strings.HasPrefix(err.Error(), "smtp: ") || strings.ContainsAny(err.Error(), "\r\n") {
				t.Errorf("form of %q", err)
			}
			if test.cause != nil && !test.cause(err) {
				t.Errorf("%v lacks its cause", err)
			}
		})
	}
}

func TestOpenNeverTellsThePassword(t *testing.T) {
	initial := base64.StdEncoding.EncodeToString([]byte("\x00" + user + "\x00" + password))
	for _, reply := range []string{
		"535 5.7.8 no " + password, "454 4.7.0 failed for " + initial, "500 what is AUTH PLAIN " + initial,
		"550 " + base64.StdEncoding.EncodeToString([]byte(password)), password, "334 " + initial,
	} {
		t.Run(reply[:3], func(t *testing.T) {
			fake := &scripted{offers: []string{"AUTH PLAIN"}, answers: map[string]answer{"AUTH": {reply: reply}, "*": {reply: reply}}}
			relay := fake.relay(t)
			relay.DialContext = loopback(t, fake)
			relay.User, relay.Password = user, password
			_, err := relay.Open(t.Context())
			if err == nil {
				t.Fatal("opened")
			}
			for e := err; e != nil; e = errors.Unwrap(e) {
				if strings.Contains(e.Error(), password) || strings.Contains(e.Error(), initial) || strings.Contains(e.Error(), base64.StdEncoding.EncodeToString([]byte(password))) {
					t.Errorf("%q tells the password", e)
				}
			}
		})
	}
}

func TestThePasswordIsNotShownInClear(t *testing.T) {
	for _, offers := range [][]string{{"AUTH PLAIN LOGIN"}, {"AUTH LOGIN"}} {
		fake := &scripted{offers: offers}
		relay := fake.relay(t) // a pipe is not loopback
		relay.User, relay.Password = user, password
		if _, err := relay.Open(t.Context()); err == nil || !strings.Contains(err.Error(), "in clear") || !strings.Contains(err.Error(), "INSIGHTS_SMTP_TLS") {
			t.Errorf("%q: %v", offers, err)
		}
		if line := fake.line("AUTH"); line != "" {
			t.Errorf("%q: the server heard a login", offers)
		}
	}
}

func TestOpenGivesUp(t *testing.T) {
	for name, answers := range map[string]map[string]answer{
		"no greeting":            {"CONNECT": {silent: true}},
		"a greeting of refusal":  {"CONNECT": {reply: "554 5.7.1 you are blocked", hangUp: true}},
		"too many connections":   {"CONNECT": {reply: "421 4.7.0 too many connections", hangUp: true}},
		"lost at the greeting":   {"CONNECT": {hangUp: true}},
		"no answer to EHLO":      {"EHLO": {silent: true}},
		"lost at EHLO":           {"EHLO": {hangUp: true}},
		"greeting that is late":  {"CONNECT": {after: 31 * time.Second, reply: "220 hello"}},
		"nonsense as a greeting": {"CONNECT": {reply: "SSH-2.0-OpenSSH_9.2"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				fake := &scripted{answers: answers}
				start := time.Now()
				_, err := fake.relay(t).Open(t.Context())
				if err == nil || !strings.HasPrefix(err.Error(), "smtp: ") || !strings.Contains(err.Error(), "mail.example:2525") {
					t.Errorf("%v", err)
				}
				if reply := answers["CONNECT"].reply; err != nil && len(reply) > 3 && reply[3] == ' ' && answers["CONNECT"].hangUp && !strings.Contains(err.Error(), reply[:3]+" from") {
					t.Errorf("%v does not say %q", err, reply)
				}
				if took := time.Since(start); took > 31*time.Second {
					t.Errorf("took %v", took)
				}
			})
		})
	}
	t.Run("no connection", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			relay := &smtp.Relay{Host: "mail.example", DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
				<-ctx.Done()
				return nil, ctx.Err()
			}}
			start := time.Now()
			_, err := relay.Open(t.Context())
			if err == nil || !strings.Contains(err.Error(), "mail.example:587 does not answer within 10s") || time.Since(start) != 10*time.Second {
				t.Errorf("%v after %v", err, time.Since(start))
			}
		})
	})
}

func TestTheEndOfTheContextEndsOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := &scripted{answers: map[string]answer{"EHLO": {silent: true}}}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start := time.Now()
		if _, err := fake.relay(t).Open(ctx); !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != time.Second {
			t.Errorf("%v after %v", err, time.Since(start))
		}
	})
}

func TestSessionsOfOneRelayAreIndependent(t *testing.T) {
	backend, relay := startServer(t, smtp.TLSStartTLS, []string{"PLAIN"})
	relay.User, relay.Password = user, password
	wire := compose(t, digest())
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			session, err := relay.Open(t.Context())
			if err != nil {
				t.Error(err)
				return
			}
			defer session.Close()
			for range 5 {
				if o := session.Send(t.Context(), newsletter.Envelope{From: sender, To: reader}, wire); o.Kind != newsletter.Accepted {
					t.Errorf("%+v", o)
				}
			}
		})
	}
	group.Wait()
	if n := len(backend.mails()); n != 40 {
		t.Errorf("the server has %d emails, want 40", n)
	}
}

func BenchmarkSend(b *testing.B) {
	for _, mode := range []smtp.TLSMode{smtp.TLSNone, smtp.TLSStartTLS} {
		b.Run(string(mode), func(b *testing.B) {
			_, relay := startServer(b, mode, nil)
			session := open(b, relay)
			message := digest()
			message.HTML = strings.Repeat(message.HTML, 150)
			wire := compose(b, message)
			b.SetBytes(int64(len(wire)))
			b.ReportAllocs()
			for b.Loop() {
				if o := session.Send(b.Context(), newsletter.Envelope{From: sender, To: reader}, wire); o.Kind != newsletter.Accepted {
					b.Fatalf("%+v", o)
				}
			}
		})
	}
}

func isReply(code int) func(error) bool {
	return func(err error) bool {
		reply, ok := errors.AsType[*textproto.Error](err)
		return ok && reply.Code == code
	}
}

func isUntrusted(err error) bool {
	_, ok := errors.AsType[*tls.CertificateVerificationError](err)
	return ok
}

func freePort(t testing.TB) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// loopback serves a scripted server on a socket.
func loopback(t testing.TB, s *scripted) func(context.Context, string, string) (net.Conn, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	s.serving.Go(func() {
		if conn, err := l.Accept(); err == nil {
			s.serve(conn)
		}
	})
	return func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "tcp", l.Addr().String())
	}
}
