package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/scaledbydesign/insights/cmd/insights/internal/app"
)

func keyAcceptCommand(p *program) *cobra.Command {
	var yes, dryRun bool
	cmd := &cobra.Command{
		Use: "accept", Short: "Accept an unknown secret, as the old one is lost", Args: cobra.NoArgs,
		Long: `Accept the configured secret although the database knows none of its keys. The
database remembers which keys have signed its links, so that a wrong or lost
secret is noticed before it is used.

Only for when the old secret is lost: no link in any email sent so far works
with the new one, neither to unsubscribe nor to confirm, and bounces of those
emails are not recognized. If you still have the old secret, put it after the
new one instead, separated by a space: then old links work, and there is nothing
to accept.`,
		RunE: p.withApp(func(ctx context.Context, a *app.App, args []string) error {
			needed, err := a.AcceptKeys(ctx, true)
			if err != nil {
				return err
			}
			if !needed {
				return p.out.Result(acceptedJSON{}, "%s knows this secret: there is nothing to accept", a.Database)
			}
			if dryRun {
				return p.out.Result(acceptedJSON{DryRun: true}, "would accept a secret that %s does not know; no link in emails sent so far would work", a.Database)
			}
			if err := p.out.Confirm("No link in emails sent so far will work. Accept this secret?", "this ends all links in emails sent so far", yes); err != nil {
				return err
			}
			accepted, err := a.AcceptKeys(ctx, false)
			if err != nil {
				return err
			}
			return p.out.Result(acceptedJSON{Accepted: accepted}, "accepted; no link in emails sent so far works any more")
		}),
	}
	cmd.Flags().BoolVar(&yes, "yes", false, "do not ask for confirmation")
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "only say what would be done")
	return cmd
}

type acceptedJSON struct {
	Accepted bool `json:"accepted"`
	DryRun   bool `json:"dry_run"`
}
