package content

import (
	"fmt"
	"slices"
)

// ChangedIDs compares the insights with those that were known before, as ids by slug: an
// insight whose id has changed would be new to every reader.
func (l *Library) ChangedIDs(known map[string][]string) Faults {
	present := make(map[string]bool)
	for _, in := range l.All() {
		present[in.ID] = true
	}
	var faults Faults
	for _, in := range l.All() {
		ids := known[in.Slug]
		if len(ids) == 0 || slices.Contains(ids, in.ID) && len(ids) == 1 {
			continue
		}
		i := slices.IndexFunc(ids, func(id string) bool { return !present[id] }) // else it has another address now
		if i < 0 {
			continue
		}
		faults = append(faults, Fault{File: in.File, Message: fmt.Sprintf(
			"id: was %s, as the database knows %s, and is %s now: readers would see the insight as new; put the old id back or, if it is another insight, give it a slug of its own",
			ids[i], in.Path(), in.ID)})
	}
	return faults
}
