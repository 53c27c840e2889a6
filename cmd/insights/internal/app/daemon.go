package app

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

	"github.com/scaledbydesign/insights/cmd/insights/internal/config"
	"github.com/scaledbydesign/insights/cmd/insights/internal/database"
	"github.com/scaledbydesign/insights/cmd/insights/internal/inbound"
	"github.com/scaledbydesign/insights/cmd/insights/internal/metrics"
	"github.com/scaledbydesign/insights/cmd/insights/internal/web"
	"github.com/scaledbydesign/insights/content"
	"github.com/scaledbydesign/insights/feeds"
	"github.com/scaledbydesign/insights/feeds/readership"
	"github.com/scaledbydesign/insights/feeds/websub"
	"github.com/scaledbydesign/insights/newsletter"
)

// Daemon is one running serve or dev.
type Daemon struct {
	app    *App
	use    Use
	log    *slog.Logger
	report func(error)

	live      *content.Live
	feeds     atomic.Pointer[feeds.Set]
	built     *content.Library // the feeds were last built from it
	site      *web.Site
	worker    *newsletter.Worker
	scheduler *newsletter.Scheduler
	hub       *websub.Hub // nil: not a hub
	pusher    pusher      // nil: no push
	server    *http.Server
	listener  net.Listener
	readers   readership.Counter
	metrics   *metrics.Server  // nil: none
	inbound   *inbound.Server  // nil: none
	maildir   *inbound.Maildir // nil: none
	reloaded  atomic.Int64     // when the insights were last read without a fault, in Unix seconds
	told      string           // what of the insights was last reported as wrong
}

// OpenDaemon opens everything that can fail before anything starts. report is called with
// the faults of the insights, each time they change.
func OpenDaemon(ctx context.Context, c config.Config, use Use, log *slog.Logger, report func(error)) (*Daemon, error) {
	d := &Daemon{use: use, log: log, report: report}
	if err := d.open(ctx, Publication{Config: c}); err != nil {
		d.Close()
		return nil, err
	}
	return d, nil
}

// open opens the parts in the order of their dependencies.
func (d *Daemon) open(ctx context.Context, p Publication) error {
	for _, step := range []func(context.Context, *Publication) error{
		d.findInsights, d.listen, d.openApp, d.openInsights, d.openFeeds, d.openWorker, d.openInbound, d.openSite,
	} {
		if err := step(ctx, &p); err != nil {
			return err
		}
	}
	return nil
}

// Close closes what is open, whether or not it was run.
func (d *Daemon) Close() {
	if d.inbound != nil {
		d.inbound.Close()
	}
	if d.app != nil {
		d.app.Close()
	}
	if d.metrics != nil {
		d.metrics.Close()
	}
	if d.listener != nil {
		d.listener.Close()
	}
}

// findInsights makes sure, before anything is made, that there is a folder to serve.
func (d *Daemon) findInsights(_ context.Context, p *Publication) error {
	_, err := p.insights()
	return err
}

func (d *Daemon) openInsights(context.Context, *Publication) (err error) {
	p := &d.app.Publication
	if d.live, err = content.NewLive(p.load); err != nil {
		return unusable(err)
	}
	d.tellFaults()
	if lib := d.live.Current(); len(lib.All()) == 0 && len(lib.Faults()) == 0 {
		d.log.Warn("content.dir contains no *.md files", "dir", p.Config.Content.Dir)
	}
	return nil
}

func (d *Daemon) listen(_ context.Context, p *Publication) (err error) {
	c := &p.Config
	if d.listener, err = net.Listen("tcp", c.Listen); err != nil {
		return unusable(fmt.Errorf("listen on %s: %w; stop what uses it, or set another address: INSIGHTS_LISTEN=127.0.0.1:8081", c.Listen, err))
	}
	if c.Metrics.Listen != "" {
		d.metrics, err = metrics.Listen(c.Metrics.Listen, Version, d.log)
	}
	return unusable(err)
}

