package subscribers

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"
)

// FormVersion names the wording of the sign-up form that people consent to. It
// changes when that wording does.
const FormVersion = "2026-11"

// Registry decides what happens to subscribers. Its fields are set once; its
// methods may be used concurrently.
type Registry struct {
	Store      Store
	Keys       *Keyring
	Categories []string      // the slugs that can be chosen
	StartWith  int           // how many insights a new reader has unread
	ConfirmFor time.Duration // how long a confirmation link works; 0 = 72 hours
	Limits     Limits
	Refused    Domains      // nobody can sign up with an address there; staff can add one
	Log        *slog.Logger // nil: silent

	alarmed alarm
}

// alarm keeps one and the same alarm from being raised again and again.
type alarm struct {
	mu   sync.Mutex
	last time.Time
}

// alarmEvery is how often an alarm is raised at most.
const alarmEvery = 10 * time.Minute

func (a *alarm) due(now time.Time) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if now.Sub(a.last) < alarmEvery {
		return false
	}
	a.last = now
	return true
}

// alreadyEvery bounds how often somebody who is subscribed is told so.
const alreadyEvery = 24 * time.Hour

// SignUp is what the sign-up form says.
type SignUp struct {
	Address string
	Name    string
	Preferences
	Source string // form, staff
	Client string // salted hash of the client's address, or empty
}

// SignUp takes a sign-up. A valid form gives no error whoever the address belongs
// to, so that the answer tells nobody who is subscribed; what the owner of the
// address should know is queued as mail. ErrTooMany is about where it came from,
// ErrDomain about the domain.
// Errors are fit to be shown.
func (r *Registry) SignUp(ctx context.Context, s SignUp) error {
	address, prefs, name, err := r.check(s)
	if err != nil {
		return err
	}
	if r.Refused.Has(address.Domain()) {
		return ErrDomain
	}
	if admitted, err := r.admit(ctx, Attempt{Client: s.Client, Address: address}); err != nil || !admitted {
		return err
	}
	_, err = r.Store.Edit(ctx, address.Key(), func(sub *Subscriber) (Change, error) {
		now := time.Now()
		switch {
		case sub.Status == Suppressed && (sub.Cause != Bounced || now.Sub(sub.SuppressedAt) < retryBounced):
			return Change{}, nil
		case sub.Status == Confirmed:
			if now.Sub(sub.NotifiedAt) < alreadyEvery || !r.Limits.mayMail(sub, sub.NotifiedAt, now) {
				return Change{}, nil
			}
			sub.NotifiedAt = now
			return Change{Notice: AlreadyNotice}, nil
		case !r.Limits.mayMail(sub, sub.NonceExpires.Add(-r.confirmFor()), now):
			if sub.Status == Pending { // the mail they have leads to what they chose last
				sub.Name, sub.Cadence, sub.Categories = name, prefs.Cadence, prefs.Categories
			}
			return Change{}, nil
		}
		// A suppression stays until they confirm: anybody can sign them up.
		r.begin(sub, address, now)
		sub.Status, sub.Name, sub.Source, sub.PausedUntil = Pending, name, s.Source, time.Time{}
		sub.Cadence, sub.Categories = prefs.Cadence, prefs.Categories
		return Change{
			Event:  Event{At: now, What: "signed_up", Source: s.Source, Client: s.Client, Version: FormVersion, Detail: prefs.String()},
			Notice: ConfirmNotice,
		}, nil
	})
	return err
}

// begin gives a subscriber that is new, or comes back, its identity and a fresh
// confirmation nonce, which ends every earlier confirmation link.
func (r *Registry) begin(sub *Subscriber, address Address, now time.Time) {
	if sub.PublicID == "" {
		sub.PublicID, sub.CreatedAt = randomID(), now
	}
	sub.Address, sub.NewAddress = address, Address{}
	sub.Nonce, sub.NonceExpires = randomID(), now.Add(r.confirmFor())
}

func (r *Registry) confirmFor() time.Duration {
	if r.ConfirmFor > 0 {
		return r.ConfirmFor
	}
	return 72 * time.Hour
}

func (r *Registry) check(s SignUp) (Address, Preferences, string, error) {
	address, err := ParseAddress(s.Address)
	if err != nil {
		return address, s.Preferences, "", err
	}
	prefs, err := s.normalise(r.Categories)
	if err != nil {
		return address, prefs, "", err
	}
	name, err := cleanName(s.Name)
	return address, prefs, name, err
}

