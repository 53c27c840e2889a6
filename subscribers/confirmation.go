package subscribers

import (
	"context"
	"time"
)

// Confirmation is one email that asks to confirm a sign-up or a new address. It carries
// choices of its own, which nobody can change who signs the address up again: what its
// reader clicks is what they get.
type Confirmation struct {
	Nonce string // random; its links are made over it
	To    Address
	Name  string
	Preferences
	Asked   time.Time
	Expires time.Time
	Ended   bool // another was clicked, or who was asked has said no
	// Back is, of one that brings a subscription back to a mailbox that it has left, when the
	// link was made by which it was asked for; zero = it does something else. Used says that
	// it did, when it Expires.
	Back time.Time
	Used bool
}

// newestConfirmation is the one that was asked for last, or the zero Confirmation.
func (s *Subscriber) newestConfirmation() Confirmation {
	if len(s.Confirmations) == 0 {
		return Confirmation{}
	}
	return s.Confirmations[0]
}

// Ends says which confirmations of a subscriber a change ends.
type Ends struct {
	Asked bool      // those that ask to confirm a sign-up or a move
	Back  bool      // those that bring a subscription back
	Later time.Time // of those, the ones that were asked for by a link made later; zero = none
}

// EndsConfirmations says which confirmations that a subscriber was sent a change ends, from
// before to after: one was clicked, they said no, or they want to move elsewhere. A further
// sign-up leaves the earlier ones as they are. What brings a subscription back to a mailbox is
// ended neither by who has moved it on nor by a mailbox that had it later.
func EndsConfirmations(before, after Subscriber, change Change) Ends {
	switch {
	case before.Status == Confirmed && after.Status != Confirmed:
		return Ends{Asked: true, Back: true}
	case change.Uses != nil:
		return Ends{Asked: true, Later: change.Uses.Back}
	case before.Status == Confirmed && moved(before, after),
		before.asked() && (!after.asked() || before.Status != after.Status || before.NewAddress != after.NewAddress):
		return Ends{Asked: true}
	}
	return Ends{}
}

// Ends reports whether a confirmation is among those that end.
func (e Ends) Ends(c Confirmation) bool {
	if c.Back.IsZero() {
		return e.Asked
	}
	return e.Back || !e.Later.IsZero() && c.Back.After(e.Later)
}

// asked reports whether a subscriber can have something to confirm.
func (s *Subscriber) asked() bool { return s.Status == Pending || s.moving() }

// Asked returns the confirmation to which a token, of ConfirmToken or DeclineToken, belongs,
// and its subscriber. It returns ErrToken or ErrExpired, as Lookup does.
func (r *Registry) Asked(ctx context.Context, p Purpose, token string) (Subscriber, Confirmation, error) {
	sub, err := r.Lookup(ctx, p, token)
	if err != nil {
		return sub, Confirmation{}, err
	}
	c, err := r.confirmation(p, token, sub)
	return sub, c, err
}

// Moves reports whether a confirmation of a subscriber's asks for, or has brought, a change
// of address: they had confirmed before they were asked.
func (c *Confirmation) Moves(sub Subscriber) bool {
	return sub.Status == Confirmed && c.Asked.After(sub.ConfirmedAt)
}

// TokenOf is what opens a link of a confirmation.
func (r *Registry) TokenOf(p Purpose, sub Subscriber, c Confirmation) string {
	return r.Keys.Make(p, sub.PublicID, c.Nonce)
}

// Moves is Confirmation.Moves of the one to which a token belongs.
func (r *Registry) Moves(sub Subscriber, token string) bool {
	c, err := r.confirmation(ConfirmToken, token, sub)
	return err == nil && c.Moves(sub)
}

// confirmation returns the one of a subscriber's to which a token belongs, or ErrToken.
func (r *Registry) confirmation(p Purpose, token string, sub Subscriber) (Confirmation, error) {
	for _, c := range sub.Confirmations {
		if publicID, err := r.Keys.Check(p, token, c.Nonce); err == nil && c.Nonce != "" && sub.is(publicID) {
			return c, nil
		}
	}
	return Confirmation{}, ErrToken
}

// validConfirmation says whether the link of a confirmation works. One that was used
// works on, to the page that says so; it never expires for who wants to decline.
func (r *Registry) validConfirmation(p Purpose, token string, sub Subscriber, now time.Time) error {
	c, err := r.confirmation(p, token, sub)
	if err != nil || p == DeclineToken {
		return err
	}
	return c.usable(sub, now)
}

// usable says whether the button of a confirmation can be pressed, or has been.
func (c *Confirmation) usable(sub Subscriber, now time.Time) error {
	switch {
	case sub.Status == Suppressed: // which is said, whatever else
		return nil
	case sub.Status == Confirmed && (!sub.moving() || c.Ended) && c.To.Key() == sub.Address.Key():
		return nil // used, or another was
	case !c.Back.IsZero() && sub.Status == Confirmed && !c.Ended && !now.After(c.Expires):
		return nil
	case !sub.asked(), c.Ended, now.After(c.Expires):
		return ErrExpired
	}
	return nil
}
