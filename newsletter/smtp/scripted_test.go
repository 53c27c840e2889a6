package smtp_test

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/scaledbydesign/insights/newsletter"
	"github.com/scaledbydesign/insights/newsletter/smtp"
)

// scripted is a mail server that misbehaves where it is told to. Its steps are
// CONNECT, EHLO, AUTH, MAIL, RCPT, DATA, HALF (half the message is in), DOT, RSET
// and QUIT. A step without an answer gets the usual one.
type scripted struct {
	offers  []string          // EHLO keywords
	answers map[string]answer // by step
	times   map[string]int    // how often an answer is given, 0 = always
	lenient bool              // it wants the message also when nobody is to get it

	mu       sync.Mutex
	commands []string // lines as they came, for every session
	messages []string // accepted, dot-stuffing undone
	last     string   // reply
	sessions int
	serving  sync.WaitGroup
}

// answer is what the server does at a step.
type answer struct {
	reply  string        // lines without the last CRLF; "" = none
	after  time.Duration // before the reply
	hangUp bool          // after the reply, if there is one
	silent bool          // keeps the connection and says nothing more
}

// dial connects a Relay over net.Pipe, which synctest's clock can see.
func (s *scripted) dial(context.Context, string, string) (net.Conn, error) {
	client, server := net.Pipe()
	s.serving.Go(func() { s.serve(server) })
	return client, nil
}

// relay is a Relay to the server, in clear. The test waits for the server's end.
func (s *scripted) relay(t testing.TB) *smtp.Relay {
	t.Cleanup(s.serving.Wait)
	return &smtp.Relay{Host: "mail.example", Port: 2525, TLS: smtp.TLSNone, HELO: "client.example", DialContext: s.dial}
}

// lines are the commands as they came.
func (s *scripted) lines() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.commands)
}

func (s *scripted) serve(conn net.Conn) {
	defer conn.Close()
	s.mu.Lock()
	s.sessions++
	s.mu.Unlock()
	r := bufio.NewReader(conn)
	if !s.act(conn, "CONNECT", "220 mail.example ESMTP") {
		return
	}
	refused := false // MAIL or RCPT, in this transaction
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return
		}
		line = strings.TrimSuffix(line, "\r\n")
		s.mu.Lock()
		s.commands = append(s.commands, line)
		s.mu.Unlock()
		step, _, _ := strings.Cut(line, " ")
		usual := "250 2.0.0 ok"
		switch step {
		case "EHLO":
			lines := append([]string{"mail.example"}, s.offers...)
			last := len(lines) - 1
			usual = ""
			for _, line := range lines[:last] {
				usual += "250-" + line + "\r\n"
			}
			usual += "250 " + lines[last]
		case "DATA":
			usual = "354 go on"
			if refused && !s.lenient {
				usual = "503 5.5.1 no valid recipients"
			}
		case "QUIT":
			usual = "221 2.0.0 bye"
		case "AUTH":
			usual = "235 2.7.0 welcome"
		}
		if step == "MAIL" || step == "RSET" {
			refused = false
		}
		if step == "RCPT" && refused {
			usual = "503 5.5.1 need MAIL"
		}
		if !s.act(conn, step, usual) || step == "QUIT" {
			return
		}
		if step == "MAIL" || step == "RCPT" {
			refused = refused || !strings.HasPrefix(s.lastReply(), "25")
		}
		if step == "DATA" && strings.HasPrefix(s.lastReply(), "354") {
			if !s.message(conn, r) {
				return
			}
		}
	}
}

func (s *scripted) lastReply() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.last
}

func (s *scripted) message(conn net.Conn, r *bufio.Reader) bool {
	var b strings.Builder
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return false
		}
		if line == ".\r\n" {
			break
		}
		b.WriteString(strings.TrimPrefix(line, "."))
		if s.halts() && b.Len() > 20 {
			if !s.act(conn, "HALF", "") {
				return false
			}
		}
	}
	s.mu.Lock()
	s.messages = append(s.messages, b.String())
	s.mu.Unlock()
	return s.act(conn, "DOT", "250 2.0.0 queued as 4F2A")
}

func (s *scripted) halts() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, ok := s.answers["HALF"]
	return ok
}

// set changes what the server does at a step, while it runs.
func (s *scripted) set(step string, a answer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answers[step] = a
}

// act answers a step; it reports whether the session goes on.
func (s *scripted) act(conn net.Conn, step, usual string) bool {
	s.mu.Lock()
	a, scripted := s.answers[step]
	s.mu.Unlock()
	if n, limited := s.times[step]; limited {
		s.mu.Lock()
		if n == 0 {
			scripted = false
		} else {
			s.times[step]--
		}
		s.mu.Unlock()
	}
	if !scripted {
		a = answer{reply: usual}
	}
	s.mu.Lock()
	s.last = a.reply
	s.mu.Unlock()
	if a.silent {
		conn.SetDeadline(time.Time{})
		bufio.NewReader(conn).WriteTo(discard{}) // until the client gives up
		return false
	}
	if a.after > 0 {
		time.Sleep(a.after) // a slow server, on synctest's clock
	}
	if a.reply != "" {
		fmt.Fprintf(conn, "%s\r\n", a.reply)
	}
	return !a.hangUp
}

type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }

// said lists the verbs the server heard after the EHLO.
func (s *scripted) said() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var verbs []string
	for _, line := range s.commands {
		if verb, _, _ := strings.Cut(line, " "); verb != "EHLO" {
			verbs = append(verbs, verb)
		}
	}
	return verbs
}

func (s *scripted) accepted() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.messages)
}

func (s *scripted) line(prefix string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, line := range s.commands {
		if strings.HasPrefix(line, prefix) {
			return line
		}
	}
	return ""
}

func open(t testing.TB, relay *smtp.Relay) newsletter.Session {
	t.Helper()
	session, err := relay.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { session.Close() })
	return session
}

const (
	sender  = "bounce+17.k3q@news.example"
	reader  = "ada@reader.example"
	message = "From: <news@news.example>\r\nSubject: Weekly\r\n\r\nOne line.\r\n.dots\r\n..\r\n.\r\nThe end.\r\n"
)

// long is a message that fits in no buffer on the way.
func long() []byte { return []byte(message + strings.Repeat("And one more line.\r\n", 1000)) }
