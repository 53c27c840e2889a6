package subscribers

import (
	"context"
	"time"
)

// undoWithin is how long a reader can undo an unsubscription.
const undoWithin = 24 * time.Hour

// Unsubscribe ends the emails to the token's owner at once. Repeating it is harmless.
// Source says how it was asked: link, one_click.
func (r *Registry) Unsubscribe(ctx context.Context, token, source string) (Subscriber, error) {
	return r.edit(ctx, UnsubscribeToken, token, func(sub *Subscriber, now time.Time) (Change, error) {
		return unsubscribe(sub, source, now), nil
	})
}

// StaffUnsubscribe ends the emails to an address. changed is false when they had ended
// before.
func (r *Registry) StaffUnsubscribe(ctx context.Context, a Address) (sub Subscriber, changed bool, err error) {
	return r.editKnown(ctx, a, func(sub *Subscriber, now time.Time) (Change, error) {
		return unsubscribe(sub, "staff", now), nil
	})
}

// unsubscribe is what happens to a subscriber who unsubscribes.
func unsubscribe(sub *Subscriber, source string, now time.Time) Change {
	switch {
	case sub.Status == Unsubscribed, sub.Status == Suppressed && !sub.UnsubscribedAt.IsZero():
		return Change{}
	case sub.Status != Suppressed: // else they stay so, and are unsubscribed once it is lifted
		if sub.Status != Confirmed { // an earlier consent is not this one: there is nothing to undo
			sub.ConfirmedAt = time.Time{}
		}
		sub.Status = Unsubscribed
	}
	sub.UnsubscribedAt = now
	return Change{Event: Event{At: now, What: "unsubscribed", Source: source}}
}

// Undo reverses an unsubscription of the last day, which is how long its page
// offers it. Nothing was sent meanwhile, so all that is unread comes with the next
// digest. Others get ErrExpired: a sign-up of theirs is needed.
func (r *Registry) Undo(ctx context.Context, token string) (Subscriber, error) {
	return r.edit(ctx, UnsubscribeToken, token, undo)
}

// CanUndo reports whether Undo is possible.
func (s *Subscriber) CanUndo(now time.Time) bool {
	return s.Status == Unsubscribed && !s.ConfirmedAt.IsZero() && now.Sub(s.UnsubscribedAt) < undoWithin
}

// undo reverses an unsubscription.
func undo(sub *Subscriber, now time.Time) (Change, error) {
	switch {
	case sub.Status == Confirmed:
		return Change{}, nil
	case !sub.CanUndo(now):
		return Change{}, ErrExpired
	}
	sub.Status, sub.UnsubscribedAt = Confirmed, time.Time{}
	return Change{Event: Event{At: now, What: "undone", Source: "link", Detail: "the unsubscription was undone"}, StartWith: everything}, nil
}
