package subscribers

import (
	"context"
	"time"
)

// undoWithin is how long a reader can undo an unsubscription.
const undoWithin = time.Hour

// Unsubscribe ends the emails to the token's owner at once. Repeating it is harmless.
// Source says how it was asked: link, one_click.
func (r *Registry) Unsubscribe(ctx context.Context, token, source string) (Subscriber, error) {
	return r.edit(ctx, UnsubscribeToken, token, func(sub *Subscriber, now time.Time) (Change, error) {
		return unsubscribe(sub, source, now), nil
	})
}

// Leave is Unsubscribe by the button of a page, on which undo, unless it is empty, is the
// token that takes it back: for an hour, once, and for nobody but who sees that page.
func (r *Registry) Leave(ctx context.Context, token string) (sub Subscriber, undo string, err error) {
	rules := r.rules()
	sub, err = r.edit(ctx, UnsubscribeToken, token, func(sub *Subscriber, now time.Time) (Change, error) {
		undo = ""
		change := rules.leave(sub, now)
		if change != (Change{}) && sub.Undo != "" {
			undo = r.Token(UndoToken, *sub)
		}
		return change, nil
	})
	if err != nil {
		undo = ""
	}
	return sub, undo, err
}

// leave is what happens to a reader who presses that button.
func (r rules) leave(sub *Subscriber, now time.Time) Change {
	leaves := sub.Status == Confirmed
	change := unsubscribe(sub, "link", now)
	if leaves {
		sub.Undo = r.newID()
	}
	return change
}

// StaffUnsubscribe ends the emails to an address. changed is false when they had ended
// before.
func (r *Registry) StaffUnsubscribe(ctx context.Context, a Address) (sub Subscriber, changed bool, err error) {
	return r.editKnown(ctx, a, func(sub *Subscriber, now time.Time) (Change, error) {
		return unsubscribe(sub, "staff", now), nil
	})
}

// unsubscribe is what happens to a subscriber who unsubscribes. Whoever says so once more
// means it: what could take the first one back, perhaps a stranger's, ends.
func unsubscribe(sub *Subscriber, source string, now time.Time) Change {
	sub.Undo = ""
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

// Undo reverses an unsubscription, by a token of Leave. Nothing was sent meanwhile, so all
// that is unread comes with the next digest. Others get ErrExpired: a sign-up of theirs
// is needed.
func (r *Registry) Undo(ctx context.Context, token string) (Subscriber, error) {
	return r.edit(ctx, UndoToken, token, undo)
}

// CanBeUndone reports whether somebody has a token that takes an unsubscription back.
func (s *Subscriber) CanBeUndone(now time.Time) bool {
	return s.Status == Unsubscribed && s.Undo != "" && now.Sub(s.UnsubscribedAt) < undoWithin
}

// undo reverses an unsubscription.
func undo(sub *Subscriber, now time.Time) (Change, error) {
	switch {
	case sub.Status == Confirmed && sub.Undo != "": // pressed twice
		return Change{}, nil
	case !sub.CanBeUndone(now):
		return Change{}, ErrExpired
	}
	sub.Status, sub.UnsubscribedAt = Confirmed, time.Time{}
	return Change{Event: Event{At: now, What: "undone", Source: "link", Detail: "the unsubscription was undone"}, StartWith: everything}, nil
}
