package smtp

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/textproto"
	"os"
	"time"

	gosmtp "github.com/wneessen/go-mail/smtp"

	"github.com/scaledbydesign/insights/newsletter"
	"github.com/scaledbydesign/insights/newsletter/rfc5322"
)

// session is one connection to a relay. It speaks on the connection go-mail has
// dialled, but in its own words: go-mail's Send takes seven round trips, leaves
// a refused DATA without RSET, and tells a lost connection from a refusal, or a
// delivered message from one that was not, only with care.
type session struct {
	client *gosmtp.Client
	conn   net.Conn // below TLS: deadlines reach it while a read is under way
	relay  Relay    // with its defaults filled in

	offered      extensions
	buffer       []byte // what is written at once
	transactions int
	refused      int    // recipients
	taken        bool   // a message was accepted
	over         string // why no more messages may be sent, or ""
	lost         bool   // over, and not even QUIT can be said
}

var _ newsletter.Session = (*session)(nil)

// Send submits one complete message in one transaction. The message, not a
// template of it, exists before MAIL is said, so that no half of it can ever be
// ended with a dot. Each step may take the relay's Timeout, the answer to the
// final dot its DotTimeout.
//
// When ctx ends before the final dot, the message is NotSent and the session
// broken. When it ends after, Send still waits for the answer for the relay's
// Grace: to turn away then makes an accepted message Unknown.
//
// The words of the outcome are the server's and may hold addresses.
func (s *session) Send(ctx context.Context, e newsletter.Envelope, message []byte) newsletter.Outcome {
	if s.over != "" {
		return newsletter.Outcome{Kind: newsletter.NotSent, Text: s.over, Broken: true}
	}
	mail, fault := prepare(e, message, s.offered)
	if fault != nil {
		return fault.outcome()
	}
	p := newDeadline(ctx, s.conn, s.relay.Grace)
	o := s.transact(p, mail)
	p.settle()
	s.transactions++
	o.Slow = o.Slow || s.taken && saysEnough(o)
	s.taken = s.taken || o.Kind == newsletter.Accepted
	if o.Stage == newsletter.RcptStage && (o.Kind == newsletter.Temporary || o.Kind == newsletter.Permanent) {
		s.refused++
	}
	if o.Broken {
		s.over, s.lost = "the session has ended", true
	} else if s.refused >= mostRefused {
		s.over, o.Broken = "the session has had many recipients refused", true
	} else if s.relay.MaxMessages > 0 && s.transactions >= s.relay.MaxMessages {
		s.over, o.Broken = "the session has sent as many messages as it may", true
	}
	return o
}

// mostRefused is after how many refused recipients a session ends by itself. Servers count
// them as errors of the client: Postfix answers more slowly after ten, and ends the session
// after twenty, which would look as if it was in trouble.
const mostRefused = 8

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

func (s *session) transact(p *deadline, mail submission) newsletter.Outcome {
	begin := s.begin
	if mail.pipelined {
		begin = s.beginAtOnce
	}
	if refusal := begin(p, mail.envelope); refusal != nil {
		return *refusal
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
		o := newsletter.Outcome{Kind: newsletter.Accepted, Code: code}
		o.Status, o.Text = splitStatus(code, text)
		return o
	}
	return refused(verbDot, code, text)
}

// begin says the envelope command by command. It returns nil when the server
// waits for the message.
func (s *session) begin(p *deadline, envelope []command) *newsletter.Outcome {
	for _, c := range envelope {
		code, text, err := s.exchange(p, c.line)
		if err != nil {
			return new(s.broken(p, c.verb, err))
		}
		if !c.accepts(code) {
			o := refused(c.verb, code, text)
			if c.verb != verbMail {
				s.reset(p, &o)
			}
			return &o
		}
	}
	return nil
}

