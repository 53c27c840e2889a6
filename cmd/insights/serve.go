package main

import (
	"context"
	"log/slog"

	"github.com/spf13/cobra"

	"github.com/scaledbydesign/insights/cmd/insights/internal/app"
	"github.com/scaledbydesign/insights/cmd/insights/internal/config"
)

func serveCommand(p *program) *cobra.Command {
	return &cobra.Command{
		Use: "serve", Short: "Serve the site and send digests, in production", Args: cobra.NoArgs,
		Long: `Serve the site and the feeds, and send digests on their schedules.

It requires site.base_url, database.url, secret, smtp.host and mail.from, and
tells you how to set each.`,
		RunE: p.withConfig(func(ctx context.Context, c config.Config, args []string) error {
			if err := c.ForServing(); err != nil {
				return err
			}
			for _, warning := range c.Warnings() {
				p.out.Note("warning: %s", warning)
			}
			return runDaemon(ctx, p, c, app.Production, func(*app.Daemon) {})
		}),
	}
}

// runDaemon runs a daemon until it is told to stop. opened is called before it starts.
func runDaemon(ctx context.Context, p *program, c config.Config, use app.Use, opened func(*app.Daemon)) error {
	log := slog.New(slog.NewTextHandler(p.out.Err, nil))
	d, err := app.OpenDaemon(ctx, c, use, log, func(faults error) { p.out.Note("%v", faults) })
	if err != nil {
		if ctx.Err() != nil {
			return nil // told to stop while starting
		}
		return err
	}
	defer d.Close()
	opened(d)
	return d.Run(ctx)
}
