package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
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

// Daemon is one running serve or dev. After a reload another Daemon goes on behind the
// same door, on the same database.
type Daemon struct {
	app    *App
	use    Use
	roles  []newsletter.Role // none = all
	log    *slog.Logger
	report func(error)

	door       *door
	closing    context.Context // ends when this daemon's site no longer answers
	endClosing context.CancelFunc

	live      *content.Live
	server    *database.DB     // of a server, while this one opens
	before    *Daemon          // while this one opens after a reload
	last      *content.Library // that of the daemon before, while this one opens
	feeds     atomic.Pointer[feeds.Set]
	built     *content.Library // the feeds were last built from it
	site      *web.Site
	presence  *newsletter.Presence
	worker    *newsletter.Worker
	scheduler *newsletter.Scheduler
	hub       *websub.Hub // nil: not a hub
	pusher    pusher      // nil: no push
	readers   readership.Counter
	metrics   *kept                    // nil: none
	inbound   *kept                    // nil: none
	maildir   *inbound.Maildir         // nil: none
	reloaded  atomic.Int64             // when the insights were last read without a fault, in Unix seconds
	noted     atomic.Pointer[[]string] // what a reload could not do
	reloading sync.Mutex               // while the folder is read again
	told      string                   // what of the insights was last reported as wrong
}

// OpenDaemon opens everything that can fail before anything starts. roles are those that the
// daemon has, none = all. report is called with the faults of the insights, each time they
// change.
func OpenDaemon(ctx context.Context, c config.Config, use Use, roles []newsletter.Role, log *slog.Logger, report func(error)) (*Daemon, error) {
	if _, file := database.FilePath(c.Database.URL); file && len(roles) > 0 {
		return nil, unusable(errors.New("--role: with SQLite one daemon does everything; set database.url to a PostgreSQL server"))
	}
	d := newDaemon(ctx, use, roles, log, report)
	if err := d.open(ctx, c, nil); err != nil {
		d.Close()
		return nil, err
	}
	return d, nil
}

func newDaemon(ctx context.Context, use Use, roles []newsletter.Role, log *slog.Logger, report func(error)) *Daemon {
	d := &Daemon{use: use, roles: roles, log: log, report: report}
	d.closing, d.endClosing = context.WithCancel(ctx)
	return d
}

// open opens the parts in the order of their dependencies. What before has already, after
// a reload, is taken over.
func (d *Daemon) open(ctx context.Context, c config.Config, before *Daemon) error {
	p := Publication{Config: c}
	first := []func(context.Context, *Publication) error{d.findInsights, d.awaitServer, d.openDoor, d.openMetrics, d.openApp}
	d.before = before
	if before != nil {
		d.door = before.door
		if before.app.Config.Content.Dir == c.Content.Dir { // a file that is at fault by now stays as it was
			d.last = before.live.Current()
		}
		first = []func(context.Context, *Publication) error{d.findInsights, d.openMetrics, func(ctx context.Context, p *Publication) error { return d.takeOver(ctx, p, before.app.db) }}
	}
	for _, step := range append(first, d.openInsights, d.openFeeds, d.openWorker, d.openInbound, d.openSite) {
		if err := step(ctx, &p); err != nil {
			return err
		}
	}
	d.door.show(d.visible())
	d.before = nil
	return nil
}

// Close closes what is open, whether or not it was run.
func (d *Daemon) Close() {
	d.closeParts()
	if d.app != nil {
		d.app.Close()
	}
	if d.server != nil {
		d.server.Close()
	}
	if d.door != nil {
		d.door.listener.Close()
	}
}

// closeParts closes what listens, but for what belongs to the daemon before.
func (d *Daemon) closeParts() {
	d.endClosing()
	if d.before == nil || d.inbound != d.before.inbound {
		d.inbound.stop()
	}
	if d.before == nil || d.metrics != d.before.metrics {
		d.metrics.stop()
	}
}

// findInsights makes sure, before anything is made, that there is a folder to serve.
func (d *Daemon) findInsights(_ context.Context, p *Publication) error {
	_, err := p.insights()
	return err
}

func (d *Daemon) openInsights(context.Context, *Publication) (err error) {
	p := &d.app.Publication
	if d.live, err = content.NewLive((&reloads{publication: p, last: d.last}).load); err != nil {
		return unusable(err)
	}
	d.last = nil
	d.tellFaults()
	if lib := d.live.Current(); len(lib.All()) == 0 && len(lib.Faults()) == 0 {
		d.log.Warn("content.dir contains no *.md files", "dir", p.Config.Content.Dir)
	}
	return nil
}

