package websub

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/url"
	"slices"
	"sync"
	"time"
)

// Hub is a WebSub hub for topics of its own. Its fields are set once. Accept and
// Changed may be called by any number of goroutines, also while Run is running,
// which is called once.
type Hub struct {
	URL    string // its address, as documents link to it
	Topics Topics
	Store  Store
	Client Client
	Limits Limits // zero values: DefaultLimits
	Calls  int    // deliveries at once, and a quarter as many verifications; 0 = 64
	Log    *slog.Logger

	// Behind, when set, reports whether another process has newer content. Pushes are left
	// to that one.
	Behind func() bool
	// Wake, when set, returns a channel that is closed at the next change of the
	// store, so that what another process did is seen at once.
	Wake func() <-chan struct{}

	asked, marked, changed bell
}

const (
	verifyWithin  = 10 * time.Second // a call to verify
	deliverWithin = 20 * time.Second // a call to deliver
	claimFor      = time.Minute      // longer than both
	stopWithin    = 5 * time.Second  // calls under way when Run is told to stop
	troubleWaits  = time.Second      // after an error of the store
	recordWithin  = 10 * time.Second
	turnWaits     = 100 * time.Millisecond
	behindWaits   = time.Second // while another process has newer content
)

// Accept takes a form that a subscriber posted. A *RefusedError says what is wrong
// with it, ErrFull that there is no room, ErrTooMany that its sender asks for too much.
// Otherwise the request is kept, and verified while Run runs. Until then it changes
// nothing.
//
// A publisher's ping about a topic of ours is taken and changes nothing: the hub
// sees its topics' content itself, so a ping could only make it work for nothing.
func (h *Hub) Accept(ctx context.Context, from Asker, form url.Values) error {
	if Mode(form.Get("hub.mode")) == publish {
		topics, err := updated(form)
		if slices.ContainsFunc(topics, func(topic string) bool { known, _ := h.Topics.Known(topic); return !known }) {
			return errUnknown
		}
		return err
	}
	r, err := parse(form)
	if err != nil {
		return err
	}
	// Nothing is rendered for a stranger who has confirmed nothing.
	var known bool
	known, r.OnDemand = h.Topics.Known(r.Topic)
	if r.Mode != Unsubscribe && !known { // such as the former address of a feed
		return errUnknown
	}
	if err := h.Client.Check(r.Callback); err != nil {
		return refuse("hub.callback: %v", err)
	}
	r.Asker, r.At = from.named(), time.Now()
	limits := h.Limits.orDefault()
	if err := h.Store.Ask(ctx, r, func(f Facts) Decision {
		if !known && !f.Subscribed {
			return Decision{Refuse: errUnknown}
		}
		return limits.Decide(r, f)
	}); err != nil {
		return fmt.Errorf("store a request from %s: %w", r.Host, err)
	}
	h.asked.ring()
	return nil
}

var errUnknown = refuse("hub.topic is not a feed of this site: send exactly the URL of the feed's rel=self link")

// Changed tells the hub that topics may have new content.
func (h *Hub) Changed() { h.changed.ring() }

// Run verifies and delivers until ctx is done. It then gives calls under way a few
// seconds, and returns nil.
func (h *Hub) Run(ctx context.Context) error {
	for ctx.Err() == nil {
		err := h.Store.Recover(ctx)
		if err == nil {
			break
		}
		h.trouble(ctx, "release claims", err)
		pause(ctx, troubleWaits)
	}
	calls, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	defer context.AfterFunc(ctx, func() { time.AfterFunc(stopWithin, stop) })()

	width := cmp.Or(h.Calls, 64)
	var parts sync.WaitGroup
	parts.Go(func() { h.follow(ctx) })
	parts.Go(func() {
		work(ctx, calls, h, lane[Request, TriedRequest]{
			width: max(width/4, 4), bell: &h.asked, next: h.Store.NextRequest, turn: h.turnRequests,
			slow: func(r Request) bool { return r.Slow }, do: h.verify,
		})
	})
	parts.Go(func() {
		work(ctx, calls, h, lane[Push, TriedPush]{
			width: width, pace: pushPace, bell: &h.marked, rests: h.Behind, next: h.Store.NextPush, turn: h.Store.TurnPushes,
			slow: func(p Push) bool { return p.Slow }, fresh: func(p Push) bool { return p.New }, do: h.deliver,
		})
	})
	parts.Wait()
	return nil
}

// follow makes due what subscribers lack, at the start and after each change.
func (h *Hub) follow(ctx context.Context) {
	for ctx.Err() == nil {
		if behind(h.Behind) {
			pause(ctx, behindWaits)
			continue
		}
		if err := h.markAll(ctx); err != nil {
			h.trouble(ctx, "find new content", err)
			pause(ctx, troubleWaits)
			continue
		}
		select {
		case <-ctx.Done():
		case <-h.changed.wait():
		}
	}
}

func (h *Hub) markAll(ctx context.Context) error {
	topics, err := h.Store.Topics(ctx)
	if err != nil {
		return err
	}
	// Those who follow what is there wait for nobody who has others made.
	var there, made []string
	for _, topic := range topics {
		if known, onDemand := h.Topics.Known(topic); known && !onDemand {
			there = append(there, topic)
		} else {
			made = append(made, topic)
		}
	}
	var faults []error
	for _, topic := range slices.Concat(there, made) {
		faults = append(faults, h.mark(ctx, topic))
		h.marked.ring()
	}
	return errors.Join(faults...)
}

func (h *Hub) mark(ctx context.Context, topic string) error {
	c, err := h.Topics.Content(ctx, topic)
	if err != nil && !errors.Is(err, ErrUnknownTopic) {
		return err
	}
	return h.Store.Mark(ctx, topic, c.Version, time.Now())
}

func behind(ask func() bool) bool { return ask != nil && ask() }

// trouble reports an error of the store or of the topics: nothing is lost by it,
// since what could not be done stays due.
func (h *Hub) trouble(ctx context.Context, what string, err error) {
	if ctx.Err() == nil {
		h.Log.ErrorContext(ctx, "hub operation failed", "operation", what, "error", err)
	}
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// backoff is how long to wait after so many failures: doubled by each, spread by
// a quarter to both sides, so that those who failed together don't come together.
func backoff(failures int, first, longest time.Duration) time.Duration {
	wait := longest
	if failures < 30 {
		wait = min(longest, first<<(failures-1))
	}
	return time.Duration((0.75 + rand.Float64()/2) * float64(wait))
}
