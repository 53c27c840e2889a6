package main

import (
	"context"
	"log/slog"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/scaledbydesign/insights/cmd/insights/internal/app"
	"github.com/scaledbydesign/insights/cmd/insights/internal/config"
	"github.com/scaledbydesign/insights/cmd/insights/internal/console"
	"github.com/scaledbydesign/insights/newsletter"
)

func serveCommand(p *program) *cobra.Command {
	var named []string
	cmd := &cobra.Command{
		Use: "serve", Short: "Serve the site and send digests, in production", Args: cobra.NoArgs,
		Long: `Serve the site and the feeds, and send digests on their schedules.

It requires site.base_url, database.url, secret, smtp.host and mail.from, and
tells you how to set each. After a change of the configuration send it SIGHUP
(kill -HUP): it goes on with the new one, or says in its log what is wrong with
it or needs a restart.

Several daemons may share the work on one PostgreSQL. With --role a daemon has a
part of it: web serves pages and feeds, schedule plans digests, and send sends
emails and takes in what comes back. Only send needs smtp.host.`,
		Example: "  insights serve\n  insights serve --role web,schedule",
		RunE: p.withConfig(func(ctx context.Context, c config.Config, args []string) error {
			roles, err := rolesNamed(named)
			if err != nil {
				return err
			}
			sends := len(roles) == 0 || slices.Contains(roles, newsletter.RoleSend)
			if err := c.ForServing(sends); err != nil {
				return err
			}
			for _, warning := range c.Warnings() {
				p.out.Note("warning: %s", warning)
			}
			return runDaemon(ctx, p, c, app.Production, roles, func(*app.Daemon) {}, func() (config.Config, error) {
				c, err := p.config()
				if err == nil {
					err = c.ForServing(sends)
				}
				return c, err
			})
		}),
	}
	cmd.Flags().StringSliceVar(&named, "role", nil, "only these `roles`: web, schedule, send")
	return cmd
}

// rolesNamed are the roles of these names, none for all of them.
func rolesNamed(names []string) (roles []newsletter.Role, err error) {
	for _, name := range names {
		role := newsletter.Role(strings.TrimSpace(name))
		if !slices.Contains(newsletter.Roles[:], role) {
			return nil, usageError("there is no role %q: --role takes web, schedule and send, with commas between them", name)
		}
		if !slices.Contains(roles, role) {
			roles = append(roles, role)
		}
	}
	if len(roles) == len(newsletter.Roles) {
		return nil, nil
	}
	return roles, nil
}

// runDaemon runs a daemon until it is told to stop. opened is called before it starts, and
// again reads the configuration when it is to be reloaded.
func runDaemon(ctx context.Context, p *program, c config.Config, use app.Use, roles []newsletter.Role, opened func(*app.Daemon), again func() (config.Config, error)) error {
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP) // before anything is open: it must never kill
	defer signal.Stop(hangups)
	log := slog.New(console.FewLines(slog.NewTextHandler(p.out.Err, nil)))
	d, err := app.OpenDaemon(ctx, c, use, roles, log, func(faults error) { p.out.Note("%v", faults) })
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
