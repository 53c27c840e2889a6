package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/scaledbydesign/insights/cmd/insights/internal/app"
	"github.com/scaledbydesign/insights/cmd/insights/internal/console"
	"github.com/scaledbydesign/insights/newsletter"
)

func digestRetryCommand(p *program) *cobra.Command {
	var failed, uncertain, yes, wait, dryRun bool
	cmd := &cobra.Command{
		Use: "retry ID", Short: "Send again what failed, or what nobody knows the fate of", Args: cobra.ExactArgs(1),
		Long: `Send again the mails of a digest that failed (--failed, the default), or of
which nobody knows whether they arrived (--uncertain): those may come twice.
Readers who have received the same meanwhile, or have left, get nothing.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return withApp(cmd.Context(), p, func(a *app.App) error {
				d, err := findDigest(cmd.Context(), a, args[0])
				if err != nil {
					return err
				}
				failed = failed || !uncertain
				return retry(cmd.Context(), p.out, a, d, failed, uncertain, yes, wait, dryRun)
			})
		},
	}
	cmd.Flags().BoolVar(&failed, "failed", false, "those that failed (default)")
	cmd.Flags().BoolVar(&uncertain, "uncertain", false, "those of which nobody knows whether they arrived")
	cmd.Flags().BoolVar(&yes, "yes", false, "do not ask")
	cmd.Flags().BoolVar(&wait, "wait", false, "stay until it is done")
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
	about := fmt.Sprintf("digest %d: %s (%s), first subject %q", d.ID, console.Count(mails, "mail"), strings.Join(what, ", "), d.MainSubject())
	switch {
	case mails == 0:
		return showDecided(ctx, out, a, d.ID, fmt.Sprintf("digest %d: nothing to send again (%s)", d.ID, strings.Join(what, ", ")))
	case dryRun:
		return showDecided(ctx, out, a, d.ID, "would send again "+about)
	}
	out.Note("%s", about)
	if err := confirm(out, "Send them again?", yes); err != nil {
		return err
	}
	again, err := a.Digests.Retry(ctx, d.ID, failed, uncertain)
	if err != nil {
		return err
	}
	if wait {
		if err := await(ctx, out, a, fmt.Sprintf("digest %d", d.ID), digestProgress(a, d.ID)); err != nil {
			return err
		}
	}
	words := fmt.Sprintf("%s of digest %d wait to be sent again", console.Count(again, "mail"), d.ID)
	switch {
	case wait:
		if d, err = a.Digests.Digest(ctx, d.ID); err != nil {
			return err
		}
		words = fmt.Sprintf("digest %d is %s: %s", d.ID, d.State, countsLine(d))
	case d.State == newsletter.DigestPaused:
		words += fmt.Sprintf("; it is paused: insights digest resume %d", d.ID)
	case !a.Running(ctx):
		words += "; the next `insights serve` sends them"
	}
	return showDecided(ctx, out, a, d.ID, words)
}
