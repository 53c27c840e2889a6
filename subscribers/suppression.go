package subscribers

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Cause is why an address is suppressed.
type Cause string

const (
	Bounced     Cause = "bounce"    // a message to it came back for good
	Complained  Cause = "complaint" // its owner reported an email as spam
	Declined    Cause = "owner"     // its owner asked never to be emailed
	BlockedHere Cause = "staff"     // staff or an import blocked it
)

// Causes lists every Cause.
var Causes = [...]Cause{Bounced, Complained, Declined, BlockedHere}

// saysNo reports whether the owner asked for it, which outlives the suppression.
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

// Suppression is what is kept of an address that gets no email, or whose owner
// unsubscribed and was erased: a keyed hash, which outlives the subscriber and any
// later import.
type Suppression struct {
	Hash   string // of Address.Key
	Email  string // "" when no subscriber has it any more
	Status Status // Suppressed; Unsubscribed: its owner alone may sign up again
	Cause  Cause  // of Suppressed
	Reason string
	At     time.Time
	// UnsubscribedAt is when they unsubscribed or were erased: once the suppression is
	// lifted, they alone can sign up again. Zero: neither.
	UnsubscribedAt time.Time
}

// Suppress ends all email to an address, which need not be a subscriber's. changed is
// false when it was suppressed already.
func (r *Registry) Suppress(ctx context.Context, a Address, cause Cause, reason, source string) (changed bool, err error) {
	if a == (Address{}) {
		return false, errNoAddress
	}
	_, err = r.Store.Edit(ctx, a.Key(), func(sub *Subscriber) (Change, error) {
		if sub.Address == (Address{}) {
			sub.Address = a
		}
		var change Change
		change, changed = suppress(sub, cause, reason, source, time.Now())
		return change, nil
	})
	return changed, err
}

// suppress is what happens to a subscriber whose address is suppressed. A graver cause
// stays: a bounce does not replace a complaint.
func suppress(sub *Subscriber, cause Cause, reason, source string, now time.Time) (Change, bool) {
	if sub.Status == Suppressed && cause.weight() <= sub.Cause.weight() {
		return Change{}, false
	}
	if cause.saysNo() && sub.UnsubscribedAt.IsZero() { // also once it is lifted
		sub.UnsubscribedAt = now
	}
	sub.Status, sub.Cause, sub.Reason, sub.SuppressedAt, sub.Undo = Suppressed, cause, reason, now, ""
	return Change{Event: Event{At: now, What: "suppressed", Source: source, Detail: string(cause) + ": " + reason}}, true
}

// Lift ends a suppression. A reader who was confirmed before, and did not unsubscribe,
// receives digests again; others may sign up again. It returns ErrNotFound for an address
// that is not suppressed.
func (r *Registry) Lift(ctx context.Context, a Address, source string) (Subscriber, error) {
	sub, err := r.Store.Edit(ctx, a.Key(), func(sub *Subscriber) (Change, error) {
		return lift(sub, a, source, time.Now())
	})
	if errors.Is(err, ErrNotFound) {
		return sub, fmt.Errorf("%s is not suppressed: %w", a, ErrNotFound)
	}
	return sub, err
}

// lift ends the suppression of an address.
func lift(sub *Subscriber, a Address, source string, now time.Time) (Change, error) {
	if sub.Status != Suppressed && sub.Cause == "" {
		return Change{}, ErrNotFound
	}
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
}

// LiftFilter selects suppressions that bounces caused, for staff to lift them together. A
// zero field matches all.
type LiftFilter struct {
	Since  time.Time       // suppressed since
	Domain string          // of the address
	Emails map[string]bool // addresses as they are stored
}

// matches reports whether a suppression is one of them. Who complained, or was suppressed
// by staff, is none, nor is an address of which only the hash is kept.
func (f LiftFilter) matches(s Suppression) bool {
	return s.Cause == Bounced && s.Status == Suppressed && s.Email != "" && !s.At.Before(f.Since) &&
		(f.Emails == nil || f.Emails[s.Email])
}

// Bounced returns the readers whose suppression a bounce caused and that match.
func (r *Registry) Bounced(ctx context.Context, f LiftFilter) ([]Address, error) {
	domain := ""
	if f.Domain != "" {
		a, err := ParseAddress("x@" + strings.TrimPrefix(f.Domain, "@"))
		if err != nil {
			return nil, fmt.Errorf("%q is not a domain", f.Domain)
		}
		domain = a.Domain()
	}
	var found []Address
	for s, err := range r.Store.Suppressions(ctx) {
		if err != nil {
			return nil, err
		}
		if !f.matches(s) {
			continue
		}
		if a, err := ParseAddress(s.Email); err == nil && (domain == "" || a.Domain() == domain) {
			found = append(found, a)
		}
	}
	return found, nil
}

// LiftBounced lifts the suppressions of addresses that bounces caused, and returns how
// many. What became of one meanwhile, such as a complaint, stays.
func (r *Registry) LiftBounced(ctx context.Context, all []Address, source string) (lifted int, err error) {
	for _, a := range all {
		_, err := r.Store.Edit(ctx, a.Key(), func(sub *Subscriber) (Change, error) {
			if sub.Cause != Bounced {
				return Change{}, ErrNotFound
			}
			return lift(sub, a, source, time.Now())
		})
		switch {
		case errors.Is(err, ErrNotFound):
		case err != nil:
			return lifted, err
		default:
			lifted++
		}
	}
	return lifted, nil
}

// everything leaves unread what a reader has not received, however much it is.
const everything = 1 << 30
