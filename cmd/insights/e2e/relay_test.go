package e2e

import (
	"bytes"
	"errors"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	gosmtp "github.com/emersion/go-smtp"
)

// mailServer is a mail server that keeps what it is given. Its hooks are set before
// the first connection; each may be nil, and each may run several times at once.
type mailServer struct {
	addr  string
	close func() error // returns why it has ended

	// onRecipient answers RCPT TO; errHangUp ends the connection instead.
	onRecipient func(to string) error
	// onData is called when DATA has begun, before its content is read: an error
	// wrapping errHangUp ends the connection in the middle of the message.
	onData func(to string) error
	// onMessage is called when the whole message has arrived and been kept, before
	// it is answered: errHangUp ends the connection without an answer.
	onMessage func(m arrival) error

	mu    sync.Mutex
	mails []arrival
	helos map[string]bool
}

var errHangUp = errors.New("hang up")

// arrival is a message as it arrived.
type arrival struct {
	From, To string // of the envelope
	UTF8     bool   // SMTPUTF8 was asked for
	Raw      []byte
}

// newMailServer starts a relay on loopback; change, when not nil, sets its hooks and
// may change the server before it starts.
func newMailServer(t testing.TB, change func(*mailServer, *gosmtp.Server)) *mailServer {
	t.Helper()
	r := openMailServer(t, change)
	t.Cleanup(func() {
		if err := r.close(); err != nil && !errors.Is(err, gosmtp.ErrServerClosed) {
			t.Errorf("the test's mail server ended: %v", err)
		}
	})
	return r
}

// openMailServer is newMailServer without the end.
func openMailServer(t failer, change func(*mailServer, *gosmtp.Server)) *mailServer {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("%v", err)
	}
	r := &mailServer{addr: l.Addr().String(), helos: make(map[string]bool)}
	server := gosmtp.NewServer(gosmtp.BackendFunc(r.session))
	server.Domain = "relay.test"
	server.EnableSMTPUTF8 = true
	server.MaxMessageBytes = 1 << 20
	server.MaxRecipients = 1 // a mail is one person's
	server.ReadTimeout, server.WriteTimeout = time.Minute, time.Minute
	if change != nil {
		change(r, server)
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(l) }()
	r.close = func() error {
		server.Close()
		return <-ended
	}
	return r
}

func (r *mailServer) session(c *gosmtp.Conn) (gosmtp.Session, error) {
	r.mu.Lock()
	r.helos[c.Hostname()] = true
	r.mu.Unlock()
	return &session{relay: r, conn: c}, nil
}

// all returns what has arrived so far, in order.
func (r *mailServer) all() []arrival {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]arrival(nil), r.mails...)
}

// to returns what has arrived for one address.
func (r *mailServer) to(address string) (mails []arrival) {
	for _, m := range r.all() {
		if m.To == address {
			mails = append(mails, m)
		}
	}
	return mails
}

// await waits until n emails have arrived for an address and returns the last.
func (r *mailServer) await(t testing.TB, address string, n int) arrival {
	t.Helper()
	var mails []arrival
	until(t, 20*time.Second, "a mail for "+address, func() bool {
		mails = r.to(address)
		return len(mails) >= n
	})
	return mails[n-1]
}

type session struct {
	relay *mailServer
	conn  *gosmtp.Conn
	mail  arrival
}

func (s *session) Mail(from string, options *gosmtp.MailOptions) error {
	s.mail = arrival{From: from, UTF8: options != nil && options.UTF8}
	return nil
}

func (s *session) Rcpt(to string, _ *gosmtp.RcptOptions) error {
	if hook := s.relay.onRecipient; hook != nil {
		if err := hook(to); err != nil {
			if errors.Is(err, errHangUp) {
				s.conn.Conn().Close()
			}
			return err
		}
	}
	s.mail.To = to
	return nil
}

func (s *session) Data(r io.Reader) error {
	if hook := s.relay.onData; hook != nil {
		if err := hook(s.mail.To); err != nil {
			if errors.Is(err, errHangUp) {
				_, _ = io.CopyN(io.Discard, r, 100)
				s.conn.Conn().Close()
			}
			return err
		}
	}
	var raw bytes.Buffer
	if _, err := raw.ReadFrom(r); err != nil {
		return err // the client went away: half a message is no message
	}
	s.mail.Raw = raw.Bytes()
	s.relay.mu.Lock()
	s.relay.mails = append(s.relay.mails, s.mail)
	s.relay.mu.Unlock()
	if hook := s.relay.onMessage; hook != nil {
		if err := hook(s.mail); err != nil {
			if errors.Is(err, errHangUp) {
				s.conn.Conn().Close()
			}
			return err
		}
	}
	return nil
}

func (s *session) Reset()        {}
func (s *session) Logout() error { return nil }
