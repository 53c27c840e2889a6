// Package inbound takes in messages that come back, or that readers write in order to
// leave: over SMTP and LMTP, and from a maildir. It knows nothing of what they mean.
package inbound

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"github.com/emersion/go-smtp"

	"github.com/scaledbydesign/insights/newsletter"
)

// Receiver is where messages go. It is safe for concurrent use.
type Receiver interface {
	// Takes reports whether this service receives messages for an address.
	Takes(address string) bool
	// HandleMessage acts on one message. An error that wraps newsletter.ErrNotOurs or ErrTooLarge
	// is about the message, any other about what keeps it from being handled now.
	HandleMessage(ctx context.Context, to []string, message io.Reader) (did string, err error)
}

// Server takes messages over SMTP (RFC 5321), or LMTP (RFC 2033) on a socket or where
// its address says so. It never replies by message: an unknown recipient is refused at
// RCPT, so that nothing bounces back and forth.
type Server struct {
	receiver atomic.Pointer[Receiver]
	log      *slog.Logger
	server   *smtp.Server
	listener *fairListener
	pace     pace
}

const (
	mostRecipients = 100
	patience       = time.Minute // for a client's next words
)

// sessionLimits leave one mail server that passes on everything the sessions it uses, and
// no network more than a part of all.
var sessionLimits = limits{
	all: 50, of: [3]int{20, 25, 30},
	purpose: 30 * time.Second, hasty: 10 * time.Second, longest: 10 * time.Minute,
}

// Listen opens an address: HOST:PORT for SMTP, lmtp:HOST:PORT or unix:PATH for LMTP.
// domain is how the server calls itself.
func Listen(address, domain string, receiver Receiver, log *slog.Logger) (*Server, error) {
	network, lmtp := "tcp", false
	if path, ok := strings.CutPrefix(address, "unix:"); ok {
		network, address, lmtp = "unix", path, true
		if err := removeStale(path); err != nil {
			return nil, err
		}
	} else if rest, ok := strings.CutPrefix(address, "lmtp:"); ok {
		address, lmtp = rest, true
	}
	listener, err := net.Listen(network, address)
	if err != nil {
		return nil, fmt.Errorf("listen for bounces: %w", err)
	}
	return newServer(listener, lmtp, domain, receiver, log), nil
}

func newServer(listener net.Listener, lmtp bool, domain string, receiver Receiver, log *slog.Logger) *Server {
	s := &Server{log: log, listener: newFairListener(listener, sessionLimits)}
	s.Deliver(receiver)
	s.server = smtp.NewServer(smtp.BackendFunc(func(c *smtp.Conn) (smtp.Session, error) {
		return &session{server: s, conn: c.Conn().(*fairConn)}, nil
	}))
	s.server.LMTP, s.server.Domain = lmtp, domain
	s.server.MaxRecipients, s.server.MaxMessageBytes, s.server.MaxLineLength = mostRecipients, newsletter.MaxInbound, 4000
	s.server.ReadTimeout, s.server.WriteTimeout = patience, patience
	s.server.EnableSMTPUTF8 = true // or bounces of such messages are lost
	s.server.ErrorLog = slog.NewLogLogger(log.Handler(), slog.LevelDebug)
	return s
}

// removeStale takes away a socket that nobody listens on any more.
func removeStale(path string) error {
	info, err := os.Lstat(path)
	if err != nil || info.Mode()&os.ModeSocket == 0 {
		return nil // what else stands there makes Listen fail
	}
	if conn, err := net.DialTimeout("unix", path, time.Second); err == nil {
		conn.Close()
		return fmt.Errorf("listen for bounces: another process is listening on %s", path)
	}
	return os.Remove(path)
}

// Deliver says where messages go from now on.
func (s *Server) Deliver(receiver Receiver) { s.receiver.Store(&receiver) }

// Addr is where it listens.
func (s *Server) Addr() net.Addr { return s.listener.Addr() }

// Run takes messages until ctx is done, and gives those that are coming in a few seconds.
func (s *Server) Run(ctx context.Context) error {
	ended := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(ended)
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		s.listener.dismissAll(idle)
		if s.server.Shutdown(closing) != nil {
			s.listener.dismissAll(receiving) // a client that says nothing must not hold up the end
		}
	})
	err := s.server.Serve(s.listener)
	if !stop() {
		<-ended
	}
	if errors.Is(err, smtp.ErrServerClosed) {
		return nil
	}
	return err
}

// Close stops listening without having run.
func (s *Server) Close() error { return s.listener.Close() }

// session is one client's.
type session struct {
	server *Server
	conn   *fairConn
	to     []string
}

func (c *session) Reset() {
	c.to = nil
	c.conn.reaches(idle)
}

func (c *session) Logout() error { return nil }

// Mail takes any sender: those of bounces have none.
func (c *session) Mail(string, *smtp.MailOptions) error { return nil }

func (c *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	if !(*c.server.receiver.Load()).Takes(to) {
		return &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 1}, Message: "no such recipient here"}
	}
	if !c.server.pace.takes(c.conn.networks, time.Now()) {
		return &smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 7, 1}, Message: "too many messages from your network: please try again later"}
	}
	c.to = append(c.to, to)
	c.conn.reaches(addressed)
	return nil
}

func (c *session) Data(r io.Reader) error {
	ctx, stop := context.WithTimeout(context.Background(), patience)
	defer stop()
	c.conn.reaches(receiving)
	incoming := &noting{Reader: r}
	did, err := (*c.server.receiver.Load()).HandleMessage(ctx, c.to, incoming)
	if incoming.err == nil {
		c.conn.received(incoming.n)
	}
	switch {
	case errors.Is(err, smtp.ErrDataTooLarge), errors.Is(err, newsletter.ErrTooLarge): // whoever sees it first
		c.server.log.Warn("refused an incoming message: too large", "recipients", len(c.to), "most_bytes", newsletter.MaxInbound)
		return smtp.ErrDataTooLarge
	case errors.Is(err, newsletter.ErrNotOurs): // taken all the same: its sender could do nothing about it
		c.server.log.Info("ignored a message unrelated to anything we sent", "error", err)
	case incoming.err != nil:
		c.server.log.Info("client disconnected during DATA", "error", incoming.err)
		return &smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 4, 2}, Message: "the message did not come to its end"}
	case err != nil:
		c.server.log.Error("cannot handle an incoming message; its server retries", "error", err)
		return &smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 3, 0}, Message: "try again later"}
	default:
		c.server.log.Info("handled an incoming message", "did", did)
	}
	return nil
}

// noting remembers how much was read, and why it could not be read to its end.
type noting struct {
	io.Reader
	n   int
	err error
}

func (n *noting) Read(p []byte) (int, error) {
	read, err := n.Reader.Read(p)
	n.n += read
	if err != nil && err != io.EOF {
		n.err = err
	}
	return read, err
}
