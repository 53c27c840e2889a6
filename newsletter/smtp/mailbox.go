package smtp

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/mail"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/idna"
)

// mailbox is an address for the envelope and for a header field.
// Its domain is in A-labels (IDNA 2008); its local part may be UTF-8 (RFC 6531).
type mailbox struct{ local, domain string }

// parseMailbox reads a bare address. Quoted local parts, comments and address
// literals are refused, and so is whatever could end a command or a field.
func parseMailbox(s string) (mailbox, error) {
	at := strings.LastIndexByte(s, '@')
	if at <= 0 || at == len(s)-1 {
		return mailbox{}, errors.New("an address has the form local@domain")
	}
	if !utf8.ValidString(s) {
		return mailbox{}, errors.New("the address is not valid UTF-8")
	}
	local, domain := s[:at], s[at+1:]
	if len(local) > 64 {
		return mailbox{}, errors.New("the local part is longer than 64 bytes")
	}
	for _, r := range local {
		if unicode.IsControl(r) || unicode.IsSpace(r) || strings.ContainsRune(`<>()[]\,;:"@`, r) {
			return mailbox{}, fmt.Errorf("the local part contains %q", r)
		}
	}
	domain, err := asciiDomain(domain)
	if err != nil {
		return mailbox{}, err
	}
	if len(local)+1+len(domain) > 254 {
		return mailbox{}, errors.New("the address is longer than 254 bytes")
	}
	return mailbox{local, domain}, nil
}

func asciiDomain(domain string) (string, error) {
	if !isASCII(domain) {
		ascii, err := idna.Lookup.ToASCII(domain)
		if err != nil {
			return "", fmt.Errorf("the domain is not an internationalized domain name: %w", err)
		}
		domain = ascii
	}
	for i := range len(domain) {
		if c := domain[i]; !isAlphanumeric(c) && c != '-' && c != '.' && c != '_' {
			return "", fmt.Errorf("the domain contains %q", c)
		}
	}
	if strings.HasPrefix(domain, ".") || strings.HasSuffix(domain, ".") || strings.Contains(domain, "..") {
		return "", errors.New("the domain has an empty label")
	}
	return domain, nil
}

// international reports whether only SMTPUTF8 can carry the address.
func (m mailbox) international() bool { return !isASCII(m.local) }

// path is the address as MAIL and RCPT name it. A local part that is no
// dot-atom, such as one with two dots in a row, is quoted.
func (m mailbox) path() string { return m.named("").String() }

func (m mailbox) named(name string) *mail.Address {
	return &mail.Address{Name: name, Address: m.local + "@" + m.domain}
}

// addressText is an address as a field has it. A name that looks like an encoded word is
// written as one, of its own letters: many programs decode such a name although it is
// quoted, and would show another one than it is.
func addressText(a *mail.Address) string {
	if !looksEncoded(a.Name) {
		return a.String()
	}
	return encodeQ(a.Name) + " " + (&mail.Address{Address: a.Address}).String()
}

// looksEncoded reports whether a text may be taken for one with encoded words (RFC 2047).
func looksEncoded(s string) bool { return strings.Contains(s, "=?") }

func isASCII[T string | []byte](s T) bool {
	for len(s) >= 8 {
		if binary.LittleEndian.Uint64([]byte(s[:8]))&0x8080808080808080 != 0 {
			return false
		}
		s = s[8:]
	}
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

func isAlphanumeric(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}
