package e2e

import (
	"crypto/tls"
	"hash/maphash"
	"net"
	"regexp"
	"slices"
	"sync"
	"testing"
	"time"
)

// sink is a mail server that counts what it takes: how often it answered 250 to
// the same mail for the same reader, whether or not the client lived to read it.
// It is written straight onto the socket, so that it is faster than what sends to
// it, and misbehaves as its hook says.
type sink struct {
	addr string
	// kept says that whole emails are kept, not only counted.
	kept bool
	tls  *tls.Config // offered as STARTTLS
	user string      // with password: wanted before mail
	pass string

	mu         sync.Mutex
	listener   net.Listener
	conns      map[net.Conn]bool
	serving    sync.WaitGroup
	extensions []string
	hook       func(moment) reply
	counted    map[sinkKey]*sinkMail
	accepted   int
	bytes      int64
	first      time.Time
	last       time.Time
	seen       map[string]bool
}

// sinkKey is one mail to one reader.
type sinkKey struct{ to, id string }

// sinkMail is what is known of it.
type sinkMail struct {
	times  int
	sum    uint64
	differ bool   // it came again with other bytes
	raw    []byte // when emails are kept
}

// moment is where a hook is asked: verb is connect, EHLO, AUTH, MAIL, RCPT, DATA
// (before 354), middle (after 354, before the message is read) or dot. to is known
// from RCPT on.
type moment struct{ verb, to string }

// reply is what the sink does instead of what it would. Its zero value changes
// nothing.
type reply struct {
	line    string        // said instead, such as "451 4.7.1 later"
	hangUp  bool          // the connection is closed instead of an answer
	counted bool          // with hangUp at the dot: the mail was taken all the same
	after   time.Duration // before any of this
}

var sinkAll = []string{"PIPELINING", "8BITMIME", "SMTPUTF8", "DSN", "ENHANCEDSTATUSCODES"}

// newSink starts a sink on loopback.
func newSink(t testing.TB, change func(*sink)) *sink {
	t.Helper()
	s := &sink{conns: make(map[net.Conn]bool), counted: make(map[sinkKey]*sinkMail), extensions: sinkAll}
	if change != nil {
		change(s)
	}
	if s.addr == "" {
		s.addr = "127.0.0.1:0"
	}
	s.listen(t)
	t.Cleanup(s.stop)
	return s
}

// listen begins to take connections, also again after a stop.
func (s *sink) listen(t testing.TB) {
	t.Helper()
	l, err := net.Listen("tcp", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	s.mu.Lock()
	s.listener, s.addr = l, l.Addr().String()
	s.mu.Unlock()
	s.serving.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return // stopped
			}
			s.mu.Lock()
			s.conns[conn] = true
			s.mu.Unlock()
			s.serving.Go(func() { s.serve(conn) })
		}
	})
}

// stop ends the server and every connection, as when it is restarted.
func (s *sink) stop() {
	s.mu.Lock()
	s.listener.Close()
	s.mu.Unlock()
	s.hangUp()
	s.serving.Wait()
}

// hangUp ends every connection.
func (s *sink) hangUp() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for conn := range s.conns {
		conn.Close()
	}
}

// misbehave sets the hook and the extensions of connections to come, and forgets
// what was counted.
func (s *sink) misbehave(hook func(moment) reply, extensions []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hook, s.extensions = hook, extensions
	s.counted, s.accepted, s.bytes, s.first, s.last = make(map[sinkKey]*sinkMail), 0, 0, time.Time{}, time.Time{}
	s.seen = make(map[string]bool)
}

func (s *sink) ask(verb, to string) (r reply) {
	s.mu.Lock()
	hook := s.hook
	s.mu.Unlock()
	if hook != nil {
		r = hook(moment{verb, to})
	}
	if r.after > 0 {
		time.Sleep(r.after) // a slow server
	}
	return r
}

var (
	sinkSeed    = maphash.MakeSeed()
	sinkSigned  = regexp.MustCompile(`(?m)^DKIM-Signature:.*\r\n([ \t].*\r\n)*`)
	messageIDIs = []byte("\r\nMessage-ID: ")
)

// sinkTally is what a sink counted.
type sinkTally struct {
	times    map[string]int // that each reader was mailed
	differs  []string       // readers who got different emails
	accepted int
}

func (s *sink) tally() sinkTally {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := sinkTally{times: make(map[string]int), accepted: s.accepted}
	for key, m := range s.counted {
		if m.differ || all.times[key.to] > 0 { // another Message-ID is another mail
			all.differs = append(all.differs, key.to)
		}
		all.times[key.to] += m.times
	}
	return all
}

// repeated are the readers who got a mail more than once.
func (t sinkTally) repeated() (readers []string) {
	for to, n := range t.times {
		if n > 1 {
			readers = append(readers, to)
		}
	}
	slices.Sort(readers)
	return readers
}

// missing are those of some readers who got nothing.
func (t sinkTally) missing(readers []string) (missing []string) {
	for _, to := range readers {
		if t.times[to] == 0 {
			missing = append(missing, to)
		}
	}
	return missing
}

// firstTime is true once for each text, since the sink last changed its ways.
func (s *sink) firstTime(what string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	first := !s.seen[what]
	s.seen[what] = true
	return first
}

func (s *sink) taken() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.accepted
}
