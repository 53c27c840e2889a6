package main

import (
	"context"
	"fmt"
	"time"

	"github.com/scaledbydesign/insights/cmd/insights/internal/app"
	"github.com/scaledbydesign/insights/cmd/insights/internal/console"
	"github.com/scaledbydesign/insights/newsletter"
)

// await waits until look reports that something is done, and shows its progress.
func await(ctx context.Context, out *console.Console, a *app.App, what string, look func(context.Context) (console.Progress, error)) error {
	meter := out.Meter(what)
	return a.Wait(ctx, app.Wait{
		Look: func(ctx context.Context) (bool, error) {
			g, err := look(ctx)
			if err != nil && !g.Done {
				return false, err
			}
			if g.Obstacle == "" && !g.Done {
				g.Obstacle = obstacle(ctx, a)
			}
			meter.Show(g, time.Now())
			return g.Done, err
		},
		Idle: func(in time.Duration) {
			out.Note("no daemon is running. Start `insights serve`, or wait: this command takes over in %s", console.Duration(in))
		},
		Stopped: partly(fmt.Errorf("%s: stopped waiting before it was done; see: insights digest list", what)),
	})
}

// digestProgress returns a function that reads the progress of a digest. It fails if the
// digest was cancelled or failed.
func digestProgress(a *app.App, id int64) func(context.Context) (console.Progress, error) {
	return func(ctx context.Context) (console.Progress, error) {
		d, err := a.Status.Glance(ctx, id)
		if err != nil {
			return console.Progress{}, err
		}
		g := console.Progress{Total: d.Readers, Failed: d.Counts[newsletter.Failed]}
		for state, n := range d.Counts {
			if state.Terminal() {
				g.Ended += n
			}
		}
		if time.Now().Before(d.NotBefore) {
			g.Obstacle = fmt.Sprintf("digest %d will be sent at %s", id, console.Moment(d.NotBefore, a.Config.Zone()))
		}
		switch d.State {
		case newsletter.DigestDone:
			g.Done = true
		case newsletter.DigestPaused:
			g.Obstacle = fmt.Sprintf("digest %d is paused: %s; to resume it: insights digest resume %[1]d", id, console.Dash(string(d.Reason)))
		case newsletter.DigestFailed, newsletter.DigestCancelled:
			g.Done = true
			return g, fmt.Errorf("digest %d is %s: %s", id, d.State, console.Dash(string(d.Reason)))
		}
		return g, nil
	}
}

// obstacle is why nothing can be sent now, or "".
func obstacle(ctx context.Context, a *app.App) string {
	if reason, _, err := a.Digests.Held(ctx); err == nil && reason != "" {
		return fmt.Sprintf("sending is on hold: %s; check it, then run: insights digest release", reason)
	}
	troubles, err := a.Status.Troubles(ctx)
	if err != nil || len(troubles) == 0 {
		return ""
	}
	t := troubles[0]
	return fmt.Sprintf("since %s: %s", console.Moment(t.Since, a.Config.Zone()), t.Reason)
}
