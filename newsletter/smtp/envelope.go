package smtp

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"github.com/scaledbydesign/insights/newsletter"
	"github.com/scaledbydesign/insights/newsletter/rfc5322"
)

// command is one line of an envelope and the reply it wants: a code, or its
// first digits (25 means 250 to 259).
type command struct {
	verb verb
	line string // with CRLF
	want int
}

func (c command) accepts(code int) bool {
	if c.want < 100 {
		return code/10 == c.want
	}
	return code == c.want
}

// submission is a message as it goes over the wire.
type submission struct {
	envelope  []command
	pipelined bool   // the envelope may go out in one write
	data      []byte // dot-stuffed, without the final dot
}

// extensions is what a server offers beyond RFC 5321's minimum.
type extensions struct {
	eightBit, utf8, pipelining, dsn bool
	size                            bool // RFC 1870
	maxSize                         int  // octets of a message; 0 = it does not say
}

// localFault is a message that can't be sent to this server at all, seen without
// asking it.
type localFault struct {
	status string // RFC 3463
	err    error
}

func (f localFault) outcome() newsletter.Outcome {
	return newsletter.Outcome{Kind: newsletter.Permanent, Status: f.status, Text: rfc5322.OneLine(f.err.Error())}
}

// prepare makes a submission.
func prepare(e newsletter.Envelope, message []byte, offered extensions) (submission, *localFault) {
	recipient, err := parseMailbox(e.To)
	if err != nil {
		return submission{}, &localFault{"5.1.3", err}
	}
	sender, senderPath := mailbox{}, "<>"
	if e.From != "" {
		if sender, err = parseMailbox(e.From); err != nil {
			return submission{}, &localFault{"5.1.7", err}
		}
		senderPath = sender.path()
	}
	data, err := stuff(message)
	if err != nil {
		return submission{}, &localFault{"5.6.0", err}
	}
	if offered.maxSize > 0 && len(message) > offered.maxSize {
		return submission{}, &localFault{"5.3.4", fmt.Errorf("the message has %d bytes; the mail server takes %d at most (SIZE)", len(message), offered.maxSize)}
	}
	ofMail, ofRcpt := "", ""
	ascii := isASCII(message)
	header := message
	if !ascii {
		header, _, _ = bytes.Cut(message, []byte("\r\n\r\n"))
	}
	switch {
	case sender.international() || recipient.international() || !ascii && !isASCII(header):
		if !offered.utf8 {
			return submission{}, &localFault{"5.6.7", errors.New("the mail server does not accept addresses with non-ASCII letters before the @ (SMTPUTF8)")}
		}
		ofMail = " SMTPUTF8"
		if !ascii && offered.eightBit {
			ofMail = " BODY=8BITMIME" + ofMail
		}
	case !ascii:
		if !offered.eightBit {
			return submission{}, &localFault{"5.6.3", errors.New("the message has non-ASCII bytes, which the mail server does not accept (8BITMIME)")}
		}
		ofMail = " BODY=8BITMIME"
	}
	if offered.size {
		ofMail += fmt.Sprintf(" SIZE=%d", len(message))
	}
	if offered.dsn {
		// Of a failure, and of nothing else, the header comes back (RFC 3461).
		ofMail += " RET=HDRS"
		if e.ID != "" {
			ofMail += " ENVID=" + xtext(e.ID)
		}
		ofRcpt = " NOTIFY=FAILURE ORCPT=" + originalRecipient(recipient)
	}
	return submission{
		envelope: []command{
			{verbMail, "MAIL FROM:" + senderPath + ofMail + "\r\n", 250},
			{verbRcpt, "RCPT TO:" + recipient.path() + ofRcpt + "\r\n", 25},
			{verbData, "DATA\r\n", 354},
		},
		pipelined: offered.pipelining,
		data:      data,
	}, nil
}

// xtext is a text as parameters hold it (RFC 3461, section 4).
func xtext(s string) string {
	var out strings.Builder
	for i := range len(s) {
		if c := s[i]; c > ' ' && c < 0x7f && c != '+' && c != '=' {
			out.WriteByte(c)
		} else {
			fmt.Fprintf(&out, "+%02X", c)
		}
	}
	return out.String()
}

// originalRecipient is an address as ORCPT names it; one with letters outside
// ASCII has a type of its own (RFC 6533, section 3).
func originalRecipient(m mailbox) string {
	addr := m.local + "@" + m.domain
	if !m.international() {
		return "rfc822;" + xtext(addr)
	}
	var out strings.Builder
	for _, r := range addr {
		if r > ' ' && r < 0x7f && r != '+' && r != '=' && r != '\\' {
			out.WriteRune(r)
		} else {
			fmt.Fprintf(&out, "\\x{%X}", r)
		}
	}
	return "utf-8;" + out.String()
}

const finalDot = ".\r\n"

// stuff makes a message transparent (RFC 5321, section 4.5.2). Lines must end in
// CRLF: servers differ on a bare CR or LF, and the difference has let one message
// pass as two. A message that needs no change is not copied.
func stuff(message []byte) ([]byte, error) {
	if len(message) == 0 {
		return nil, errors.New("the message is empty")
	}
	dots, ends := message[0] == '.', 0
	for rest := message; len(rest) > 0; {
		end, length := bytes.IndexByte(rest, '\n'), len(rest)
		if end < 0 {
			end = len(rest)
		} else if end == 0 || rest[end-1] != '\r' {
			return nil, errBareBreak
		} else {
			ends, length = ends+1, end-1
		}
		if length > maxLine {
			return nil, errors.New("the message has a line of more than 998 bytes")
		}
		rest = rest[min(end+1, len(rest)):]
		dots = dots || len(rest) > 0 && rest[0] == '.'
	}
	if bytes.Count(message, []byte{'\r'}) != ends {
		return nil, errBareBreak
	}
	ended := bytes.HasSuffix(message, []byte("\r\n"))
	if !dots && ended {
		return message, nil
	}
	out := make([]byte, 0, len(message)+len(message)/64+16)
	for line := range bytes.Lines(message) {
		if line[0] == '.' {
			out = append(out, '.')
		}
		out = append(out, line...)
	}
	if !ended {
		out = append(out, "\r\n"...)
	}
	return out, nil
}

var errBareBreak = errors.New("the message has a CR or LF on its own")
