package main

import (
	"context"
	"fmt"
	"net"
	"net/netip"
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
this folder. Links point to the address it listens on, which is on loopback
unless INSIGHTS_LISTEN says otherwise: listen in the file is for production.`,
		RunE: p.withConfig(func(ctx context.Context, c config.Config, args []string) error {
			c = forTrying(c)
			if public(c.Listen) {
				p.out.Note("warning: %s can be reached from other machines, and anybody there can read every email in the inbox and act for every reader", c.Listen)
			}
			return runDaemon(ctx, p, c, app.Development, nil, func(d *app.Daemon) { welcome(p.out, d) }, func() (config.Config, error) {
				c, err := p.config()
				return forTrying(c), err
			})
		}),
	}
}

// forTrying is a configuration for one person on loopback.
func forTrying(c config.Config) config.Config {
	if c.Origin("listen") == config.InFile { // the file's is for production, and here everybody could read the inbox
		if _, port, err := net.SplitHostPort(c.Listen); err == nil {
			c.Listen = net.JoinHostPort("127.0.0.1", port)
		}
	}
	if c.Origin("site.base_url") != config.InVariable {
		c.Site.BaseURL = "http://" + c.Listen // the file's is for production
	}
	c.Limits = config.Limits{} // people who try it sign up again and again
	return c
}

// public reports whether others than this machine can reach an address to listen on.
func public(listen string) bool {
	host, _, err := net.SplitHostPort(listen)
	if err != nil || strings.EqualFold(host, "localhost") {
		return false
	}
	addr, err := netip.ParseAddr(host)
	return err != nil || !addr.Unmap().IsLoopback()
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
