package subscribers

import (
	"context"
	"errors"
	"time"
)

// Token is what opens a subscriber's link as they are now. WayBack makes those of
// ReturnToken.
func (r *Registry) Token(p Purpose, sub Subscriber) string {
	return r.Keys.Make(p, sub.PublicID, scope(p, sub))
}

// scope is what of a subscriber a token goes with: the links of a confirmation with the
// nonce, so that a later one replaces them; preferences with the mailbox, since
// somebody else may read its emails once they have left it.
func scope(p Purpose, sub Subscriber) string {
	switch p {
	case ConfirmToken, DeclineToken:
		return sub.Nonce
	case PreferencesToken:
		return sub.Address.Key()
	}
	return ""
}

// returnWithin is for how many days the reader of a mailbox that a subscription has
// left can call it back.
const returnWithin = 7

// WayBack is the token by which the mailbox that a reader has left can call the
// subscription back. No later move ends it, since a thief could ask for one; it ends
// returnWithin days after it was made.
func (r *Registry) WayBack(sub Subscriber, made time.Time) string {
	return r.Keys.Make(ReturnToken, sub.PublicID, made.UTC().Format(time.DateOnly))
}

// Lookup returns the subscriber that a token of this purpose belongs to, and
// changes nothing. It returns ErrToken or ErrExpired.
func (r *Registry) Lookup(ctx context.Context, p Purpose, token string) (Subscriber, error) {
	publicID, err := r.Keys.PublicID(token)
	if err != nil {
		return Subscriber{}, err
	}
	sub, err := r.Store.ByPublicID(ctx, publicID)
	if errors.Is(err, ErrNotFound) {
		return Subscriber{}, ErrToken
	}
	if err != nil {
		return Subscriber{}, err
	}
	return sub, r.valid(p, token, sub, time.Now())
}

// valid says whether a token opens the link of a subscriber at a time.
func (r *Registry) valid(p Purpose, token string, sub Subscriber, now time.Time) error {
	if p == ReturnToken {
		return r.validReturn(token, sub, now)
	}
	publicID, err := r.Keys.Check(p, token, scope(p, sub))
	if err != nil && p == PreferencesToken { // an email from before the key had one form
		for _, key := range FormerKeys(sub.Address.Key()) {
			if publicID, err = r.Keys.Check(p, token, key); err == nil {
				break
			}
		}
	}
	if err != nil {
		return err
	}
	if !sub.is(publicID) { // the address was erased and has signed up again
		return ErrToken
	}
	if p == ConfirmToken && confirmExpired(sub, now) {
		return ErrExpired
	}
	return nil
}

func (r *Registry) validReturn(token string, sub Subscriber, now time.Time) error {
	for age := range returnWithin + 1 {
		made := now.AddDate(0, 0, -age).UTC().Format(time.DateOnly)
		if publicID, err := r.Keys.Check(ReturnToken, token, made); err == nil && sub.is(publicID) {
			return nil
		}
	}
	return ErrToken
}

// confirmExpired reports whether the newest confirmation link of a subscriber works no
// more. One that has been used works on, to the same page.
func confirmExpired(sub Subscriber, now time.Time) bool {
	if sub.Status == Pending || sub.moving() {
		return now.After(sub.NonceExpires)
	}
	return sub.Status == Unsubscribed // a link from before they unsubscribed
}
