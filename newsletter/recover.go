package newsletter

import "time"

// ReasonWorkerEnded is why an email is uncertain that a dead worker left in flight.
const ReasonWorkerEnded Reason = "the program ended while this mail was in flight"

// Recover says what becomes of an email that a dead worker left in a state, Claimed
// or Sending; stopped says that it is of a digest that has been stopped. A claimed
// one was not started. Of one in flight nobody knows whether it arrived: the policy
// decides.
func (p OnUncertain) Recover(state DeliveryState, stopped bool, now time.Time) Result {
	r := Result{State: Pending}
	if state == Sending {
		r = Result{State: Uncertain, Uncertain: true, Reason: ReasonWorkerEnded}
		switch p {
		case Resend:
			r.State, r.NextAt = Deferred, now
		case Skip:
			r.Received = true
		}
	}
	if stopped && !r.State.Terminal() {
		r.State, r.NextAt, r.Reason = Skipped, time.Time{}, ReasonCancelled
	}
	return r
}

// IfStopped is the result of a delivery whose digest has the given state by now:
// nothing of a stopped one is tried again.
func (r Result) IfStopped(digest DigestState) Result {
	if digest.Stopped() && !r.State.Terminal() {
		r.State, r.Reason = Skipped, Reason(digest)
	}
	return r
}

// Open reports whether a delivery with this result may still bring its insights.
func (s DeliveryState) Open() bool { return !s.Terminal() || s == Uncertain }

// OnTheWay reports whether a delivery may still bring its insights to its reader, so
// that they are not planned again. A digest that nobody has approved is no promise
// yet.
func OnTheWay(delivery DeliveryState, digest DigestState) bool {
	return delivery == Uncertain || delivery.Open() && (digest.Active() || digest == DigestPaused)
}
