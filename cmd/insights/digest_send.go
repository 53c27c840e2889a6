package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/scaledbydesign/insights/cmd/insights/internal/app"
	"github.com/scaledbydesign/insights/cmd/insights/internal/console"
	"github.com/scaledbydesign/insights/newsletter"
	"github.com/scaledbydesign/insights/subscribers"
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

func digestTestCommand(p *program) *cobra.Command {
	var category, id string
	var yes, wait, dryRun bool
	cmd := &cobra.Command{
		Use: "test ADDR...", Short: "Send a digest to addresses of your own, as a test", Args: cobra.MinimumNArgs(1),
		Long: "Send what a new reader would get first, or a planned digest, to addresses of\nyour own. It counts for nobody: positions do not move.",
		RunE: func(cmd *cobra.Command, args []string) error {
			return withApp(cmd.Context(), p, func(a *app.App) error {
				return sendTest(cmd.Context(), p.out, a, args, category, id, yes, wait, dryRun)
			})
		},
	}
	cmd.Flags().StringVar(&category, "category", "", "only this `category`")
	cmd.Flags().StringVar(&id, "digest", "", "this planned digest (its `id`)")
	cmd.Flags().BoolVar(&yes, "yes", false, "do not ask")
	cmd.Flags().BoolVar(&wait, "wait", false, "stay until it is sent")
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "only say what would be sent")
	completeCategories(p, cmd, "category")
	return cmd
}

func sendTest(ctx context.Context, out *console.Console, a *app.App, to []string, category, id string, yes, wait, dryRun bool) error {
	var addresses []subscribers.Address
	for _, word := range to {
		address, err := parseAddress(word)
		if err != nil {
			return err
		}
		addresses = append(addresses, address)
	}
	preview, err := sample(ctx, a, category, id)
	if err != nil {
		return err
	}
	body, err := a.Writer.TestBody(preview.Digest, preview.Variant)
	if err != nil {
		return err
	}
	about := fmt.Sprintf("a test mail to %s, subject %q", strings.Join(to, ", "), body.Subject)
	if dryRun {
		if done, err := out.Document([]deliveryJSON{}); done {
			return err
		}
		out.Line("would send %s", about)
		return nil
	}
	out.Note("%s", about)
	if err := confirm(out, "Send it?", yes); err != nil {
		return err
	}
	refs, err := newsletter.QueueTest(ctx, a.Tests, addresses, body)
	if err != nil {
		return err
	}
	if wait {
		if err := await(ctx, out, a, "test mails", messageProgress(a, refs)); err != nil {
			return err
		}
	}
	return showTests(ctx, out, a, refs)
}

func messageProgress(a *app.App, refs []newsletter.Ref) func(context.Context) (console.Progress, error) {
	return func(ctx context.Context) (console.Progress, error) {
		g := console.Progress{Total: len(refs)}
		for _, ref := range refs {
			m, err := a.Digests.Delivery(ctx, ref)
			if err != nil {
				return g, err
			}
			if m.State.Terminal() {
				g.Ended++
			}
			if m.State == newsletter.Failed {
				g.Failed++
			}
		}
		g.Done = g.Ended == g.Total
		return g, nil
	}
}

func showTests(ctx context.Context, out *console.Console, a *app.App, refs []newsletter.Ref) error {
	documents := []deliveryJSON{}
	failed := 0
	for _, ref := range refs {
		m, err := a.Digests.Delivery(ctx, ref)
		if err != nil {
			return err
		}
		documents = append(documents, deliveryDocument(m))
		if m.State == newsletter.Failed {
			failed++
		}
		out.Line("%s  %s  %s", ref, m.State, strings.TrimSpace(m.Email+"  "+string(m.Reason)))
	}
	_, err := out.Document(documents)
	if failed > 0 {
		err = errors.Join(err, fmt.Errorf("%s could not be sent", console.Count(failed, "test mail")))
	}
	return err
}
