package newsletter

import (
	"time"
)

// What staff and workers may do to a digest in each state. Each method returns the
// digest's new state, whether that is a change, and ErrState if the state does not
// allow it.

// Approve lets a planned digest go out. One that is already approved does not change.
func (s DigestState) Approve() (to DigestState, changed bool, err error) {
	switch s {
	case DigestPlanned:
		return DigestApproved, true, nil
	case DigestApproved, DigestSending, DigestDone, DigestPaused:
		return s, false, nil
	}
	return s, false, ErrState
}

// Pause stops a digest that is going out.
func (s DigestState) Pause() (to DigestState, changed bool, err error) {
	switch {
	case s.Active():
		return DigestPaused, true, nil
	case s == DigestPaused:
		return s, false, nil
	}
	return s, false, ErrState
}

// Resume lets a paused digest continue.
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

// Retry lets deliveries of a digest be sent again. A digest that is done goes back to
// Sending: it keeps its page, which its emails link to.
func (s DigestState) Retry() (to DigestState, changed bool, err error) {
	switch {
	case s == DigestDone:
		return DigestSending, true, nil
	case s.Active(), s == DigestPaused:
		return s, false, nil
	}
	return s, false, ErrState
}

// Active reports whether a digest is going out, or will when it may.
func (s DigestState) Active() bool { return s == DigestApproved || s == DigestSending }

// Stopped reports whether a digest ended before all of it was sent: its deliveries are
// not retried.
func (s DigestState) Stopped() bool { return s == DigestCancelled || s == DigestFailed }

// Why deliveries of a stopped digest are skipped.
const (
	ReasonCancelled     Reason = "cancelled"
	ReasonDigestFailed  Reason = "the digest failed"
	ReasonPausedTooLong Reason = "late: the digest was still paused when the next one was due; its insights come with the next one"
)

// SkippedByStop reports whether a delivery in this state is skipped when its digest
// is stopped. Those in flight are left to finish.
func (s DeliveryState) SkippedByStop() bool {
	return s == Pending || s == Claimed || s == Deferred
}

// RetriedBy reports whether a delivery in this state is sent again when staff retry
// the failed or the uncertain ones.
func (s DeliveryState) RetriedBy(failed, uncertain bool) bool {
	return s == Failed && failed || s == Uncertain && uncertain
}

// Activity is when a digest last made progress.
type Activity struct {
	Approved, NotBefore time.Time
	Sent                time.Time // when part of it last went out: see OutboxStore.Touch
}

// Late reports whether nothing of a digest went out for longer than after, and for how
// long. It is paused until staff have looked at it.
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

// PausedUntil is when a digest ends that is still paused then: when the next one of its
// schedule is due, or at its deadline. One that was paused after that, since it was overdue,
// has as much time from then on.
func (d *Digest) PausedUntil(schedules []Schedule, retry Retry) time.Time {
	from := d.Opens()
	until := pausedUntil(d, from, schedules, retry)
	if !until.After(d.PausedAt) {
		until = pausedUntil(d, d.PausedAt, schedules, retry)
	}
	return until
}

func pausedUntil(d *Digest, from time.Time, schedules []Schedule, retry Retry) time.Time {
	for i := range schedules {
		if s := &schedules[i]; s.Name == d.Schedule && d.Schedule != "" {
			if next, ok := s.Next(from); ok {
				return next.Due
			}
		}
	}
	return retry.deadline(from)
}
