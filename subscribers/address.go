package subscribers

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/idna"
)

// Address is an email address that can receive messages: RFC 5321 limits, RFC 6531
// local parts, a domain as A-labels (IDNA 2008). Quoted local parts, comments
// and address literals are refused: no mailbox that signs up has one.
// The zero value is no address.
type Address struct{ local, domain string }

// ParseAddress reads an address as a person types it. Its error is fit to be
// shown to that person.
func ParseAddress(s string) (Address, error) {
	s = strings.TrimSpace(s)
	switch {
	case s == "":
		return Address{}, errors.New("enter an email address")
	case len(s) > 254:
		return Address{}, errors.New("that email address is too long: 254 characters at most")
	case !utf8.ValidString(s):
		return Address{}, errors.New("that email address is not valid text")
	}
	local, domain, found := strings.Cut(s, "@")
	switch {
	case !found || local == "" || domain == "":
		return Address{}, errors.New("an email address looks like name@example.com")
	case strings.Contains(domain, "@"):
		return Address{}, errors.New("an email address has exactly one @")
	case len(local) > 64:
		return Address{}, errors.New("the part before the @ is too long: 64 characters at most")
	}
	if err := checkLocal(local); err != nil {
		return Address{}, err
	}
	ascii, err := idna.Lookup.ToASCII(domain)
	if err != nil || !validDomain(ascii) {
		return Address{}, fmt.Errorf("%q is not a domain that can receive email", domain)
	}
	if len(local)+1+len(ascii) > 254 {
		return Address{}, errors.New("that email address is too long: 254 characters at most")
	}
	return Address{local, ascii}, nil
}

// checkLocal accepts the dot-atom of RFC 5322 with RFC 6531's letters.
func checkLocal(local string) error {
	if strings.HasPrefix(local, ".") || strings.HasSuffix(local, ".") || strings.Contains(local, "..") {
		return errors.New("the part before the @ can't start or end with a dot, or contain two in a row")
	}
	for _, r := range local {
		if !unicode.IsLetter(r) && !unicode.IsMark(r) && !unicode.IsNumber(r) && !strings.ContainsRune(".!#$%&'*+-/=?^_`{|}~", r) {
			return fmt.Errorf("an email address can't contain the character %q", r)
		}
	}
	return nil
}

// validDomain wants at least two labels of RFC 1123 and a last one that is no number.
func validDomain(d string) bool {
	labels := strings.Split(d, ".")
	if len(labels) < 2 || len(d) > 253 {
		return false
	}
	for _, l := range labels {
		if l == "" || len(l) > 63 || l[0] == '-' || l[len(l)-1] == '-' {
			return false
		}
		for _, r := range l {
			if !(r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '-') {
				return false
			}
		}
	}
	return strings.Trim(labels[len(labels)-1], "0123456789") != ""
}

// String is the address to write to: the local part as typed, the domain as A-labels.
func (a Address) String() string {
	if a == (Address{}) {
		return ""
	}
	return a.local + "@" + a.domain
}

// Key identifies the mailbox: two addresses with one key are one subscriber.
// Dots and plus signs are kept, since they may be two people's.
func (a Address) Key() string {
	if a == (Address{}) {
		return ""
	}
	return fold(a.local) + "@" + a.domain
}

// fold is lower case. A letter beyond ASCII never becomes one of ASCII, as the Kelvin
// sign would: it may be another person's.
func fold(local string) string {
	return strings.Map(func(r rune) rune {
		if lower := unicode.ToLower(r); (lower < utf8.RuneSelf) == (r < utf8.RuneSelf) {
			return lower
		}
		return r
	}, local)
}

// Inbox is the key of the mailbox that an address probably leads to: without what
// follows a plus sign, and without dots where Gmail ignores them. It may be another
// person's, so it is used to count sign-ups and for nothing else.
func (a Address) Inbox() string {
	local, _, _ := strings.Cut(fold(a.local), "+")
	if a.domain == "gmail.com" || a.domain == "googlemail.com" {
		return strings.ReplaceAll(local, ".", "") + "@gmail.com"
	}
	return local + "@" + a.domain
}

// Domain is the domain as A-labels.
func (a Address) Domain() string { return a.domain }

// ASCII reports whether the address can be sent to without SMTPUTF8.
func (a Address) ASCII() bool {
	return !strings.ContainsFunc(a.local, func(r rune) bool { return r >= utf8.RuneSelf })
}

// Masked hides all of the local part but its first letter, for pages that
// anybody who has a forwarded email can open.
func (a Address) Masked() string {
	if a == (Address{}) {
		return ""
	}
	_, size := utf8.DecodeRuneInString(a.local)
	return a.local[:size] + "…@" + a.domain
}
