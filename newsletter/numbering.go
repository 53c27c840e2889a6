package newsletter

import (
	"fmt"
	"slices"
	"time"

	"github.com/scaledbydesign/insights/content"
)

// Known is an insight as it is stored.
type Known struct {
	Seq        int64 // 0 = not numbered yet
	FirstSeen  time.Time
	Withdrawal Withdrawal // zero = a digest may carry it
	Category   string
	Slug       string // "" = not recorded: it was numbered by an older version
	Email      bool
}

// Renumbering is what a library changes in the stored insights.
type Renumbering struct {
	Withdraw []Gone
	Away     []string  // ids that staff have withdrawn, and whose files are gone now
	Add      []Visible // first seen now; one without Email is withdrawn at once
	Update   []Visible // stored with other values; one with Email is not withdrawn any more
	Number   []Visible // get the next numbers, in this order
	First    bool      // these are the first numbers ever
	Next     time.Time // when the next edit grace ends; zero = none waits
}

// Gone is an insight that no daemon shows any more.
type Gone struct {
	InsightID string
	Since     time.Time
}

// Empty reports whether there is nothing to store.
func (r *Renumbering) Empty() bool {
	return len(r.Withdraw)+len(r.Away)+len(r.Add)+len(r.Update)+len(r.Number) == 0
}

// Renumber compares what a library shows with what is stored. It returns
// ErrOtherLibrary if the library lacks an insight and is not the site's.
func Renumber(known map[string]Known, visible []Visible, how Numbering, now time.Time) (Renumbering, error) {
	r := Renumbering{First: len(known) == 0}
	leaves := how.Peers.Leaves(time.Time{}, now)
	if leaves {
		r.Next = how.Peers.leavesUntil(time.Time{})
	}
	seen := make(map[string]bool, len(visible))
	for _, v := range visible {
		seen[v.InsightID] = true
		k, ok := known[v.InsightID]
		if k.Withdrawal.How == WithdrawnByStaff {
			continue // until its file has been away
		}
		switch {
		case !ok && leaves:
			continue
		case !ok:
			r.Add = append(r.Add, v)
			k.FirstSeen = now
		case how.Peers.Behind(): // another daemon knows better
		case k.Withdrawal.Is() && v.Email:
			if how.Peers.Back(v.InsightID) {
				r.Update = append(r.Update, v)
			}
		case k.Email != v.Email, k.Slug != v.Slug, k.Seq == 0 && k.Category != v.Category:
			r.Update = append(r.Update, v)
		}
		if ok && !v.Email && !k.Withdrawal.Is() {
			r.withdraw(v.InsightID, how.Peers, now)
		}
		if k.Seq > 0 || leaves {
			continue
		}
		if ready := k.FirstSeen.Add(how.Grace); r.First || !ready.After(now) {
			r.Number = append(r.Number, v)
		} else if r.Next.IsZero() || ready.Before(r.Next) {
			r.Next = ready
		}
	}
	for id, k := range known {
		if seen[id] || how.Incomplete || how.Kept != nil && how.Kept(id) {
			continue
		}
		switch {
		case k.Withdrawal.How == WithdrawnByStaff && how.Authority:
			if how.Peers.Away(id, k.Withdrawal.Since) {
				r.Away = append(r.Away, id)
			}
		case k.Withdrawal.Is():
		case !how.Authority:
			return Renumbering{}, fmt.Errorf("insight %s is missing here: %w", id, ErrOtherLibrary)
		default:
			r.withdraw(id, how.Peers, now)
		}
	}
	slices.SortFunc(r.Number, ByAppearance)
	return r, nil
}

// withdraw withdraws an insight if no other daemon shows it.
func (r *Renumbering) withdraw(id string, peers *Peers, now time.Time) {
	if since, gone := peers.Gone(id, now); gone {
		r.Withdraw = append(r.Withdraw, Gone{id, since})
	}
}

// NumberingOf says how to number what a library shows.
func NumberingOf(lib *content.Library, grace time.Duration, authority bool) Numbering {
	kept := func(id string) bool { return lib.Faulty(id) || lib.Withheld(id) }
	return Numbering{Grace: grace, Authority: authority, Kept: kept, Incomplete: !lib.Complete()}
}

// mayBeFaulty reports whether an insight that a library does not show may be one of its
// faulty files.
func mayBeFaulty(lib *content.Library, id string) bool { return lib.Faulty(id) || !lib.Complete() }
