package smtp

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/textproto"
	"os"
	"slices"
	"time"

	gosmtp "github.com/wneessen/go-mail/smtp"

	"github.com/scaledbydesign/insights/newsletter"
)

// session is one connection to a relay. It speaks on the connection go-mail has
// dialled, but in its own words: go-mail's Send takes seven round trips, leaves
// a refused DATA without RSET, and tells a lost connection from a refusal, or a
// delivered mail from one that was not, only with care.
type session struct {
	client *gosmtp.Client
	conn   net.Conn // below TLS: deadlines reach it while a read is under way
	relay  Relay    // with its defaults filled in

	transactions int
	over         string // why no mail may be sent any more, or ""
	lost         bool   // over, and not even QUIT can be said
}

var _ newsletter.Session = (*session)(nil)

// Send submits one complete message in one transaction. The message, not a
// template of it, exists before MAIL is said, so that no half of it can ever be
// ended with a dot. Each step may take the relay's Timeout, the answer to the
// final dot its DotTimeout.
//
// When ctx ends before the final dot, the mail is NotSent and the session
// broken. When it ends after, Send still waits for the answer for the relay's
// Grace: to turn away then makes an accepted mail Unknown.
//
// The words of the outcome are the server's and may hold addresses.
func (s *session) Send(ctx context.Context, e newsletter.Envelope, message []byte) newsletter.Outcome {
	if s.over != "" {
		return newsletter.Outcome{Result: newsletter.NotSent, Text: s.over, Broken: true}
	}
	mail, fault := prepare(e.From, e.To, message, s.offers())
	if fault != nil {
		return fault.outcome()
	}
	p := newPatience(ctx, s.conn, s.relay.Grace)
	o := s.transact(p, mail)
	p.settle()
	s.transactions++
	if o.Broken {
		s.over, s.lost = "the session has ended", true
	} else if s.relay.MaxMessages > 0 && s.transactions >= s.relay.MaxMessages {
		s.over, o.Broken = "the session has sent as many messages as it may", true
	}
	return o
}

// Close ends the session, with QUIT if the server still listens.
func (s *session) Close() error {
	if !s.lost {
		s.lost, s.over = true, "the session is closed"
		// The answer to QUIT decides nothing; waiting for it lets the server end first.
		if s.conn.SetDeadline(time.Now().Add(quitTimeout)) == nil {
			if _, err := s.write([]byte("QUIT\r\n")); err == nil {
				s.client.Text.ReadResponse(0)
			}
		}
	}
	err := s.client.Close()
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

const quitTimeout = 5 * time.Second

func (s *session) offers() extensions {
	eightBit, _ := s.client.Extension("8BITMIME")
	utf8, _ := s.client.Extension("SMTPUTF8")
	return extensions{eightBit: eightBit, utf8: utf8}
}

func (s *session) transact(p *patience, mail submission) newsletter.Outcome {
	for _, c := range mail.envelope {
		code, text, err := s.exchange(p, c.line)
		if err != nil {
			return s.broken(p, c.verb, err)
		}
		if !c.accepts(code) {
			o := refused(c.verb, code, text)
			if c.verb != verbMail {
				s.reset(p, &o)
			}
			return o
		}
	}
	if o, sent := s.sendData(p, mail.data); !sent {
		return o
	}
	if err := p.allowAnswer(s.relay.DotTimeout); err != nil {
		return s.unanswered(p, err)
	}
	code, text, err := s.client.Text.ReadResponse(0)
	if err != nil {
		return s.unanswered(p, err)
	}
	if code/100 == 2 {
		o := newsletter.Outcome{Result: newsletter.Accepted, Code: code}
		o.Status, o.Text = splitStatus(code, text)
		return o
	}
	return refused(verbDot, code, text)
}

// exchange says one command and reads its reply.
func (s *session) exchange(p *patience, line string) (code int, text string, err error) {
	if err := p.allow(s.relay.Timeout); err != nil {
		return 0, "", err
	}
	if _, err := s.write([]byte(line)); err != nil {
		return 0, "", err
	}
	return s.client.Text.ReadResponse(0)
}

// sendData writes a message and the final dot. When it fails, the server can't
// have seen the whole dot unless octets of it left the buffer: only then is the
// mail's fate unknown.
func (s *session) sendData(p *patience, data []byte) (o newsletter.Outcome, sent bool) {
	left := 0
	for chunk := range slices.Chunk(data, dataChunk) {
		err := p.allow(s.relay.Timeout)
		if err == nil {
			var n int
			n, err = s.write(chunk)
			left += n
		}
		switch {
		case err == nil:
		case left > len(data)-len(finalDot):
			return s.unanswered(p, err), false
		default:
			return s.cutShort(p, err), false
		}
	}
	return newsletter.Outcome{}, true
}

// dataChunk is how much of a message goes out under one deadline (RFC 5321,
// section 4.5.3.2.5 sets one for each block, not for the whole).
const dataChunk = 64 << 10

// cutShort is a message that could not be written to its end. A server that
// stops reading may have said why.
func (s *session) cutShort(p *patience, cause error) newsletter.Outcome {
	if p.allow(lastWordsTimeout) == nil {
		if code, text, err := s.client.Text.ReadResponse(0); err == nil && code >= 400 {
			o := refused(verbDot, code, text)
			o.Broken = true
			return o
		}
	}
	return s.broken(p, verbData, cause)
}

const lastWordsTimeout = time.Second

// reset ends a refused transaction, so that strict servers take the next MAIL.
// It may end the session but never changes what became of the mail.
func (s *session) reset(p *patience, o *newsletter.Outcome) {
	if o.Broken {
		return
	}
	if code, _, err := s.exchange(p, "RSET\r\n"); err != nil || code != 250 {
		o.Broken = true
	}
}

// broken is a connection lost, or given up, before the final dot.
func (s *session) broken(p *patience, at verb, err error) newsletter.Outcome {
	text := fmt.Sprintf("connection lost at %s: %v", at, err)
	if cause := p.cause(); cause != nil {
		text = fmt.Sprintf("stopped at %s: %v", at, cause)
	} else if errors.Is(err, os.ErrDeadlineExceeded) {
		text = fmt.Sprintf("no answer to %s within %v", at, s.relay.Timeout)
	} else if nonsense, ok := errors.AsType[textproto.ProtocolError](err); ok {
		text = fmt.Sprintf("no SMTP reply to %s: %v", at, nonsense)
	}
	return newsletter.Outcome{Result: newsletter.NotSent, Text: oneLine(text), Broken: true}
}

// unanswered is a connection lost, or given up, after the final dot.
func (s *session) unanswered(p *patience, err error) newsletter.Outcome {
	text := fmt.Sprintf("connection lost before the answer to the message: %v", err)
	if cause := p.cause(); cause != nil {
		text = fmt.Sprintf("stopped waiting for the answer to the message: %v", cause)
	} else if errors.Is(err, os.ErrDeadlineExceeded) {
		text = fmt.Sprintf("no answer to the message within %v", s.relay.DotTimeout)
	} else if nonsense, ok := errors.AsType[textproto.ProtocolError](err); ok {
		text = fmt.Sprintf("no SMTP reply to the message: %v", nonsense)
	}
	return newsletter.Outcome{Result: newsletter.Unknown, Text: oneLine(text), Broken: true}
}

// write sends octets at once and says how many left for the connection, also
// when it fails.
func (s *session) write(octets []byte) (left int, err error) {
	w := s.client.Text.W
	left, err = w.Write(octets)
	if err == nil {
		err = w.Flush()
	}
	return left - w.Buffered(), err
}
