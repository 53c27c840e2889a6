package subscribers

import (
	"context"
	"errors"
	"time"
)

// Forget erases all that is known of an address. What is kept is the hash of it, so
// that nobody but its owner can sign it up again. It returns ErrNotFound for an
// address that is not known.
func (r *Registry) Forget(ctx context.Context, a Address) error {
	return r.Store.Forget(ctx, a.Key(), time.Now())
}

// ForgetBy is Forget by the owner of a fresh link.
func (r *Registry) ForgetBy(ctx context.Context, token string) error {
	sub, err := r.Lookup(ctx, FreshToken, token)
	if err != nil {
		return err
	}
	err = r.Forget(ctx, sub.Address)
	if errors.Is(err, ErrNotFound) { // they may have moved meanwhile, and the link with them
		if _, lookup := r.Lookup(ctx, FreshToken, token); lookup != nil {
			return lookup
		}
	}
	return err
}

// ErasedAddress is what is left of an address in what was sent to it: that a reader has
// left it, since with none they would be counted with the one they have now.
const ErasedAddress = "(forgotten)"

// unconfirmedFor is how long an address is kept that nobody has confirmed.
const unconfirmedFor = 7 * 24 * time.Hour

// Tidy erases those who signed up and never confirmed, and counts that are no longer
// needed. Those who had unsubscribed before are unsubscribed again.
func (r *Registry) Tidy(ctx context.Context) (forgotten int, err error) {
	return r.Store.Tidy(ctx, r.rules().tidyBefore(time.Now()))
}

// tidyBefore is the time before which links must have ended for Tidy: each was made
// confirmFor before it ends.
func (r rules) tidyBefore(now time.Time) time.Time { return now.Add(r.confirmFor - unconfirmedFor) }

// Tidied is what Store.Tidy makes of a subscriber. Where their links ended before a
// time, they move no longer, and who signed up again and did not confirm is
// unsubscribed again if they had confirmed once. forget says that they never did:
// KeptOfUnconfirmed is all that is left of them.
func Tidied(s Subscriber, before time.Time) (tidied Subscriber, forget bool) {
	ended := s.NonceExpires.Before(before)
	if ended && s.NewAddress != (Address{}) {
		s.NewAddress, s.NonceExpires = Address{}, time.Time{}
	}
	switch {
	case !ended || s.Status != Pending:
		return s, false
	case s.UnsubscribedAt.IsZero() || s.ConfirmedAt.IsZero():
		return s, true
	}
	s.Status, s.NonceExpires = Unsubscribed, time.Time{}
	return s, false
}