func (d *Daemon) openDoor(_ context.Context, p *Publication) (err error) {
	d.door, err = openDoor(p.Config.Listen, d.log)
	return err
}

func (d *Daemon) openMetrics(_ context.Context, p *Publication) (err error) {
	address := p.Config.Metrics.Listen
	d.metrics, err = d.listen(func(before *Daemon) **kept { return &before.metrics }, address, func() (server, error) { return metrics.Listen(address, Version, d.log) })
	return unusable(err)
}

// listen opens what listens as something, "" = nothing, or takes it over from the daemon
// before. What that does not go on with is closed first, since both may want one address.
func (d *Daemon) listen(of func(before *Daemon) **kept, as string, open func() (server, error)) (*kept, error) {
	if d.before != nil {
		had := of(d.before)
		if *had != nil && (*had).as == as {
			return *had, nil
		}
		(*had).stop()
		*had = nil
	}
	if as == "" {
		return nil, nil
	}
	s, err := open()
	if err != nil {
		return nil, err
	}
	return &kept{server: s, as: as}, nil
}

// openApp makes the database this daemon's, and assembles an App on it.
func (d *Daemon) openApp(ctx context.Context, p *Publication) error {
	db, err := d.server, error(nil)
	if d.server = nil; db == nil {
		db, err = open(&p.Config, true)
	}
	if err != nil {
		return unusable(err)
	}
	db.Delayed = func(why error) { d.log.Warn("a migration waits for others that use a table", "error", why) }
	if err := d.takeDatabase(ctx, &p.Config, db); err != nil {
		db.Close()
		return err
	}
	if err := d.assemble(ctx, p, db); err != nil {
		db.Close()
		return err
	}
	return nil
}

// takeOver assembles an App on a database that this process has taken already.
func (d *Daemon) takeOver(ctx context.Context, p *Publication, db *database.DB) error {
	if d.use == Development {
		if err := d.prepareDevelopment(ctx, &p.Config, db); err != nil {
			return err
		}
	}
	return d.assemble(ctx, p, db)
}

func (d *Daemon) assemble(ctx context.Context, p *Publication, db *database.DB) (err error) {
	if d.app, err = assemble(ctx, *p, db, d.log); err != nil {
		return err
	}
	if err := d.app.signs(ctx); err != nil {
		return err
	}
	d.app.RenameCategories(ctx)
	d.tellRemovedCategories(ctx)
	return nil
}

func (d *Daemon) prepareDevelopment(ctx context.Context, c *config.Config, db *database.DB) error {
	return unusable(errors.Join(makeSecret(c), leave(ctx, c, db)))
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
	if !db.SharesSending() {
		if err := db.EndReports(ctx); err != nil {
			return unusable(err)
		}
	}
	if d.use == Production {
		if err := forgetDevelopmentKeys(ctx, db); err != nil {
			return unusable(err)
		}
	}
	before, err := db.UseFor(ctx, d.use)
	if err != nil {
		return unusable(err)
	}
	if before == Development && d.use == Production {
		d.log.Warn("this database was made by insights dev; its emails will now be sent for real", "database", db.String())
	}
	if d.use == Development {
		return d.prepareDevelopment(ctx, c, db)
	}
	return nil
}

func (d *Daemon) openFeeds(ctx context.Context, _ *Publication) error {
	d.readers.Store, d.readers.Log = d.app.db, d.log
	d.presence = d.newPresence(d.app.db)
	if !d.has(newsletter.RoleWeb) {
		d.feeds.Store(new(feeds.Set)) // none are served
		return nil
	}
	if err := d.buildFeeds(ctx, d.live.Current()); err != nil {
		return err
	}
	d.openPusher()
	return nil
}

func (d *Daemon) openWorker(ctx context.Context, p *Publication) (err error) {
	if d.has(newsletter.RoleSend) {
		if d.worker, err = d.app.worker(ctx); err != nil {
			return err
		}
	}
	d.scheduler = &newsletter.Scheduler{
		Planner: d.app.Planner, Slots: d.app.db, Schedules: p.Config.Schedules(), Library: d.live.Current, Changed: d.live.Changed,
		Presence: d.presence, Grace: p.Config.Content.EditGrace, Retry: d.app.retry(), Log: d.log,
	}
	return nil
}

// Visible is how many insights are visible.
func (d *Daemon) Visible() int { return len(d.live.Current().Insights()) }

// App is what the daemon was assembled on.
func (d *Daemon) App() *App { return d.app }
