package newsletter

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Worker sends what the outbox holds, over several connections. Its fields are
// set once; Run is called once.
type Worker struct {
	Store       OutboxStore
	Writer      *Writer
	Composer    Composer
	Transport   Transport
	Connections int           // 0 = 4
	Rate        float64       // emails per second in all; 0 = no limit
	PerDomain   float64       // emails per second to each recipient domain; 0 = no limit
	Retry       Retry         // of deferred emails
	Schedules   []Schedule    // a digest is given up when the next of its schedule is due
	OnUncertain OnUncertain   // "" = Resend
	Grace       time.Duration // for emails in flight when Run is told to stop; 0 = 30 s
	// Stopping, when set, is when Grace begins for a Run that has ended before: another
	// worker goes on meanwhile, so that emails in flight have the time of their protocol.
	Stopping <-chan struct{}
	Log      *slog.Logger

	// Wake, when set, returns a channel that is closed at the next change of the
	// database, so that new work is seen at once rather than within a second.
	Wake func() <-chan struct{}
	// Feedback, when set, handles what mail servers say about each email in our own
	// sessions: that they accepted it, refused it for good, or deferred it until it was
	// too late.
	Feedback *Feedback
	// OnDone, when set, is called for each digest that is done.
	OnDone func(digest int64)
}

const (
	heartbeatEvery = 2 * time.Second
	deadAfter      = 15 * time.Second
	// SilentAfter is after how long without a heartbeat a worker no longer counts as
	// running. Its emails are taken over a little later.
	SilentAfter = 10 * time.Second
	idleFor     = time.Second // between two looks, even without a Wake
	// attachAgain is how long Run waits while the store fails. It stays short, so that
	// sending goes on as soon as the store is back; a try costs little.
	attachAgain = time.Second

	// storeTimeout is for calls that must not hang: without it, a database server that
	// vanished would block a worker for as long as the system keeps its connections.
	storeTimeout = 20 * time.Second
)

// Run sends until ctx is done, then finishes what is in flight and releases the rest.
// Single emails go before digests, older digests before newer ones.
//
// When the store fails for longer than a moment, Run detaches and attaches again, as
// another process would after a crash, every second until the store is back.
func (w *Worker) Run(ctx context.Context) error {
	var told time.Time
	for {
		err := w.runAttached(ctx)
		if err == nil || ctx.Err() != nil {
			return err
		}
		if now := time.Now(); now.Sub(told) >= time.Minute { // it may be away for hours
			w.Log.ErrorContext(ctx, "outbox failed", "error", err, "again_in", attachAgain)
			told = now
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(attachAgain):
		}
	}
}

// runAttached is one attachment to the outbox: until ctx is done (nil) or the store fails.
func (w *Worker) runAttached(ctx context.Context) error {
	key, err := w.messageKey(ctx)
	switch {
	case err != nil && ctx.Err() != nil:
		return nil // stopped before it started
	case err != nil:
		return fmt.Errorf("read the key of Message-IDs: %w", err)
	}
	keyed := *w
	keyed.Writer = w.Writer.keyed(key)
	w = &keyed
	ctx, end := context.WithCancel(ctx)
	defer end()
	id := strings.ToLower(rand.Text()[:16])
	quiet := make(chan struct{}, 1)
	ring := func() {
		select {
		case quiet <- struct{}{}:
		default: // already signalled
		}
	}
	r := &attachment{
		Worker:   w,
		id:       id,
		quiet:    quiet,
		ring:     ring,
		single:   make(chan Task),
		again:    make(chan Task),
		digests:  make(chan Task, w.ahead()),
		stopping: ctx.Done(),
		end:      end,
		touched:  make(map[int64]time.Time),
		prepared: NewPreparedCache(w.Store, w.Writer, w.Composer),
		throttle: newThrottle(w.Rate, w.PerDomain),
	}
	r.recorder = newRecorder(w.Store, id, r.fail, ring)
	r.breaker = &breaker{patience: max(3, w.connections()), changed: func(t Trouble) { r.troubled(context.WithoutCancel(ctx), t) }}
	return r.run(ctx)
}

