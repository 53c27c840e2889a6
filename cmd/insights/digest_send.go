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
	var yes, dryRun bool
	var w waiting
	cmd := &cobra.Command{
		Use: "send ID", Short: "Send a planned digest", Args: cobra.ExactArgs(1),
		Long: `Send a planned digest as planned, except for what a reader has received since or
no longer wants. The running daemon sends it.

With --wait this command waits until it is done, and sends the digest itself if
no daemon is running. It ends early if the digest is paused, and with --deferred
leave when all that is left waits for another try, or for an earlier email to
the same reader. It exits with 0 if every
email was sent, 1 if all failed, and 4 otherwise. Sending a digest twice does
nothing the second time.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := w.check(); err != nil {
				return err
			}
			return p.withApp(func(ctx context.Context, a *app.App, args []string) error {
				d, err := findDigest(ctx, a, args[0])
				if err != nil {
					return err
				}
				return send(ctx, p.out, a, d, w, yes, dryRun)
			})(cmd, args)
		},
	}
	cmd.Flags().BoolVar(&yes, "yes", false, "do not ask for confirmation")
	w.flags(cmd)
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "only say what would be sent")
	return cmd
}

func send(ctx context.Context, out *console.Console, a *app.App, d newsletter.Digest, w waiting, yes, dryRun bool) error {
	if d.State == newsletter.DigestPlanned {
		about := fmt.Sprintf("digest %d: %s, %s, first subject %q", d.ID, console.Count(d.Readers, "reader"), console.Count(len(d.Items), "insight"), d.MainSubject())
		if dryRun {
			return out.Result(digestDocument(d), "would send %s", about)
		}
		out.Note("%s", about)
		leftOut(out, &d)
		if err := confirm(out, "Send it?", yes); err != nil {
			return err
		}
	}
	changed := false
	if !dryRun {
		var err error
		changed, err = a.Digests.Approve(ctx, d.ID)
		if errors.Is(err, newsletter.ErrState) {
			err = ended(ctx, a, d.ID, "sent")
		}
		if err != nil {
			return err
		}
	}
	waited := w.wait && !dryRun && d.State != newsletter.DigestDone
	if waited {
		if err := await(ctx, out, a, fmt.Sprintf("digest %d", d.ID), digestProgress(a, d.ID, w)); err != nil {
			return err
		}
	}
	d, err := a.Digests.Digest(ctx, d.ID)
	if err != nil {
		return err
	}
	if waited {
		return sentSoFar(ctx, out, a, d)
	}
	switch {
	case d.State == newsletter.DigestDone && changed:
		out.Line("digest %d is done: %s", d.ID, countsLine(d))
	case d.State == newsletter.DigestDone:
		out.Line("digest %d was already sent: %s; nothing was resent", d.ID, countsLine(d))
	case !changed:
		out.Line("digest %d was already approved and is %s: %s; nothing was restarted", d.ID, d.State, countsLine(d))
	case time.Now().Before(d.NotBefore):
		out.Line("digest %d is approved and will be sent at %s", d.ID, console.Moment(d.NotBefore, a.Config.Zone()))
	case a.Running(ctx):
		out.Line("digest %d is being sent; see: insights digest show %d", d.ID, d.ID)
	default:
		out.Line("digest %d is approved; the next `insights serve` sends it; to send it now: insights digest send %d --wait", d.ID, d.ID)
	}
	return out.Document(digestDocument(d))
}

// confirm asks before anybody is mailed. Without a terminal it never asks.
func confirm(out *console.Console, question string, yes bool) error {
	return out.Confirm(question, "this sends email to people", yes)
}

func digestTestCommand(p *program) *cobra.Command {
	var category, id string
	var yes, wait, dryRun bool
	cmd := &cobra.Command{
		Use: "test ADDR...", Short: "Send a test digest to your own addresses", Args: cobra.MinimumNArgs(1),
		Long: `Send a planned digest, or what a new reader would get first, to your own
addresses. It does not count as received.`,
		RunE: p.withLinks(func(ctx context.Context, a *app.App, args []string) error {
			return sendTest(ctx, p.out, a, args, category, id, yes, wait, dryRun)
		}),
	}
	categoryFlag(p, cmd, &category, "only this `category`")
	cmd.Flags().StringVar(&id, "digest", "", "this planned digest (its `id`)")
	cmd.Flags().BoolVar(&yes, "yes", false, "do not ask for confirmation")
	cmd.Flags().BoolVar(&wait, "wait", false, "wait until it is sent")
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "only say what would be sent")
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
	about := fmt.Sprintf("a test email to %s, subject %q", strings.Join(to, ", "), body.Subject)
	if dryRun {
		return out.Result([]deliveryJSON{}, "would send %s", about)
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
		if err := await(ctx, out, a, "test emails", messageProgress(a, refs)); err != nil {
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
			switch m.State {
			case newsletter.Sent:
				g.Sent++
			case newsletter.Failed:
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
	err := out.Document(documents)
	switch {
	case failed == len(refs):
		err = errors.Join(err, fmt.Errorf("%s could not be sent", console.Count(failed, "test email")))
	case failed > 0:
		err = errors.Join(err, partly(fmt.Errorf("%s could not be sent", console.Count(failed, "test email"))))
	}
	return err
}
