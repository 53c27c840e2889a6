package main

import (
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net"
	"net/mail"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/emersion/go-smtp"
	"github.com/rogpeppe/go-internal/testscript"
)

// relay is a mail server on loopback that keeps what it takes.
type relay struct {
	server *smtp.Server
	delay  time.Duration // before it answers the final dot

	mu    sync.Mutex
	mails []string
}

// startRelay: relay NAME [DELAY] starts one and tells the program of it.
func startRelay(ts *testscript.TestScript, neg bool, args []string) {
	r := &relay{}
	if len(args) > 1 {
		var err error
		r.delay, err = time.ParseDuration(args[1])
		ts.Check(err)
	}
	r.server = smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return &session{relay: r}, nil }))
	r.server.Domain = "relay.example"
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	go r.server.Serve(listener) // until close
	storyOf(ts).relays[args[0]] = r
	host, port, err := net.SplitHostPort(listener.Addr().String())
	ts.Check(err)
	ts.Setenv("INSIGHTS_SMTP_HOST", host)
	ts.Setenv("INSIGHTS_SMTP_PORT", port)
	ts.Setenv("INSIGHTS_SMTP_TLS", "none")
}

func (r *relay) close() { r.server.Close() }

func (r *relay) taken() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]string(nil), r.mails...)
}

// received: received NAME N waits until a relay has taken N mails, and prints
// them. received NAME N+ is content with more.
func received(ts *testscript.TestScript, neg bool, args []string) {
	r := storyOf(ts).relays[args[0]]
	number, orMore := strings.CutSuffix(args[1], "+")
	want, err := strconv.Atoi(number)
	ts.Check(err)
	waitFor(ts, args[1]+" mails", func() bool { return len(r.taken()) >= want })
	mails := r.taken()
	for _, m := range mails {
		fmt.Fprintln(ts.Stdout(), m)
	}
	if len(mails) != want && !orMore {
		ts.Fatalf("%s took %d mails", args[0], len(mails))
	}
}

// session is one connection to a relay.
type session struct {
	relay    *relay
	envelope string
}

func (s *session) Mail(from string, _ *smtp.MailOptions) error {
	s.envelope = "MAIL FROM:<" + from + ">\n"
	return nil
}

func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	if strings.HasPrefix(to, "gone@") {
		return &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 1}, Message: "no such user"}
	}
	s.envelope += "RCPT TO:<" + to + ">\n"
	return nil
}

func (s *session) Data(body io.Reader) error {
	text, err := readable(body)
	if err != nil {
		return err
	}
	time.Sleep(s.relay.delay) // a slow server, not a wait for anything
	s.relay.mu.Lock()
	defer s.relay.mu.Unlock()
	s.relay.mails = append(s.relay.mails, s.envelope+text)
	return nil
}

// readable is a message with its parts decoded.
func readable(message io.Reader) (string, error) {
	m, err := mail.ReadMessage(message)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	for name, values := range m.Header {
		fmt.Fprintf(&b, "%s: %s\n", name, strings.Join(values, " "))
	}
	_, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil {
		return "", err
	}
	parts := multipart.NewReader(m.Body, params["boundary"])
	for {
		part, err := parts.NextPart() // undoes quoted-printable
		if err == io.EOF {
			return b.String(), nil
		}
		if err != nil {
			return "", err
		}
		text, err := io.ReadAll(part)
		if err != nil {
			return "", err
		}
		fmt.Fprintf(&b, "\n%s\n", strings.ReplaceAll(string(text), "\r\n", "\n"))
	}
}

func (s *session) Reset()        { s.envelope = "" }
func (s *session) Logout() error { return nil }
