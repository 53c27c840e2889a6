package app

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"

	"github.com/scaledbydesign/insights/cmd/insights/internal/config"
	"github.com/scaledbydesign/insights/newsletter"
)

// Reload is how a running daemon gets another configuration.
type Reload struct {
	Asked <-chan os.Signal // receives when somebody asks for it
	// Read reads and checks the configuration.
	Read func() (config.Config, error)
}

// Run runs every part until ctx is done or one of them fails. When a reload is asked for
// and the configuration can be used, the parts end, and begin again as it says; visitors
// notice nothing, what listens goes on listening, and emails in flight are finished in peace.
// A configuration with faults changes nothing.
//
// The HTTP server stops first, so that no new work comes in; then the scheduler and the
// worker, which finishes what is in flight.
func (d *Daemon) Run(ctx context.Context, r Reload) error {
	if d.use == Production {
		d.log.Info("serving", "listen", d.door.listener.Addr().String(), "base_url", d.app.Config.Site.BaseURL, "database", d.app.Database,
			"insights", d.Visible(), "version", Version)
	}
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var served sync.WaitGroup
	served.Go(func() {
		if err := d.door.serve(); err != nil {
			stop(err)
		}
	})
	defer served.Wait()
	var sending sync.WaitGroup // also of a daemon before, until its emails in flight are out
	defer sending.Wait()
	for now := d; now != nil; {
		next := now.runUntil(ctx, stop, r, &sending)
		if next == nil {
			now.closeParts()
			break
		}
		before := now
		now = before.succeed(ctx, *next, stop)
		before.endClosing()
		if now == nil {
			d.door.shut(ctx)
		}
	}
	if cause := context.Cause(ctx); !errors.Is(cause, context.Canceled) {
		return cause
	}
	return nil
}

// runUntil runs the parts until ctx is done (nil) or another configuration is to be used.
func (d *Daemon) runUntil(ctx context.Context, stop context.CancelCauseFunc, r Reload, sending *sync.WaitGroup) (next *config.Config) {
	background, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end()
	failed := func(name string) func(error) {
		return func(err error) { stop(fmt.Errorf("%s: %w", name, err)) }
	}
	var parts sync.WaitGroup
	for name, run := range d.parts() {
		parts.Go(func() {
			if err := run(background); err != nil {
				failed(name)(err)
			}
		})
	}
	if d.worker != nil {
		d.worker.Stopping = ctx.Done()
		sending.Go(func() {
			if err := d.worker.Run(background); err != nil {
				failed("worker")(err)
			}
		})
	}
	d.inbound.start(ctx, failed("inbound email"))
	d.metrics.start(ctx, failed("metrics"))
	for next == nil && ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-r.Asked:
			next = d.another(r)
		}
	}
	if next == nil {
		d.log.Info("stopping")
		d.door.shut(ctx)
	}
	end()
	parts.Wait()
	if next == nil {
		sending.Wait()
	}
	return next
}

// parts are what a daemon does at once, by its roles, beside sending.
func (d *Daemon) parts() map[string]func(context.Context) error {
	parts := map[string]func(context.Context) error{
		"watch the database": d.app.db.Watch,
		"watch the insights": d.watch,
		"withdrawals":        d.followWithdrawals,
		"publication clock":  d.live.Run,
		"report":             d.reporting,
	}
	if d.has(newsletter.RoleWeb) {
		parts["feeds"] = d.followLibrary
		parts["feed readership"] = d.readers.Run
		if d.pusher != nil {
			parts["feed pushes"] = d.pusher.Run
		}
	}
	if d.has(newsletter.RoleSchedule) {
		parts["scheduler"] = d.scheduler.Run
		parts["judge"] = d.app.judge().Run
		parts["sign-up cleanup"] = d.tidy
	}
	if d.has(newsletter.RoleSchedule) || d.has(newsletter.RoleWeb) { // which tells how long they wait
		parts["waiting sign-ups"] = d.release
	}
	if d.maildir != nil {
		parts["maildir"] = d.maildir.Run
	}
	return parts
}

// another reads the configuration to go on with, or nil. What only a start can change
// stays as it is.
func (d *Daemon) another(r Reload) *config.Config {
	next, err := r.Read()
	if err != nil {
		d.log.Error("cannot reload: the configuration has faults; going on as before", "error", err)
		d.noted.Store(&[]string{"the daemon was told to reload, and the configuration has faults: it goes on as before; see: insights config check --serve"})
		return nil
	}
	now := &d.app.Config
	var notes []string
	keep := func(key, still string) {
		d.log.Warn("a changed setting needs a restart", "key", key, "still", still)
		notes = append(notes, fmt.Sprintf("%s has changed in the configuration, which takes a restart; the daemon still has %s", key, still))
	}
	if next.Listen != now.Listen {
		keep("listen", now.Listen)
		next.Listen = now.Listen
	}
	if next.Database != now.Database {
		keep("database.url", d.app.Database)
		next.Database = now.Database
	}
	d.noted.Store(&notes) // for the next
	return &next
}

// succeed opens the daemon that goes on with another configuration, or if that fails with
// the same one as before. Nil: there is none.
func (d *Daemon) succeed(ctx context.Context, next config.Config, stop context.CancelCauseFunc) *Daemon {
	after := newDaemon(ctx, d.use, d.roles, d.log, d.report)
	after.noted.Store(d.noted.Load())
	err := after.open(ctx, next, d)
	if err == nil {
		d.log.Info("reloaded", "insights", after.Visible())
		return after
	}
	after.closeParts()
	if ctx.Err() != nil {
		return nil
	}
	d.log.Error("cannot use the new configuration; going on as before", "error", err)
	after = newDaemon(ctx, d.use, d.roles, d.log, d.report)
	after.noted.Store(&[]string{"the daemon was told to reload, and could not use the new configuration (" + err.Error() + "): it goes on as before"})
	if err := after.open(ctx, d.app.Config, d); err != nil {
		after.closeParts()
		stop(fmt.Errorf("reload: %w", err))
		return nil
	}
	return after
}
