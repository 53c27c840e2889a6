package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/scaledbydesign/insights/cmd/insights/internal/app"
	"github.com/scaledbydesign/insights/cmd/insights/internal/console"
	"github.com/scaledbydesign/insights/newsletter"
)

func digestSendCommand(p *program) *cobra.Command {
	var yes, wait, dryRun bool
	cmd := &cobra.Command{
		Use: "send ID", Short: "Send a planned digest", Args: cobra.ExactArgs(1),
		Long: `Send a planned digest as it was planned, but for what a reader has received
meanwhile or no longer wants. A running insights sends it.
With --wait this command stays until it is done, and sends by itself if nothing
is running. Sending a digest twice does nothing the second time.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return withApp(cmd.Context(), p, func(a *app.App) error {
				d, err := findDigest(cmd.Context(), a, args[0])
				if err != nil {
					return err
				}
				return send(cmd.Context(), p.out, a, d, yes, wait, dryRun)
			})
		},
	}
	cmd.Flags().BoolVar(&yes, "yes", false, "do not ask")
	cmd.Flags().BoolVar(&wait, "wait", false, "stay until it is done")
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "only say what would be sent")
	return cmd
}

func send(ctx context.Context, out *console.Console, a *app.App, d newsletter.Digest, yes, wait, dryRun bool) error {
	if d.State == newsletter.DigestPlanned {
		about := fmt.Sprintf("digest %d: %s, %s, first subject %q", d.ID, console.Count(d.Readers, "reader"), console.Count(len(d.Items), "insight"), d.MainSubject())
		if dryRun {
			if done, err := out.Document(digestDocument(d)); done {
				return err
			}
			out.Line("would send %s", about)
			return nil
		}
		out.Note("%s", about)
		if err := confirm(out, "Send it?", yes); err != nil {
			return err
		}
	}
	changed := false
	if !dryRun {
		var err error
		if changed, err = a.Digests.Approve(ctx, d.ID); err != nil {
			return err
		}
	}
	if wait {
		if err := await(ctx, out, a, fmt.Sprintf("digest %d", d.ID), digestProgress(a, d.ID)); err != nil {
			return err
		}
	}
	d, err := a.Digests.Digest(ctx, d.ID)
	if err != nil {
		return err
	}
	if done, err := out.Document(digestDocument(d)); done {
		return err
	}
	switch {
	case d.State == newsletter.DigestDone:
		if !changed {
			out.Line("digest %d was sent before: %s; nothing was sent again", d.ID, countsLine(d))
		} else {
			out.Line("digest %d is done: %s", d.ID, countsLine(d))
		}
	case !changed:
		out.Line("digest %d was approved before and is %s: %s; nothing was started again", d.ID, d.State, countsLine(d))
	case time.Now().Before(d.NotBefore):
		out.Line("digest %d is approved and goes out at %s", d.ID, console.Moment(d.NotBefore, a.Config.Zone()))
	case a.Running(ctx):
		out.Line("digest %d is being sent; see: insights digest show %d", d.ID, d.ID)
	default:
		out.Line("digest %d is approved; the next `insights serve` sends it, or now: insights digest send %d --wait", d.ID, d.ID)
	}
	return nil
}

// confirm asks before anybody is mailed. Without a terminal it never asks.
func confirm(out *console.Console, question string, yes bool) error {
	return out.Confirm(question, "this mails people", yes)
}
