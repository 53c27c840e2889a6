package newsletter

import (
	"fmt"
	"time"
)

// Reason tells staff in one line why a delivery, a digest, a slot or all sending is in
// its state: a rule's text, or a mail server's answer. It states facts, never which
// command to type. "" = none.
type Reason string

// Why sending is held automatically.
const (
	HeldAsOlder Reason = "this database is older than the last email sent from it: emails it lists as unsent may have arrived"
)

// HeldAsUnknown is why sending from a database is held when the file that says how
// much was sent from it is missing.
func HeldAsUnknown(file string) Reason {
	return Reason(fmt.Sprintf("%s, which says how much was sent from this database, is missing: if this is an older copy, emails it lists as unsent may have arrived", file))
}

// pausedAsLate is why a digest is paused of which nothing was sent for too long.
func pausedAsLate(by time.Duration) Reason {
	return Reason(fmt.Sprintf("nothing was sent for %s; paused until someone resumes it", by.Round(time.Minute)))
}
