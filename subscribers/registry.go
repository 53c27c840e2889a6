package subscribers

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"time"
)

// Registry decides what happens to subscribers. Each of its methods checks what is
// asked and has the Store apply a rule to one subscriber or many; the rules are
// functions of the subscriber, what is asked and the time. Its fields are set once;
// its methods may be used concurrently.
type Registry struct {
	Store      Store
	Keys       *Keyring
	Categories []string      // the slugs that can be chosen
	StartWith  int           // how many insights a new reader has unread
	ConfirmFor time.Duration // how long a confirmation link works; 0 = 72 hours
	// UndatedUntil is how long preferences links work that older versions made, which name
	// no day.
	UndatedUntil time.Time
	Limits       Limits
	// Turns are those of emails that strangers ask for, where sending has a pace.
	Turns Turns
	// Spread is within what time such an email goes out, at random, where it has none: a
	// mail server takes one after the other, too. 0 = each goes out at once.
	Spread  time.Duration
	Refused Domains      // nobody can sign up with an address there; staff can add one
	Log     *slog.Logger // nil: silent

	refused refusals
	line    line
}

// rules are what the rules depend on beside their arguments. A rule alters the
// subscriber it is given in place and says what else the change asks for. It may run
// more than once for one change, and it looks at no clock.
type rules struct {
	startWith  int
	confirmFor time.Duration
	limits     Limits
	newID      func() string // random
	at         time.Time     // when an email that a stranger asks for may go out; zero = by spread
	spread     time.Duration
}

// goesAt are the rules for an email that goes out then.
func (r rules) goesAt(at time.Time) rules {
	r.at = at
	return r
}

// after is when an email goes out that a stranger asked for. The zero time is at once.
func (r rules) after(now time.Time) time.Time {
	if r.spread <= 0 || !r.at.IsZero() {
		return r.at
	}
	return now.Add(rand.N(r.spread))
}

func (r *Registry) rules() rules {
	rules := rules{startWith: r.StartWith, confirmFor: 72 * time.Hour, limits: r.Limits, newID: randomID, spread: r.Spread}
	if r.ConfirmFor > 0 {
		rules.confirmFor = r.ConfirmFor
	}
	return rules
}

// rule alters a subscriber at a time.
type rule func(sub *Subscriber, now time.Time) (Change, error)

// edit applies a rule to the subscriber a token belongs to; the token is checked again
// inside the transaction.
func (r *Registry) edit(ctx context.Context, p Purpose, token string, apply rule) (Subscriber, error) {
	edited, err := r.editFound(ctx, p, token, apply)
	if errors.Is(err, ErrToken) || errors.Is(err, ErrLapsed) || errors.Is(err, ErrNotFound) { // they may have moved meanwhile
		edited, err = r.editFound(ctx, p, token, apply)
	}
	return edited, err
}

func (r *Registry) editFound(ctx context.Context, p Purpose, token string, apply rule) (Subscriber, error) {
	sub, err := r.Lookup(ctx, p, token)
	if err != nil {
		return sub, err
	}
	if sub.Address == (Address{}) { // of an unknown reader: there is nothing to store
		_, err := apply(&sub, time.Now())
		return sub, err
	}
	return r.editValid(ctx, p, token, sub.Address, apply)
}

func (r *Registry) editValid(ctx context.Context, p Purpose, token string, a Address, apply rule) (Subscriber, error) {
	return r.Store.Edit(ctx, a.Key(), func(sub *Subscriber) (Change, error) {
		now := time.Now()
		if err := r.valid(p, token, *sub, now); err != nil {
			return Change{}, err
		}
		change, err := apply(sub, now)
		if err == nil && sub.Lately >= EventsHourly && change.Event.What != "" && limitedLinks[p] && !sub.endedEmails() {
			return Change{}, ErrChanges
		}
		return change, err
	})
}

// limitedLinks are those of which an hour's changes are limited. The others can do little:
// confirm once, have emails sent that are limited themselves, or only ever bring less. So
// nobody who has one of those keeps a reader from their preferences.
var limitedLinks = map[Purpose]bool{PreferencesToken: true, UndoToken: true}

// endedEmails reports whether a subscriber gets no emails any more.
func (s *Subscriber) endedEmails() bool { return s.Status == Unsubscribed || s.Status == Suppressed }

// editKnown applies a rule to a subscriber who exists. changed is false when it
// asked for nothing.
func (r *Registry) editKnown(ctx context.Context, a Address, apply rule) (sub Subscriber, changed bool, err error) {
	if a == (Address{}) {
		return Subscriber{}, false, errNoAddress
	}
	sub, err = r.Store.Edit(ctx, a.Key(), func(sub *Subscriber) (Change, error) {
		changed = false
		if sub.PublicID == "" {
			return Change{}, ErrNotFound
		}
		change, err := apply(sub, time.Now())
		changed = change != Change{}
		return change, err
	})
	return sub, changed, err
}

var errNoAddress = errors.New("an address is required")
