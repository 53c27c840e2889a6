package subscribers

import (
	"context"
	"errors"
	"time"
)

// ErrTaken says that another subscriber has the address.
var ErrTaken = errors.New("somebody is subscribed with this address already")

// ErrOwnAddress says that a reader wants to move where they are.
var ErrOwnAddress = errors.New("that is the address that the emails go to already")

// Move lets the token's owner change their address: an email to the new one asks
// for a confirmation, and until then the old one stays. Like a sign-up it tells nothing of
// the new address: limits, which count it as one, withhold the email in silence, but
// for ErrTooMany about who asks, ErrBusy and ErrDomain. ErrOwnAddress is about the reader's
// own.
func (r *Registry) Move(ctx context.Context, token string, to Address, by Asker) (Subscriber, error) {
	return r.askToMove(ctx, FreshToken, token, to, by)
}

// Return is Move by somebody who was told that the subscription has left their mailbox; its
// token is one of WayBack.
func (r *Registry) Return(ctx context.Context, token string, to Address, by Asker) (Subscriber, error) {
	return r.askToMove(ctx, ReturnToken, token, to, by)
}

func (r *Registry) askToMove(ctx context.Context, p Purpose, token string, to Address, by Asker) (Subscriber, error) {
	if to == (Address{}) {
		return Subscriber{}, errNoAddress
	}
	sub, err := r.Lookup(ctx, p, token)
	if err != nil {
		return sub, err
	}
	if r.Refused.Has(to.Domain()) {
		return sub, ErrDomain
	}
	if may := sub; p == FreshToken { // before it takes anything from what others share
		change, err := r.rules().askToMove(&may, to, true, false, time.Now())
		if err != nil || change.Notice == NoNotice {
			return sub, err
		}
	}
	kept, err := r.Kept(ctx, to)
	if err != nil {
		return Subscriber{}, err
	}
	a := Attempt{SignUp: SignUp{Address: to, Asker: by}, Moves: true}
	if p == ReturnToken {
		a.Returns, a.Former = sub.PublicID, !kept.UnsubscribedAt.IsZero() // also if somebody has signed it up since
	}
	if admitted, err := r.admit(ctx, a); err != nil || !admitted {
		return sub, err
	}
	rules := r.rules()
	return r.edit(ctx, p, token, func(sub *Subscriber, now time.Time) (Change, error) {
		return rules.askToMove(sub, to, kept.Status != Suppressed, p == ReturnToken, now)
	})
}

// askToMove asks a reader to confirm from another address that they move there, if it
// may be written to. Somebody who calls a subscription back is not limited by how often
// a thief has moved it.
func (r rules) askToMove(sub *Subscriber, to Address, allowed, callsBack bool, now time.Time) (Change, error) {
	var last time.Time
	if sub.moving() {
		last = r.lastAsked(sub)
	}
	switch {
	case sub.Status != Confirmed:
		return Change{}, ErrExpired
	case !callsBack && sub.Address.Key() == to.Key(): // who calls it back must not learn where it is
		return Change{}, ErrOwnAddress
	case sub.Address.Key() == to.Key(), !allowed:
		return Change{}, nil
	case !callsBack && !r.limits.mayEmail(sub, last, now): // so many a day, to whatever address
		return Change{}, nil // in silence: a refusal would tell whether the address before could be written to
	}
	sub.NewAddress = to
	return Change{Event: Event{At: now, What: "move_asked", Source: "link"}, Notice: ConfirmNotice, Asks: r.ask(sub, to, now)}, nil
}

// move gives a subscriber the address they have confirmed, and has the old one told, in
// case it was not they who asked. Emails that went to the old one still name it, until
// one of the two is erased.
func move(sub *Subscriber, to Address, client string, now time.Time) Change {
	old := sub.Address
	sub.Address, sub.NewAddress = to, Address{}
	return Change{
		Event:  Event{At: now, What: "moved", Source: "link", Client: client, Version: FormVersion},
		Notice: MovedNotice, To: old,
	}
}

// MayTake says whether a subscriber may be given another address, else ErrSuppressed or
// ErrTaken. Each status is "" where there is none: kept is that of the suppression that
// is kept of the address, holder that of the subscriber who has it. Any
// other holder is erased: anybody may have signed that address up, which is no reason
// to refuse the person who reads its mailbox.
func MayTake(kept, holder Status) error {
	switch {
	case kept == Suppressed:
		return ErrSuppressed
	case holder == Confirmed:
		return ErrTaken
	}
	return nil
}
