package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/scaledbydesign/insights/cmd/insights/internal/app"
	"github.com/scaledbydesign/insights/subscribers"
)

func subscriberResendCommand(p *program) *cobra.Command {
	return editCommand(p, edit{
		use: "resend-confirm ADDR", short: "Send a reader who has not confirmed a new link", would: "send a new confirmation mail to",
		do: func(ctx context.Context, a *app.App, who subscribers.Address) (subscribers.Subscriber, string, error) {
			sub, err := a.Registry.Resend(ctx, who)
			return sub, fmt.Sprintf("a confirmation mail to %s is queued; earlier links end", who), err
		},
	})
}
