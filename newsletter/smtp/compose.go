// Package smtp composes messages and hands them to a mail server. It owns the
// bytes of a message (RFC 5322, RFC 2045) and the conversation that delivers
// them (RFC 5321), and says of every attempt what became of it: accepted,
// refused for now or for good, surely not sent, or unknown.
package smtp

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/mail"
	"strings"
	"unicode/utf8"

	gomail "github.com/wneessen/go-mail"

	"github.com/scaledbydesign/insights/newsletter"
)

// Composer turns messages into bytes: RFC 5322 and MIME, CRLF, no line over
// 998 octets, header fields in ASCII (RFC 2047) and in one order, bodies in
// quoted-printable UTF-8. A message with HTML becomes multipart/alternative, text
// first. Equal messages give equal bytes, in every process. The one exception to
// ASCII is an address whose local part is not: it is written in UTF-8 (RFC 6532).
//
// The zero value is ready to use. It is safe for concurrent use.
type Composer struct {
	// Keys sign each message, the first with the outermost signature (DKIM).
	Keys []SigningKey
}

var _ newsletter.Composer = Composer{}

// Compose returns the bytes of a message, signed and ready to be sent. It
// refuses a message rather than repair it: its error joins every fault and names
// the fields. A line break or NUL in a header field is always a fault, so no
// value can add a field.
//
// Runs of blanks in names and in Headers become one blank; the subject and both
// bodies come back from a parser as they were, bodies with a line break at the
// end. An empty Boundary is derived from the Message-ID.
func (c Composer) Compose(m newsletter.Message) ([]byte, error) {
	b := builder{letter: m}
	msg := b.build()
	if err := b.err(); err != nil {
		return nil, err
	}
	var raw bytes.Buffer
	raw.Grow(2*(len(m.Text)+len(m.HTML)) + 2048)
	if _, err := msg.WriteTo(&raw); err != nil {
		return nil, fmt.Errorf("compose email: %w", err)
	}
	message, err := layOut(raw.Bytes(), b.boundary, b.named)
	if err != nil {
		return nil, fmt.Errorf("compose email: %w", err)
	}
	if message, err = sign(c.Keys, message); err != nil {
		return nil, fmt.Errorf("compose email: %w", err)
	}
	return message, nil
}

// builder fills a Msg field by field and gathers what is wrong. A Msg is never
// used twice: its Reset keeps header fields of the message before.
type builder struct {
	letter   newsletter.Message
	boundary string
	named    map[string]string // see layOut
	faults   []error
}

func (b *builder) build() *gomail.Msg {
	m := b.letter
	b.boundary = b.checkBoundary()
	msg := gomail.NewMsg(gomail.WithNoDefaultUserAgent(), gomail.WithBoundary(b.boundary),
		gomail.WithCharset(gomail.CharsetUTF8), gomail.WithEncoding(gomail.EncodingQP))
	msg.FromMailAddress(b.note("From", b.mailbox("From", m.From)))
	msg.AddToMailAddress(b.note("To", b.recipient()))
	if m.ReplyTo != "" {
		msg.ReplyToMailAddress(b.note("Reply-To", b.mailbox("ReplyTo", m.ReplyTo)))
	}
	b.check("Subject", m.Subject, true)
	msg.Subject(encodeWords(m.Subject, inSubject))
	b.checkMessageID()
	msg.SetMessageIDWithValue(m.MessageID)
	if year := m.Date.Year(); year < 1900 || year > 9999 {
		b.fault("Date", "the year %d is not possible in an email", year)
	}
	msg.SetDateWithValue(m.Date)
	b.headers(msg)

	b.checkBody("Text", m.Text)
	msg.SetBodyString(gomail.TypeTextPlain, closed(m.Text))
	if m.HTML != "" {
		b.checkBody("HTML", m.HTML)
		msg.AddAlternativeString(gomail.TypeTextHTML, closed(m.HTML))
	}
	return msg
}

// err joins the faults, or is nil.
func (b *builder) err() error {
	if len(b.faults) == 0 {
		return nil
	}
	return fmt.Errorf("compose email: %w", errors.Join(b.faults...))
}

func (b *builder) fault(field, format string, args ...any) {
	b.faults = append(b.faults, fmt.Errorf(field+": "+format, args...))
}

