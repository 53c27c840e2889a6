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

func digestResumeCommand(p *program) *cobra.Command {
	var yes, dryRun, countRefusals bool
	cmd := &cobra.Command{
		Use: "resume ID", Short: "Resume a paused digest", Args: cobra.ExactArgs(1),
		Long: `Resume a digest that staff paused, or that paused because it is overdue or
because too many of its emails were refused. Emails that were blocked, which was
not their readers' fault, are sent again.

With --count-refusals this digest does not pause for hard refusals again: use it
when the addresses really are dead, such as in an old list. Whether an address
is dead is judged as before.`,
		RunE: p.withApp(func(ctx context.Context, a *app.App, args []string) error {
			d, err := findDigest(ctx, a, args[0])
			if err != nil {
				return err
			}
			blocked, err := a.Digests.Blocked(ctx, d.ID)
			if err != nil {
				return err
			}
			if dryRun {
				return showDecided(ctx, p.out, a, d.ID, fmt.Sprintf("would resume digest %d: it is %s, %s%s", d.ID, d.State, countsLine(d), blockedWords(blocked, "would be sent again")))
			}
			if d.State == newsletter.DigestPaused {
				left := d.Counts[newsletter.Pending] + d.Counts[newsletter.Deferred] + blocked
				p.out.Note("digest %d: %s of %s to send, %s, first subject %q%s", d.ID, console.Thousands(left), console.Count(d.Readers, "email"), console.Count(len(d.Items), "insight"), d.MainSubject(), blockedWords(blocked, "are sent again"))
				leftOut(p.out, &d)
				if err := confirm(p.out, "Resume it?", yes); err != nil {
					return err
				}
			}
			changed, again, err := a.Digests.Resume(ctx, d.ID, countRefusals)
			if errors.Is(err, newsletter.ErrState) {
				err = ended(ctx, a, d.ID, "resumed")
			}
			if err != nil {
				return err
			}
			words := fmt.Sprintf("digest %d is already being sent", d.ID)
			if changed {
				words = fmt.Sprintf("digest %d is resumed%s; see: insights digest show %[1]d", d.ID, blockedWords(again, "are sent again"))
			}
			if countRefusals {
				words += "; it does not pause for hard refusals again"
			}
			return showDecided(ctx, p.out, a, d.ID, words)
		}),
	}
	cmd.Flags().BoolVar(&yes, "yes", false, "do not ask for confirmation")
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "only say what would be done")
	cmd.Flags().BoolVar(&countRefusals, "count-refusals", false, "do not pause for hard refusals again")
	return cmd
}

// blockedWords says what becomes of the emails that were blocked.
func blockedWords(n int, what string) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("; %s that were blocked %s", console.Thousands(n), what)
}

func digestRetryCommand(p *program) *cobra.Command {
	var failed, uncertain, yes, dryRun bool
	var w waiting
	cmd := &cobra.Command{
		Use: "retry ID", Short: "Resend failed or uncertain emails of a digest", Args: cobra.ExactArgs(1),
		Long: `Resend the emails of a digest that failed (--failed, the default), or that may
or may not have arrived (--uncertain): readers may get those twice. Readers who
have received the same insights since, or have left, get nothing. --failed also
resends those that were skipped because their reader was suppressed, and is not
any more, or because a refusal was to be judged.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := w.check(); err != nil {
				return err
			}
			return p.withApp(func(ctx context.Context, a *app.App, args []string) error {
				d, err := findDigest(ctx, a, args[0])
				if err != nil {
					return err
				}
				return retry(ctx, p.out, a, d, failed || !uncertain, uncertain, w, yes, dryRun)
			})(cmd, args)
		},
	}
	cmd.Flags().BoolVar(&failed, "failed", false, "resend those that failed (default)")
	cmd.Flags().BoolVar(&uncertain, "uncertain", false, "resend those that may or may not have arrived")
	cmd.Flags().BoolVar(&yes, "yes", false, "do not ask for confirmation")
	w.flags(cmd)
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "only say what would be sent")
	return cmd
}

func retry(ctx context.Context, out *console.Console, a *app.App, d newsletter.Digest, failed, uncertain bool, w waiting, yes, dryRun bool) error {
	mails := 0
	var what []string
	if failed {
		mails += d.Counts[newsletter.Failed]
		what = append(what, console.Thousands(d.Counts[newsletter.Failed])+" failed")
		skipped, err := a.Digests.Retriable(ctx, d.ID)
		if err != nil {
			return err
		}
		if mails += skipped; skipped > 0 {
			what = append(what, console.Thousands(skipped)+" skipped whose readers may get email again")
		}
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
		err = ended(ctx, a, d.ID, "sent again")
	}
	if err != nil {
		return err
	}
	if w.wait {
		if err := await(ctx, out, a, fmt.Sprintf("digest %d", d.ID), digestProgress(a, d.ID, w)); err != nil {
			return err
		}
		if d, err = a.Digests.Digest(ctx, d.ID); err != nil {
			return err
		}
		return sentSoFar(ctx, out, a, d)
	}
	words := fmt.Sprintf("%s of digest %d will be resent", console.Count(again, "email"), d.ID)
	switch {
	case d.State == newsletter.DigestPaused:
		words += fmt.Sprintf("; it is paused; to resume it: insights digest resume %d", d.ID)
	case !a.Running(ctx):
		words += "; the next `insights serve` sends them"
	}
	return showDecided(ctx, out, a, d.ID, words)
}
