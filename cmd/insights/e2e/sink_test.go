package e2e

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"hash/maphash"
	"io"
	"net"
	"regexp"
	"slices"
	"strings"
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
	// kept says that whole mails are kept, not only counted.
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
	raw    []byte // when mails are kept
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

// sinkConn is one connection.
type sinkConn struct {
	*sink
	conn net.Conn
	r    *bufio.Reader
	w    *bufio.Writer
	to   string
	body []byte
}

var errSinkHungUp = errors.New("the sink hung up")

func (s *sink) serve(conn net.Conn) {
	defer func() {
		s.mu.Lock()
		delete(s.conns, conn)
		s.mu.Unlock()
		conn.Close()
	}()
	c := &sinkConn{sink: s, conn: conn, r: bufio.NewReaderSize(conn, 64<<10), w: bufio.NewWriter(conn)}
	if c.say("connect", "220 sink.test ESMTP") != nil {
		return
	}
	authorised := s.user == ""
	for {
		if c.r.Buffered() == 0 && c.w.Flush() != nil {
			return
		}
		line, err := c.r.ReadString('\n')
		if err != nil {
			return
		}
		word, rest, _ := strings.Cut(strings.TrimRight(line, "\r\n"), " ")
		switch verb := strings.ToUpper(word); {
		case verb == "EHLO" || verb == "HELO":
			err = c.hello()
		case verb == "STARTTLS" && s.tls != nil:
			if c.say(verb, "220 go on") != nil || c.w.Flush() != nil {
				return
			}
			secured := tls.Server(conn, s.tls)
			if secured.Handshake() != nil {
				return
			}
			c.r, c.w = bufio.NewReaderSize(secured, 64<<10), bufio.NewWriter(secured)
		case verb == "AUTH":
			err = c.authorise(rest, &authorised)
		case verb == "RSET" || verb == "NOOP":
			err = c.say(verb, "250 fine")
		case verb == "QUIT":
			_ = c.say(verb, "221 bye")
			_ = c.w.Flush()
			return
		case !authorised:
			err = c.say(verb, "530 5.7.0 log in first")
		case verb == "MAIL":
			c.to = ""
			err = c.say(verb, "250 2.1.0 fine")
		case verb == "RCPT":
			if open, end := strings.IndexByte(rest, '<'), strings.IndexByte(rest, '>'); open >= 0 && end > open {
				c.to = rest[open+1 : end]
			}
			err = c.recipient()
		case verb == "DATA":
			err = c.data()
		default:
			err = c.say(verb, "500 5.5.2 what?")
		}
		if err != nil {
			return
		}
	}
}

// say answers as it should, or as the hook says.
func (c *sinkConn) say(verb, line string) error {
	r := c.ask(verb, c.to)
	if r.hangUp {
		return c.leave()
	}
	if r.line != "" {
		line = r.line
	}
	if _, err := c.w.WriteString(line + "\r\n"); err != nil {
		return err
	}
	if strings.HasPrefix(line, "421") {
		_ = c.w.Flush()
		return errSinkHungUp
	}
	return nil
}

// leave closes the connection; what was answered before still goes out.
func (c *sinkConn) leave() error {
	_ = c.w.Flush()
	c.conn.Close()
	return errSinkHungUp
}

func (c *sinkConn) hello() error {
	c.mu.Lock()
	lines := append([]string{"sink.test"}, c.extensions...)
	c.mu.Unlock()
	if c.tls != nil {
		lines = append(lines, "STARTTLS")
	}
	if c.user != "" {
		lines = append(lines, "AUTH PLAIN")
	}
	for i := range lines[:len(lines)-1] {
		lines[i] = "250-" + lines[i]
	}
	lines[len(lines)-1] = "250 " + lines[len(lines)-1]
	return c.say("EHLO", strings.Join(lines, "\r\n"))
}

