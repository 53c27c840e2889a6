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

// Return is Move by somebody who was told that the subscription has left their mailbox, back
// to that mailbox; to another address it does nothing. Its token is one of WayBack.
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
	if p == ReturnToken && !r.Keys.IsFor(p, token, to.Key()) { // unsaid: a stranger to whom it was forwarded must not learn for whom it is
		return sub, nil
	}
	if p == FreshToken { // before it takes anything from what others share
		counted := false
		sub, err = r.edit(ctx, p, token, func(sub *Subscriber, now time.Time) (Change, error) {
			counted, err = r.rules().countMove(sub, to, now)
			return Change{}, err
		})
		if err != nil || !counted {
			return sub, err
		}
	}
	a := Attempt{SignUp: SignUp{Address: to, Asker: by}, Moves: true}
	if p == ReturnToken {
		a.Returns = sub.PublicID
	}
	admitted, at, err := r.admit(ctx, a)
	if err != nil && p == FreshToken { // it took nothing: they may ask again
		_, again := r.edit(context.WithoutCancel(ctx), p, token, func(sub *Subscriber, _ time.Time) (Change, error) {
			sub.Asked = max(0, sub.Asked-1)
			return Change{}, nil
		})
		return sub, errors.Join(err, again)
	}
	if err != nil {
		return sub, err
	}
	kept, err := r.Kept(ctx, to)
	if err != nil {
		return Subscriber{}, err
	}
	withheld := ""
	switch {
	case kept.Status == Suppressed:
		withheld = "the address is suppressed"
	case !admitted:
		withheld = "the address has had its emails of the day"
	}
	if withheld != "" && p == ReturnToken { // it is their own mailbox
		return sub, nil
	}
	var made time.Time
	if p == ReturnToken {
		if _, made, err = r.madeAt(token); err != nil {
			return sub, err
		}
	}
	rules := r.rules().goesAt(at)
	return r.edit(ctx, p, token, func(sub *Subscriber, now time.Time) (Change, error) {
		return rules.askToMove(sub, to, withheld, made, now)
	})
}

// countMove counts that a reader asks to move. It is false when they have asked as often as
// they may, to any address: that stays unsaid, since a refusal would tell whether the
// one before could be written to.
func (r rules) countMove(sub *Subscriber, to Address, now time.Time) (bool, error) {
	var last time.Time
	if sub.moving() {
		last = r.lastAsked(sub)
	}
	switch {
	case sub.Status != Confirmed:
		return false, ErrExpired
	case sub.Address.Key() == to.Key():
		return false, ErrOwnAddress
	}
	return r.limits.mayEmail(sub, last, now), nil
}

// askToMove asks a reader to confirm from another address that they move there. withheld is
// why no email goes there, "" = it does: to the reader all else is the same, since they may
// have asked in order to learn of that address. back is when the link was made by which they
// call their subscription back; zero = they want to move.
func (r rules) askToMove(sub *Subscriber, to Address, withheld string, back, now time.Time) (Change, error) {
	switch {
	case sub.Status != Confirmed:
		return Change{}, ErrExpired
	case back.IsZero() && sub.Address.Key() == to.Key(): // who calls it back must not learn where it is
		return Change{}, ErrOwnAddress
	case sub.Address.Key() == to.Key():
		return Change{}, nil
	}
	last := sub.NonceExpires
	asks := r.ask(sub, to, now)
	if asks.Back = back; !back.IsZero() { // what the reader wants besides goes on
		sub.NonceExpires = last
	} else {
		sub.NewAddress = to
	}
	return Change{Event: Event{At: now, What: "move_asked", Source: "link"}, Notice: ConfirmNotice, Asks: asks, Withheld: withheld, After: r.after(now)}, nil
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
