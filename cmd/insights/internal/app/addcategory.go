package app

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// AddCategory adds a new category, once, to every reader who has all the others; see
// subscribers.Registry. With dry it only counts. After an interruption it goes on.
func (a *App) AddCategory(ctx context.Context, slug string, dry bool) (readers int, err error) {
	setting, began := "category_added:"+slug, time.Now()
	note := func(state string) error {
		return a.db.SetSetting(ctx, setting, state+" "+began.UTC().Format(time.RFC3339Nano))
	}
	before, err := a.db.Setting(ctx, setting)
	if err != nil {
		return 0, err
	}
	if state, at, ok := strings.Cut(before, " "); ok {
		if began, err = time.Parse(time.RFC3339Nano, at); err != nil {
			return 0, fmt.Errorf("read the setting %s: %w", setting, err)
		}
		if state == "done" {
			return 0, fmt.Errorf("%s was added to every reader who had all the others on %s already: that is done once, so that nobody who left it out since gets it again", slug, began.In(a.Config.Zone()).Format("2006-01-02 15:04 MST"))
		}
	}
	if dry {
		return a.Registry.AddCategory(ctx, slug, began, true)
	}
	a.RenameCategories(ctx)
	if err := note("begun"); err != nil {
		return 0, err
	}
	if readers, err = a.Registry.AddCategory(ctx, slug, began, false); err != nil {
		return readers, err
	}
	return readers, note("done")
}
