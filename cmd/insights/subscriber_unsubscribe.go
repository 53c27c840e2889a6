package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/scaledbydesign/insights/cmd/insights/internal/app"
	"github.com/scaledbydesign/insights/subscribers"
)

func subscriberUnsubscribeCommand(p *program) *cobra.Command {
	cmd := editCommand(p, edit{
		use: "unsubscribe ADDR", short: "End all mail to a reader, as they asked", would: "unsubscribe",
		long: "End all mail to a reader, because they asked for it. Only they can subscribe\nagain. Nobody is mailed.",
		do: func(ctx context.Context, a *app.App, who subscribers.Address) (subscribers.Subscriber, string, error) {
			sub, changed, err := a.Registry.StaffUnsubscribe(ctx, who)
			if err != nil || !changed {
				return sub, "", err
			}
			return sub, fmt.Sprintf("%s is unsubscribed", sub.Address), nil
		},
	})
	cmd.Flags().Bool("yes", false, "not needed: it asks nothing")
	return cmd
}
