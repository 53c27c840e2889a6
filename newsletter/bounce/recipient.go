package bounce

import (
	"bytes"
	"cmp"
	"net/mail"
	"regexp"
	"strconv"
	"strings"

	"github.com/scaledbydesign/insights/newsletter/rfc5322"
)

const maxRecipients = 50 // of a report; each is looked for in the text

// deliveryStatus reads the recipients of a message/delivery-status (RFC 3464) or a
// message/global-delivery-status (RFC 6533). The first block of fields is of the
// message; some servers leave it out, or the empty line after it.
func deliveryStatus(body []byte) (rfc5322.Header, []Recipient) {
	var whole rfc5322.Header
	var all []Recipient
	for body = bytes.TrimLeft(body, "\n \t"); len(body) > 0 && len(all) < maxRecipients; body = bytes.TrimLeft(body, "\n \t") {
		var fields rfc5322.Header
		fields, body = rfc5322.ParseHeader(body)
		if whole == nil {
			whole = fields
		}
		if r, ok := recipient(fields); ok {
			all = append(all, r)
		}
	}
	return whole, all
}

func recipient(fields rfc5322.Header) (Recipient, bool) {
	r := Recipient{
		Address: cmp.Or(typedAddress(fields.Get("Original-Recipient")), typedAddress(fields.Get("Final-Recipient")),
			typedAddress(fields.Get("X-Actual-Recipient"))),
		Action:     firstWord(strings.ToLower(fields.Get("Action"))),
		Status:     anyStatus.FindString(fields.Get("Status")),
		Diagnostic: untyped(fields.Get("Diagnostic-Code")),
	}
	return r, r.Address != "" || r.Action != "" || r.Status != ""
}

// typedAddress reads "rfc822;address" and "utf-8;address" (RFC 3464, RFC 6533). An
// address may be in brackets, and one without its type is also read.
func typedAddress(s string) string {
	kind, address, ok := strings.Cut(s, ";")
	if !ok {
		kind, address = "rfc822", s
	}
	switch kind = strings.ToLower(strings.TrimSpace(kind)); kind {
	case "utf-8": // \x{E9} for é (RFC 6533)
		address = xtext(braceHex.ReplaceAllStringFunc(address, func(code string) string { return string(hexRune(code[3 : len(code)-1])) }))
	case "rfc822":
		address = xtext(address)
	}
	return bareAddress(address)
}

// bareAddress is the address in s, or "" if s has none. What mail servers write
// there is often no address by RFC 5322, so that the brackets alone are looked at.
func bareAddress(s string) string {
	s = strings.TrimSpace(s)
	if at, end := strings.LastIndexByte(s, '<'), strings.LastIndexByte(s, '>'); at >= 0 && end > at {
		s = s[at+1 : end]
	}
	s = rfc5322.OneLine(strings.Trim(s, "<>\"' "))
	if len(s) > 320 || !strings.Contains(s, "@") || strings.ContainsAny(s, " ,;") {
		return ""
	}
	return s
}

// addressList is the addresses of a header field. One that net/mail refuses is
// searched for whatever looks like one.
func addressList(s string) []string {
	var all []string
	if list, err := mail.ParseAddressList(s); err == nil {
		for _, a := range list {
			all = append(all, rfc5322.OneLine(a.Address))
		}
		return all
	}
	for _, a := range addresses.FindAllString(s, maxRecipients) {
		all = append(all, rfc5322.OneLine(a))
	}
	return all
}

var (
	plusHex   = regexp.MustCompile(`\+[0-9A-F]{2}`)
	braceHex  = regexp.MustCompile(`\\x\{[0-9A-Fa-f]{2,6}\}`)
	anyStatus = regexp.MustCompile(`[245]\.\d{1,3}\.\d{1,3}`)
)

// xtext undoes the encoding of an ORCPT (RFC 3461): +2B for a plus. A tag such as
// "ada+ABBA@" looks the same to who never encoded it, so only what must be encoded
// is decoded.
func xtext(s string) string {
	return plusHex.ReplaceAllStringFunc(s, func(code string) string {
		if r := hexRune(code[1:]); r <= ' ' || r >= 0x7f || r == '+' || r == '=' {
			return string(r)
		}
		return code
	})
}

func hexRune(s string) rune {
	r, _ := strconv.ParseUint(s, 16, 32) // its digits are hexadecimal
	return rune(r)
}

// untyped takes "smtp;" off a diagnostic.
func untyped(s string) string {
	if kind, rest, ok := strings.Cut(s, ";"); ok && len(kind) <= 20 && !strings.ContainsAny(strings.TrimSpace(kind), " :.") {
		s = rest
	}
	return rfc5322.OneLine(rfc5322.DecodeHeader(s))
}

func firstWord(s string) string {
	if f := strings.FieldsFunc(s, func(r rune) bool { return (r < 'a' || r > 'z') && r != '-' }); len(f) > 0 {
		return rfc5322.OneLine(f[0])
	}
	return ""
}

// statusAmong finds the fields of a delivery status in a text: some servers omit
// the part around them, and people forward bounces. They end where a header begins.
func statusAmong(text string) []byte {
	text = quoteMarks.ReplaceAllString(text, "")
	at := finalRecipient.FindStringIndex(text)
	if at == nil {
		return nil
	}
	text = text[at[0]:]
	if end := originalBegins.FindStringIndex(text); end != nil {
		text = text[:end[0]]
	}
	if !actionField.MatchString(text) {
		return nil
	}
	return []byte(strings.TrimLeft(text, "\n"))
}

var (
	quoteMarks     = regexp.MustCompile(`(?m)^[> ]*> ?`)
	finalRecipient = regexp.MustCompile(`(?im)^(?:Final|Original)-Recipient: ?[a-z0-9-]+ ?;`)
	actionField    = regexp.MustCompile(`(?im)^(?:Action|Status): ?\w`)
	originalBegins = regexp.MustCompile(`(?im)^(?:Return-Path|Received): `)
)
