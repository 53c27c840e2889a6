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
	"github.com/scaledbydesign/insights/subscribers"
)

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
