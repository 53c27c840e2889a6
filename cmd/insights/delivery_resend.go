package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/scaledbydesign/insights/cmd/insights/internal/app"
	"github.com/scaledbydesign/insights/cmd/insights/internal/console"
	"github.com/scaledbydesign/insights/newsletter"
)

func deliveryResendCommand(p *program) *cobra.Command {
	var yes, dryRun bool
	cmd := &cobra.Command{
		Use: "resend ID", Short: "Send an accepted email of a digest again, to a reader who lost it", Args: cobra.ExactArgs(1),
		Long: `Send one email of a digest again, as a new message to the reader's present
address. It is for an email that was accepted and that the reader does not have:
it came back, or they lost it. An email that failed is sent again with:
insights digest retry ID --failed.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			ref, err := newsletter.ParseRef(args[0])
			if err != nil || ref.Digest == 0 {
				return usageError("%q is not the id of a digest's email: write 12.345, as shown by: insights delivery list", args[0])
			}
			return p.withApp(func(ctx context.Context, a *app.App, _ []string) error {
				return resend(ctx, p.out, a, ref, yes, dryRun)
			})(cmd, args)
		},
	}
	cmd.Flags().BoolVar(&yes, "yes", false, "do not ask")
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "only say what would be sent")
	return cmd
}

func resend(ctx context.Context, out *console.Console, a *app.App, ref newsletter.Ref, yes, dryRun bool) error {
	d, err := findDelivery(ctx, a, ref)
	if err != nil {
		return err
	}
	switch {
	case d.State != newsletter.Sent:
		return fmt.Errorf("email %s is %s: %w; to send a failed one again: insights digest retry %d --failed", ref, d.State, newsletter.ErrNotAccepted, ref.Digest)
	case dryRun:
		return out.Result(map[string]any{"id": nil, "of": ref.String(), "dry_run": true}, "would send email %s again", ref)
	}
	if err := confirm(out, fmt.Sprintf("Send email %s of digest %d again to %s?", ref, ref.Digest, d.Email), yes); err != nil {
		return err
	}
	queued, err := a.Resends.QueueResend(ctx, ref)
	if err != nil {
		return fmt.Errorf("email %s: %w", ref, err)
	}
	return out.Result(map[string]any{"id": queued.String(), "of": ref.String(), "dry_run": false}, "email %s goes out again as %s; see: insights delivery show %[2]s", ref, queued)
}
