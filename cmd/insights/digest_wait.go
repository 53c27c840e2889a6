package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/scaledbydesign/insights/cmd/insights/internal/app"
	"github.com/scaledbydesign/insights/cmd/insights/internal/console"
	"github.com/scaledbydesign/insights/newsletter"
)

// waiting says whether a command waits for a digest, and for what.
type waiting struct {
	wait     bool
	deferred string // wait, leave
}

func (w *waiting) flags(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&w.wait, "wait", false, "wait until it is done")
	cmd.Flags().StringVar(&w.deferred, "deferred", "wait", "with --wait: what to do when all that is left waits for another try: `wait|leave`")
}

func (w *waiting) check() error {
	if w.deferred != "wait" && w.deferred != "leave" {
		return usageError("--deferred %q: one of wait, leave", w.deferred)
	}
	return nil
}

func (w *waiting) leaves() bool { return w.deferred == "leave" }

// sentSoFar says what became of a digest that was waited for.
func sentSoFar(ctx context.Context, out *console.Console, a *app.App, d newsletter.Digest) error {
	waits := ""
	n, err := behind(ctx, a, d)
	if err != nil {
		return err
	}
	if n > 0 {
		waits = "; " + console.BehindWords(n)
	}
	if d.State == newsletter.DigestDone {
		out.Line("digest %d is done: %s", d.ID, countsLine(d))
	} else {
		out.Line("digest %d is %s: %s%s", d.ID, d.State, countsLine(d), waits)
	}
	err = out.Document(digestDocument(d))
	switch newsletter.Succeeded(d.Counts) {
	case newsletter.NoneReached:
		return errors.Join(err, fmt.Errorf("digest %d: none of %s was sent; to see why: insights delivery list --digest %[1]d --state failed", d.ID, console.Count(d.Counts[newsletter.Failed], "email")))
	case newsletter.SomeReached:
		return errors.Join(err, partly(fmt.Errorf("digest %d: not every email was sent; to see why: insights delivery list --digest %[1]d", d.ID)))
	}
	return err
}

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
// digest was cancelled or failed, or waits for staff.
func digestProgress(a *app.App, id int64, w waiting) func(context.Context) (console.Progress, error) {
	return func(ctx context.Context) (console.Progress, error) {
		d, err := a.Status.Glance(ctx, id)
		if err != nil {
			return console.Progress{}, err
		}
		g := console.Progress{Total: d.Readers, Sent: d.Counts[newsletter.Sent], Failed: d.Counts[newsletter.Failed], Deferred: d.Counts[newsletter.Deferred]}
		if g.Deferred > 0 {
			if g.NextTry, err = a.Status.NextTry(ctx, id); err != nil {
				return g, err
			}
			g.NextTry = g.NextTry.In(a.Config.Zone())
		}
		if g.Behind, err = behind(ctx, a, d); err != nil {
			return g, err
		}
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
		case newsletter.DigestSending:
			if w.leaves() {
				g.Done = newsletter.OnlyWaiting(d.Counts, g.Behind, stuck(ctx, a))
			}
		case newsletter.DigestPaused:
			g.Done = true
			return g, partly(fmt.Errorf("digest %d is paused: %s; it was sent to %s of %s; check it, then run: insights digest resume %[1]d",
				id, console.Dash(string(d.Reason)), console.Thousands(g.Sent), console.Count(d.Readers, "reader")))
		case newsletter.DigestFailed, newsletter.DigestCancelled:
			g.Done = true
			return g, fmt.Errorf("digest %d is %s: %s", id, d.State, console.Dash(string(d.Reason)))
		}
		return g, nil
	}
}

// behind counts the emails of a digest that wait for others to the same readers. While any
// is under way, those that wait don't matter yet.
func behind(ctx context.Context, a *app.App, d newsletter.Digest) (int, error) {
	if d.Counts[newsletter.Pending] == 0 || d.Counts[newsletter.Claimed]+d.Counts[newsletter.Sending] > 0 {
		return 0, nil
	}
	return a.Status.Behind(ctx, d.ID)
}

// lastingTrouble is after how long an unreachable mail server is more than a moment's.
const lastingTrouble = 10 * time.Second

// stuck reports whether nothing can be sent until a person or a mail server is back.
func stuck(ctx context.Context, a *app.App) bool {
	if reason, _, err := a.Digests.Held(ctx); err == nil && reason != "" {
		return true
	}
	troubles, err := a.Status.Troubles(ctx)
	return err == nil && slices.ContainsFunc(troubles, func(t newsletter.Trouble) bool { return time.Since(t.Since) > lastingTrouble })
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
