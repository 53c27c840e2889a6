package subscribers

import (
	"context"
	"fmt"
	"time"
)

// Confirm ends a double opt-in, or a change of address. Repeating it is harmless. It
// returns ErrTaken for an address that somebody else has got since, and ErrSuppressed
// for one that is suppressed.
func (r *Registry) Confirm(ctx context.Context, token, client string) (Subscriber, error) {
	rules := r.rules()
	return r.edit(ctx, ConfirmToken, token, func(sub *Subscriber, now time.Time) (Change, error) {
		return rules.confirm(sub, client, now)
	})
}

// confirm is what the link in a confirmation does.
func (r rules) confirm(sub *Subscriber, client string, now time.Time) (Change, error) {
	switch {
	case sub.moving():
		return move(sub, client, now), nil
	case sub.Status == Confirmed:
		return Change{}, nil
	case sub.Status == Suppressed:
		return Change{}, ErrSuppressed
	}
	sub.Status, sub.ConfirmedAt, sub.UnsubscribedAt = Confirmed, now, time.Time{}
	sub.Cause, sub.Reason, sub.SuppressedAt = "", "", time.Time{}
	return Change{
		Event:     Event{At: now, What: "confirmed", Source: "link", Client: client, Version: FormVersion, Detail: Preferences{sub.Cadence, sub.Categories}.String()},
		StartWith: r.startWith,
	}, nil
}

// Resend queues a confirmation email with a new link, whatever the limits say.
func (r *Registry) Resend(ctx context.Context, a Address) (Subscriber, error) {
	rules := r.rules()
	sub, _, err := r.editKnown(ctx, a, rules.askAgain)
	return sub, err
}

// askAgain is what staff do for somebody who did not get the confirmation email.
func (r rules) askAgain(sub *Subscriber, now time.Time) (Change, error) {
	if sub.Status != Pending {
		return Change{}, fmt.Errorf("%s is %s: there is nothing to confirm", sub.Address, sub.Status)
	}
	r.begin(sub, sub.Address, now)
	return Change{Event: Event{At: now, What: "asked_again", Source: "staff"}, Notice: ConfirmNotice}, nil
}
