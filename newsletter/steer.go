package newsletter

import (
	"time"
)

// What staff and workers may do to a digest in each state. Each method returns the
// state that the digest gets, whether that is another one, and ErrState if the
// state does not allow it.

// Approve lets a planned digest go out. One that was approved before is left alone.
func (s DigestState) Approve() (to DigestState, changed bool, err error) {
	switch s {
	case DigestPlanned:
		return DigestApproved, true, nil
	case DigestApproved, DigestSending, DigestDone, DigestPaused:
		return s, false, nil
	}
	return s, false, ErrState
}

// Pause stops a digest that goes out.
func (s DigestState) Pause() (to DigestState, changed bool, err error) {
	switch {
	case s.Active():
		return DigestPaused, true, nil
	case s == DigestPaused:
		return s, false, nil
	}
	return s, false, ErrState
}

// Resume lets a paused digest go on.
func (s DigestState) Resume() (to DigestState, changed bool, err error) {
	switch {
	case s == DigestPaused:
		return DigestApproved, true, nil
	case s.Active():
		return s, false, nil
	}
	return s, false, ErrState
}

// Cancel ends a digest that has not ended.
func (s DigestState) Cancel() (to DigestState, changed bool, err error) {
	switch {
	case s == DigestPlanned, s.Active(), s == DigestPaused:
		return DigestCancelled, true, nil
	case s == DigestCancelled:
		return s, false, nil
	}
	return s, false, ErrState
}

// Retry lets deliveries of a digest be sent again. One that is done goes on: it has
// a page, to which its emails lead.
func (s DigestState) Retry() (to DigestState, changed bool, err error) {
	switch {
	case s == DigestDone:
		return DigestSending, true, nil
	case s.Active(), s == DigestPaused:
		return s, false, nil
	}
	return s, false, ErrState
}

// Active reports whether a digest goes out, or will once it may.
func (s DigestState) Active() bool { return s == DigestApproved || s == DigestSending }

// Stopped reports whether a digest has ended before all of it was sent: nothing of it
// is tried again.
func (s DigestState) Stopped() bool { return s == DigestCancelled || s == DigestFailed }

// Why deliveries of a stopped digest are skipped.
const (
	ReasonCancelled    Reason = "cancelled"
	ReasonDigestFailed Reason = "the digest failed"
)

// SkippedByStop reports whether a delivery in this state is skipped when its digest
// is stopped. What is in flight ends by itself.
func (s DeliveryState) SkippedByStop() bool {
	return s == Pending || s == Claimed || s == Deferred
}

// RetriedBy reports whether a delivery in this state is sent again when staff ask for
// the failed or the uncertain ones.
func (s DeliveryState) RetriedBy(failed, uncertain bool) bool {
	return s == Failed && failed || s == Uncertain && uncertain
}

// Activity is when a digest that goes out last did something.
type Activity struct {
	Approved, NotBefore time.Time
	Sent                time.Time // something of it went out: see OutboxStore.Touch
}

// Late reports that nothing of a digest went out for longer than after, and for how
// long. Staff are to look at it before it goes on.
func (a Activity) Late(now time.Time, after time.Duration) (reason Reason, late bool) {
	last := a.Approved
	for _, t := range []time.Time{a.NotBefore, a.Sent} {
		if t.After(last) {
			last = t
		}
	}
	by := now.Sub(last)
	return pausedAsLate(by), by > after
}
