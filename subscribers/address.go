package subscribers

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/idna"
	"golang.org/x/text/unicode/norm"
)

// Address is an email address that can receive messages: RFC 5321 limits, RFC 6531
// local parts, a domain as A-labels (IDNA 2008). Quoted local parts, comments
// and address literals are refused: no mailbox that signs up has one.
// The zero value is no address.
type Address struct{ local, domain string }

// ParseAddress reads an address. Characters that nobody sees, such as the marks of
// direction that come along when text is pasted, are removed. Its error is fit to be
// shown; [ReadAddress] adds a suggestion.
func ParseAddress(s string) (Address, error) {
	s = strings.TrimSpace(visible(s))
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
	local = strings.Map(unjoined, local)
	if err := checkLocal(local); err != nil {
		return Address{}, err
	}
	ascii, err := idna.Lookup.ToASCII(domain)
	if plain := strings.Map(unjoined, domain); err != nil && plain != domain {
		ascii, err = idna.Lookup.ToASCII(plain)
	}
	if err != nil || !validDomain(ascii) {
		return Address{}, fmt.Errorf("%q is not a domain that can receive email", domain)
	}
	if len(local)+1+len(ascii) > 254 {
		return Address{}, errors.New("that email address is too long: 254 characters at most")
	}
	return Address{local, ascii}, nil
}

// visible is a text without the characters that have no shape of their own, which no
// mailbox has in its name: zero-width spaces, marks of direction, soft hyphens. Joiners
// stay: in the domains of some scripts they tell two names apart.
func visible(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= utf8.RuneSelf && !joiner(r) && (unicode.Is(unicode.Cf, r) || unicode.Is(unicode.Variation_Selector, r) || r == '\u034f') {
			return -1
		}
		return r
	}, s)
}

func joiner(r rune) bool { return r == '\u200c' || r == '\u200d' }

// unjoined removes joiners.
func unjoined(r rune) rune {
	if joiner(r) {
		return -1
	}
	return r
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

// Key identifies the mailbox: two addresses with one key are one subscriber. Letters
// that Unicode writes in two ways, such as é, are one letter (RFC 6532), and the case is
// not looked at. Dots and plus signs are kept, since they may be two people's.
func (a Address) Key() string {
	if a == (Address{}) {
		return ""
	}
	return fold(a.local) + "@" + a.domain
}

// FormerKeys are the keys that a mailbox may have had when letters that Unicode writes in
// two ways were two: hashes of them can't be made again. Almost every mailbox has none.
func FormerKeys(key string) []string {
	local, domain, _ := strings.Cut(key, "@")
	if apart := norm.NFD.String(local); apart != local {
		return []string{apart + "@" + domain}
	}
	return nil
}

// fold is lower case, in NFC. A letter beyond ASCII never becomes one of ASCII, as the
// Kelvin sign would: it may be another person's.
func fold(local string) string {
	lower := strings.Map(func(r rune) rune {
		if lower := unicode.ToLower(r); (lower < utf8.RuneSelf) == (r < utf8.RuneSelf) {
			return lower
		}
		return r
	}, composed(local))
	return composed(lower)
}

// composed is NFC but for the Kelvin sign.
func composed(s string) string {
	const kelvin = "\u212a"
	if !strings.Contains(s, kelvin) {
		return norm.NFC.String(s)
	}
	parts := strings.Split(s, kelvin)
	for i, part := range parts {
		parts[i] = norm.NFC.String(part)
	}
	return strings.Join(parts, kelvin)
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

// tagged reports whether an address is written with a plus sign.
func (a Address) tagged() bool { return strings.Contains(a.local, "+") }

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