// beginAtOnce says the envelope in one go, to a server that offers PIPELINING (RFC
// 2920), and reads the replies in their order: the first that is not the wanted
// one decides.
func (s *session) beginAtOnce(p *deadline, envelope []command) *newsletter.Outcome {
	s.buffer = s.buffer[:0]
	for _, c := range envelope {
		s.buffer = append(s.buffer, c.line...)
	}
	err := p.allow(s.relay.Timeout)
	if err == nil {
		_, err = s.write(s.buffer)
	}
	if err != nil {
		return new(s.broken(p, verbMail, err))
	}
	var refusal *newsletter.Outcome
	var at verb
	for _, c := range envelope {
		var code int
		var text string
		if err = p.allow(s.relay.Timeout); err == nil {
			code, text, err = s.client.Text.ReadResponse(0)
		}
		switch {
		case err != nil && refusal != nil:
			refusal.Broken = true
			return refusal
		case err != nil:
			return new(s.broken(p, c.verb, err))
		case refusal == nil && !c.accepts(code):
			o := refused(c.verb, code, text)
			if o.Broken {
				return &o // the other replies would be about this one
			}
			refusal, at = &o, c.verb
		case refusal != nil && c.verb == verbData && code == 354:
			s.endEmpty(p, at, refusal)
			if refusal.Broken {
				return refusal
			}
		}
	}
	if refusal != nil && at != verbMail {
		s.reset(p, refusal)
	}
	return refusal
}

// endEmpty ends a message that the server waits for although nobody is to get it
// (RFC 2920, section 3.1). Where that is not sure, an empty message might be
// delivered, and the session is given up instead.
func (s *session) endEmpty(p *deadline, refusedAt verb, o *newsletter.Outcome) {
	o.Broken = refusedAt != verbRcpt
	if !o.Broken {
		_, _, err := s.exchange(p, finalDot)
		o.Broken = err != nil
	}
}

// exchange says one command and reads its reply.
func (s *session) exchange(p *deadline, line string) (code int, text string, err error) {
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
// message's fate unknown.
func (s *session) sendData(p *deadline, data []byte) (o newsletter.Outcome, sent bool) {
	size, left := len(data)+len(finalDot), 0
	for len(data) > 0 {
		chunk := data[:min(len(data), dataChunk)]
		if data = data[len(chunk):]; len(data) == 0 { // the dot goes with the last one
			s.buffer = append(append(s.buffer[:0], chunk...), finalDot...)
			chunk = s.buffer
		}
		err := p.allow(s.relay.Timeout)
		if err == nil {
			var n int
			n, err = s.write(chunk)
			left += n
		}
		switch {
		case err == nil:
		case left > size-len(finalDot):
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
func (s *session) cutShort(p *deadline, cause error) newsletter.Outcome {
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
// It may end the session but never changes what became of the message.
func (s *session) reset(p *deadline, o *newsletter.Outcome) {
	if o.Broken {
		return
	}
	if code, _, err := s.exchange(p, "RSET\r\n"); err != nil || code != 250 {
		o.Broken = true
	}
}

// broken is a connection lost, or given up, before the final dot.
func (s *session) broken(p *deadline, at verb, err error) newsletter.Outcome {
	return lost(newsletter.NotSent, p, "at "+string(at), "stopped at "+string(at), at, s.relay.Timeout, err)
}

// unanswered is a connection lost, or given up, after the final dot.
func (s *session) unanswered(p *deadline, err error) newsletter.Outcome {
	return lost(newsletter.Unknown, p, "before the answer to the message", "stopped waiting for the answer to the message", verbDot, s.relay.DotTimeout, err)
}

// lost is what becomes of a message whose connection err has ended: it says where, or
// what was stopped, or what had no answer within a time.
func lost(kind newsletter.OutcomeKind, p *deadline, where, stopped string, at verb, within time.Duration, err error) newsletter.Outcome {
	text := fmt.Sprintf("connection lost %s: %v", where, err)
	if cause := p.cause(); cause != nil {
		text = fmt.Sprintf("%s: %v", stopped, cause)
	} else if errors.Is(err, os.ErrDeadlineExceeded) {
		text = fmt.Sprintf("no answer to %s within %v", at, within)
	} else if nonsense, ok := errors.AsType[textproto.ProtocolError](err); ok {
		text = fmt.Sprintf("no SMTP reply to %s: %v", at, nonsense)
	}
	return newsletter.Outcome{Kind: kind, Text: rfc5322.OneLine(text), Broken: true}
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
