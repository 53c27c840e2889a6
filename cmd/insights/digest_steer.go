package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/scaledbydesign/insights/cmd/insights/internal/app"
	"github.com/scaledbydesign/insights/cmd/insights/internal/console"
	"github.com/scaledbydesign/insights/newsletter"
)

// decision is a command by which staff steer one digest.
type decision struct {
	name, short, long string
	would             string // the verb of a dry run
	mails             bool   // it sends emails, so it shows how many and asks
	past              string // the participle for a digest in the wrong state
	// decide does it. It changes nothing if the digest is already in that state.
	decide func(ctx context.Context, a *app.App, id int64) (changed bool, err error)
	// did and already are the output of a change and of no change; both get the digest's id.
	did, already string
}

func digestDecisions(p *program) []*cobra.Command {
	var reason string
	pause := decisionCommand(p, decision{
		name: "pause", short: "Pause a digest until it is resumed", would: "pause", past: "paused",
		long: `Pause a digest. Emails in flight finish, at most one per connection; nothing
else is sent until you run: insights digest resume ID.`,
		decide: func(ctx context.Context, a *app.App, id int64) (bool, error) {
			return a.Digests.Pause(ctx, id, newsletter.Reason(reason))
		},
		did: "digest %d is paused; to resume it: insights digest resume %[1]d", already: "digest %d was already paused",
	})
	pause.Flags().StringVar(&reason, "reason", "paused by staff", "the reason, as insights status shows it")
	return []*cobra.Command{
		pause,
		decisionCommand(p, decision{
			name: "resume", short: "Resume a paused digest", would: "resume", past: "resumed", mails: true,
			long:   "Resume a digest that staff paused, or that was paused because it is overdue.",
			decide: func(ctx context.Context, a *app.App, id int64) (bool, error) { return a.Digests.Resume(ctx, id) },
			did:    "digest %d is resumed; see: insights digest show %[1]d", already: "digest %d is already being sent",
		}),
		decisionCommand(p, decision{
			name: "cancel", short: "Cancel a digest; unsent insights stay unread", would: "cancel", past: "cancelled",
			long: `Cancel a digest. Emails in flight finish; everything else is skipped. What
readers did not get stays unread and goes into the next digest.`,
			decide: func(ctx context.Context, a *app.App, id int64) (bool, error) { return a.Digests.Cancel(ctx, id) },
			did:    "digest %d is cancelled; unsent insights go into the next digest", already: "digest %d was already cancelled",
		}),
		digestRetryCommand(p), digestHoldCommand(p), digestReleaseCommand(p),
	}
}

func decisionCommand(p *program, d decision) *cobra.Command {
	var yes, dryRun bool
	cmd := &cobra.Command{
		Use: d.name + " ID", Short: d.short, Long: d.long, Args: cobra.ExactArgs(1),
		RunE: p.withApp(func(ctx context.Context, a *app.App, args []string) error {
			digest, err := findDigest(ctx, a, args[0])
			if err != nil {
				return err
			}
			words := fmt.Sprintf("would %s digest %d: it is %s, %s", d.would, digest.ID, digest.State, countsLine(digest))
			if !dryRun {
				if d.mails && digest.State == newsletter.DigestPaused {
					left := digest.Counts[newsletter.Pending] + digest.Counts[newsletter.Deferred]
					p.out.Note("digest %d: %s of %s to send, %s, first subject %q", digest.ID, console.Thousands(left), console.Count(digest.Readers, "email"), console.Count(len(digest.Items), "insight"), digest.MainSubject())
					if err := confirm(p.out, "Resume it?", yes); err != nil {
						return err
					}
				}
				changed, err := d.decide(ctx, a, digest.ID)
				if errors.Is(err, newsletter.ErrState) {
					if digest, err = a.Digests.Digest(ctx, digest.ID); err == nil { // another command may have changed it
						err = fmt.Errorf("digest %d is %s: it can't be %s", digest.ID, digest.State, d.past)
					}
				}
				if err != nil {
					return err
				}
				words = fmt.Sprintf(d.already, digest.ID)
				if changed {
					words = fmt.Sprintf(d.did, digest.ID)
				}
			}
			return showDecided(ctx, p.out, a, digest.ID, words)
		}),
	}
	if d.mails {
		cmd.Flags().BoolVar(&yes, "yes", false, "do not ask for confirmation")
	}
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "only say what would be done")
	return cmd
}

