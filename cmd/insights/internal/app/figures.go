package app

import (
	"context"
	"time"

	"github.com/scaledbydesign/insights/cmd/insights/internal/metrics"
	"github.com/scaledbydesign/insights/newsletter"
	"github.com/scaledbydesign/insights/subscribers"
)

var _ metrics.Source = (*Daemon)(nil)

// Insights implements metrics.Source.
func (d *Daemon) Insights() metrics.Insights {
	lib := d.live.Current()
	return metrics.Insights{
		Visible: len(lib.Insights()), Faulty: lib.Faults().Files(), Read: time.Unix(d.reloaded.Load(), 0),
		Valid: d.live.Err() == nil && len(lib.Faults()) == 0,
	}
}

// Schedules implements metrics.Source.
func (d *Daemon) Schedules() []newsletter.Schedule { return d.app.Config.Schedules() }

// Figures implements metrics.Source.
func (d *Daemon) Figures(ctx context.Context) (f metrics.Figures, err error) {
	db, now := d.app.db, time.Now()
	if f.Outbox, err = db.Outbox(ctx); err != nil {
		return f, err
	}
	if f.Due, err = db.OldestDue(ctx); err != nil {
		return f, err
	}
	if f.Subscribers, err = db.Readers(ctx); err != nil {
		return f, err
	}
	if f.Bounces, err = db.BouncedSince(ctx, now.Add(-newsletter.BouncesWithin)); err != nil {
		return f, err
	}
	if f.Refusals, err = db.Refusals(ctx, now.Add(-newsletter.DoubtsWithin)); err != nil {
		return f, err
	}
	if f.Marks, err = db.MarkedSince(ctx, now.Add(-newsletter.BouncesWithin)); err != nil {
		return f, err
	}
	if f.SignUps, err = db.Queue(ctx, now.Add(-subscribers.QueueWithin)); err != nil {
		return f, err
	}
	held, _, err := db.Held(ctx)
	if err != nil {
		return f, err
	}
	troubles, err := db.Troubles(ctx)
	if err != nil {
		return f, err
	}
	overdue, err := newsletter.LoadOverdue(ctx, db, d.Schedules(), now)
	if err != nil {
		return f, err
	}
	if f.Paused, err = db.Paused(ctx); err != nil {
		return f, err
	}
	f.Held, f.Troubled, f.Overdue = held != "", len(troubles), make(map[string]bool)
	for _, o := range overdue {
		f.Overdue[o.Schedule.Name] = true
	}
	f.Readers, err = estimateReaders(ctx, db)
	return f, err
}
