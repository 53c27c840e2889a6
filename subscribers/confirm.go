package subscribers

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// Confirm ends a double opt-in, or a change of address. Repeating it is harmless. It
// returns ErrTaken for an address that somebody else has got since, and ErrSuppressed
// for one that is suppressed.
func (r *Registry) Confirm(ctx context.Context, token, client string) (Subscriber, error) {
	rules := r.rules()
	return r.edit(ctx, ConfirmToken, token, func(sub *Subscriber, now time.Time) (Change, error) {
		c, err := r.confirmation(ConfirmToken, token, *sub)
		if err != nil {
			return Change{}, err
		}
		return rules.confirm(sub, c, r.Categories, client, now)
	})
}

// confirm is what the link in a confirmation does: it brings what that email says, and
// ends all others.
func (r rules) confirm(sub *Subscriber, c Confirmation, known []string, client string, now time.Time) (Change, error) {
	switch err := c.usable(*sub, now); {
	case sub.Status == Suppressed:
		return Change{}, ErrSuppressed
	case err != nil:
		return Change{}, err
	case sub.Status == Confirmed && !c.Back.IsZero() && !c.Ended:
		change := move(sub, c.To, client, now)
		change.Uses = &c
		return change, nil
	case sub.moving() && !c.Ended:
		return move(sub, c.To, client, now), nil
	case sub.Status == Confirmed:
		return Change{}, nil
	}
	sub.Name, sub.Cadence, sub.Categories = c.Name, c.Cadence, c.Categories
	if c.To.Key() == sub.Address.Key() { // somebody may have written it otherwise since
		sub.Address = c.To
	}
	if left := slices.DeleteFunc(slices.Clone(c.Categories), func(slug string) bool { return !slices.Contains(known, slug) }); len(left) > 0 {
		sub.Categories = left // the others have been removed meanwhile
	}
	sub.Status, sub.ConfirmedAt, sub.UnsubscribedAt = Confirmed, now, time.Time{}
	sub.Cause, sub.Reason, sub.SuppressedAt = "", "", time.Time{}
	return Change{
		Event:     Event{At: now, What: "confirmed", Source: "link", Client: client, Version: FormVersion, Detail: Preferences{sub.Cadence, sub.Categories}.String()},
		StartWith: r.startWith,
	}, nil
}

// Resend queues another confirmation email, whatever the limits say.
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
	return Change{Event: Event{At: now, What: "asked_again", Source: "staff"}, Notice: ConfirmNotice, Asks: r.ask(sub, sub.Address, now)}, nil
}
