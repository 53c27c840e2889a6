package main

import (
	"context"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/scaledbydesign/insights/cmd/insights/internal/app"
	"github.com/scaledbydesign/insights/cmd/insights/internal/config"
	"github.com/scaledbydesign/insights/cmd/insights/internal/console"
)

func serveCommand(p *program) *cobra.Command {
	return &cobra.Command{
		Use: "serve", Short: "Serve the site and send digests, in production", Args: cobra.NoArgs,
		Long: `Serve the site and the feeds, and send digests on their schedules.

It requires site.base_url, database.url, secret, smtp.host and mail.from, and
tells you how to set each. After a change of the configuration send it SIGHUP
(kill -HUP): it goes on with the new one, or says in its log what is wrong with
it or needs a restart.`,
		RunE: p.withConfig(func(ctx context.Context, c config.Config, args []string) error {
			if err := c.ForServing(); err != nil {
				return err
			}
			for _, warning := range c.Warnings() {
				p.out.Note("warning: %s", warning)
			}
			return runDaemon(ctx, p, c, app.Production, func(*app.Daemon) {}, func() (config.Config, error) {
				c, err := p.config()
				if err == nil {
					err = c.ForServing()
				}
				return c, err
			})
		}),
	}
}

// runDaemon runs a daemon until it is told to stop. opened is called before it starts, and
// again reads the configuration when it is to be reloaded.
func runDaemon(ctx context.Context, p *program, c config.Config, use app.Use, opened func(*app.Daemon), again func() (config.Config, error)) error {
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP) // before anything is open: it must never kill
	defer signal.Stop(hangups)
	log := slog.New(console.FewLines(slog.NewTextHandler(p.out.Err, nil)))
	d, err := app.OpenDaemon(ctx, c, use, log, func(faults error) { p.out.Note("%v", faults) })
	if err != nil {
		if ctx.Err() != nil {
			return nil // told to stop while starting
		}
		return err
	}
	defer d.Close()
	opened(d)
	return d.Run(ctx, app.Reload{Asked: hangups, Read: func() (config.Config, error) {
		c, err := again()
		if err == nil {
			err = app.CheckFiles(c)
		}
		return c, err
	}})
}
