package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/scaledbydesign/insights/cmd/insights/internal/app"
	"github.com/scaledbydesign/insights/cmd/insights/internal/console"
	"github.com/scaledbydesign/insights/newsletter"
)

// Of the newest recentDigests, those that were done lately are looked at.
const (
	recentDigests = 50
	lately        = 7 * 24 * time.Hour
)

// undone is what nobody does without a role.
var undone = map[newsletter.Role]string{
	newsletter.RoleWeb: "serves pages and feeds", newsletter.RoleSchedule: "plans digests", newsletter.RoleSend: "sends emails",
}

// loadNotes returns what somebody should attend to: what running daemons report, readers
// whom no schedule serves, or who chose what is no longer configured, and what the
// configuration leaves open.
func loadNotes(ctx context.Context, a *app.App) ([]string, error) {
	notes := []string{}
	reports, err := a.Reports.Reports(ctx)
	if err != nil {
		return nil, err
	}
	running := newsletter.Running(reports, time.Now())
	if len(running) > 0 {
		for _, role := range newsletter.Unfilled(running) {
			notes = append(notes, fmt.Sprintf("no running daemon has the role %s: nothing %s; start insights serve --role %[1]s", role, undone[role]))
		}
	}
	for _, r := range running {
		for _, note := range r.Notes {
			if !slices.Contains(notes, note) {
				notes = append(notes, note)
			}
		}
	}
	unserved := ""
	for _, cadence := range a.Config.UnservedCadences() {
		n, err := a.ReadersOf(ctx, cadence)
		if err != nil {
			return nil, err
		}
		if n > 0 {
			notes = append(notes, fmt.Sprintf("%s chose %s, which no schedule serves: add one to digests.schedules", console.Count(n, "reader"), cadence))
			unserved = a.Config.UnservedNote()
		}
	}
	removed, err := removedNotes(ctx, a)
	if err != nil {
		return nil, err
	}
	notes = append(notes, removed...)
	recent, err := a.Digests.Digests(ctx, recentDigests)
	if err != nil {
		return nil, err
	}
	for _, d := range recent {
		if d.State == newsletter.DigestDone && time.Since(d.DoneAt) < lately && newsletter.Succeeded(d.Counts) == newsletter.NoneReached {
			notes = append(notes, fmt.Sprintf("digest %d reached nobody, %s failed: insights delivery list --digest %[1]d --state failed", d.ID, console.Count(d.Counts[newsletter.Failed], "email")))
		}
	}
	use, err := a.Use(ctx)
	if err != nil || use != app.Production {
		return notes, err
	}
	for _, warning := range a.Config.Warnings() {
		if warning != unserved { // it is said above, with who waits
			notes = append(notes, warning)
		}
	}
	return notes, nil
}

// removedNotes are of readers who chose a category that is no longer configured.
func removedNotes(ctx context.Context, a *app.App) (notes []string, err error) {
	readers, err := a.ReadersOfRemoved(ctx)
	if err != nil {
		return nil, err
	}
	for _, slug := range slices.Sorted(maps.Keys(readers)) {
		what := "name it in formerly of another category, or put it back"
		for _, c := range a.Config.Site.Categories {
			if slices.Contains(c.Formerly, slug) {
				what = fmt.Sprintf("they move to %s when insights serve starts or is told to reload; if they don't, its log says why", c.Slug)
			}
		}
		notes = append(notes, fmt.Sprintf("%s chose %s, which is no longer configured: %s", console.Count(readers[slug], "reader"), slug, what))
	}
	return notes, nil
}
