package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"

	"github.com/scaledbydesign/insights/cmd/insights/internal/database"
	"github.com/scaledbydesign/insights/cmd/insights/internal/inbound"
	"github.com/scaledbydesign/insights/cmd/insights/internal/web"
	"github.com/scaledbydesign/insights/content"
	"github.com/scaledbydesign/insights/feeds"
	"github.com/scaledbydesign/insights/feeds/readership"
	"github.com/scaledbydesign/insights/feeds/websub"
	"github.com/scaledbydesign/insights/newsletter"
	"github.com/scaledbydesign/insights/subscribers"
	"github.com/scaledbydesign/insights/templates"
)

func (p *program) serveCommand() *cobra.Command {
	return &cobra.Command{
		Use: "serve", Short: "Serve the site and send digests, in production", Args: cobra.NoArgs,
		Long: "Serve the site and the feeds, and send digests on their schedules.\n\nIt starts only with site.base_url, database.url, secret, smtp.host and mail.from\nset, and says how to set each.",
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := p.config()
			if err != nil {
				return err
			}
			if err := c.forServing(); err != nil {
				return err
			}
			for _, warning := range c.warnings() {
				p.out.note("warning: %s", warning)
			}
			return p.daemon(cmd.Context(), &c, database.Production)
		},
	}
}

// daemon is one running `serve` or `dev`.
type daemon struct {
	*newsroom
	p         *program
	log       *slog.Logger
	live      *content.Live
	feeds     atomic.Pointer[feeds.Set]
	built     *content.Library // what the feeds were last built from
	site      *web.Site
	worker    *newsletter.Worker
	scheduler *newsletter.Scheduler
	hub       *websub.Hub // nil: this program is none
	pusher    pusher      // nil: nobody is told of new content
	server    *http.Server
	listener  net.Listener
	readers   readership.Counter
	metrics   *metrics         // nil: none
	inbound   *inbound.Server  // nil: none
	maildir   *inbound.Maildir // nil: none
	reloaded  atomic.Int64     // when the insights were last read without a fault, in Unix seconds
}

// daemon starts everything in an order in which each part finds what it needs,
// runs until ctx is done, and stops it in reverse.
func (p *program) daemon(ctx context.Context, c *Config, use database.Use) error {
	d := &daemon{p: p, log: p.daemonLog()}
	if err := d.open(ctx, c, use); err != nil {
		if ctx.Err() != nil {
			return nil // told to stop while starting
		}
		return err
	}
	defer d.db.Close()
	if use == database.Development {
		p.welcome(d)
	} else {
		d.log.Info("serving", "listen", d.listener.Addr().String(), "base_url", c.Site.BaseURL, "database", d.db.String(),
			"insights", len(d.live.Current().Insights()), "version", version)
	}
	return d.run(ctx)
}

