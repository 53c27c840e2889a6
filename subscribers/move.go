package subscribers

import (
	"context"
	"errors"
	"time"
)

// ErrTaken says that another subscriber has the address that a reader wants.
var ErrTaken = errors.New("somebody is subscribed with this address already")

// Move lets the token's owner change their address: a mail asks for a confirmation at
// the new one, and until then the old one stays. Like a sign-up it tells nothing of
// the new address: limits, which count it as one, withhold the mail in silence, but
// for ErrTooMany about client and ErrDomain.
func (r *Registry) Move(ctx context.Context, token string, to Address, client string) (Subscriber, error) {
	return r.askToMove(ctx, PreferencesToken, token, to, client)
}

// returnWithin is how long whoever reads a mailbox that a subscription has left can
// call it back, in days.
const returnWithin = 7

// WayBack is the token by which the mailbox that a reader has left can call the
// subscription back. No later move ends it, since a thief could ask for one; it ends
// returnWithin days after it was made.
func (r *Registry) WayBack(sub Subscriber, made time.Time) string {
	return r.Keys.Make(ReturnToken, sub.PublicID, made.UTC().Format(time.DateOnly))
}

func (r *Registry) validReturn(token string, sub Subscriber) error {
	today := time.Now()
	for age := range returnWithin + 1 {
		if publicID, err := r.Keys.Check(ReturnToken, token, today.AddDate(0, 0, -age).UTC().Format(time.DateOnly)); err == nil && publicID == sub.PublicID {
			return nil
		}
	}
	return ErrToken
}

// Return is Move by whoever was told that the subscription has left their mailbox; its
// token is one of WayBack.
func (r *Registry) Return(ctx context.Context, token string, to Address, client string) (Subscriber, error) {
	return r.askToMove(ctx, ReturnToken, token, to, client)
}

func (r *Registry) askToMove(ctx context.Context, p Purpose, token string, to Address, client string) (Subscriber, error) {
	if to == (Address{}) {
		return Subscriber{}, errors.New("there is no address")
	}
	sub, err := r.Lookup(ctx, p, token)
	if err != nil {
		return sub, err
	}
	if r.Refused.Has(to.Domain()) {
		return sub, ErrDomain
	}
	if admitted, err := r.admit(ctx, Attempt{Client: client, Address: to, Moves: true}); err != nil || !admitted {
		return sub, err
	}
	allowed, err := r.mayWrite(ctx, to)
	if err != nil {
		return Subscriber{}, err
	}
	return r.edit(ctx, p, token, func(sub *Subscriber) (Change, error) {
		now := time.Now()
		switch {
		case sub.Status != Confirmed:
			return Change{}, ErrExpired
		case sub.Address.Key() == to.Key(), !allowed:
			return Change{}, nil
		case p != ReturnToken && !r.Limits.mayMail(sub, r.lastAsked(sub), now): // so many a day, to whatever address
			return Change{}, nil
		}
		sub.NewAddress = to
		sub.Nonce, sub.NonceExpires = randomID(), now.Add(r.confirmFor())
		return Change{
			Event:  Event{At: now, What: "move_asked", Source: "link"},
			Notice: ConfirmNotice,
		}, nil
	})
}

// lastAsked is when a reader was last asked to confirm where they move, if they are.
func (r *Registry) lastAsked(sub *Subscriber) time.Time {
	if !sub.moving() {
		return time.Time{}
	}
	return sub.NonceExpires.Add(-r.confirmFor())
}

// mayWrite reports whether an address is not suppressed.
func (r *Registry) mayWrite(ctx context.Context, a Address) (bool, error) {
	kept, err := r.Kept(ctx, a)
	return kept.Status != Suppressed, err
}

// move gives a subscriber the address they have confirmed, and has the old one told, in
// case it was not they who asked. Mails that went to the old one still name it, until
// one of the two is forgotten.
func move(sub *Subscriber, client string, now time.Time) Change {
	old := sub.Address
	sub.Address, sub.NewAddress = sub.NewAddress, Address{}
	return Change{
		Event:  Event{At: now, What: "moved", Source: "link", Client: client, Version: FormVersion},
		Notice: MovedNotice, To: old,
	}
}
