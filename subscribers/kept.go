package subscribers

import (
	"context"
	"errors"
	"time"
)

// ReasonForgotten is the reason of a suppression that is all that is left of a
// subscriber.
const ReasonForgotten = "forgotten"

// Kept is what is kept of an address: a subscriber, or the little that outlives one,
// without an Address. Of an unknown one it is the zero Subscriber.
func (r *Registry) Kept(ctx context.Context, a Address) (kept Subscriber, err error) {
	looked := errors.New("looked")
	_, err = r.Store.Edit(ctx, a.Key(), func(s *Subscriber) (Change, error) {
		kept = *s
		return Change{}, looked
	})
	if errors.Is(err, looked) {
		err = nil
	}
	return kept, err
}

// saidNo is what is kept of an address whose owner unsubscribed or was erased: nobody
// but they can sign it up again.
func saidNo(at time.Time) Suppression {
	return Suppression{Status: Unsubscribed, Reason: ReasonForgotten, At: at, UnsubscribedAt: at}
}

// KeptAfter is the suppression that a change of a subscriber, from before to after,
// leaves of their address; the zero Suppression is none. changed is false when it stays
// as it is.
func KeptAfter(before, after Subscriber, now time.Time) (kept Suppression, changed bool) {
	switch {
	case after.Status == Suppressed:
		return Suppression{Status: after.Status, Cause: after.Cause, Reason: after.Reason, At: after.SuppressedAt, UnsubscribedAt: after.UnsubscribedAt}, true
	case after.PublicID == "" && after.Status == Unsubscribed: // lifted, and for them alone to come back
		return saidNo(now), true
	case before.ID == 0 && before.Status == "": // there is none
		return Suppression{}, false
	case before.Cause != "" && after.Cause == "": // lifted, or confirmed since
		return Suppression{}, true
	case after.Status == Confirmed && (before.Status != Confirmed || moved(before, after)):
		return Suppression{}, true
	}
	return Suppression{}, false
}

// KeptOfFormer is the suppression that is left of the address from which a change has
// moved a subscriber, so that an old list does not bring it back. has is false when
// they have not moved.
func KeptOfFormer(before, after Subscriber, now time.Time) (kept Suppression, has bool) {
	if before.ID == 0 || !moved(before, after) {
		return Suppression{}, false
	}
	return saidNo(now), true
}

func moved(before, after Subscriber) bool {
	return before.Address != after.Address && before.Address.Key() != after.Address.Key()
}

// KeptOfErased is the suppression that is left of a subscriber who is erased. It has
// no text of others: a mail server may have written the address into it.
func KeptOfErased(s Subscriber, at time.Time) Suppression {
	kept := saidNo(at)
	if s.Cause != "" {
		kept.Status, kept.Cause, kept.At = Suppressed, s.Cause, s.SuppressedAt
	}
	return kept
}

// KeptOfUnconfirmed is the suppression that is left of a subscriber who is forgotten
// because they did not confirm, if they had unsubscribed before. has is false when
// there is none, or the existing one stays.
func KeptOfUnconfirmed(s Subscriber) (kept Suppression, has bool) {
	if s.UnsubscribedAt.IsZero() || s.Cause != "" {
		return Suppression{}, false
	}
	return saidNo(s.UnsubscribedAt), true
}