// showDecided shows the digest as it is now, or in words what was done.
func showDecided(ctx context.Context, out *console.Console, a *app.App, id int64, words string) error {
	if out.JSON {
		d, err := a.Digests.Digest(ctx, id)
		if err != nil {
			return err
		}
		return out.Document(digestDocument(d))
	}
	out.Line("%s", words)
	return nil
}

func digestRetryCommand(p *program) *cobra.Command {
	var failed, uncertain, yes, wait, dryRun bool
	cmd := &cobra.Command{
		Use: "retry ID", Short: "Resend failed or uncertain emails of a digest", Args: cobra.ExactArgs(1),
		Long: `Resend the emails of a digest that failed (--failed, the default), or that may
or may not have arrived (--uncertain): readers may get those twice. Readers who
have received the same insights since, or have left, get nothing.`,
		RunE: p.withApp(func(ctx context.Context, a *app.App, args []string) error {
			d, err := findDigest(ctx, a, args[0])
			if err != nil {
				return err
			}
			failed = failed || !uncertain
			return retry(ctx, p.out, a, d, failed, uncertain, yes, wait, dryRun)
		}),
	}
	cmd.Flags().BoolVar(&failed, "failed", false, "resend those that failed (default)")
	cmd.Flags().BoolVar(&uncertain, "uncertain", false, "resend those that may or may not have arrived")
	cmd.Flags().BoolVar(&yes, "yes", false, "do not ask for confirmation")
	cmd.Flags().BoolVar(&wait, "wait", false, "wait until it is done")
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "only say what would be sent")
	return cmd
}

func retry(ctx context.Context, out *console.Console, a *app.App, d newsletter.Digest, failed, uncertain, yes, wait, dryRun bool) error {
	mails := 0
	var what []string
	if failed {
		mails += d.Counts[newsletter.Failed]
		what = append(what, console.Thousands(d.Counts[newsletter.Failed])+" failed")
	}
	if uncertain {
		mails += d.Counts[newsletter.Uncertain]
		what = append(what, console.Thousands(d.Counts[newsletter.Uncertain])+" uncertain")
	}
	about := fmt.Sprintf("digest %d: %s (%s), first subject %q", d.ID, console.Count(mails, "email"), strings.Join(what, ", "), d.MainSubject())
	switch {
	case mails == 0:
		return showDecided(ctx, out, a, d.ID, fmt.Sprintf("digest %d: nothing to resend (%s)", d.ID, strings.Join(what, ", ")))
	case dryRun:
		return showDecided(ctx, out, a, d.ID, "would resend "+about)
	}
	out.Note("%s", about)
	if err := confirm(out, "Resend them?", yes); err != nil {
		return err
	}
	again, err := a.Digests.Retry(ctx, d.ID, failed, uncertain)
	if errors.Is(err, newsletter.ErrState) {
		err = fmt.Errorf("%w; plan a new one", err)
	}
	if err != nil {
		return err
	}
	if wait {
		if err := await(ctx, out, a, fmt.Sprintf("digest %d", d.ID), digestProgress(a, d.ID)); err != nil {
			return err
		}
	}
	words := fmt.Sprintf("%s of digest %d will be resent", console.Count(again, "email"), d.ID)
	switch {
	case wait:
		if d, err = a.Digests.Digest(ctx, d.ID); err != nil {
			return err
		}
		words = fmt.Sprintf("digest %d is %s: %s", d.ID, d.State, countsLine(d))
	case d.State == newsletter.DigestPaused:
		words += fmt.Sprintf("; it is paused; to resume it: insights digest resume %d", d.ID)
	case !a.Running(ctx):
		words += "; the next `insights serve` sends them"
	}
	return showDecided(ctx, out, a, d.ID, words)
}