// check refuses what no header field may hold.
func (b *builder) check(field, value string, required bool) (ok bool) {
	switch {
	case required && strings.TrimSpace(value) == "":
		b.fault(field, "is empty")
	case !utf8.ValidString(value):
		b.fault(field, "is not valid UTF-8")
	case strings.ContainsAny(value, "\r\n\x00"):
		b.fault(field, "contains a line break or NUL")
	default:
		return true
	}
	return false
}

func (b *builder) checkBody(field, body string) {
	switch {
	case strings.TrimSpace(body) == "":
		b.fault(field, "is empty")
	case !utf8.ValidString(body):
		b.fault(field, "is not valid UTF-8")
	case strings.Contains(body, "\x00"):
		b.fault(field, "holds NUL")
	case strings.Contains(body, "--"+b.boundary):
		b.fault("Boundary", "occurs in %s; start it with =_ , which quoted-printable never writes", field)
	}
}

// mailbox reads an RFC 5322 mailbox.
func (b *builder) mailbox(field, value string) *mail.Address {
	if !b.check(field, value, true) {
		return nil
	}
	parsed, err := mail.ParseAddress(value)
	if err != nil {
		b.fault(field, "is not a mailbox: %w", err)
		return nil
	}
	return b.address(field, parsed.Name, parsed.Address)
}

func (b *builder) recipient() *mail.Address {
	b.check("To", b.letter.To, true)
	b.check("ToName", b.letter.ToName, false)
	return b.address("To", b.letter.ToName, b.letter.To)
}

func (b *builder) address(field, name, addr string) *mail.Address {
	m, err := parseMailbox(addr)
	if err != nil {
		b.fault(field, "%w", err)
		return nil
	}
	if strings.ContainsFunc(name, isControl) {
		b.fault(field, "the display name contains a control character")
		return nil
	}
	return m.named(strings.Join(strings.Fields(name), " "))
}

// note keeps how a field is written where go-mail would write its name otherwise.
func (b *builder) note(field string, a *mail.Address) *mail.Address {
	if a != nil && looksEncoded(a.Name) {
		if b.named == nil {
			b.named = make(map[string]string)
		}
		b.named[field] = addressText(a)
	}
	return a
}

func (b *builder) checkMessageID() {
	id := b.letter.MessageID
	left, right, found := strings.Cut(id, "@")
	if !found || left == "" || right == "" || strings.Contains(right, "@") || len(id) > 250 || strings.ContainsFunc(id, notIDRune) {
		b.fault("MessageID", "must have the form left@right, in printable ASCII without spaces or angle brackets")
	}
}

func notIDRune(r rune) bool { return r <= ' ' || r >= 0x7f || strings.ContainsRune(`<>()[]\,;:"`, r) }

// checkBoundary wants characters that are no tspecials but '=' (RFC 2045,
// section 5.1); the parameter is quoted for its sake.
func (b *builder) checkBoundary() string {
	boundary := b.letter.Boundary
	if boundary == "" {
		sum := sha256.Sum256([]byte(b.letter.MessageID))
		return "=_" + hex.EncodeToString(sum[:12])
	}
	bad := strings.ContainsFunc(boundary, func(r rune) bool {
		return r >= utf8.RuneSelf || !isAlphanumeric(byte(r)) && !strings.ContainsRune("'+_-.=", r)
	})
	if bad || len(boundary) > 70 {
		b.fault("Boundary", "has 1 to 70 characters of A-Z a-z 0-9 ' + _ - . =")
	}
	return boundary
}

// headers adds the message's own fields.
func (b *builder) headers(msg *gomail.Msg) {
	seen := make(map[string]bool, len(b.letter.Headers))
	for _, h := range b.letter.Headers {
		name := strings.ToLower(h.Name)
		switch {
		case !isFieldName(h.Name):
			b.fault("Headers", "%q is not a field name", h.Name)
			continue
		case isComposed(name):
			b.fault("Headers", "%s is set by the program itself", h.Name)
			continue
		case seen[name]:
			b.fault("Headers", "%s occurs twice", h.Name)
			continue
		}
		seen[name] = true
		if !b.check(h.Name, h.Value, true) {
			continue
		}
		if err := checkValue(h.Value); err != nil {
			b.fault(h.Name, "%w", err)
			continue
		}
		msg.SetGenHeader(gomail.Header(h.Name), encodeWords(strings.Join(strings.Fields(h.Value), " "), inField))
	}
}

// closed ends a body with a line break, as a text has.
func closed(body string) string { return strings.TrimSuffix(body, "\n") + "\n" }
