package app

import (
	"context"
	"fmt"

	"github.com/scaledbydesign/insights/content"
	"github.com/scaledbydesign/insights/feeds"
)

// buildFeeds makes the documents of a library, and serves them from when they are ready
// to be sent.
func (d *Daemon) buildFeeds(ctx context.Context, library *content.Library) error {
	d.built = library
	set, err := feeds.Build(library, d.app.feedSite(), d.feeds.Load())
	if err != nil {
		return fmt.Errorf("build feeds: %w", err)
	}
	states := set.States()
	if peers, err := d.presence.Look(ctx, library); err == nil && peers.Behind() {
		states = nil // the documents of the newer library have changed last
	}
	changed, err := d.app.db.RecordDocuments(context.WithoutCancel(ctx), states) // what is kept must not depend on when a daemon stops
	if err != nil {
		// Readers get the news all the same; only its Last-Modified may be too early.
		d.log.Error("cannot load feed modification times", "error", err)
	} else {
		set = set.Dated(changed)
	}
	// Those of a change are ready in every encoding. Those of the start are encoded when
	// they are first asked for: that is nearly half of its work.
	if d.site != nil {
		d.site.Prepare(set)
	}
	d.feeds.Store(set)
	return nil
}

// followLibrary rebuilds the feeds at each change of the library, also one that
// came before it was called.
func (d *Daemon) followLibrary(ctx context.Context) error {
	for {
		changed := d.live.Changed()
		if now := d.live.Current(); now != d.built {
			if err := d.buildFeeds(ctx, now); err != nil {
				d.log.Error("cannot rebuild feeds; still serving the previous ones", "error", err)
			} else if d.pusher != nil {
				d.pusher.Changed()
			}
			d.log.Info("insights changed", "insights", len(now.Insights()))
		}
		select {
		case <-ctx.Done():
			return nil
		case <-changed:
		}
	}
}
