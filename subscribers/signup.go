package subscribers

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// FormVersion names the wording of the sign-up form that people consent to. It
// changes when that wording does.
const FormVersion = "2026-11"

// alreadyEvery bounds how often somebody who is subscribed is told so.
const alreadyEvery = 24 * time.Hour

// retryBounced is how long after a bounce an address may be tried again, if its owner
// signs up: mailboxes get repaired.
const retryBounced = 30 * 24 * time.Hour

// SignUp is what the sign-up form says.
type SignUp struct {
	Address Address
	Name    string
	Preferences
	Source string // form, staff
	Asker
}

// Asker is where a sign-up or a request came from, as salted hashes of three networks, one
// around the other; all are empty where that is not known.
type Asker struct {
	Client string // an IPv4 address, or a /64 of IPv6
	Wide   string // a /56 of IPv6; of IPv4 the same as Client
	Around string // a /48 of IPv6, or a /24 of IPv4
}

// SignUp takes a sign-up. A valid form gives no error, no matter who has the address,
// so that the answer tells nobody who is subscribed; what the owner of the address
// should know is queued as an email, now or later, as the limits say. ErrTooMany is about
// where the sign-up came from, ErrBusy about all of them, ErrDomain about the domain.
// Errors can be shown to people.
func (r *Registry) SignUp(ctx context.Context, s SignUp) error {
	s, err := r.check(s)
	if err != nil {
		return err
	}
	if r.Refused.Has(s.Address.Domain()) {
		return ErrDomain
	}
	admitted, at, err := r.admit(ctx, Attempt{SignUp: s})
	if err != nil || !admitted {
		return err
	}
	rules := r.rules().goesAt(at)
	_, err = r.Store.Edit(ctx, s.Address.Key(), func(sub *Subscriber) (Change, error) {
		return rules.signUp(sub, s, time.Now()), nil
	})
	return err
}

// signUp is what a sign-up, by anybody, does to who has the address.
func (r rules) signUp(sub *Subscriber, s SignUp, now time.Time) Change {
	switch {
	case sub.Status == Suppressed && (sub.Cause != Bounced || now.Sub(sub.SuppressedAt) < retryBounced):
		return s.noted(sub, "no email: the address is suppressed", now)
	case sub.Status == Confirmed:
		if now.Sub(sub.NotifiedAt) < alreadyEvery || !r.limits.mayEmail(sub, sub.NotifiedAt, now) {
			return s.noted(sub, "no email: they are subscribed, and were told so or emailed often within a day", now)
		}
		sub.NotifiedAt = now
		change := s.noted(sub, "they are subscribed, and are told so", now)
		change.Notice, change.After = AlreadyNotice, r.after(now)
		return change
	case !r.limits.mayEmail(sub, r.lastAsked(sub), now):
		// The emails they have lead to what those say.
		return s.noted(sub, "no email: they were asked a short while before", now)
	}
	// A suppression stays until they confirm: anybody can sign them up.
	return Change{
		Asks:   r.enter(sub, s, now),
		Event:  Event{At: now, What: "signed_up", Source: s.Source, Client: s.Client, Version: FormVersion, Detail: s.Preferences.String()},
		Notice: ConfirmNotice,
		After:  r.after(now),
	}
}

// noted is a sign-up that changes nothing of who is on record, for their history. Strangers
// can cause many.
func (s SignUp) noted(sub *Subscriber, what string, now time.Time) Change {
	if sub.PublicID == "" || sub.Lately >= signUpsHourly {
		return Change{}
	}
	return Change{Event: Event{At: now, What: "signed_up", Source: s.Source, Client: s.Client, Version: FormVersion, Detail: "asked for " + s.Preferences.String() + "; " + what}}
}

// Add lets staff enter somebody: confirmed at once when basis says on what ground,
// else as a sign-up that the person must confirm. It returns ErrSuppressed for an
// address that is suppressed. A confirmed subscriber stays as they are: added
// is false.
func (r *Registry) Add(ctx context.Context, s SignUp, confirmed bool, basis string) (sub Subscriber, added bool, err error) {
	if confirmed && strings.TrimSpace(basis) == "" {
		return sub, false, errors.New("a confirmed subscriber needs the basis of consent")
	}
	if s, err = r.check(s); err != nil {
		return sub, false, err
	}
	if !confirmed {
		basis = ""
	}
	rules := r.rules()
	sub, err = r.Store.Edit(ctx, s.Address.Key(), func(sub *Subscriber) (Change, error) {
		change, err := rules.add(sub, s, basis, time.Now())
		added = change != Change{}
		return change, err
	})
	return sub, added && err == nil, err
}

