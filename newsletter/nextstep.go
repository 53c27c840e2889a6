package newsletter

import "time"

// NextStep is what happens to an email next.
type NextStep string

const (
	NextHeld       NextStep = "held"       // nothing while all sending is held
	NextUnapproved NextStep = "unapproved" // it waits until staff send its digest
	NextPaused     NextStep = "paused"     // nothing while its digest is paused
	NextAt         NextStep = "at"         // it is tried at NextAt
	NextSoon       NextStep = "soon"       // it is sent when its turn comes
	NextSending    NextStep = "sending"    // it is about to be sent
	NextAnswer     NextStep = "answer"     // the server's answer is awaited
	NextNone       NextStep = "none"       // it was accepted
	NextAgain      NextStep = "again"      // it was accepted and came back: what it carried comes with the next digest
	NextSkipped    NextStep = "skipped"    // what it carried and is still wanted comes with the next digest
	NextFailed     NextStep = "failed"     // nothing automatically; staff can retry one of a digest
	NextUncertain  NextStep = "uncertain"  // nothing automatically: it is unknown whether it arrived
)

// Next says what happens next to an email, as of now. digest is the state of its
// digest, "" for a single email; held says that all sending is held.
func (d *Delivery) Next(digest DigestState, held bool, now time.Time) NextStep {
	switch d.State {
	case Pending, Deferred:
		switch {
		case held:
			return NextHeld
		case digest == DigestPlanned:
			return NextUnapproved
		case digest == DigestPaused:
			return NextPaused
		case d.NextAt.After(now):
			return NextAt
		}
		return NextSoon
	case Claimed:
		return NextSending
	case Sending:
		return NextAnswer
	case Sent:
		if d.Mark == Bounced && d.Ref.Digest != 0 {
			return NextAgain
		}
		return NextNone
	case Skipped:
		return NextSkipped
	case Failed:
		return NextFailed
	}
	return NextUncertain
}
