package smtp

import (
	"bytes"
	"errors"

	"github.com/scaledbydesign/insights/newsletter"
)

// command is one line of an envelope and the reply it wants: a code, or its
// first digits (25 stands for 250 to 259).
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

// submission is a mail as it goes over the wire. The envelope's commands are
// independent of each other's replies up to DATA, so they could go out in one
// write to a server that offers PIPELINING (RFC 2920).
type submission struct {
	envelope []command
	data     []byte // dot-stuffed, with the final dot
}

// extensions is what a server offers beyond RFC 5321's minimum.
type extensions struct{ eightBit, utf8 bool }

// localFault is a mail that can't be sent to this server at all, seen without
// asking it.
type localFault struct {
	status string // RFC 3463
	err    error
}

func (f localFault) outcome() newsletter.Outcome {
	return newsletter.Outcome{Result: newsletter.Permanent, Status: f.status, Text: oneLine(f.err.Error())}
}

// prepare makes a submission. An empty from is the null reverse-path.
func prepare(from, to string, message []byte, offered extensions) (submission, *localFault) {
	recipient, err := parseMailbox(to)
	if err != nil {
		return submission{}, &localFault{"5.1.3", err}
	}
	sender, senderPath := mailbox{}, "<>"
	if from != "" {
		if sender, err = parseMailbox(from); err != nil {
			return submission{}, &localFault{"5.1.7", err}
		}
		senderPath = sender.path()
	}
	data, err := stuff(message)
	if err != nil {
		return submission{}, &localFault{"5.6.0", err}
	}
	parameters := ""
	header, _, _ := bytes.Cut(message, []byte("\r\n\r\n"))
	switch {
	case sender.international() || recipient.international() || !isASCII(header):
		if !offered.utf8 {
			return submission{}, &localFault{"5.6.7", errors.New("the mail server takes no address with letters outside ASCII before the @ (SMTPUTF8)")}
		}
		parameters = " SMTPUTF8"
		if !isASCII(message) && offered.eightBit {
			parameters = " BODY=8BITMIME" + parameters
		}
	case !isASCII(message):
		if !offered.eightBit {
			return submission{}, &localFault{"5.6.3", errors.New("the message has octets outside ASCII and the mail server doesn't take them (8BITMIME)")}
		}
		parameters = " BODY=8BITMIME"
	}
	return submission{
		envelope: []command{
			{verbMail, "MAIL FROM:" + senderPath + parameters + "\r\n", 250},
			{verbRcpt, "RCPT TO:" + recipient.path() + "\r\n", 25},
			{verbData, "DATA\r\n", 354},
		},
		data: data,
	}, nil
}

const finalDot = ".\r\n"

// stuff makes a message transparent (RFC 5321, section 4.5.2) and ends it. Lines
// must end in CRLF: servers differ on a bare CR or LF, and the difference has let
// one message pass as two.
func stuff(message []byte) ([]byte, error) {
	if len(message) == 0 {
		return nil, errors.New("the message is empty")
	}
	out := make([]byte, 0, len(message)+len(message)/64+16)
	for line := range bytes.Lines(message) {
		text, ended := bytes.CutSuffix(line, []byte("\r\n"))
		if bytes.ContainsAny(text, "\r\n") {
			return nil, errors.New("the message has a CR or LF on its own")
		}
		if len(text) > maxLine {
			return nil, errors.New("the message has a line of more than 998 octets")
		}
		if line[0] == '.' {
			out = append(out, '.')
		}
		out = append(out, line...)
		if !ended {
			out = append(out, "\r\n"...)
		}
	}
	return append(out, finalDot...), nil
}