// cleanName refuses what could break out of a mail header.
func cleanName(name string) (string, error) {
	name = strings.TrimSpace(name)
	if utf8.RuneCountInString(name) > 100 {
		return "", errors.New("that name is too long: 100 characters at most")
	}
	if !utf8.ValidString(name) {
		return "", errors.New("that name is not UTF-8 text")
	}
	if strings.ContainsFunc(name, breaks) {
		return "", errors.New("a name can't hold line breaks or other control characters")
	}
	return name, nil
}

// breaks reports a control character or a line break of any kind.
func breaks(r rune) bool { return unicode.IsControl(r) || unicode.In(r, unicode.Zl, unicode.Zp) }

// Token is what opens a subscriber's link as they are now. WayBack makes those of
// ReturnToken.
func (r *Registry) Token(p Purpose, sub Subscriber) string {
	return r.Keys.Make(p, sub.PublicID, scope(p, sub))
}

// scope is what of a subscriber a token goes with: the links of a confirmation with the
// nonce, so that a later one replaces them; preferences with the mailbox, since its
// mails may have another reader when they have left it.
func scope(p Purpose, sub Subscriber) string {
	switch p {
	case ConfirmToken, DeclineToken:
		return sub.Nonce
	case PreferencesToken:
		return sub.Address.Key()
	}
	return ""
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
	return sub, r.valid(p, token, sub)
}

func (r *Registry) valid(p Purpose, token string, sub Subscriber) error {
	if p == ReturnToken {
		return r.validReturn(token, sub)
	}
	publicID, err := r.Keys.Check(p, token, scope(p, sub))
	if err != nil {
		return err
	}
	if publicID != sub.PublicID { // the address was forgotten, and signed up anew
		return ErrToken
	}
	if p == ConfirmToken {
		switch sub.Status {
		case Pending:
			if time.Now().After(sub.NonceExpires) {
				return ErrExpired
			}
		case Confirmed:
			if sub.moving() && time.Now().After(sub.NonceExpires) {
				return ErrExpired
			}
		case Unsubscribed: // a link from before they said no
			return ErrExpired
		}
	}
	return nil
}

// edit changes the subscriber a token belongs to; the token is checked again
// inside the transaction.
func (r *Registry) edit(ctx context.Context, p Purpose, token string, change func(*Subscriber) (Change, error)) (Subscriber, error) {
	sub, err := r.Lookup(ctx, p, token)
	if err != nil {
		return sub, err
	}
	edited, err := r.editValid(ctx, p, token, sub.Address, change)
	if errors.Is(err, ErrToken) || errors.Is(err, ErrNotFound) { // they may have moved meanwhile
		if sub, err = r.Lookup(ctx, p, token); err == nil {
			edited, err = r.editValid(ctx, p, token, sub.Address, change)
		}
	}
	return edited, err
}

func (r *Registry) editValid(ctx context.Context, p Purpose, token string, a Address, change func(*Subscriber) (Change, error)) (Subscriber, error) {
	return r.Store.Edit(ctx, a.Key(), func(s *Subscriber) (Change, error) {
		if err := r.valid(p, token, *s); err != nil {
			return Change{}, err
		}
		return change(s)
	})
}

// Confirm ends a double opt-in, or a change of address. Repeating it is harmless. It
// returns ErrTaken for an address that another one has got since, and ErrSuppressed
// for one that must not be written to.
func (r *Registry) Confirm(ctx context.Context, token, client string) (Subscriber, error) {
	return r.edit(ctx, ConfirmToken, token, func(sub *Subscriber) (Change, error) {
		now := time.Now()
		switch {
		case sub.moving():
			return move(sub, client, now), nil
		case sub.Status == Confirmed:
			return Change{}, nil
		case sub.Status == Suppressed:
			return Change{}, ErrSuppressed
		}
		sub.Status, sub.ConfirmedAt, sub.UnsubscribedAt = Confirmed, now, time.Time{}
		sub.Cause, sub.Reason, sub.SuppressedAt = "", "", time.Time{}
		return Change{
			Event:     Event{At: now, What: "confirmed", Source: "link", Client: client, Version: FormVersion, Detail: Preferences{sub.Cadence, sub.Categories}.String()},
			StartWith: r.StartWith,
		}, nil
	})
}

