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

// holdJSON is what `digest hold` did.
type holdJSON struct {
	Held   bool   `json:"held"` // it is, now
	Reason string `json:"reason"`
	DryRun bool   `json:"dry_run,omitempty"`
}

func digestHoldCommand(p *program) *cobra.Command {
	var reason string
	var dryRun bool
	cmd := &cobra.Command{
		Use: "hold", Short: "Hold all sending until it is released", Args: cobra.NoArgs,
		Long: `Hold all sending, of digests and of single mails, until it is released with:
insights digest release. A SQLite database that is older than what was sent from
it is held by itself; after restoring PostgreSQL, hold before a daemon starts.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return withApp(cmd.Context(), p, func(a *app.App) error { return hold(cmd.Context(), p.out, a, reason, dryRun) })
		},
	}
	cmd.Flags().StringVar(&reason, "reason", "held by staff", "why, for whoever looks at it later")
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "only say what would be done")
	return cmd
}

func hold(ctx context.Context, out *console.Console, a *app.App, reason string, dryRun bool) error {
	if reason = strings.Join(strings.Fields(reason), " "); reason == "" {
		return usageError("--reason is empty: say why, for whoever looks at it later")
	}
	was, _, err := a.Digests.Held(ctx)
	if err != nil {
		return err
	}
	document := holdJSON{Held: was != "", Reason: string(was), DryRun: dryRun}
	words := "sending was held before: " + was
	switch {
	case was != "":
	case dryRun:
		words = "would hold all sending"
	default:
		if err := a.Digests.Hold(ctx, newsletter.Reason(reason)); err != nil {
			return err
		}
		document.Held, document.Reason = true, reason
		words = "all sending is held; go on with: insights digest release"
	}
	if done, err := out.Document(document); done {
		return err
	}
	out.Line("%s", words)
	return nil
}

// heldJSON is what `digest release` did.
type heldJSON struct {
	Held     bool   `json:"held"` // it was, before
	Reason   string `json:"reason"`
	Released bool   `json:"released"`
	Digests  int    `json:"digests"`
	Mails    int    `json:"mails"`
	DryRun   bool   `json:"dry_run,omitempty"`
}

func digestReleaseCommand(p *program) *cobra.Command {
	var yes, dryRun bool
	cmd := &cobra.Command{
		Use: "release", Short: "Let sending go on that is held", Args: cobra.NoArgs,
		Long: `Let sending go on that is held, as it is after a database was restored: what it
lists as unsent may have been sent since the copy was made. Look first: insights
status, insights digest list. A digest that is not to go out: insights digest
cancel ID.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return withApp(cmd.Context(), p, func(a *app.App) error {
				return release(cmd.Context(), p.out, a, yes, dryRun)
			})
		},
	}
	cmd.Flags().BoolVar(&yes, "yes", false, "do not ask")
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "only say what would go out")
	return cmd
}

func release(ctx context.Context, out *console.Console, a *app.App, yes, dryRun bool) error {
	reason, _, err := a.Digests.Held(ctx)
	if err != nil {
		return err
	}
	document := heldJSON{Held: reason != "", Reason: string(reason), DryRun: dryRun}
	if document.Digests, document.Mails, err = a.Status.Unsent(ctx); err != nil {
		return err
	}
	about := fmt.Sprintf("%s of %s", console.Count(document.Mails, "mail"), console.Count(document.Digests, "digest"))
	words := "sending is not held"
	switch {
	case reason == "":
	case dryRun:
		words = fmt.Sprintf("held: %s\nwould let go %s", reason, about)
	default:
		out.Note("held: %s\n%s would go out", reason, about)
		if err := confirm(out, "Let them go?", yes); err != nil {
			return err
		}
		if document.Released, err = a.Digests.Release(ctx); err != nil {
			return err
		}
		words = "released: " + about + " may go out"
	}
	if done, err := out.Document(document); done {
		return err
	}
	out.Line("%s", words)
	return nil
}
