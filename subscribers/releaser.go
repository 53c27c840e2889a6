package subscribers

import (
	"context"
	"time"
)

// How often the sign-ups that wait are looked at.
const (
	releaseWithin = 5 * time.Second // at least, where another process may have stored one
	releaseEvery  = 100 * time.Millisecond
	rerankEvery   = 10 * time.Minute
	refusedEvery  = 10 * time.Second // stored how many were refused
)

// KeepReleasing gives sign-ups that wait their turn until ctx is done. changed returns a
// channel that is closed at the next change of the store.
func (r *Registry) KeepReleasing(ctx context.Context, changed func() <-chan struct{}) {
	last := ""
	failed := func(err error) {
		if err != nil && ctx.Err() == nil && err.Error() != last && r.Log != nil {
			r.Log.ErrorContext(ctx, "cannot confirm sign-ups that wait", "error", err)
		}
		if last = ""; err != nil {
			last = err.Error()
		}
	}
	reranked, saved := time.Now(), time.Now()
	for ctx.Err() == nil {
		change := changed()
		released, err := r.Release(ctx)
		if err == nil && released.Done {
			continue
		}
		if err == nil && time.Since(reranked) >= rerankEvery {
			reranked, err = time.Now(), r.Rerank(ctx)
		}
		if err == nil && time.Since(saved) >= refusedEvery {
			saved, err = time.Now(), r.SaveRefused(ctx)
		}
		if err == nil && !released.Next.IsZero() { // some wait: a person who asks for how long is not to
			_, err = r.line.at(ctx, r.Store, time.Now())
		}
		failed(err)
		within := releaseWithin
		if err == nil && !released.Next.IsZero() {
			within = min(within, time.Until(released.Next))
		}
		waitFor(ctx, min(within, releaseEvery), nil)
		waitFor(ctx, within-releaseEvery, change)
	}
	saving, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	if err := r.SaveRefused(saving); err != nil && r.Log != nil {
		r.Log.WarnContext(ctx, "cannot store how many sign-ups were refused", "error", err)
	}
}

// waitFor waits for a while, or until ctx is done or something changes.
func waitFor(ctx context.Context, d time.Duration, change <-chan struct{}) {
	if d <= 0 {
		return
	}
	select {
	case <-ctx.Done():
	case <-change:
	case <-time.After(d):
	}
}
