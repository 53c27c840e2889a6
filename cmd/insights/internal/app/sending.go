package app

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/scaledbydesign/insights/cmd/insights/internal/config"
	"github.com/scaledbydesign/insights/cmd/insights/internal/database"
	"github.com/scaledbydesign/insights/newsletter"
	"github.com/scaledbydesign/insights/newsletter/smtp"
)

// worker is the sender over the transport that the database is for: a database
// of insights dev never reaches a mail server.
func (a *App) worker(ctx context.Context) (*newsletter.Worker, error) {
	if err := a.signs(ctx); err != nil {
		return nil, err
	}
	transport, err := a.transport(ctx)
	if err != nil {
		return nil, err
	}
	composer, err := a.Composer()
	if err != nil {
		return nil, err
	}
	c := &a.Config
	return &newsletter.Worker{
		Store: a.db, Writer: a.Writer, Composer: composer, Transport: transport,
		Connections: c.SMTP.Connections, Rate: c.SMTP.Rate, PerDomain: c.SMTP.PerDomain,
		Retry:       a.retry(),
		Schedules:   c.Schedules(),
		OnUncertain: newsletter.OnUncertain(c.Digests.OnUncertain),
		Grace:       c.ShutdownGrace, Log: a.log, Wake: a.db.Changed, Feedback: a.Feedback,
		OnDone: func(id int64) { a.tellMissed(ctx, id) },
	}, nil
}

// tellMissed logs whom a digest that is done did not reach.
func (a *App) tellMissed(ctx context.Context, id int64) {
	d, err := a.db.Glance(context.WithoutCancel(ctx), id)
	if err != nil || d.Counts[newsletter.Failed] == 0 {
		return // status and digest show count them, too
	}
	a.log.Warn("emails of a digest failed", "digest", id, "failed", d.Counts[newsletter.Failed], "sent", d.Counts[newsletter.Sent])
}

func (a *App) retry() newsletter.Retry {
	return newsletter.Retry{First: a.Config.Digests.Retry.First, Deadline: a.Config.Digests.Retry.Deadline}
}

// judge judges hard refusals.
func (a *App) judge() *newsletter.Judge {
	return &newsletter.Judge{
		Store: a.db, Registry: a.Registry, Judgement: a.Config.Judgement(), Schedules: a.Config.Schedules(), Retry: a.retry(), Log: a.log,
	}
}

func (a *App) transport(ctx context.Context) (newsletter.Transport, error) {
	use, err := a.db.Use(ctx)
	if err != nil {
		return nil, err
	}
	if use == database.Development {
		return a.db.Inbox(), nil
	}
	if a.Config.SMTP.Host == "" {
		return nil, unusable(errors.New("smtp.host is not set: INSIGHTS_SMTP_HOST=smtp.example.com"))
	}
	return relays(&a.Config, a.log), nil
}

// relays is the configured mail server, with the fallback if one is configured.
func relays(c *config.Config, log *slog.Logger) newsletter.Transport {
	relay := func(host string, port int, tls, user, password string) *smtp.Relay {
		return &smtp.Relay{Host: host, Port: port, TLS: smtp.TLSMode(tls), User: user, Password: password, HELO: c.HELO(), MaxMessages: c.SMTP.MessagesPerConnection}
	}
	first := relay(c.SMTP.Host, c.SMTP.Port, c.SMTP.TLS, c.SMTP.User, c.SMTP.Password)
	f := c.SMTP.Fallback
	if f.Host == "" {
		return first
	}
	return &smtp.Failover{Relays: []*smtp.Relay{first, relay(f.Host, f.Port, f.TLS, f.User, f.Password)}, Log: log}
}

// Wait is how to wait for something that is being sent.
type Wait struct {
	// Look is called at each change, and says whether it is done: then err is what became
	// of it. Another error of Look ends the wait.
	Look func(context.Context) (done bool, err error)
	// Idle is told when nothing sends any more, and how soon this process will.
	Idle func(in time.Duration)
	// Stopped is the error when ctx ends the wait.
	Stopped error
}

// Wait waits until Look says done. When nothing sends from this database, or no longer
// does, this process sends meanwhile.
func (a *App) Wait(ctx context.Context, w Wait) error {
	if done, err := w.Look(ctx); done || err != nil {
		return err
	}
	background, stop := context.WithCancel(ctx)
	defer stop()
	ended := make(chan error, 2)
	go func() { ended <- a.db.Watch(background) }()
	go func() { ended <- a.sendMeanwhile(background, w.Idle) }()
	looked := make(chan error, 1)
	go func() { looked <- a.look(background, w) }()
	var result error
	left := 2
	select {
	case result = <-looked:
		stop()
	case result = <-ended: // of itself: it could not go on
		left--
		stop()
		if err := <-looked; result == nil {
			result = err
		}
	}
	for ; left > 0; left-- {
		// That it was stopped, in the middle of whatever it did, is no failure.
		if err := <-ended; !errors.Is(err, context.Canceled) {
			result = errors.Join(result, err)
		}
	}
	return errors.Join(result, a.db.UnlockSender())
}

// looksEvery is how often Look is called at most, however much changes.
const looksEvery = 200 * time.Millisecond

// look looks again at each change.
func (a *App) look(ctx context.Context, w Wait) error {
	for {
		changed := a.db.Changed()
		done, err := w.Look(ctx)
		if done || err != nil && ctx.Err() == nil {
			return err
		}
		enough := time.After(time.Second)
		select {
		case <-ctx.Done():
			return w.Stopped
		case <-time.After(looksEvery):
		}
		select {
		case <-ctx.Done():
		case <-changed:
		case <-enough:
		}
	}
}

// takeOverAfter is how long no daemon must have run before this process sends instead: a
// daemon that is being restarted comes first.
const takeOverAfter = 5 * time.Second

// sendMeanwhile sends until ctx is done, once nobody else does.
func (a *App) sendMeanwhile(ctx context.Context, idle func(time.Duration)) error {
	turn := func() error {
		if a.db.SharesSending() && a.Running(ctx) {
			return database.ErrLocked
		}
		return a.db.LockSender()
	}
	err := turn()
	for silent := time.Duration(0); errors.Is(err, database.ErrLocked); {
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(time.Second):
		}
		switch {
		case a.Running(ctx):
			silent = 0
		case silent == 0:
			silent = time.Second
			idle(takeOverAfter)
		case silent < takeOverAfter:
			silent += time.Second
		default:
			err, silent = turn(), 0
		}
	}
	if err != nil {
		return err
	}
	worker, err := a.worker(ctx)
	if ctx.Err() != nil { // what was waited for is done
		return nil
	}
	if err != nil {
		return err
	}
	judging, stop := context.WithCancel(ctx)
	defer stop()
	judged := make(chan error, 1)
	go func() { judged <- a.judge().Run(judging) }()
	err = worker.Run(ctx)
	stop()
	return errors.Join(err, <-judged)
}