// Unsubscribe ends mail to the token's owner at once. Repeating it is harmless.
// Source says how it was asked: link, one_click.
func (r *Registry) Unsubscribe(ctx context.Context, token, source string) (Subscriber, error) {
	return r.edit(ctx, UnsubscribeToken, token, func(sub *Subscriber) (Change, error) {
		return unsubscribe(sub, source), nil
	})
}

func unsubscribe(sub *Subscriber, source string) Change {
	switch {
	case sub.Status == Unsubscribed, sub.Status == Suppressed && !sub.UnsubscribedAt.IsZero():
		return Change{}
	case sub.Status != Suppressed: // else they stay so, and have said no, whoever lifts it
		if sub.Status != Confirmed { // what they agreed to once they have not again: there is nothing to take back
			sub.ConfirmedAt = time.Time{}
		}
		sub.Status = Unsubscribed
	}
	now := time.Now()
	sub.UnsubscribedAt = now
	return Change{Event: Event{At: now, What: "unsubscribed", Source: source}}
}

// Prefer changes what the token's owner receives. It applies to confirmed
// subscribers; others get ErrExpired, since a sign-up of theirs would be needed.
func (r *Registry) Prefer(ctx context.Context, token string, p Preferences) (Subscriber, error) {
	p, err := p.normalise(r.Categories)
	if err != nil {
		return Subscriber{}, err
	}
	return r.edit(ctx, PreferencesToken, token, func(sub *Subscriber) (Change, error) {
		if sub.Status != Confirmed {
			return Change{}, ErrExpired
		}
		if sub.Cadence == p.Cadence && slices.Equal(sub.Categories, p.Categories) {
			return Change{}, nil
		}
		sub.Cadence, sub.Categories = p.Cadence, p.Categories
		return Change{Event: Event{At: time.Now(), What: "preferences", Source: "link", Detail: p.String()}}, nil
	})
}

// Add lets staff enter somebody: confirmed at once when basis says on what ground,
// else as a sign-up that the person must confirm. It returns ErrSuppressed for an
// address that must not be written to. A confirmed subscriber stays as they are: added
// is false.
func (r *Registry) Add(ctx context.Context, s SignUp, confirmed bool, basis string) (sub Subscriber, added bool, err error) {
	if confirmed && strings.TrimSpace(basis) == "" {
		return sub, false, errors.New("a confirmed subscriber needs the basis of consent")
	}
	address, prefs, name, err := r.check(s)
	if err != nil {
		return sub, false, err
	}
	sub, err = r.Store.Edit(ctx, address.Key(), func(sub *Subscriber) (Change, error) {
		added = sub.Status != Confirmed
		switch sub.Status {
		case Suppressed:
			return Change{}, fmt.Errorf("%w: %s", ErrSuppressed, sub.Reason)
		case Confirmed:
			return Change{}, nil
		default:
			// Since they said no, anybody may have signed them up again: only their
			// own click, which clears the date, ends it.
			if confirmed && !sub.UnsubscribedAt.IsZero() {
				return Change{}, errors.New("they unsubscribed: only they can confirm again; leave out --confirmed to send them a confirmation mail")
			}
			if confirmed && sub.Cause != "" {
				return Change{}, fmt.Errorf("%w until they confirm: %s", ErrSuppressed, sub.Reason)
			}
		}
		now := time.Now()
		r.begin(sub, address, now)
		sub.Status, sub.Name, sub.Source, sub.PausedUntil = Pending, name, s.Source, time.Time{}
		sub.Cadence, sub.Categories = prefs.Cadence, prefs.Categories
		change := Change{
			Event:  Event{At: now, What: "added", Source: s.Source, Detail: prefs.String()},
			Notice: ConfirmNotice,
		}
		if confirmed {
			sub.Status, sub.ConfirmedAt = Confirmed, now
			sub.Nonce, sub.NonceExpires = "", time.Time{} // no mail has gone out
			change.Notice, change.StartWith = NoNotice, r.StartWith
			change.Event.Detail += "; basis: " + basis
		}
		return change, nil
	})
	return sub, added && err == nil, err
}

// String is the choice in one line: "weekly: architecture, leadership".
func (p Preferences) String() string {
	return string(p.Cadence) + ": " + strings.Join(p.Categories, ", ")
}
