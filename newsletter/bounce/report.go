// Package bounce reads a message that came back and says what it means: that an
// address is dead, that a message may pass later, that our own sending is refused,
// that a reader complains, or nothing at all. It knows the formats with a report
// (RFC 3464, RFC 6533, RFC 5965) and the words of mail servers that send none.
//
// What it reads was written by strangers, so nothing in it is proof of anything:
// who acts on a Report must first know which message it speaks of.
package bounce

import (
	"regexp"
	"slices"
	"strings"
)

// Kind says what sort of message a Report was read from.
type Kind string

const (
	Failure     Kind = "failure"     // a message was not delivered, and will not be tried again
	Delay       Kind = "delay"       // it is still being tried
	Delivered   Kind = "delivered"   // it arrived, or was handed on to a server that reports nothing
	Complaint   Kind = "complaint"   // a reader marked it as spam or fraud
	Unsubscribe Kind = "unsubscribe" // a reader asks to be left alone
	AutoReply   Kind = "auto-reply"  // someone is on holiday
	Other       Kind = "other"       // none of these: a person who answers, or noise
)

// Class says what a refusal means for the address that it speaks of.
type Class string

const (
	None    Class = ""        // nothing
	Soft    Class = "soft"    // it may pass another time
	Blocked Class = "blocked" // the sender, its network or the text is refused; the address is not at fault
	Hard    Class = "hard"    // the address is dead
)

// weight orders classes by how much they ask for.
func (c Class) weight() int {
	return slices.Index([]Class{None, Soft, Blocked, Hard}, c)
}

// Report is what one message says. All text in it is valid UTF-8, in one line, and
// without control characters.
type Report struct {
	Kind  Kind
	Class Class // the most serious one of the recipients

	// Recipients are those that the message names. Without a delivery-status part
	// there may be none, although the message speaks of one.
	Recipients []Recipient

	// Text is what was said, for staff: a server's words if there are any.
	Text string

	// Feedback is the Feedback-Type of a report in the Abuse Reporting Format,
	// in lower case: abuse, fraud, not-spam, …
	Feedback string

	// MessageID is that of the message which came back, without the brackets.
	MessageID string

	// To holds the addresses that could be the return path of the message which came
	// back: where this one was sent, and what is left of the other's envelope.
	To []string

	// OriginalTo is whom the message which came back was for, by its own header or
	// the report's.
	OriginalTo string

	said string // to people, in lower case
}

// CameFrom reports whether the message was refused at an address, and not somewhere that
// this address forwards to: the report names the address, or no address at all.
func (r *Report) CameFrom(address string) bool {
	address = strings.ToLower(address)
	named := false
	for _, recipient := range r.Recipients {
		if strings.EqualFold(recipient.Address, address) {
			return true
		}
		named = named || recipient.Address != ""
	}
	if named {
		return false
	}
	return strings.Contains(r.said, address) || !anyAddress.MatchString(r.said)
}

var anyAddress = regexp.MustCompile(`[^\s<>"'()\[\]]@[a-z0-9-]+\.[a-z0-9]`)

// Recipient is one address, and what became of a message to it (RFC 3464).
type Recipient struct {
	Address    string // as the sender wrote it where that is known
	Action     string // failed, delayed, delivered, relayed, expanded
	Status     string // RFC 3463, such as 5.1.1
	Code       int    // of the SMTP reply, such as 550
	Diagnostic string // the words of the reply
	Class      Class
}