// open gets hold of everything that can fail before anything starts: what is
// wrong is said at once, and nothing is left half-started.
func (d *daemon) open(ctx context.Context, c *Config, use database.Use) (err error) {
	if d.live, err = content.NewLive(c.library); err != nil {
		return unreadable(err)
	}
	d.reloaded.Store(time.Now().Unix())
	if len(d.live.Current().All()) == 0 {
		d.log.Warn("there is no insight: content.dir holds no *.md file", "dir", c.Content.Dir)
	}
	if d.listener, err = net.Listen("tcp", c.Listen); err != nil {
		return unusable(fmt.Errorf("listen on %s: %w; stop what uses it, or set another address: INSIGHTS_LISTEN=127.0.0.1:8081", c.Listen, err))
	}
	defer func() {
		if err != nil {
			d.listener.Close()
		}
	}()
	if c.Metrics.Listen != "" {
		if d.metrics, err = c.openMetrics(d.log); err != nil {
			return err
		}
		defer func() {
			if err != nil {
				d.metrics.listener.Close()
			}
		}()
	}
	db, err := database.Open(c.Database.URL, true)
	if err != nil {
		return unusable(err)
	}
	defer func() {
		if err != nil {
			db.Close()
		}
	}()
	if _, err := db.Migrate(ctx); err != nil {
		return unusable(err)
	}
	err = db.LockSender()
	for tries := 0; errors.Is(err, database.ErrLocked) && tries < 10; tries++ { // others hold it for a moment, to see whether anybody sends
		time.Sleep(100 * time.Millisecond)
		err = db.LockSender()
	}
	if err != nil {
		return fmt.Errorf("%s: %w: stop the other `insights serve`, `insights dev` or `--wait` first", db, err)
	}
	before, err := db.UseFor(ctx, use)
	if err != nil {
		return unusable(err)
	}
	c.renameCategories(ctx, db, d.log)
	if before == database.Development && use == database.Production {
		d.log.Warn("this database was made by insights dev; from now on its mails are really sent", "database", db.String())
	}
	if use == database.Development {
		if err := errors.Join(c.makeSecret(), c.leave(ctx, db)); err != nil {
			return unusable(err)
		}
	}
	if d.newsroom, err = d.p.assemble(c, db); err != nil {
		return err
	}
	d.planner.Log = d.log
	d.readers.Store, d.readers.Log = db, d.log
	if err := d.buildFeeds(ctx, d.live.Current()); err != nil {
		return err
	}
	d.openPusher()
	if d.worker, err = d.newsroom.worker(ctx, d.p); err != nil {
		return err
	}
	d.worker.Log = d.log
	if err := d.openReturns(c); err != nil {
		return err
	}
	defer func() {
		if err != nil && d.inbound != nil {
			d.inbound.Close()
		}
	}()
	d.scheduler = &newsletter.Scheduler{
		Planner: d.planner, Slots: db, Schedules: c.schedules(), Library: d.live.Current, Changed: d.live.Changed,
		Grace: c.Content.EditGrace, Log: d.log,
	}
	return d.openSite(ctx, c, use)
}

func (d *daemon) openSite(ctx context.Context, c *Config, use database.Use) error {
	override, err := c.templatesFS()
	if err != nil {
		return err
	}
	pages, err := templates.NewPages(override)
	if err != nil {
		return unusable(err)
	}
	site := web.Config{
		Site: c.Site, Pages: pages, Library: d.live.Current, Feeds: d.feeds.Load, FeedSite: c.feedSite(),
		Registry: d.registry, Archive: d.db, Mails: d.db, Ready: d.db.Ping, Changed: d.live.Changed, Closing: ctx.Done(), Readers: &d.readers,
		FormKey: formKey(d.registry.Keys), TrustedOrigins: c.TrustedOrigins, Log: d.log, Dev: use == database.Development,
	}
	if site.ReportKeys, err = c.Bounces.webhookKeys(); err != nil {
		return unusable(err)
	}
	site.Reports = d.returns
	for _, s := range c.TrustedProxies {
		prefix, err := parseNetwork(s)
		if err != nil {
			return unusable(err)
		}
		site.TrustedProxies = append(site.TrustedProxies, prefix)
	}
	if d.metrics != nil {
		d.metrics.registry.MustRegister(&gauges{d: d})
		site.Observe = d.metrics.observe
	}
	if site.Dev {
		site.Inbox = inbox{d.db}
	}
	if d.hub != nil {
		site.Hub = d.hub
	}
	if d.site, err = web.New(site); err != nil {
		return err
	}
	d.server = &http.Server{
		Handler: d.site, ErrorLog: slog.NewLogLogger(d.log.Handler(), slog.LevelWarn),
		ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 30 * time.Second, WriteTimeout: 60 * time.Second, IdleTimeout: 2 * time.Minute,
		MaxHeaderBytes: 32 << 10,
	}
	return nil
}

