package app

import "context"

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
