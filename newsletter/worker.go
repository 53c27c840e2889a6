package newsletter

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
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
	Retry       Retry         // of mails the server put off
	OnUncertain OnUncertain   // "" = Resend
	Grace       time.Duration // for what is in flight when Run is told to stop; 0 = 30 s
	Log         *slog.Logger

	// Wake, when set, returns a channel that is closed at the next change of the
	// database, so that new work is seen at once rather than within a second.
	Wake func() <-chan struct{}
	// OnDone, when set, is told of each digest that is done.
	OnDone func(digest int64)
}

const (
	beatEvery = 2 * time.Second
	deadAfter = 15 * time.Second
	idleFor   = time.Second // without a Wake
)

// Run sends until ctx is done, then finishes what is in flight and gives back the
// rest. Mails that stand alone go before digests, older digests before newer.
//
// When the store fails for longer than a moment, Run lets go of everything and
// begins anew, as another process would after a crash, until the store is back.
func (w *Worker) Run(ctx context.Context) error {
	wait := time.Second
	for {
		began := time.Now()
		err := w.shift(ctx)
		if err == nil || ctx.Err() != nil {
			return err
		}
		if time.Since(began) > time.Minute {
			wait = time.Second
		}
		w.Log.ErrorContext(ctx, "outbox failed", "error", err, "again_in", wait)
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(wait):
		}
		wait = min(2*wait, time.Minute)
	}
}

// shift is one attachment to the outbox: until ctx is done (nil) or the store fails.
func (w *Worker) shift(ctx context.Context) error {
	ctx, end := context.WithCancel(ctx)
	defer end()
	id := strings.ToLower(rand.Text()[:16])
	r := &run{
		Worker:     w,
		id:         id,
		ledger:     newLedger(w.Store, id, end),
		tasks:      make(chan Task),
		stopping:   ctx.Done(),
		digests:    make(map[int64]Digest),
		renditions: make(map[renditionKey]Rendition),
	}
	return r.run(ctx)
}

// run is one shift of a Worker.
type run struct {
	*Worker
	id     string
	ledger *ledger
	tasks  chan Task

	stopping <-chan struct{} // closed when no new mail is to be started

	mu         sync.Mutex
	digests    map[int64]Digest // being sent
	renditions map[renditionKey]Rendition
}

type renditionKey struct {
	digest  int64
	variant int
}

func (r *run) run(ctx context.Context) error {
	recovered, err := r.Store.Attach(ctx, r.id, deadAfter, r.onUncertain())
	switch {
	case err != nil && ctx.Err() != nil:
		return nil // told to stop before it began
	case err != nil:
		return fmt.Errorf("attach to the outbox: %w", err)
	case recovered != (Recovered{}):
		r.Log.WarnContext(ctx, "took over mails of a worker that ended", "claimed", recovered.Claimed, "uncertain", recovered.Uncertain)
	}
	// Senders may finish what they began: their context outlives ctx by the grace.
	sending, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	grace := context.AfterFunc(ctx, func() { time.AfterFunc(r.grace(), stop) })
	defer grace()

	var ledger, senders, beats sync.WaitGroup
	ledger.Go(func() { r.ledger.run(context.WithoutCancel(ctx)) })
	for range r.connections() {
		senders.Go(func() { r.send(sending) })
	}
	beating, endBeats := context.WithCancel(sending)
	beats.Go(func() { r.beat(beating) })

	r.feed(ctx)
	close(r.tasks)
	senders.Wait()
	close(r.ledger.entries)
	ledger.Wait()
	endBeats()
	beats.Wait()
	if err := r.Store.Detach(context.WithoutCancel(ctx), r.id); err != nil {
		return errors.Join(r.ledger.err, fmt.Errorf("detach from the outbox: %w", err))
	}
	return r.ledger.err
}

func (r *run) beat(ctx context.Context) {
	ticker := time.NewTicker(beatEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		if recovered, err := r.Store.Attach(ctx, r.id, deadAfter, r.onUncertain()); err != nil {
			if ctx.Err() == nil {
				r.Log.ErrorContext(ctx, "heartbeat failed", "error", err)
			}
		} else if recovered != (Recovered{}) {
			r.Log.WarnContext(ctx, "took over mails of a worker that ended", "claimed", recovered.Claimed, "uncertain", recovered.Uncertain)
		}
	}
}

// feed claims mails and hands them to the senders until ctx is done.
func (r *run) feed(ctx context.Context) {
	for ctx.Err() == nil {
		// Taken before looking, so that a change in between is not missed.
		var wake <-chan struct{}
		if r.Wake != nil {
			wake = r.Wake()
		}
		worked, err := r.feedOnce(ctx)
		if err != nil && ctx.Err() == nil {
			r.Log.ErrorContext(ctx, "outbox failed", "error", err)
		}
		if worked && err == nil {
			continue
		}
		select {
		case <-ctx.Done():
		case <-wake:
		case <-time.After(r.idle(ctx)):
		}
	}
}

// idle is how long to wait when there is nothing to do now.
func (r *run) idle(ctx context.Context) time.Duration {
	wait := idleFor
	if due, err := r.Store.NextDue(ctx); err == nil && !due.IsZero() {
		wait = min(wait, max(time.Until(due), 10*time.Millisecond))
	}
	return wait
}

func (r *run) feedOnce(ctx context.Context) (worked bool, err error) {
	limit := max(20, 4*r.connections())
	messages, err := r.Store.ClaimMessages(ctx, r.id, limit)
	if err != nil {
		return false, fmt.Errorf("claim messages: %w", err)
	}
	if len(messages) > 0 {
		r.hand(ctx, messages)
		return true, nil
	}
	digests, err := r.Store.Ready(ctx)
	if err != nil {
		return false, fmt.Errorf("look for digests: %w", err)
	}
	for _, d := range digests {
		worked, err := r.feedDigest(ctx, d, limit)
		if worked || err != nil {
			return worked, err
		}
	}
	return false, nil
}