// buildFeeds makes the documents of a library, and puts them in force when they are
// ready to be sent.
func (d *daemon) buildFeeds(ctx context.Context, library *content.Library) error {
	d.built = library
	set, err := feeds.Build(library, d.config.feedSite(), d.feeds.Load())
	if err != nil {
		return fmt.Errorf("build feeds: %w", err)
	}
	changed, err := d.db.RecordDocuments(ctx, set.States())
	if err != nil {
		// Readers get the news all the same; only its Last-Modified may be too early.
		d.log.Error("when the feeds changed is not on record", "error", err)
	} else {
		set = set.Dated(changed)
	}
	d.prepare(set)
	d.feeds.Store(set)
	return nil
}

// prepare has the documents of a change ready in every encoding. Those of the start are
// encoded when they are first asked for: that is nearly half of its work.
func (d *daemon) prepare(set *feeds.Set) {
	if d.site != nil {
		d.site.Prepare(set)
	}
}

// run runs every part until ctx is done or one of them fails. The HTTP server
// stops first, so that no new work comes in; then the scheduler and the worker,
// which finishes what is in flight.
func (d *daemon) run(ctx context.Context) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	background, endBackground := context.WithCancel(context.WithoutCancel(ctx))
	defer endBackground()

	var parts sync.WaitGroup
	part := func(name string, run func(context.Context) error) {
		parts.Go(func() {
			if err := run(background); err != nil {
				stop(fmt.Errorf("%s: %w", name, err))
			}
		})
	}
	part("watch the database", d.db.Watch)
	part("watch the insights", d.watch)
	part("clock of the insights", d.live.Run)
	part("feeds", d.followLibrary)
	part("scheduler", d.scheduler.Run)
	part("worker", d.worker.Run)
	part("readers of feeds", d.readers.Run)
	part("unconfirmed sign-ups", d.tidy)
	if d.metrics != nil {
		part("metrics", d.metrics.run)
	}
	if d.inbound != nil {
		part("mails that come back", d.inbound.Run)
	}
	if d.maildir != nil {
		part("maildir", d.maildir.Run)
	}
	if d.pusher != nil {
		part("pushes", d.pusher.Run)
	}
	parts.Go(func() {
		if err := d.server.Serve(d.listener); !errors.Is(err, http.ErrServerClosed) {
			stop(fmt.Errorf("serve: %w", err))
		}
	})

	<-ctx.Done()
	d.log.Info("stopping")
	closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if err := d.server.Shutdown(closing); err != nil {
		d.server.Close() // a slow client must not hold up the mails in flight
	}
	endBackground()
	parts.Wait()
	if cause := context.Cause(ctx); !errors.Is(cause, context.Canceled) {
		return cause
	}
	return nil
}

// tidyEvery is how often sign-ups that nobody has confirmed are looked for.
const tidyEvery = time.Hour

// tidy forgets sign-ups that nobody has confirmed.
func (d *daemon) tidy(ctx context.Context) error {
	for {
		forgotten, err := d.registry.Tidy(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			d.log.Error("forgetting sign-ups that nobody confirmed failed", "error", err)
		case forgotten > 0:
			d.log.Info("forgot sign-ups that nobody confirmed within a week", "sign_ups", forgotten)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(tidyEvery):
		}
	}
}

// followLibrary rebuilds the feeds at each change of the library, also one that
// came before it was called.
func (d *daemon) followLibrary(ctx context.Context) error {
	for {
		changed := d.live.Changed()
		if now := d.live.Current(); now != d.built {
			if err := d.buildFeeds(ctx, now); err != nil {
				d.log.Error("feeds keep their last state", "error", err)
			} else if d.pusher != nil {
				d.pusher.Changed()
			}
			d.log.Info("insights changed", "insights", len(now.Insights()))
		}
		select {
		case <-ctx.Done():
			return nil
		case <-changed:
		}
	}
}

// formKey signs the time in the sign-up form; all daemons of a site share it.
func formKey(keys *subscribers.Keyring) []byte {
	return []byte(keys.Make("form", "", ""))
}