// add is what staff do who enter an address; without a basis, its owner is asked.
func (r rules) add(sub *Subscriber, s SignUp, basis string, now time.Time) (Change, error) {
	confirmed := basis != ""
	switch {
	case sub.Status == Suppressed:
		return Change{}, fmt.Errorf("%w: %s", ErrSuppressed, sub.Reason)
	case sub.Status == Confirmed:
		return Change{}, nil
	// Since they unsubscribed, anybody may have signed them up again: only their own click,
	// which clears the date, ends it.
	case confirmed && !sub.UnsubscribedAt.IsZero():
		happened := "they unsubscribed"
		switch {
		case sub.PublicID == "": // nothing but that is kept
			happened = "their data was erased"
		case sub.Status == Pending:
			happened = "they unsubscribed before, or their data was erased"
		}
		return Change{}, fmt.Errorf("%s, so only they can confirm again; omit --confirmed to send them a confirmation email", happened)
	case confirmed && sub.Cause != "":
		return Change{}, fmt.Errorf("%w until they confirm: %s", ErrSuppressed, sub.Reason)
	}
	change := Change{
		Asks:   r.enter(sub, s, now),
		Event:  Event{At: now, What: "added", Source: s.Source, Detail: s.Preferences.String()},
		Notice: ConfirmNotice,
	}
	if confirmed {
		sub.Status, sub.ConfirmedAt = Confirmed, now
		sub.NonceExpires = time.Time{} // no email has gone out
		change.Notice, change.Asks, change.StartWith = NoNotice, nil, r.startWith
		change.Event.Detail += "; basis: " + basis
	}
	return change, nil
}

// enter makes a subscriber wait for a confirmation of what a form says.
func (r rules) enter(sub *Subscriber, s SignUp, now time.Time) *Confirmation {
	r.begin(sub, s.Address, now)
	sub.Status, sub.Name, sub.Source, sub.PausedUntil = Pending, s.Name, s.Source, time.Time{}
	sub.Cadence, sub.Categories = s.Cadence, s.Categories
	return r.ask(sub, sub.Address, now)
}

// begin gives a subscriber that is new, or comes back, its identity.
func (r rules) begin(sub *Subscriber, address Address, now time.Time) {
	if sub.PublicID == "" {
		sub.PublicID, sub.CreatedAt = r.newID(), now
	}
	sub.Address, sub.NewAddress, sub.Undo = address, Address{}, ""
	sub.NonceExpires = now.Add(r.confirmFor)
}

// ask is a confirmation of what is on record of a subscriber, to be sent to an address.
func (r rules) ask(sub *Subscriber, to Address, now time.Time) *Confirmation {
	sub.NonceExpires = now.Add(r.confirmFor)
	return &Confirmation{
		Nonce: r.newID(), To: to, Name: sub.Name, Preferences: Preferences{sub.Cadence, sub.Categories}, Asked: now, Expires: sub.NonceExpires,
	}
}

// lastAsked is when a subscriber was last asked to confirm.
func (r rules) lastAsked(sub *Subscriber) time.Time { return sub.NonceExpires.Add(-r.confirmFor) }

// check is a sign-up in order. Its error can be shown to people.
func (r *Registry) check(s SignUp) (SignUp, error) {
	if s.Address == (Address{}) {
		return s, errNoAddress
	}
	var err error
	if s.Preferences, err = s.normalise(r.Categories); err != nil {
		return s, err
	}
	s.Name, err = cleanName(s.Name)
	return s, err
}

// cleanName refuses what could break out of a header of a message.
func cleanName(name string) (string, error) {
	name = strings.TrimSpace(name)
	switch {
	case utf8.RuneCountInString(name) > 100:
		return "", errors.New("that name is too long: 100 characters at most")
	case !utf8.ValidString(name):
		return "", errors.New("that name is not UTF-8 text")
	case strings.ContainsFunc(name, breaks):
		return "", errors.New("a name can't hold line breaks or other control characters")
	}
	return name, nil
}

// breaks reports a control character or a line break of any kind.
func breaks(r rune) bool { return unicode.IsControl(r) || unicode.In(r, unicode.Zl, unicode.Zp) }
