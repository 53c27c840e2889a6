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
	"strings"
	"time"
)

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
