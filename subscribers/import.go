package subscribers

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Imported is one reader as another system knew them. An import mails nobody.
type Imported struct {
	Address Address
	Name    string
	Status  Status
	Preferences
	ConfirmedAt time.Time // zero: now
	Source      string    // "" = import
	Basis       string    // on what ground they may be mailed, kept as evidence
}

// Outcome is what became of one imported reader.
type Outcome string

const (
	Added     Outcome = "added"
	Changed   Outcome = "changed"   // what is on record became stricter, or a sign-up was confirmed
	Unchanged Outcome = "unchanged" // as it is on record
	Kept      Outcome = "kept"      // what is on record holds against the import
)

// Check is an Imported whose fields are as a sign-up's must be. Its error is fit to
// be shown. No category, or *, is all of them.
func (r *Registry) Check(in Imported) (Imported, error) {
	if in.Address == (Address{}) {
		return in, errors.New("there is no address")
	}
	if !slices.Contains(Statuses[:], in.Status) {
		return in, fmt.Errorf("unknown status %q: one of pending, confirmed, unsubscribed, suppressed", in.Status)
	}
	if len(in.Categories) == 0 || slices.Equal(in.Categories, []string{"*"}) {
		in.Categories = r.Categories
	}
	var err error
	if in.Preferences, err = in.normalise(r.Categories); err != nil {
		return in, err
	}
	in.Name, err = cleanName(in.Name)
	return in, err
}

// Import stores readers, all or none, and says what became of each. What is on
// record is never weakened: who said no, or must not be written to, stays so, and
// a reader's own choices stay theirs. To import the same again changes nothing.
// With dry nothing is stored.
func (r *Registry) Import(ctx context.Context, rows []Imported, dry bool) ([]Outcome, error) {
	keys := make([]string, len(rows))
	for i, row := range rows {
		keys[i] = row.Address.Key()
	}
	outcomes := make([]Outcome, len(rows))
	now := time.Now()
	err := r.Store.EditAll(ctx, keys, dry, func(i int, sub *Subscriber) (Change, error) {
		change, outcome := r.decide(sub, rows[i], now)
		outcomes[i] = outcome
		return change, nil
	})
	return outcomes, err
}

// decide alters a subscriber as an import may.
func (r *Registry) decide(sub *Subscriber, in Imported, now time.Time) (Change, Outcome) {
	event := Event{At: now, What: "imported", Source: "import", Detail: string(in.Status) + "; " + in.String()}
	if in.Basis != "" {
		event.Detail += "; basis: " + in.Basis
	}
	outcome := Added
	switch {
	case sub.PublicID == "" && sub.Status == Suppressed: // kept apart from any subscriber
		if in.Status == Suppressed {
			return Change{}, Unchanged
		}
		return Change{}, Kept
	case sub.PublicID == "" && sub.Status == Unsubscribed:
		if in.Status != Suppressed {
			return Change{}, Kept
		}
		r.begin(sub, in.Address, now)
		sub.Name, sub.Source = in.Name, in.Source
		sub.Cadence, sub.Categories = in.Cadence, in.Categories
	case sub.PublicID == "": // not on record
		r.begin(sub, in.Address, now)
		sub.Name, sub.Source = in.Name, in.Source
		sub.Cadence, sub.Categories = in.Cadence, in.Categories
	case sub.Status == in.Status:
		return Change{}, Unchanged
	case in.Status == Suppressed:
		outcome = Changed
	case in.Status == Unsubscribed && sub.Status != Suppressed:
		outcome = Changed
	case in.Status == Confirmed && sub.Status == Pending && sub.UnsubscribedAt.IsZero():
		outcome = Changed
		sub.Cadence, sub.Categories = in.Cadence, in.Categories
	default:
		return Change{}, Kept
	}
	sub.Status = in.Status
	change := Change{Event: event}
	switch in.Status {
	case Confirmed:
		sub.ConfirmedAt = in.ConfirmedAt
		if sub.ConfirmedAt.IsZero() {
			sub.ConfirmedAt = now
		}
		change.StartWith = r.StartWith
	case Unsubscribed:
		sub.UnsubscribedAt = now
	case Suppressed:
		sub.Cause, sub.Reason, sub.SuppressedAt = BlockedHere, "imported as suppressed", now
	}
	return change, outcome
}
