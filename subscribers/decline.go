package subscribers

import (
	"context"
	"time"
)

// Decline suppresses the address that a confirmation went to, at its owner's request, no
// matter who enters it from then on. The link is in emails that ask for a confirmation, and
// nowhere else; it does not expire. A reader who has confirmed there since is unsubscribed.
// One who wanted to move there stays where they are. It returns what is kept of the address.
// Repeating it is harmless.
func (r *Registry) Decline(ctx context.Context, token string) (Subscriber, Confirmation, error) {
	sub, c, err := r.Asked(ctx, DeclineToken, token)
	if err != nil {
		return sub, c, err
	}
	kept, err := r.Store.Edit(ctx, c.To.Key(), func(holder *Subscriber) (Change, error) {
		return decline(holder, c.To, c.Asked, time.Now()), nil
	})
	if err != nil || sub.NewAddress.Key() != c.To.Key() {
		return kept, c, err
	}
	_, err = r.edit(ctx, DeclineToken, token, func(sub *Subscriber, now time.Time) (Change, error) {
		return stay(sub, c.To, now), nil
	})
	return kept, c, err
}

// decline is what the owner of an address does who wants no emails there, by a link in an
// email of a time, whether anything is on record of it or not. One who has unsubscribed gets
// none already. An email from before that was theirs as a reader's, and may have been
// forwarded: it can't say never for them, if someone signs them up since, or if they have moved.
func decline(sub *Subscriber, a Address, asked, now time.Time) (change Change) {
	switch {
	case sub.Status == Confirmed:
		return unsubscribe(sub, "link", now)
	case sub.Status == Unsubscribed && sub.PublicID != "", asked.Before(sub.UnsubscribedAt):
		return Change{}
	case sub.PublicID == "":
		sub.Address = a
	}
	change, _ = suppress(sub, Declined, "its owner asked never to be emailed", "link", now)
	return change
}

// stay ends a move to an address whose owner does not want it.
func stay(sub *Subscriber, to Address, now time.Time) Change {
	if sub.NewAddress.Key() != to.Key() { // they have moved, or want to move elsewhere
		return Change{}
	}
	sub.NewAddress = Address{}
	return Change{Event: Event{At: now, What: "move_declined", Source: "link"}}
}
