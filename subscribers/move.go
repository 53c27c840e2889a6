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
// for ErrTooMany about client.
func (r *Registry) Move(ctx context.Context, token string, to Address, client string) (Subscriber, error) {
	if to == (Address{}) {
		return Subscriber{}, errors.New("there is no address")
	}
	sub, err := r.Lookup(ctx, PreferencesToken, token)
	if err != nil {
		return sub, err
	}
	if admitted, err := r.admit(ctx, Attempt{Client: client, Domain: to.Domain(), Address: to.Key()}); err != nil || !admitted {
		return sub, err
	}
	allowed, err := r.mayWrite(ctx, to)
	if err != nil {
		return Subscriber{}, err
	}
	return r.edit(ctx, PreferencesToken, token, func(sub *Subscriber) (Change, error) {
		now := time.Now()
		switch {
		case sub.Status != Confirmed:
			return Change{}, ErrExpired
		case sub.Address.Key() == to.Key(), !allowed:
			return Change{}, nil
		case !r.Limits.mayMail(sub, r.lastAsked(sub), now): // so many a day, to whatever address
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
	var status Status
	looked := errors.New("looked")
	_, err := r.Store.Edit(ctx, a.Key(), func(s *Subscriber) (Change, error) {
		status = s.Status
		return Change{}, looked
	})
	if !errors.Is(err, looked) {
		return false, err
	}
	return status != Suppressed, nil
}

// move gives a subscriber the address they have confirmed, and has the old one told, in
// case it was not they who asked. Mails that went to the old
// one still name it, until they are forgotten with their reader.
func move(sub *Subscriber, client string, now time.Time) Change {
	old := sub.Address
	sub.Address, sub.NewAddress = sub.NewAddress, Address{}
	return Change{
		Event:  Event{At: now, What: "moved", Source: "link", Client: client, Version: FormVersion},
		Notice: MovedNotice, To: old,
	}
}
