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
		Use: "hold", Short: "Put all sending on hold", Args: cobra.NoArgs,
		Long: `Put all sending on hold, both digests and single emails, until you run: insights
digest release. A SQLite database that is older than what was sent from it is
put on hold automatically. After restoring PostgreSQL, run this before any
daemon starts.`,
		RunE: p.withApp(func(ctx context.Context, a *app.App, args []string) error {
			if reason = strings.Join(strings.Fields(reason), " "); reason == "" {
				return usageError("--reason is empty: say why in one line")
			}
			was, _, err := a.Digests.Held(ctx)
			if err != nil {
				return err
			}
			document := holdJSON{Held: was != "", Reason: string(was), DryRun: dryRun}
			words := "sending was already on hold: " + was
			switch {
			case was != "":
			case dryRun:
				words = "would put all sending on hold"
			default:
				if err := a.Digests.Hold(ctx, newsletter.Reason(reason)); err != nil {
					return err
				}
				document.Held, document.Reason = true, reason
				words = "all sending is on hold; to release it: insights digest release"
			}
			return p.out.Result(document, "%s", words)
		}),
	}
	cmd.Flags().StringVar(&reason, "reason", "held by staff", "the reason, as insights status shows it")
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "only say what would be done")
	return cmd
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
		Use: "release", Short: "Release the hold on sending", Args: cobra.NoArgs,
		Long: `Release the hold on sending. After a restore, emails that the database lists as
unsent may have been sent since the backup was made. Check first: insights
status, insights digest list. To drop a digest: insights digest cancel ID.`,
		RunE: p.withApp(func(ctx context.Context, a *app.App, args []string) error {
			reason, _, err := a.Digests.Held(ctx)
			if err != nil {
				return err
			}
			document := heldJSON{Held: reason != "", Reason: string(reason), DryRun: dryRun}
			if document.Digests, document.Mails, err = a.Status.Unsent(ctx); err != nil {
				return err
			}
			about := fmt.Sprintf("%s from %s", console.Count(document.Mails, "email"), console.Count(document.Digests, "digest"))
			words := "sending is not on hold"
			switch {
			case reason == "":
			case dryRun:
				words = fmt.Sprintf("on hold: %s\nwould release %s", reason, about)
			default:
				p.out.Note("on hold: %s\n%s can then be sent", reason, about)
				if err := confirm(p.out, "Release them?", yes); err != nil {
					return err
				}
				if document.Released, err = a.Digests.Release(ctx); err != nil {
					return err
				}
				words = "released: " + about + " can be sent now"
			}
			return p.out.Result(document, "%s", words)
		}),
	}
	cmd.Flags().BoolVar(&yes, "yes", false, "do not ask for confirmation")
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "only say what would go out")
	return cmd
}
