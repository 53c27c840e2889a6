package newslettertest

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/scaledbydesign/insights/newsletter"
)

// server is a scripted mail server. Its zero value accepts everything at once.
type server struct {
	// answer decides about the n-th attempt (from 1) to an address; nil accepts. An
	// email whose answer is Unknown is delivered only if lost is false.
	answer         func(to string, n int) newsletter.Outcome
	lost           func(to string) bool
	takes          time.Duration // that a Send takes
	maxConnections int           // connections at once; 0 = any number

	mu       sync.Mutex
	down     error
	opened   int
	open     int
	attempts map[string]int
	tries    []attempt
	emails   []delivered // delivered, in order
}

type attempt struct {
	at time.Time
	to string
}

// delivered is an email that was delivered.
type delivered struct {
	newsletter.Message
	bytes string
	at    time.Time
	// insights are the names of what it carries.
	insights []string
}

var (
	accepted = newsletter.Outcome{Kind: newsletter.Accepted, Code: 250, Status: "2.0.0", Text: "queued"}
	later    = newsletter.Outcome{Kind: newsletter.Temporary, Code: 451, Status: "4.7.1", Text: "greylisted"}
	busy     = newsletter.Outcome{Kind: newsletter.NotSent, Code: 421, Text: "closing", Broken: true}
	never    = newsletter.Outcome{Kind: newsletter.Permanent, Code: 550, Status: "5.1.1", Text: "no such user"}
	silence  = newsletter.Outcome{Kind: newsletter.Unknown, Text: "connection lost after the dot", Broken: true}
)

func (s *server) setDown(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.down = err
}

// connections returns how many are open.
func (s *server) connections() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.open
}

func (s *server) Open(ctx context.Context) (newsletter.Session, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.down != nil {
		return nil, s.down
	}
	if s.maxConnections > 0 && s.open >= s.maxConnections {
		return nil, errTooMany
	}
	s.opened++
	s.open++
	return &session{server: s}, nil
}

type session struct {
	server         *server
	broken, closed bool
}

func (c *session) Close() error {
	c.server.mu.Lock()
	defer c.server.mu.Unlock()
	if c.closed {
		return errors.New("closed twice")
	}
	c.closed = true
	c.server.open--
	return nil
}

func (c *session) Send(ctx context.Context, e newsletter.Envelope, message []byte) newsletter.Outcome {
	to := e.To
	if c.broken || c.closed {
		panic("a session is used after Close")
	}
	s := c.server
	s.mu.Lock()
	if s.attempts == nil {
		s.attempts = make(map[string]int)
	}
	s.attempts[to]++
	n := s.attempts[to]
	s.tries = append(s.tries, attempt{time.Now(), to})
	s.mu.Unlock()
	if s.takes > 0 {
		select {
		case <-time.After(s.takes):
		case <-ctx.Done():
			c.broken = true
			return newsletter.Outcome{Kind: newsletter.Unknown, Text: ctx.Err().Error(), Broken: true}
		}
	}
	outcome := accepted
	if s.answer != nil {
		outcome = s.answer(to, n)
	}
	c.broken = outcome.Broken
	arrives := outcome.Kind == newsletter.Accepted || outcome.Kind == newsletter.Unknown && (s.lost == nil || !s.lost(to))
	if arrives {
		s.deliver(to, message)
	}
	return outcome
}

func (s *server) deliver(to string, message []byte) {
	m := delivered{bytes: string(message), at: time.Now()}
	if err := json.Unmarshal(message, &m.Message); err != nil {
		panic(err)
	}
	m.To = to
	for line := range strings.Lines(m.Text) {
		if name, ok := strings.CutPrefix(strings.TrimSpace(line), id("")); ok {
			m.insights = append(m.insights, name)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.emails = append(s.emails, m)
}

// to returns what an address received, each email as "a b", separated by "|".
func (s *server) to(name string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []string
	for _, m := range s.emails {
		if m.To == address(name) {
			all = append(all, strings.Join(m.insights, " "))
		}
	}
	return strings.Join(all, "|")
}

func (s *server) received() []delivered {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]delivered(nil), s.emails...)
}

// tried returns how many attempts there were.
func (s *server) tried() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.tries)
}

// triesTo returns the times since the first attempt to a reader.
func (s *server) triesTo(name string) []time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	var first time.Time
	var all []time.Duration
	for _, a := range s.tries {
		if a.to == address(name) {
			if first.IsZero() {
				first = a.at
			}
			all = append(all, a.at.Sub(first))
		}
	}
	return all
}
