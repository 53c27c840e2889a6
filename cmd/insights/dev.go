package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/scaledbydesign/insights/cmd/insights/internal/app"
	"github.com/scaledbydesign/insights/cmd/insights/internal/config"
	"github.com/scaledbydesign/insights/cmd/insights/internal/console"
)

func devCommand(p *program) *cobra.Command {
	return &cobra.Command{
		Use: "dev", Short: "Try it locally: site, feeds, sign-up and an inbox page", Args: cobra.NoArgs,
		Long: `Serve the site on loopback with live reload, and keep every email in an inbox
page instead of sending it. No configuration is needed: it uses the insights
inside the binary unless content.dir is set, and the database insights-dev.db in
this folder. Links point to the address it listens on.`,
		RunE: p.withConfig(func(ctx context.Context, c config.Config, args []string) error {
			return runDaemon(ctx, p, forTrying(c), app.Development, func(d *app.Daemon) { welcome(p.out, d) }, func() (config.Config, error) {
				c, err := p.config()
				return forTrying(c), err
			})
		}),
	}
}

// forTrying is a configuration for one person on loopback.
func forTrying(c config.Config) config.Config {
	if c.Origin("site.base_url") != config.InVariable {
		c.Site.BaseURL = "http://" + c.Listen // the file's is for production
	}
	c.Limits = config.Limits{} // people who try it sign up again and again
	return c
}

// welcome says on one screen where everything is.
func welcome(out *console.Console, d *app.Daemon) {
	a := d.App()
	base := a.Config.Site.BaseURL
	source := "inside the binary; for your own: INSIGHTS_CONTENT_DIR"
	if dir := a.Config.Content.Dir; dir != "" {
		source = "reloaded when a file is saved, from\n            " + dir
	}
	fmt.Fprintf(out.Err, `
Insights %s is running.

  Site      %s/
  Feeds     %s/feeds
  Sign-up   %s/subscribe
  Inbox     %s/_inbox   (emails are kept here, not sent)

  Insights  %s, %s
  Database  %s

A first digest: sign up, confirm in the inbox, then run in a second terminal:

  insights digest plan --cadence weekly
  insights digest send 1

Not installed? Run: go run ./cmd/insights digest …     Ctrl-C stops it.

`, app.Version, base, base, base, base, console.Count(d.Visible(), "insight"), source, strings.TrimPrefix(a.Database, "sqlite:"))
}
