package newsletter

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// LibraryReport is what a running daemon shows, for the others. By it daemons whose folders
// differ, as while machines are updated one by one, agree on who acts.
type LibraryReport struct {
	Version string    `json:"version"` // content.Library.Version
	Changed time.Time `json:"changed"` // when a daemon first showed that version
	Since   time.Time `json:"since"`   // when this one began to
	// Lacks are the insights that are not withdrawn and that it does not show for emails,
	// by id, each since when.
	Lacks map[string]time.Time `json:"lacks,omitempty"`
	// Kept are those that it lacks whose files may be there, with faults.
	Kept []string `json:"kept,omitempty"`
	// Has are ids of withdrawn insights: those that it shows for emails or, where staff
	// withdrew them, whose files it has.
	Has []string `json:"has,omitempty"`
}

// Behind reports whether another library is newer: it lacks fewer insights, or as many and
// changed later.
func (r *LibraryReport) Behind(other *LibraryReport) bool {
	if r.Version == other.Version {
		return false
	}
	return cmp.Or(cmp.Compare(len(r.Lacks), len(other.Lacks)), other.Changed.Compare(r.Changed)) > 0
}

// leaveFor is how long a daemon that is behind leaves its work to one that is not.
const leaveFor = time.Minute

// Peers are the daemons that run on one database, as one of them saw them last. Nil: it
// runs alone.
type Peers struct {
	Own         DaemonReport
	Others      []DaemonReport
	BehindSince time.Time            // of Own; zero = it is not behind
	Elsewhere   map[string]time.Time // when another daemon last showed an insight that Own lacks
}

// Behind reports whether another daemon shows a newer library.
func (p *Peers) Behind() bool { return p != nil && !p.BehindSince.IsZero() }

// Leaves reports whether what is due since a time is left to a daemon with a newer library.
// Nothing is for longer than a minute: that one may be unable to do it.
func (p *Peers) Leaves(due, now time.Time) bool {
	return p.Behind() && now.Before(p.leavesUntil(due))
}

// leavesUntil is when Leaves ends.
func (p *Peers) leavesUntil(due time.Time) time.Time {
	if due.Before(p.BehindSince) {
		due = p.BehindSince
	}
	return due.Add(leaveFor)
}

// Gone returns since when no daemon has shown an insight that this one does not show;
// ok is false if one does, may, or did within the last minute: it may only be starting again.
func (p *Peers) Gone(id string, now time.Time) (since time.Time, ok bool) {
	if p == nil {
		return now, true
	}
	since, ok = p.Own.Library.Lacks[id]
	if !ok {
		since = now
	}
	if shown := p.Elsewhere[id]; now.Sub(shown) < leaveFor {
		return time.Time{}, false
	} else if shown.After(since) {
		since = shown
	}
	for _, other := range p.Others {
		lacks, ok := other.Library.lost(id)
		if !ok {
			return time.Time{}, false
		}
		if lacks.After(since) {
			since = lacks
		}
	}
	return since, true
}

// lost returns since when a library has lacked an insight whose file is not there.
func (r *LibraryReport) lost(id string) (since time.Time, ok bool) {
	since, ok = r.Lacks[id]
	return since, ok && !slices.Contains(r.Kept, id)
}

// Away reports whether no other daemon has had the file of an insight since staff withdrew it.
func (p *Peers) Away(id string, withdrawn time.Time) bool {
	return p == nil || !slices.ContainsFunc(p.Others, func(other DaemonReport) bool {
		return !other.At.After(withdrawn) || slices.Contains(other.Library.Has, id)
	})
}

// Back reports whether every daemon that is not behind shows a withdrawn insight that this
// one shows.
func (p *Peers) Back(id string) bool {
	if p == nil {
		return true
	}
	return !p.Behind() && !slices.ContainsFunc(p.Others, func(other DaemonReport) bool {
		return !slices.Contains(other.Library.Has, id) && !p.behind(&other.Library)
	})
}

// behind reports whether any daemon that plans shows a newer library than r.
func (p *Peers) behind(r *LibraryReport) bool { return p.behindIn(RoleSchedule, r) }

// behindIn reports whether any daemon with a role shows a newer library than r: what is left
// to a newer one is left to one that does it.
func (p *Peers) behindIn(role Role, r *LibraryReport) bool {
	newer := func(d DaemonReport) bool { return d.Has(role) && r.Behind(&d.Library) }
	return newer(p.Own) || slices.ContainsFunc(p.Others, newer)
}

// disagreeFor is how long daemons may show different libraries before somebody should look.
const disagreeFor = 10 * time.Minute

// Disagreement says that running daemons have shown different libraries for long, which of
// them are behind, and what they lack; "" = they have not.
func Disagreement(reports []DaemonReport, now time.Time) string {
	var newest time.Time
	var behind []string
	for _, r := range reports {
		if r.Library.Since.After(newest) {
			newest = r.Library.Since
		}
		if slices.ContainsFunc(reports, func(other DaemonReport) bool { return r.Library.Behind(&other.Library) }) {
			behind = append(behind, fmt.Sprintf("%s (%s)", r.Host, r.Library.lacking()))
		}
	}
	if len(behind) == 0 || now.Sub(newest) < disagreeFor {
		return ""
	}
	return fmt.Sprintf("running daemons have shown different insights for more than %d minutes; behind: %s: update content.dir there",
		int(disagreeFor.Minutes()), strings.Join(behind, "; "))
}

// lacking says what a library that is behind lacks.
func (r *LibraryReport) lacking() string {
	ids := slices.Sorted(maps.Keys(r.Lacks))
	switch n := len(ids); {
	case n == 0:
		return "an older version"
	case n > namedLacks:
		return fmt.Sprintf("without %s and %d more", strings.Join(ids[:namedLacks], ", "), n-namedLacks)
	default:
		return "without " + strings.Join(ids, ", ")
	}
}

// namedLacks is how many insights lacking names for each daemon.
const namedLacks = 5