// openApp makes the database this daemon's, and assembles an App on it.
func (d *Daemon) openApp(ctx context.Context, p *Publication) error {
	db, err := database.Open(p.Config.Database.URL, true)
	if err != nil {
		return unusable(err)
	}
	if err := d.takeDatabase(ctx, &p.Config, db); err != nil {
		db.Close()
		return err
	}
	if d.app, err = assemble(*p, db, d.log); err != nil {
		db.Close()
		return err
	}
	d.app.RenameCategories(ctx)
	return nil
}

func (d *Daemon) takeDatabase(ctx context.Context, c *config.Config, db *database.DB) error {
	if _, err := db.Migrate(ctx); err != nil {
		return unusable(err)
	}
	err := db.LockSender()
	for tries := 0; errors.Is(err, database.ErrLocked) && tries < 10; tries++ { // other commands hold it briefly, to see whether a daemon runs
		time.Sleep(100 * time.Millisecond)
		err = db.LockSender()
	}
	if err != nil {
		return fmt.Errorf("%s: %w: stop the other `insights serve`, `insights dev` or `--wait` first", db, err)
	}
	before, err := db.UseFor(ctx, d.use)
	if err != nil {
		return unusable(err)
	}
	if before == Development && d.use == Production {
		d.log.Warn("this database was made by insights dev; its emails will now be sent for real", "database", db.String())
	}
	if d.use == Development {
		return unusable(errors.Join(makeSecret(c), leave(ctx, c, db)))
	}
	return nil
}

func (d *Daemon) openFeeds(ctx context.Context, _ *Publication) error {
	d.readers.Store, d.readers.Log = d.app.db, d.log
	if err := d.buildFeeds(ctx, d.live.Current()); err != nil {
		return err
	}
	d.openPusher()
	return nil
}

func (d *Daemon) openWorker(ctx context.Context, p *Publication) (err error) {
	d.scheduler = &newsletter.Scheduler{
		Planner: d.app.Planner, Slots: d.app.db, Schedules: p.Config.Schedules(), Library: d.live.Current, Changed: d.live.Changed,
		Grace: p.Config.Content.EditGrace, Retry: d.app.retry(), Log: d.log,
	}
	d.worker, err = d.app.worker(ctx)
	return err
}

// Visible is how many insights are visible.
func (d *Daemon) Visible() int { return len(d.live.Current().Insights()) }

// App is what the daemon was assembled on.
func (d *Daemon) App() *App { return d.app }

// Run runs every part until ctx is done or one of them fails. The HTTP server
// stops first, so that no new work comes in; then the scheduler and the worker,
// which finishes what is in flight.
func (d *Daemon) Run(ctx context.Context) error {
	if d.use == Production {
		d.log.Info("serving", "listen", d.listener.Addr().String(), "base_url", d.app.Config.Site.BaseURL, "database", d.app.Database,
			"insights", d.Visible(), "version", Version)
	}
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
	part("watch the database", d.app.db.Watch)
	part("watch the insights", d.watch)
	part("withdrawals", d.followWithdrawals)
	part("publication clock", d.live.Run)
	part("feeds", d.followLibrary)
	part("scheduler", d.scheduler.Run)
	part("worker", d.worker.Run)
	part("judge", d.app.judge().Run)
	part("feed readership", d.readers.Run)
	part("sign-up cleanup", d.tidy)
	if d.metrics != nil {
		part("metrics", d.metrics.Run)
	}
	if d.inbound != nil {
		part("inbound email", d.inbound.Run)
	}
	if d.maildir != nil {
		part("maildir", d.maildir.Run)
	}
	if d.pusher != nil {
		part("feed pushes", d.pusher.Run)
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
		d.server.Close() // a slow client must not delay the emails in flight
	}
	endBackground()
	parts.Wait()
	if cause := context.Cause(ctx); !errors.Is(cause, context.Canceled) {
		return cause
	}
	return nil
}

// tidyEvery is how often expired sign-ups are deleted.
const tidyEvery = time.Hour

// tidy deletes sign-ups that were not confirmed in time.
func (d *Daemon) tidy(ctx context.Context) error {
	for {
		forgotten, err := d.app.Registry.Tidy(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			d.log.Error("cannot delete expired sign-ups", "error", err)
		case forgotten > 0:
			d.log.Info("deleted expired sign-ups", "sign_ups", forgotten)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(tidyEvery):
		}
	}
}
