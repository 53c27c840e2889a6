package newsletter

import (
	"fmt"
	"slices"
	"time"
)

// Known is an insight as it is stored.
type Known struct {
	Seq       int64 // 0 = not numbered yet
	FirstSeen time.Time
	Withdrawn bool
	Category  string
	Slug      string // "" = not recorded: it was numbered by an older version
	Email     bool
}

// Renumbering is what a library changes in the stored insights.
type Renumbering struct {
	Withdraw []string  // ids
	Add      []Visible // first seen now
	Update   []Visible // stored with other values, or withdrawn
	Number   []Visible // get the next numbers, in this order
	First    bool      // these are the first numbers ever
	Next     time.Time // when the next edit grace ends; zero = none waits
}

// Empty reports whether there is nothing to store.
func (r *Renumbering) Empty() bool {
	return len(r.Withdraw)+len(r.Add)+len(r.Update)+len(r.Number) == 0
}

// Renumber compares what a library shows with what is stored. It returns
// ErrOtherLibrary if the library lacks an insight and is not the site's.
func Renumber(known map[string]Known, visible []Visible, how Numbering, now time.Time) (Renumbering, error) {
	r := Renumbering{First: len(known) == 0}
	seen := make(map[string]bool, len(visible))
	for _, v := range visible {
		seen[v.InsightID] = true
		k, ok := known[v.InsightID]
		switch {
		case !ok:
			r.Add = append(r.Add, v)
			k.FirstSeen = now
		case k.Withdrawn, k.Email != v.Email, k.Slug != v.Slug, k.Seq == 0 && k.Category != v.Category:
			r.Update = append(r.Update, v)
		}
		if k.Seq > 0 {
			continue
		}
		if ready := k.FirstSeen.Add(how.Grace); r.First || !ready.After(now) {
			r.Number = append(r.Number, v)
		} else if r.Next.IsZero() || ready.Before(r.Next) {
			r.Next = ready
		}
	}
	for id, k := range known {
		if k.Withdrawn || seen[id] {
			continue
		}
		if !how.Authority {
			return Renumbering{}, fmt.Errorf("insight %s is missing here: %w", id, ErrOtherLibrary)
		}
		r.Withdraw = append(r.Withdraw, id)
	}
	slices.SortFunc(r.Number, ByAppearance)
	return r, nil
}
