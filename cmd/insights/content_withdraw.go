package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/scaledbydesign/insights/cmd/insights/internal/app"
	"github.com/scaledbydesign/insights/cmd/insights/internal/console"
	"github.com/scaledbydesign/insights/newsletter"
)

func contentWithdrawCommand(p *program) *cobra.Command {
	var immediately, dryRun bool
	cmd := &cobra.Command{
		Use: "withdraw SLUG --now", Short: "Take an insight off the site and out of emails at once", Args: cobra.ExactArgs(1),
		ValidArgsFunction: completeSlugs(p),
		Long: `Withdraw an insight at once, for a takedown: the site and the feeds no longer
show it, and emails that are not sent yet leave it out. Its page answers 410.
That holds while its file is there. To publish it again, take the file away,
wait until the site has seen that, and put it back.

To withdraw an insight without haste, delete its file or write draft: true in
it: after a minute the same happens.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if !immediately {
				return usageError("withdrawing takes effect at once: add --now; to withdraw it without haste, delete its file")
			}
			return p.withApp(func(ctx context.Context, a *app.App, args []string) error {
				return withdraw(ctx, p.out, a, args[0], dryRun)
			})(cmd, args)
		},
	}
	cmd.Flags().BoolVar(&immediately, "now", false, "at once")
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "only say what would be done")
	return cmd
}

func withdraw(ctx context.Context, out *console.Console, a *app.App, name string, dryRun bool) error {
	id, slug, err := findInsight(ctx, a, name)
	if err != nil {
		return err
	}
	changed := false
	if !dryRun {
		changed, err = a.Withdrawals.Withdraw(ctx, id)
		if errors.Is(err, newsletter.ErrUnknownInsight) {
			return fmt.Errorf("%s: %w; delete its file", slug, err)
		}
		if err != nil {
			return err
		}
	}
	words := "%s is withdrawn; to publish it again, take its file away and put it back"
	switch {
	case dryRun:
		words = "would withdraw %s"
	case !changed:
		words = "%s was already withdrawn by staff"
	}
	return out.Result(map[string]any{"id": id, "slug": slug, "changed": changed, "dry_run": dryRun}, words, slug)
}

// findInsight finds an insight by its slug or id, in the folder or among those that it no
// longer holds.
func findInsight(ctx context.Context, a *app.App, name string) (id, slug string, err error) {
	lib, err := a.Library()
	if err != nil {
		return "", "", err
	}
	for _, in := range lib.All() {
		if in.Slug == name || in.ID == name {
			return in.ID, in.Slug, nil
		}
	}
	sequence, err := a.Explain.Sequence(ctx)
	if err != nil {
		return "", "", err
	}
	for _, n := range sequence {
		if n.Slug == name || n.InsightID == name {
			return n.InsightID, n.Slug, nil
		}
	}
	return "", "", fmt.Errorf("there is no insight %q; see: insights content list%s", name, didYouMean(name, slugsOf(lib)))
}