// attachment is one attachment of a Worker to the outbox.
type attachment struct {
	*Worker
	id       string
	recorder *recorder
	single   chan Task       // single emails
	again    chan Task       // those that were postponed
	digests  chan Task       // emails of digests; some are claimed ahead
	quiet    <-chan struct{} // receives when all results are stored: a digest may be done
	ring     func()          // has quiet receive
	refusals atomic.Int64    // that are being acted on: they may pause their digest
	stopping <-chan struct{} // closed when no new email may be started
	end      func()          // ends the attachment, as ctx does
	failed   sync.Once
	fault    error               // why the attachment ended, if not by ctx; read it when all goroutines have ended
	touched  map[int64]time.Time // when the activity of a digest was last recorded
	prepared *PreparedCache
	breaker  *breaker
	throttle *throttle
	handed   atomic.Int64 // when an email of a digest was last given to a connection, in Unix nanoseconds
}

// fail ends the attachment because the store failed.
func (r *attachment) fail(err error) {
	r.failed.Do(func() {
		r.fault = err
		r.end()
	})
}

func (r *attachment) run(ctx context.Context) error {
	recovered, err := r.attach(ctx)
	switch {
	case err != nil && ctx.Err() != nil:
		return nil // stopped before it started
	case err != nil:
		return fmt.Errorf("attach to the outbox: %w", err)
	}
	r.tellRecovered(ctx, recovered)
	r.share(ctx)
	if err := r.pauseLate(ctx); err != nil {
		return errors.Join(err, r.detach(ctx))
	}
	// Senders may finish what they started: their context outlives ctx by the grace.
	sending, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	grace := context.AfterFunc(ctx, func() {
		if r.Stopping != nil {
			select {
			case <-r.Stopping:
			case <-sending.Done():
			}
		}
		time.AfterFunc(r.grace(), stop)
	})
	defer grace()

	var recorder, senders, feeders, heartbeat sync.WaitGroup
	recorder.Go(func() { r.recorder.run(context.WithoutCancel(ctx)) })
	for i := range r.connections() {
		senders.Go(func() { r.send(sending, i < r.connections()/2) })
	}
	// The heartbeat goes on until the last result is recorded, however long that takes.
	alive, endHeartbeat := context.WithCancel(context.WithoutCancel(ctx))
	heartbeat.Go(func() { r.heartbeat(alive) })

	feeders.Go(func() {
		// Single emails go first, including those queued before the worker started.
		if _, err := r.feedSingle(ctx, r.ahead()); err != nil && ctx.Err() == nil {
			r.Log.ErrorContext(ctx, "outbox failed", "error", err)
		}
		feeders.Go(func() { r.feed(ctx, r.feedDigests, r.quiet) })
		feeders.Go(func() { r.feed(ctx, r.feedAgain, nil) })
		r.feed(ctx, r.feedSingle, nil)
	})
	feeders.Wait()
	if r.Stopping != nil && ctx.Err() != nil { // another worker goes on with what is not begun
		if err := r.unclaim(ctx); err != nil {
			r.Log.WarnContext(ctx, "cannot release claimed emails yet", "error", err)
		}
	}
	senders.Wait()
	close(r.recorder.entries)
	recorder.Wait()
	endHeartbeat()
	heartbeat.Wait()
	return errors.Join(r.fault, r.detach(ctx))
}

func (w *Worker) messageKey(ctx context.Context) ([]byte, error) {
	ctx, stop := context.WithTimeout(ctx, storeTimeout)
	defer stop()
	return w.Store.MessageKey(ctx)
}

func (r *attachment) attach(ctx context.Context) (Recovered, error) {
	ctx, stop := context.WithTimeout(ctx, storeTimeout)
	defer stop()
	return r.Store.Attach(ctx, r.id, deadAfter, r.onUncertain())
}