func (r *run) feedDigest(ctx context.Context, d Digest, limit int) (worked bool, err error) {
	if d.State == DigestApproved {
		// All of it is rendered before any of it is sent.
		if err := r.render(ctx, d); err != nil {
			return false, err
		}
		if err := r.Store.Start(ctx, d.ID); err != nil {
			return false, fmt.Errorf("start digest %d: %w", d.ID, err)
		}
		r.Log.InfoContext(ctx, "digest started", "digest", d.ID)
	}
	tasks, err := r.Store.ClaimDeliveries(ctx, r.id, d.ID, limit)
	if err != nil {
		return false, fmt.Errorf("claim deliveries of digest %d: %w", d.ID, err)
	}
	r.remember(d)
	if len(tasks) > 0 {
		r.hand(ctx, tasks)
		return true, nil
	}
	done, err := r.Store.Finish(ctx, d.ID)
	if err != nil {
		return false, fmt.Errorf("finish digest %d: %w", d.ID, err)
	}
	if done {
		r.forget(d.ID)
		r.Log.InfoContext(ctx, "digest done", "digest", d.ID)
		if r.OnDone != nil {
			r.OnDone(d.ID)
		}
	}
	return false, nil
}

func (r *run) hand(ctx context.Context, tasks []Task) {
	for _, t := range tasks {
		select {
		case r.tasks <- t:
		case <-ctx.Done():
			return // Detach gives back the rest
		}
	}
}

func (r *run) remember(d Digest) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.digests[d.ID] = d
}

func (r *run) forget(id int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.digests, id)
	for key := range r.renditions {
		if key.digest == id {
			delete(r.renditions, key)
		}
	}
}

// render renders every variant of a digest, or ends the digest if one can't be.
func (r *run) render(ctx context.Context, d Digest) error {
	for _, v := range d.Variants {
		_, err := r.rendition(ctx, d, v.Number)
		if _, broken := errors.AsType[*renderError](err); broken {
			if failErr := r.Store.FailDigest(ctx, d.ID, oneLine(err.Error())); failErr != nil {
				return fmt.Errorf("end digest %d: %w", d.ID, failErr)
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// letter makes a task's mail. A renderError will not go away by trying again.
func (r *run) letter(ctx context.Context, t Task) (Letter, error) {
	if t.Kind != DigestMail {
		letter, err := r.Writer.Single(t)
		if err != nil {
			return Letter{}, &renderError{err}
		}
		return letter, nil
	}
	r.mu.Lock()
	d := r.digests[t.Ref.Digest]
	r.mu.Unlock()
	rendition, err := r.rendition(ctx, d, t.Variant)
	if err != nil {
		return Letter{}, err
	}
	return r.Writer.Master(d, t.Variant, rendition).With(r.Writer.Copy(d, t.Subscriber)), nil
}

// rendition is a variant's words, from memory if they have been used before.
func (r *run) rendition(ctx context.Context, d Digest, number int) (Rendition, error) {
	key := renditionKey{d.ID, number}
	r.mu.Lock()
	rendition, ok := r.renditions[key]
	r.mu.Unlock()
	if ok {
		return rendition, nil
	}
	variant, err := r.variant(ctx, d, number)
	if err != nil {
		return Rendition{}, err
	}
	if rendition, err = r.Writer.rendition(ctx, r.Store, d, variant); err != nil {
		return Rendition{}, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.renditions) >= maxRenditions {
		clear(r.renditions)
	}
	r.renditions[key] = rendition
	return rendition, nil
}

// maxRenditions bounds the memory of rendered variants: at most 90 KB each.
const maxRenditions = 512

func (r *run) variant(ctx context.Context, d Digest, number int) (Variant, error) {
	for _, v := range d.Variants {
		if v.Number == number {
			return v, nil
		}
	}
	// One that was added since: a reader received some of it meanwhile.
	v, err := r.Store.Variant(ctx, d.ID, number)
	if err != nil {
		return Variant{}, fmt.Errorf("read variant %d of digest %d: %w", number, d.ID, err)
	}
	return v, nil
}

func (r *run) connections() int {
	if r.Connections > 0 {
		return r.Connections
	}
	return 4
}

func (r *run) grace() time.Duration {
	if r.Grace > 0 {
		return r.Grace
	}
	return 30 * time.Second
}

func (r *run) onUncertain() OnUncertain {
	if r.OnUncertain == "" {
		return Resend
	}
	return r.OnUncertain
}

// unmade settles a mail that could not be made: for good if its words are at
// fault, else it is tried again.
func (r *run) unmade(ctx context.Context, t Task, err error) {
	s := Settlement{Ref: t.Ref, State: Failed, Reason: oneLine(err.Error())}
	if _, broken := errors.AsType[*renderError](err); !broken {
		s.State, s.NextAt = Waiting, time.Now().Add(unmadeWaits)
	}
	r.Log.ErrorContext(ctx, "mail can't be made", "mail", t.Ref, "state", s.State, "error", err)
	r.settle(ctx, s)
}

// unmadeWaits is how long a mail waits when the store could not be read.
const unmadeWaits = 10 * time.Second

func (r *run) settle(ctx context.Context, s Settlement) {
	if err := r.ledger.settle(s); err != nil {
		// The row stays in flight and is found uncertain later: listed, not lost.
		r.Log.ErrorContext(ctx, "recording an outcome failed", "mail", s.Ref, "state", s.State, "error", err)
	}
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }
