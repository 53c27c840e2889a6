package app

import (
	"context"
	"time"
)

const (
	// releaseWithin is how soon a sign-up that begins to wait is noticed where another
	// process took it.
	releaseWithin = 5 * time.Second
	// releaseEvery is how often is looked at most, however much changes.
	releaseEvery = 100 * time.Millisecond
	// rerankEvery is how often those that wait get the places that they have by now.
	rerankEvery = 10 * time.Minute
	// refusedEvery is how often is stored how many were refused.
	refusedEvery = 10 * time.Second
)

// release gives sign-ups that wait their turn.
func (d *Daemon) release(ctx context.Context) error {
	reranked, failing := time.Now(), false
	for ctx.Err() == nil {
		changed := d.app.db.Changed()
		r, err := d.app.Registry.Release(ctx)
		if err == nil && !r.Done && time.Since(reranked) >= rerankEvery {
			reranked = time.Now()
			err = d.app.Registry.Rerank(ctx)
		}
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil && !failing:
			d.log.Error("cannot confirm sign-ups that wait", "error", err)
		}
		if failing = err != nil; r.Done && !failing {
			continue
		}
		next := releaseWithin
		if !r.Next.IsZero() {
			next = min(next, time.Until(r.Next))
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(releaseEvery):
		}
		if failing {
			changed = nil
		}
		select {
		case <-ctx.Done():
		case <-changed:
		case <-time.After(next - releaseEvery):
		}
	}
	return nil
}

// saveRefused stores how many sign-ups were refused.
func (d *Daemon) saveRefused(ctx context.Context) error {
	for done := false; !done; {
		select {
		case <-ctx.Done():
			done = true
		case <-time.After(refusedEvery):
		}
		saving, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
		if err := d.app.Registry.SaveRefused(saving); err != nil {
			d.log.Warn("cannot store how many sign-ups were refused", "error", err)
		}
		cancel()
	}
	return nil
}
