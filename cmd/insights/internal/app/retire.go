package app

import (
	"context"
	"maps"
	"slices"
)

// retireCategories makes room for configured categories in place of those that are no
// longer configured, where there is none.
func (d *Daemon) retireCategories(ctx context.Context) {
	var slugs []string
	for _, c := range d.app.Config.Site.Categories {
		slugs = append(slugs, c.Slug)
	}
	freed, err := d.app.db.RetireCategories(ctx, slugs)
	if len(freed) > 0 {
		d.log.Warn("retired categories that are no longer configured, to make room for others", "categories", freed)
	}
	if err != nil && ctx.Err() == nil {
		d.log.Error("cannot make room for new categories", "error", err)
	}
}

// tellRemovedCategories tells the log of readers who chose a category that is no longer
// configured.
func (d *Daemon) tellRemovedCategories(ctx context.Context) {
	readers, err := d.app.ReadersOfRemoved(ctx)
	if err != nil {
		d.log.Error("cannot count readers of removed categories", "error", err)
	}
	for _, slug := range slices.Sorted(maps.Keys(readers)) {
		d.log.Warn("readers chose a category that is no longer configured", "category", slug, "readers", readers[slug])
	}
}
