package subscribers

import (
	"context"
	"errors"
	"strconv"
	"time"
)

// Token is what opens a subscriber's link as they are now; that of their newest
// confirmation. WayBack makes those of ReturnToken.
func (r *Registry) Token(p Purpose, sub Subscriber) string {
	switch p {
	case PreferencesToken:
		return r.Preferences(sub, time.Now())
	case FreshToken:
		return r.Fresh(sub, time.Now())
	}
	return r.Keys.Make(p, sub.PublicID, scope(p, sub))
}

// scope is what of a subscriber a token goes with: the links of a confirmation with its
// nonce, and what takes back an unsubscription with that one.
func scope(p Purpose, sub Subscriber) string {
	switch p {
	case ConfirmToken, DeclineToken:
		return sub.newestConfirmation().Nonce
	case UndoToken:
		return sub.Undo
	}
	return ""
}

// returnWithin is for how many days the reader of a mailbox that a subscription has
// left can call it back.
const returnWithin = 7

// WayBack is the token by which the mailbox that a reader has left can call the
// subscription back, to no other. No later move ends it, since a thief could ask for one; it
// ends returnWithin days after it was made.
func (r *Registry) WayBack(sub Subscriber, left Address, made time.Time) string {
	return r.Keys.MakeFor(ReturnToken, sub.PublicID, strconv.FormatInt(made.UnixMilli(), 10), left.Key())
}

// Lookup returns the subscriber that a token of this purpose belongs to, and
// changes nothing. It returns ErrToken, ErrExpired or ErrLapsed. The right token by which
// an unknown reader unsubscribes finds one who has: they were erased, or a backup does
// not know of them yet.
func (r *Registry) Lookup(ctx context.Context, p Purpose, token string) (Subscriber, error) {
	publicID, err := r.Keys.PublicID(token)
	if err != nil {
		return Subscriber{}, err
	}
	sub, err := r.Store.ByPublicID(ctx, publicID)
	if errors.Is(err, ErrNotFound) {
		return r.lookupUnknown(p, token)
	}
	if err != nil {
		return Subscriber{}, err
	}
	return sub, r.valid(p, token, sub, time.Now())
}

// valid says whether a token opens the link of a subscriber at a time.
func (r *Registry) valid(p Purpose, token string, sub Subscriber, now time.Time) error {
	switch p {
	case ReturnToken:
		return r.validReturn(token, sub, now)
	case ConfirmToken, DeclineToken:
		return r.validConfirmation(p, token, sub, now)
	case PreferencesToken:
		return r.validPreferences(token, sub, now)
	case FreshToken:
		return r.validFresh(token, sub, now)
	}
	publicID, err := r.Keys.Check(p, token, scope(p, sub))
	switch {
	case err != nil && p == UndoToken: // it works once
		return ErrExpired
	case err != nil:
		return err
	case !sub.is(publicID): // the address was erased and has signed up again
		return ErrToken
	}
	return nil
}

// lookupUnknown is Lookup for a token of nobody's.
func (r *Registry) lookupUnknown(p Purpose, token string) (Subscriber, error) {
	switch p {
	case UnsubscribeToken:
		_, err := r.Keys.Check(p, token, "")
		return Subscriber{Status: Unsubscribed}, err
	case PreferencesToken, FreshToken: // as for a reader whose link has ended
		return Subscriber{}, ErrLapsed
	}
	return Subscriber{}, ErrToken
}

func (r *Registry) validReturn(token string, sub Subscriber, now time.Time) error {
	publicID, made, err := r.madeAt(token)
	if err != nil || !sub.is(publicID) || now.Before(made) || now.After(made.AddDate(0, 0, returnWithin)) {
		return ErrToken
	}
	for _, c := range sub.Confirmations {
		// The mailbox that was left first has taken it back since: the others had it after.
		if c.Used && made.After(c.Back) && !made.After(c.Expires.Add(time.Minute)) {
			return ErrExpired
		}
	}
	return nil
}

// madeAt is when a token of WayBack was made.
func (r *Registry) madeAt(token string) (publicID string, made time.Time, err error) {
	publicID, at, err := r.Keys.CheckFor(ReturnToken, token)
	if err != nil {
		return "", time.Time{}, err
	}
	millis, err := strconv.ParseInt(at, 10, 64)
	if err != nil {
		return "", time.Time{}, ErrToken
	}
	return publicID, time.UnixMilli(millis), nil
}
