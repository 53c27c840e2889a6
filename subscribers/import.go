package subscribers

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// Imported is one reader as another system knew them. An import sends no emails.
type Imported struct {
	Address Address
	Name    string
	Status  Status
	Preferences
	ConfirmedAt    time.Time // zero: now, if Confirmed
	UnsubscribedAt time.Time // zero: now, if Unsubscribed
	Cause          Cause     // of Suppressed; "" = BlockedHere
	Reason         string    // of Suppressed, in words
	Source         string    // "" = import
	Basis          string    // on what ground they may be emailed, kept as evidence
	Evidence       string    // what the other system said of them
}

// Outcome is what became of one imported reader.
type Outcome string

const (
	Added     Outcome = "added"
	Changed   Outcome = "changed"   // what is on record became stricter, or a sign-up was confirmed
	Unchanged Outcome = "unchanged" // as it is on record
	Kept      Outcome = "kept"      // what is on record holds against the import
)

// Check is an Imported whose fields are as a sign-up's must be. Its error can be
// shown to people. No category, or *, is all of them.
func (r *Registry) Check(in Imported) (Imported, error) {
	if in.Address == (Address{}) {
		return in, errNoAddress
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
	if in.Name, err = cleanName(in.Name); err != nil {
		return in, err
	}
	in.Reason, in.Evidence = inOneLine(in.Reason), inOneLine(in.Evidence)
	return in, nil
}

// inOneLine is what others wrote, on one line and of a limited length.
func inOneLine(s string) string {
	s = strings.Map(func(r rune) rune {
		if breaks(r) {
			return ' '
		}
		return r
	}, strings.TrimSpace(s))
	const most = 300
	if n := utf8.RuneCountInString(s); n > most {
		s = string([]rune(s)[:most]) + "…"
	}
	return s
}

// Import stores readers, all or none, and says what became of each. What is on
// record is never weakened: unsubscribed and suppressed readers stay so, and a
// reader's own choices stay theirs. Importing the same again changes nothing.
// With dry nothing is stored.
func (r *Registry) Import(ctx context.Context, rows []Imported, dry bool) ([]Outcome, error) {
	keys := make([]string, len(rows))
	for i, row := range rows {
		keys[i] = row.Address.Key()
	}
	outcomes := make([]Outcome, len(rows))
	rules, now := r.rules(), time.Now()
	rules.newID = idsTogether()
	err := r.Store.EditAll(ctx, keys, dry, func(i int, sub *Subscriber) (change Change, err error) {
		change, outcomes[i] = rules.importRow(sub, rows[i], now)
		return change, nil
	})
	return outcomes, err
}

// importRow is what one row of an import does to who has the address.
func (r rules) importRow(sub *Subscriber, in Imported, now time.Time) (Change, Outcome) {
	event := Event{At: now, What: "imported", Source: "import", Detail: string(in.Status) + "; " + in.String()}
	if in.Basis != "" {
		event.Detail += "; basis: " + in.Basis
	}
	if in.Evidence != "" {
		event.Detail += "; " + in.Evidence
	}
	outcome := Added
	cause, reason := cmp.Or(in.Cause, BlockedHere), cmp.Or(in.Reason, "imported as suppressed")
	switch {
	case sub.PublicID == "" && sub.Status == Suppressed: // kept apart from any subscriber
		if in.Status != Suppressed {
			return Change{}, Kept
		}
		if _, graver := suppress(sub, cause, sub.Reason, "import", now); !graver {
			return Change{}, Unchanged
		}
		sub.Address = in.Address
		return Change{Event: event}, Changed
	case sub.PublicID == "" && sub.Status == Unsubscribed:
		if in.Status != Suppressed {
			return Change{}, Kept
		}
		r.fill(sub, in, now)
	case sub.PublicID == "": // not on record
		r.fill(sub, in, now)
	case in.Status == Suppressed:
		if _, graver := suppress(sub, cause, reason, "import", now); !graver {
			return Change{}, Unchanged
		}
		return Change{Event: event}, Changed
	case sub.Status == in.Status:
		return Change{}, Unchanged
	case in.Status == Unsubscribed:
		if unsubscribe(sub, "import", now) == (Change{}) {
			return Change{}, Kept
		}
		if !in.UnsubscribedAt.IsZero() {
			sub.UnsubscribedAt = in.UnsubscribedAt
		}
		return Change{Event: event}, Changed
	case in.Status == Confirmed && sub.Status == Pending && sub.UnsubscribedAt.IsZero() && sub.Cause == "":
		outcome = Changed
		sub.Cadence, sub.Categories = in.Cadence, in.Categories
	default:
		return Change{}, Kept
	}
	sub.Status = in.Status
	change := Change{Event: event}
	switch in.Status {
	case Confirmed:
		if sub.ConfirmedAt = in.ConfirmedAt; sub.ConfirmedAt.IsZero() {
			sub.ConfirmedAt = now
		}
		change.StartWith = r.startWith
	case Unsubscribed:
		if sub.UnsubscribedAt = in.UnsubscribedAt; sub.UnsubscribedAt.IsZero() {
			sub.UnsubscribedAt = now
		}
	case Suppressed:
		sub.Status = ""
		suppress(sub, cause, reason, "import", now)
	}
	return change, outcome
}

// fill makes a subscriber of one that is not on record.
func (r rules) fill(sub *Subscriber, in Imported, now time.Time) {
	r.begin(sub, in.Address, now)
	sub.Name, sub.Source = in.Name, in.Source
	sub.Cadence, sub.Categories = in.Cadence, in.Categories
	sub.ConfirmedAt = in.ConfirmedAt
	if sub.UnsubscribedAt.IsZero() && in.Status != Confirmed {
		sub.UnsubscribedAt = in.UnsubscribedAt
	}
	if in.Status == Pending && !in.ConfirmedAt.IsZero() && sub.UnsubscribedAt.IsZero() {
		sub.UnsubscribedAt = now // confirmed once and no longer: they unsubscribed
	}
}
