package main

import (
	"context"
	"fmt"
	"slices"

	"github.com/scaledbydesign/insights/cmd/insights/internal/app"
	"github.com/scaledbydesign/insights/cmd/insights/internal/console"
)

// loadNotes returns what somebody should attend to: what running daemons report, readers
// whom no schedule serves, and what the configuration leaves open.
func loadNotes(ctx context.Context, a *app.App) ([]string, error) {
	notes := []string{}
	reports, err := a.Reports.Reports(ctx)
	if err != nil {
		return nil, err
	}
	for _, r := range reports {
		for _, note := range r.Notes {
			if !slices.Contains(notes, note) {
				notes = append(notes, note)
			}
		}
	}
	for _, cadence := range a.Config.UnservedCadences() {
		n, err := a.ReadersOf(ctx, cadence)
		if err != nil {
			return nil, err
		}
		if n > 0 {
			notes = append(notes, fmt.Sprintf("%s chose %s, which no schedule serves: add one to digests.schedules", console.Count(n, "reader"), cadence))
		}
	}
	use, err := a.Use(ctx)
	if err != nil || use != app.Production {
		return notes, err
	}
	return append(notes, a.Config.Warnings()...), nil
}