func (c *sinkConn) authorise(rest string, authorised *bool) error {
	_, token, _ := strings.Cut(rest, " ")
	got, _ := base64.StdEncoding.DecodeString(token)
	if *authorised = string(got) == "\x00"+c.user+"\x00"+c.pass; *authorised {
		return c.say("AUTH", "235 2.7.0 welcome")
	}
	return c.say("AUTH", "535 5.7.8 no")
}

// recipient answers RCPT; one that is refused is none.
func (c *sinkConn) recipient() error {
	to := c.to
	r := c.ask("RCPT", to)
	if r.hangUp {
		return c.leave()
	}
	if r.line == "" {
		r.line = "250 2.1.5 fine"
	}
	if r.line[0] != '2' {
		c.to = ""
	}
	_, err := c.w.WriteString(r.line + "\r\n")
	if strings.HasPrefix(r.line, "421") {
		_ = c.w.Flush()
		return errSinkHungUp
	}
	return err
}

func (c *sinkConn) data() error {
	if c.to == "" {
		_, err := c.w.WriteString("503 5.5.1 no recipient\r\n")
		return err
	}
	r := c.ask("DATA", c.to)
	if r.hangUp {
		return c.leave()
	}
	if r.line != "" {
		_, err := c.w.WriteString(r.line + "\r\n")
		if strings.HasPrefix(r.line, "421") {
			_ = c.w.Flush()
			return errSinkHungUp
		}
		return err
	}
	if _, err := c.w.WriteString("354 go on\r\n"); err != nil {
		return err
	}
	if err := c.w.Flush(); err != nil {
		return err
	}
	if c.ask("middle", c.to).hangUp {
		_, _ = io.CopyN(io.Discard, c.r, 100)
		return c.leave()
	}
	if err := c.message(); err != nil {
		return err
	}
	return c.dot()
}

// message reads to the dot.
func (c *sinkConn) message() error {
	for c.body = c.body[:0]; ; {
		line, err := c.r.ReadSlice('\n')
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return err
		}
		if len(line) == 3 && line[0] == '.' && line[1] == '\r' {
			return nil
		}
		c.body = append(c.body, line...)
	}
}

// dot counts the mail, then answers.
func (c *sinkConn) dot() error {
	r := c.ask("dot", c.to)
	if r.line == "" && !r.hangUp || r.hangUp && r.counted {
		c.count()
	}
	if r.hangUp {
		return c.leave()
	}
	if r.line == "" {
		r.line = "250 2.0.0 taken"
	}
	_, err := c.w.WriteString(r.line + "\r\n")
	if strings.HasPrefix(r.line, "421") {
		_ = c.w.Flush()
		return errSinkHungUp
	}
	return err
}

var (
	sinkSeed    = maphash.MakeSeed()
	sinkSigned  = regexp.MustCompile(`(?m)^DKIM-Signature:.*\r\n([ \t].*\r\n)*`)
	messageIDIs = []byte("\r\nMessage-ID: ")
)

func (c *sinkConn) count() {
	id := ""
	if i := bytes.Index(c.body, messageIDIs); i >= 0 {
		line, _, _ := bytes.Cut(c.body[i+len(messageIDIs):], []byte("\r\n"))
		id = string(line)
	}
	body := c.body
	if header, _, _ := bytes.Cut(body, []byte("\r\n\r\n")); bytes.Contains(header, []byte("DKIM-Signature:")) {
		body = sinkSigned.ReplaceAll(body, nil) // the time of a signature may differ
	}
	sum := maphash.Bytes(sinkSeed, body)
	now := time.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.first.IsZero() {
		c.first = now
	}
	c.last = now
	c.accepted++
	c.bytes += int64(len(c.body))
	key := sinkKey{c.to, id}
	m := c.counted[key]
	if m == nil {
		m = &sinkMail{sum: sum}
		if c.kept {
			m.raw = bytes.Clone(c.body)
		}
		c.counted[key] = m
	}
	m.times++
	m.differ = m.differ || m.sum != sum
}

// sinkTally is what a sink counted.
type sinkTally struct {
	times    map[string]int // that each reader was mailed
	differs  []string       // readers who got different mails
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
