package subscribers

import (
	"context"
	"errors"
	"strconv"
	"time"
)

// preferencesFor is for how many days preferences links work, after the one that they name.
const preferencesFor = 60

// FreshFor is how long a fresh link works.
const FreshFor = time.Hour

// The forms of the times that tokens name.
const (
	dayForm    = "20060102"
	secondForm = "20060102150405"
)

// Preferences is the token of a reader's preferences in an email of a date. It works for
// preferencesFor days from then, until they leave or move.
func (r *Registry) Preferences(sub Subscriber, date time.Time) string {
	return r.Keys.MakeDated(PreferencesToken, sub.PublicID, date.UTC().Format(dayForm), preferencesScope(sub))
}

// Fresh is the token that opens all that is kept of a reader, in an email of a time. It
// works for an hour, until they move.
func (r *Registry) Fresh(sub Subscriber, at time.Time) string {
	return r.Keys.MakeDated(FreshToken, sub.PublicID, at.UTC().Format(secondForm), sub.Address.Key())
}

// preferencesScope is what the preferences of a reader go with: another mailbox, or
// another confirmation, has links of its own.
func preferencesScope(sub Subscriber) string {
	return sub.Address.Key() + "\x00" + strconv.FormatInt(sub.ConfirmedAt.UnixMilli(), 10)
}

// validPreferences says whether a token opens the preferences of a reader: ErrLapsed if
// not.
func (r *Registry) validPreferences(token string, sub Subscriber, now time.Time) error {
	if sub.Status != Confirmed {
		return ErrLapsed
	}
	publicID, day, err := r.Keys.CheckDated(PreferencesToken, token, preferencesScope(sub))
	if err == nil {
		if !sub.is(publicID) || !within(dayForm, day, now, (preferencesFor+1)*24*time.Hour) {
			return ErrLapsed
		}
		return nil
	}
	for _, key := range append(FormerKeys(sub.Address.Key()), sub.Address.Key()) { // of an older version
		if publicID, err := r.Keys.Check(PreferencesToken, token, key); err == nil && sub.is(publicID) && now.Before(r.UndatedUntil) {
			return nil
		}
	}
	return ErrLapsed
}

// validFresh says whether a token opens all that is kept of a reader: ErrLapsed if not.
func (r *Registry) validFresh(token string, sub Subscriber, now time.Time) error {
	publicID, at, err := r.Keys.CheckDated(FreshToken, token, sub.Address.Key())
	if err != nil || !sub.is(publicID) || !within(secondForm, at, now, FreshFor) {
		return ErrLapsed
	}
	return nil
}

// within reports whether a time, in one form, is at most so long ago.
func within(form, written string, now time.Time, long time.Duration) bool {
	at, err := time.Parse(form, written)
	return err == nil && now.Before(at.Add(long))
}

// SendLink has an email with a fresh link sent to a reader. Like that of a sign-up, its
// answer tells nothing of the address: the limits per address withhold the email in
// silence, and ErrTooMany is about the client.
func (r *Registry) SendLink(ctx context.Context, a Address, by Asker) error {
	_, err := r.queueLink(ctx, a, by)
	return err
}

// SendLinkTo is SendLink for the owner of a token of their preferences, who may be told
// that the limits withhold the email: then sent is false.
func (r *Registry) SendLinkTo(ctx context.Context, token string, by Asker) (sub Subscriber, sent bool, err error) {
	if sub, err = r.Lookup(ctx, PreferencesToken, token); err != nil {
		return sub, false, err
	}
	sent, err = r.queueLink(ctx, sub.Address, by)
	return sub, sent, err
}

func (r *Registry) queueLink(ctx context.Context, a Address, by Asker) (queued bool, err error) {
	if a == (Address{}) {
		return false, errNoAddress
	}
	admitted, at, err := r.admit(ctx, Attempt{SignUp: SignUp{Address: a, Asker: by}, Links: true})
	if err != nil || !admitted {
		return false, err
	}
	rules := r.rules().goesAt(at)
	_, queued, err = r.editKnown(ctx, a, func(sub *Subscriber, now time.Time) (Change, error) {
		return rules.sendLink(sub, by.Client, now), nil
	})
	if errors.Is(err, ErrNotFound) {
		return false, nil
	}
	return queued, err
}

// linkEvery is how often somebody who gets no digests is sent a fresh link.
const linkEvery = 24 * time.Hour

// sendLink is what a request for a fresh link does.
func (r rules) sendLink(sub *Subscriber, client string, now time.Time) Change {
	switch {
	case !MayGetLink(*sub):
		return Change{}
	case sub.Status != Confirmed && now.Sub(sub.NotifiedAt) < linkEvery:
		return Change{}
	case !r.limits.mayEmail(sub, sub.NotifiedAt, now):
		return Change{}
	}
	sub.NotifiedAt = now
	return Change{Event: Event{At: now, What: "link_asked", Source: "form", Client: client}, Notice: LinkNotice, After: r.after(now)}
}

// MayGetLink reports whether a fresh link may be sent to a subscriber: whose data is kept
// may see it, also once they have left, complained or been suppressed by staff. Nothing
// goes to a mailbox that does not exist, whose owner wants no email ever, or who has never
// confirmed that they asked for any.
func MayGetLink(s Subscriber) bool {
	switch s.Cause {
	case Bounced, Declined:
		return false
	}
	return s.PublicID != "" && (s.Status != Pending || !s.UnsubscribedAt.IsZero())
}
