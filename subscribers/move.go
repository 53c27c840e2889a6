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
// the new address; limits withhold the mail in silence.
func (r *Registry) Move(ctx context.Context, token string, to Address) (Subscriber, error) {
	if to == (Address{}) {
		return Subscriber{}, errors.New("there is no address")
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
		case !r.Limits.mayMail(sub, time.Time{}, now): // so many a day, to whatever address
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

// move gives a subscriber the address they have confirmed. The old one is kept
// nowhere, so that nothing of it is left to forget.
func move(sub *Subscriber, client string, now time.Time) Change {
	sub.Address, sub.NewAddress = sub.NewAddress, Address{}
	return Change{Event: Event{At: now, What: "moved", Source: "link", Client: client, Version: FormVersion}}
}

// free returns ErrTaken when a token would give a subscriber an address that another
// one has.
func (r *Registry) free(ctx context.Context, token string) error {
	sub, err := r.Lookup(ctx, ConfirmToken, token)
	if err != nil || !sub.moving() || sub.NewAddress.Key() == sub.Address.Key() {
		return err
	}
	_, err = r.Store.ByKey(ctx, sub.NewAddress.Key())
	switch {
	case errors.Is(err, ErrNotFound):
		return nil
	case err != nil:
		return err
	}
	return ErrTaken
}
