package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/scaledbydesign/insights/cmd/insights/internal/app"
	"github.com/scaledbydesign/insights/cmd/insights/internal/console"
	"github.com/scaledbydesign/insights/newsletter"
	"github.com/scaledbydesign/insights/subscribers"
)

func digestPlanCommand(p *program) *cobra.Command {
	var cadence, category, only, intro, subject, at, out string
	var dryRun, failEmpty bool
	cmd := &cobra.Command{
		Use: "plan", Short: "Plan a digest of unread insights; nothing is sent yet", Args: cobra.NoArgs,
		Long: `Plan a digest: freeze who gets which unread insights.
Nothing is sent until you run: insights digest send ID.`,
		RunE: p.withApp(func(ctx context.Context, a *app.App, args []string) error {
			request, err := planRequest(ctx, a, cadence, category, only, intro, subject)
			if err != nil {
				return err
			}
			if request.NotBefore, err = parseTime(at, a.Config.Zone(), time.Now()); err != nil {
				return err
			}
			request.DryRun = dryRun
			if dryRun && out != "" {
				return usageError("--out writes the emails of a planned digest: remove --dry-run")
			}
			return plan(ctx, p.out, a, request, out, failEmpty)
		}),
	}
	cmd.Flags().StringVar(&cadence, "cadence", "", "only readers of this `cadence`: instant, daily, weekly, monthly (default: all)")
	categoryFlag(p, cmd, &category, "only this `category` (default: all of each reader's)")
	cmd.Flags().StringVar(&only, "only", "", "only this subscriber's `address`")
	cmd.Flags().StringVar(&intro, "intro", "", "a text `file` to put before the insights")
	cmd.Flags().StringVar(&subject, "subject", "", "the `subject` (default: made from the first title)")
	cmd.Flags().StringVar(&at, "at", "", "do not send it before this `time`: 2026-12-01 09:00 in the site's zone, or with one: 2026-12-01T09:00:00Z")
	cmd.Flags().StringVar(&out, "out", "", "also write every email, as it will be sent, to this `folder`")
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "only say what would be planned")
	cmd.Flags().BoolVar(&failEmpty, "fail-empty", false, "exit with 1 when there is nothing to send")
	return cmd
}

func planRequest(ctx context.Context, a *app.App, cadence, category, only, intro, subject string) (r newsletter.Request, err error) {
	if cadence != "" {
		if r.Cadence, err = subscribers.ParseCadence(cadence); err != nil {
			return r, usageError("%v", err)
		}
	}
	if r.Category, err = parseCategory(&a.Config, category); err != nil {
		return r, err
	}
	if only != "" {
		s, err := findSubscriber(ctx, a, only)
		if err != nil {
			return r, err
		}
		r.Only = s.ID
	}
	if intro != "" {
		text, err := os.ReadFile(intro)
		if err != nil {
			return r, fmt.Errorf("read the intro: %w", err)
		}
		if err := r.SetIntro(text); err != nil {
			return r, usageError("--intro %s: %v", intro, err)
		}
	}
	if err := r.SetSubject(subject); err != nil {
		return r, usageError("%v", err)
	}
	return r, nil
}

func plan(ctx context.Context, out *console.Console, a *app.App, request newsletter.Request, dir string, failEmpty bool) error {
	lib, err := readInsights(out, &a.Publication)
	if err != nil {
		return err
	}
	d, err := a.Planner.PlanByHand(ctx, lib, request)
	if err != nil {
		return otherLibrary(err)
	}
	if d.Readers == 0 {
		d.State = "skipped"
	}
	document := digestDocument(d)
	document.DryRun = request.DryRun
	if dir != "" && d.ID != 0 {
		written, err := writeMessages(ctx, a, d, dir)
		if err != nil {
			return fmt.Errorf("digest %d is planned, but its emails could not be written: %w", d.ID, err)
		}
		out.Note("wrote %s to %s", console.Count(written, "email"), dir)
	}
	if d.Readers == 0 {
		err := out.Result(document, "nothing to send: %s", d.Reason)
		if failEmpty {
			err = errors.Join(err, &shown{errors.New(string(d.Reason))})
		}
		return err
	}
	showPlan(out, d)
	if !d.NotBefore.IsZero() {
		out.Line("\nOnce approved, it will be sent at %s.", console.Moment(d.NotBefore, a.Config.Zone()))
	}
	if request.DryRun {
		out.Line("\ndry run: nothing was stored")
	} else {
		out.Line("\nPreview it:  insights digest preview %d --text\nSend it:     insights digest send %d", d.ID, d.ID)
	}
	return out.Document(document)
}

// otherLibrary says what to do about insights that are not the daemon's.
func otherLibrary(err error) error {
	if errors.Is(err, newsletter.ErrOtherLibrary) {
		return fmt.Errorf("nothing was planned: %w; use the daemon's content.dir here, or start the daemon once with these insights", err)
	}
	return err
}

// writeMessages writes every email of a planned digest to a folder, one file each, named
// after its delivery. The folder must be empty or new.
func writeMessages(ctx context.Context, a *app.App, d newsletter.Digest, dir string) (written int, err error) {
	if err := emptyFolder(dir); err != nil {
		return 0, err
	}
	messages, err := a.MessagesOf(ctx, d)
	if err != nil {
		return 0, err
	}
	for m, err := range messages {
		if err == nil {
			err = writeFileNew(filepath.Join(dir, m.Ref.String()+".eml"), m.Message, 0o600)
		}
		if err != nil {
			return written, err
		}
		written++
	}
	return written, nil
}

// emptyFolder creates a folder unless an empty one exists.
func emptyFolder(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	entries, err := os.ReadDir(dir)
	if err == nil && len(entries) > 0 {
		return errors.New(dir + " is not empty: choose an empty folder for the emails")
	}
	return err
}
