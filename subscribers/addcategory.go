package subscribers

import (
	"context"
	"slices"
	"strings"
	"time"
)

// CategoryAdded is the event of a category that staff added to a reader's choice.
const CategoryAdded = "category_added"

// addChunk is how many readers get a category in one transaction.
const addChunk = 1000

// AddCategory adds a new category to every reader who has chosen all the others, confirmed
// or not, and returns how many that are. Who has left gets nothing, and who once had the
// category and left it out does not get it again. For those who are confirmed it starts
// at now. Readers who were created after the time before are left alone: they could choose
// it. It works in chunks: interrupted, it can be repeated with the same time. With dry it
// only counts.
func (r *Registry) AddCategory(ctx context.Context, slug string, before time.Time, dry bool) (readers int, err error) {
	var keys []string
	store := func() error {
		if dry || len(keys) == 0 {
			keys = nil
			return nil
		}
		now := time.Now()
		err := r.Store.EditAll(ctx, keys, false, func(_ int, sub *Subscriber) (Change, error) {
			return addCategory(sub, slug, r.Categories, now), nil
		})
		keys = nil
		return err
	}
	for sub, err := range r.Store.List(ctx, Filter{}) {
		if err != nil {
			return readers, err
		}
		if sub.CreatedAt.After(before) || !lacksOnly(&sub, slug, r.Categories) {
			continue
		}
		had, err := r.had(ctx, sub.ID, slug)
		if err != nil {
			return readers, err
		}
		if had {
			continue
		}
		keys = append(keys, sub.Address.Key())
		if len(keys) == addChunk {
			if err := store(); err != nil {
				return readers, err
			}
		}
		readers++
	}
	return readers, store()
}

// lacksOnly reports whether a reader has chosen all the known categories but one, and may
// get it.
func lacksOnly(sub *Subscriber, slug string, known []string) bool {
	if sub.Status == Unsubscribed || sub.PublicID == "" || slices.Contains(sub.Categories, slug) {
		return false
	}
	for _, c := range known {
		if c != slug && !slices.Contains(sub.Categories, c) {
			return false
		}
	}
	return len(known) > 1
}

// addCategory is what AddCategory does to one of those it finds.
func addCategory(sub *Subscriber, slug string, known []string, now time.Time) Change {
	if !lacksOnly(sub, slug, known) { // they have chosen otherwise meanwhile
		return Change{}
	}
	sub.Categories = slices.Sorted(slices.Values(append(slices.Clone(sub.Categories), slug)))
	return Change{Event: Event{At: now, What: CategoryAdded, Source: "staff", Detail: Preferences{sub.Cadence, sub.Categories}.String()}}
}

// had reports whether a reader ever had a category among those they chose or were given.
func (r *Registry) had(ctx context.Context, id int64, slug string) (bool, error) {
	for e, err := range r.Store.History(ctx, id) {
		if err != nil {
			return false, err
		}
		for part := range strings.SplitSeq(e.Detail, "; ") {
			cadence, categories, ok := strings.Cut(part, ": ")
			if _, err := ParseCadence(cadence); ok && err == nil && slices.Contains(strings.Split(categories, ", "), slug) {
				return true, nil
			}
		}
	}
	return false, nil
}
