package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/scaledbydesign/insights/cmd/insights/internal/app"
	"github.com/scaledbydesign/insights/cmd/insights/internal/console"
	"github.com/scaledbydesign/insights/subscribers"
)

func subscriberForgetCommand(p *program) *cobra.Command {
	var yes, dryRun bool
	cmd := &cobra.Command{
		Use: "forget ADDR", Short: "Erase all that is known of an address", Args: cobra.ExactArgs(1),
		Long: `Erase all that is known of an address, because its owner asked for it: the
subscriber, their history, mails that wait, and the address in mails that were
sent, which stay as numbers. Afterwards no file of the database holds it.

What is kept is a keyed hash of the address, so that no import and nobody but
its owner can sign it up again. Backups and logs of mail servers are not
reached: delete, or let expire, those that hold it.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return withApp(cmd.Context(), p, func(a *app.App) error { return forget(cmd.Context(), p.out, a, args[0], yes, dryRun) })
		},
	}
	cmd.Flags().BoolVar(&yes, "yes", false, "do not ask")
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "only say what would be done")
	return cmd
}

func forget(ctx context.Context, out *console.Console, a *app.App, word string, yes, dryRun bool) error {
	who, err := parseAddress(word)
	if err != nil {
		return err
	}
	if _, err := findSubscriber(ctx, a, word); err != nil && dryRun {
		return err
	}
	words := fmt.Sprintf("would erase all that is known of %s", who)
	if !dryRun {
		if err := out.Confirm(fmt.Sprintf("Erase all that is known of %s? It can't be undone.", who), "this can't be undone", yes); err != nil {
			return err
		}
		switch err := a.Registry.Forget(ctx, who); {
		case errors.Is(err, subscribers.ErrTraces):
			return partly(err)
		case errors.Is(err, subscribers.ErrNotFound):
			return fmt.Errorf("%s is no subscriber; see: insights subscriber list", who)
		case err != nil:
			return err
		}
		words = fmt.Sprintf("%s is forgotten; backups made before still hold it", who)
	}
	if done, err := out.Document(map[string]any{"forgotten": !dryRun, "dry_run": dryRun}); done {
		return err
	}
	out.Line("%s", words)
	return nil
}
