package newsletter

import "time"

// ReasonWorkerDied is why an email that a dead worker left in flight is uncertain.
const ReasonWorkerDied Reason = "the worker died while this email was in flight"

// Recover returns the result for an email that a dead worker left Claimed or Sending;
// stopped says that its digest was stopped. A claimed email was not started. Whether one
// in flight arrived is unknown: the policy decides.
func (p OnUncertain) Recover(state DeliveryState, stopped bool, now time.Time) Result {
	r := Result{State: Pending}
	if state == Sending {
		r = Result{State: Uncertain, Uncertain: true, Reason: ReasonWorkerDied}
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

// IfStopped returns the result of a delivery whose digest now has the given state:
// deliveries of a stopped digest are not retried.
func (r Result) IfStopped(digest DigestState) Result {
	if digest.Stopped() && !r.State.Terminal() {
		r.State, r.Reason = Skipped, Reason(digest)
	}
	return r
}

// Open reports whether a delivery in this state may still arrive.
func (s DeliveryState) Open() bool { return !s.Terminal() || s == Uncertain }

// OnTheWay reports whether a delivery may still bring its insights to its reader, so
// that they are not planned again. Until a digest is approved, its deliveries do not
// count.
func OnTheWay(delivery DeliveryState, digest DigestState) bool {
	return delivery == Uncertain || delivery.Open() && (digest.Active() || digest == DigestPaused)
}