// unclaim gives back what is claimed, even when ctx is done.
func (r *attachment) unclaim(ctx context.Context) error {
	ctx, stop := context.WithTimeout(context.WithoutCancel(ctx), storeTimeout)
	defer stop()
	return r.Store.Unclaim(ctx, r.id)
}

// detach releases what is claimed, even when ctx is done.
func (r *attachment) detach(ctx context.Context) error {
	ctx, stop := context.WithTimeout(context.WithoutCancel(ctx), storeTimeout)
	defer stop()
	if err := r.Store.Detach(ctx, r.id); err != nil {
		return fmt.Errorf("detach from the outbox: %w", err)
	}
	return nil
}

// pauseLate pauses digests that should have gone out long ago.
func (r *attachment) pauseLate(ctx context.Context) error {
	late, err := r.Store.PauseLate(ctx, r.lateAfter)
	if err != nil {
		return fmt.Errorf("pause overdue digests: %w", err)
	}
	for _, id := range late {
		r.Log.WarnContext(ctx, "digest is overdue; paused until someone resumes it", "digest", id)
	}
	return nil
}

// lateAfter returns how long a digest may make no progress before it is paused.
func (r *attachment) lateAfter(schedule string) time.Duration {
	for i := range r.Schedules {
		if s := &r.Schedules[i]; s.Name == schedule {
			return s.lateBy()
		}
	}
	return new(Schedule).lateBy()
}

func (r *attachment) heartbeat(ctx context.Context) {
	ticker := time.NewTicker(heartbeatEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		recovered, err := r.attach(ctx)
		if err != nil {
			if ctx.Err() == nil {
				r.Log.ErrorContext(ctx, "heartbeat failed", "error", err)
			}
			continue
		}
		r.tellRecovered(ctx, recovered)
		r.share(ctx)
	}
}

// share keeps to this worker's share of the rates. They are divided by all that run, and not
// booked email by email: what one leaves unused, others take when they claim its emails.
func (r *attachment) share(ctx context.Context) {
	ctx, stop := context.WithTimeout(ctx, storeTimeout)
	defer stop()
	s, err := r.Store.Share(ctx, r.id, deadAfter, r.throttle.slowedTo())
	if err != nil { // the heartbeat tells that the store fails
		return
	}
	r.throttle.share(time.Now(), s)
}

func (r *attachment) tellRecovered(ctx context.Context, recovered Recovered) {
	if recovered != (Recovered{}) {
		r.Log.WarnContext(ctx, "recovered messages from a dead worker", "claimed", recovered.Claimed, "uncertain", recovered.Uncertain)
	}
}

// troubled records and logs that the mail server is unreachable, or reachable again.
func (r *attachment) troubled(ctx context.Context, t Trouble) {
	if err := r.Store.Trouble(ctx, r.id, t); err != nil {
		r.Log.ErrorContext(ctx, "cannot record delivery problem", "error", err)
	}
	wait := time.Until(t.Until).Round(time.Second)
	switch {
	case t == (Trouble{}):
		r.Log.InfoContext(ctx, "mail server is reachable again")
	case wait == time.Second || wait == maxOpen: // only the first and the longest waits are logged
		r.Log.WarnContext(ctx, "mail server is unreachable", "error", t.Reason, "since", t.Since, "again_in", wait)
	}
}

func (w *Worker) connections() int {
	if w.Connections > 0 {
		return w.Connections
	}
	return 4
}

// ahead is how many emails of digests are claimed while others are being sent.
func (w *Worker) ahead() int { return min(max(40, 10*w.connections()), 500) }

func (w *Worker) grace() time.Duration {
	if w.Grace > 0 {
		return w.Grace
	}
	return 30 * time.Second
}

func (w *Worker) onUncertain() OnUncertain {
	if w.OnUncertain == "" {
		return Resend
	}
	return w.OnUncertain
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }
