package app

import (
	"context"
	"time"
)

// release gives sign-ups that wait their turn.
func (d *Daemon) release(ctx context.Context) error {
	d.app.Registry.KeepReleasing(ctx, d.app.db.Changed)
	return nil
}

// tidyEvery is how often expired sign-ups are deleted.
const tidyEvery = time.Hour

// tidy deletes sign-ups that were not confirmed in time, and makes room for new categories.
func (d *Daemon) tidy(ctx context.Context) error {
	for {
		d.retireCategories(ctx)
		forgotten, err := d.app.Registry.Tidy(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			d.log.Error("cannot delete expired sign-ups", "error", err)
		case forgotten > 0:
			d.log.Info("deleted expired sign-ups", "sign_ups", forgotten)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(tidyEvery):
		}
	}
}
