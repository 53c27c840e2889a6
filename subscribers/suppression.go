package subscribers

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Cause is why an address must not be written to.
type Cause string

const (
	Bounced     Cause = "bounce"    // mail to it came back for good
	Complained  Cause = "complaint" // its owner reported mail as spam
	Declined    Cause = "owner"     // its owner asked never to be written to
	BlockedHere Cause = "staff"     // staff, or an import, say so
)

// Causes lists every Cause.
var Causes = [...]Cause{Bounced, Complained, Declined, BlockedHere}

// saysNo reports whether it is the owner's own word, which outlives the suppression.
func (c Cause) saysNo() bool { return c == Complained || c == Declined }

// weight orders causes: a graver one takes the place of another.
func (c Cause) weight() int {
	switch {
	case c.saysNo():
		return 3
	case c == BlockedHere:
		return 2
	}
	return 1
}

// Suppression is what is kept of an address that must not be written to, or whose
// owner said no and was forgotten: a keyed hash, which outlives the subscriber and
// whatever is imported later.
type Suppression struct {
	Hash   string // of Address.Key
	Email  string // "" when no subscriber has it any more
	Status Status // Suppressed; Unsubscribed: its owner alone may sign up again
	Cause  Cause  // of Suppressed
	Reason string
	At     time.Time
	// UnsubscribedAt is when they said no, or were forgotten: whoever lifts the
	// suppression, they alone can sign up again. Zero: they did not.
	UnsubscribedAt time.Time
}

// ReasonForgotten is the reason of a suppression that is left of a subscriber.
const ReasonForgotten = "forgotten"

// retryBounced is when an address that mail came back from may be tried again, if
// its owner signs up: mailboxes are mended.
const retryBounced = 30 * 24 * time.Hour

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

// Suppress keeps all mail from an address, also from one that is no subscriber's.
// changed is false when it already was.
func (r *Registry) Suppress(ctx context.Context, a Address, cause Cause, reason, source string) (changed bool, err error) {
	if a == (Address{}) {
		return false, errors.New("there is no address")
	}
	_, err = r.Store.Edit(ctx, a.Key(), func(sub *Subscriber) (Change, error) {
		var change Change
		change, changed = suppress(sub, cause, reason, source, time.Now())
		if sub.Address == (Address{}) {
			sub.Address = a
		}
		return change, nil
	})
	return changed, err
}

// Decline keeps all mail from an address that asked for none, whoever enters it from
// then on. The link is in the newest mail that asks for a confirmation, and nowhere
// else; it does not expire. Who has confirmed since is unsubscribed. Repeating it is
// harmless.
func (r *Registry) Decline(ctx context.Context, token string) (Subscriber, error) {
	return r.edit(ctx, DeclineToken, token, func(sub *Subscriber) (Change, error) {
		if sub.Status == Confirmed {
			return unsubscribe(sub, "link"), nil
		}
		if sub.Status != Pending {
			return Change{}, nil
		}
		change, _ := suppress(sub, Declined, "its owner asked never to be written to", "link", time.Now())
		return change, nil
	})
}

// suppress is what happens to a subscriber that must not be written to. What is
// graver stays: a complaint is not forgotten over a bounce.
func suppress(sub *Subscriber, cause Cause, reason, source string, now time.Time) (Change, bool) {
	if sub.Status == Suppressed && cause.weight() <= sub.Cause.weight() {
		return Change{}, false
	}
	if cause.saysNo() && sub.UnsubscribedAt.IsZero() { // whoever lifts it
		sub.UnsubscribedAt = now
	}
	sub.Status, sub.Cause, sub.Reason, sub.SuppressedAt = Suppressed, cause, reason, now
	return Change{Event: Event{At: now, What: "suppressed", Source: source, Detail: string(cause) + ": " + reason}}, true
}

// Lift ends a suppression. Who was confirmed before, and never said no, receives
// digests again; others may sign up again. It returns ErrNotFound for an address
// that is not suppressed.
func (r *Registry) Lift(ctx context.Context, a Address, source string) (Subscriber, error) {
	sub, err := r.Store.Edit(ctx, a.Key(), func(sub *Subscriber) (Change, error) {
		if sub.Status != Suppressed && sub.Cause == "" {
			return Change{}, ErrNotFound
		}
		now := time.Now()
		detail := string(sub.Cause) + ": " + sub.Reason
		sub.Cause, sub.Reason, sub.SuppressedAt = "", "", time.Time{}
		change := Change{Event: Event{At: now, What: "lifted", Source: source, Detail: "was suppressed, " + detail}}
		switch {
		case sub.Status == Pending: // signed up again since
		case !sub.UnsubscribedAt.IsZero():
			sub.Status, sub.ConfirmedAt = Unsubscribed, time.Time{} // for good: see Undo
		case sub.ConfirmedAt.IsZero():
			sub.Status, sub.NonceExpires = Pending, now // and no link of theirs works
		default:
			sub.Status, change.StartWith = Confirmed, everything
		}
		if sub.PublicID == "" { // nobody's: no more is kept of it
			sub.Address = a
			if sub.Status != Unsubscribed { // and then its owner alone can sign it up
				sub.Status = ""
			}
		}
		return change, nil
	})
	if errors.Is(err, ErrNotFound) {
		return sub, fmt.Errorf("%s is not suppressed: %w", a, ErrNotFound)
	}
	return sub, err
}

// everything leaves unread what a reader has not received, however much it is.
const everything = 1 << 30

// Forget erases all that is known of an address. What is kept is the hash of it, so
// that nobody but its owner can sign it up again. It returns ErrNotFound for an
// address that is not known.
func (r *Registry) Forget(ctx context.Context, a Address) error {
	return r.Store.Forget(ctx, a.Key(), time.Now())
}

// ForgetBy is Forget by the owner of a token.
func (r *Registry) ForgetBy(ctx context.Context, token string) error {
	sub, err := r.Lookup(ctx, PreferencesToken, token)
	if err != nil {
		return err
	}
	err = r.Forget(ctx, sub.Address)
	if errors.Is(err, ErrNotFound) { // they may have moved meanwhile, and the link with them
		if _, lookup := r.Lookup(ctx, PreferencesToken, token); lookup != nil {
			return lookup
		}
	}
	return err
}

// unconfirmedFor is how long an address is kept that nobody has confirmed.
const unconfirmedFor = 7 * 24 * time.Hour

// Tidy forgets those who signed up and never confirmed, and counts that are no
// longer needed. Who had said no before has said no again.
func (r *Registry) Tidy(ctx context.Context) (forgotten int, err error) {
	return r.Store.Tidy(ctx, time.Now().Add(r.confirmFor()-unconfirmedFor))
}
