package newsletter

import (
	"fmt"
	"time"
)

// Reason says in one line, in words for staff, why a delivery, a digest, a slot or
// the whole of sending is as it is: a rule's words, or what a mail server answered.
// It says what is so, and never which command to type. "" = there is nothing to say.
type Reason string

// Why sending is held by itself.
const (
	HeldAsOlder Reason = "this database is older than what was sent from it: mails that it lists as unsent may have arrived"
)

// HeldAsUnknown is why sending from a database is held when the file that says how
// much was sent from it is missing.
func HeldAsUnknown(file string) Reason {
	return Reason(fmt.Sprintf("nothing beside this database (%s) says how much was sent from it: if it is an older copy, mails that it lists as unsent may have arrived", file))
}

// pausedAsLate is why a digest waits for staff of which nothing was sent for so long.
func pausedAsLate(by time.Duration) Reason {
	return Reason(fmt.Sprintf("nothing was sent of it for %s: it waits for staff", by.Round(time.Minute)))
}
