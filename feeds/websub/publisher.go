package websub

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"time"
)

// Pinger tells a hub elsewhere that a topic has new content.
type Pinger interface {
	// Ping returns a *StatusError if the hub answered, but with a refusal.
	Ping(ctx context.Context, hub, topic string) error
}

// StatusError is a hub's refusal: an HTTP status, and the words that came with it.
type StatusError struct {
	Status int
	Words  string
}

func (e *StatusError) Error() string {
	if e.Words == "" {
		return fmt.Sprintf("the hub answered %d", e.Status)
	}
	return fmt.Sprintf("the hub answered %d: %s", e.Status, e.Words)
}

// PingStore remembers what a hub elsewhere was told.
type PingStore interface {
	// Pinged returns the version of each topic that the hub was last told of.
	Pinged(ctx context.Context, hub string) (map[string]string, error)
	// SetPinged records one.
	SetPinged(ctx context.Context, hub, topic, version string) error
}

// Publisher tells a hub elsewhere about every topic whose content has changed. Its
// fields are set once; Run is called once.
type Publisher struct {
	Hub    string                   // its address
	Topics func() map[string]string // each topic and its version
	Store  PingStore
	Pinger Pinger
	Log    *slog.Logger
	// Behind, when set, reports whether another process has newer content. The hub is told
	// by that one.
	Behind func() bool

	changed bell
}

// pingWithin bounds one ping; pingFirst and pingLongest how long to wait after
// pings that failed.
const (
	pingWithin  = 20 * time.Second
	pingFirst   = 5 * time.Second
	pingLongest = time.Hour
)

// Changed tells the publisher that topics may have new content.
func (p *Publisher) Changed() { p.changed.ring() }

// Run pings until ctx is done, and then returns nil. What the hub does not take is
// tried again, more and more seldom, for as long as it takes.
func (p *Publisher) Run(ctx context.Context) error {
	failures := 0
	for ctx.Err() == nil {
		if behind(p.Behind) {
			pause(ctx, behindWaits)
			continue
		}
		told, err := p.catchUp(ctx)
		if told > 0 {
			p.Log.InfoContext(ctx, "notified the hub of changes", "hub", hostOf(p.Hub), "topics", told)
			failures = 0
		}
		var again <-chan time.Time
		switch {
		case err == nil:
			failures = 0
		case ctx.Err() == nil:
			failures++
			wait := backoff(failures, pingFirst, pingLongest)
			again = time.After(wait)
			p.Log.WarnContext(ctx, "cannot notify the hub of changes", "hub", hostOf(p.Hub), "error", err, "again_in", wait.Round(time.Second))
		}
		select {
		case <-ctx.Done():
		case <-p.changed.wait():
		case <-again:
		}
	}
	return nil
}

// catchUp tells the hub what it was not told, and returns of how many topics. One
// that it refuses does not hold up the others.
func (p *Publisher) catchUp(ctx context.Context) (told int, err error) {
	before, err := p.Store.Pinged(ctx, p.Hub)
	if err != nil {
		return 0, err
	}
	topics := p.Topics()
	var faults []error
	for _, topic := range slices.Sorted(maps.Keys(topics)) {
		if before[topic] == topics[topic] {
			continue
		}
		err := p.ping(ctx, topic)
		if err == nil {
			told++
			err = p.Store.SetPinged(ctx, p.Hub, topic, topics[topic])
		}
		if err == nil {
			continue
		}
		faults = append(faults, fmt.Errorf("%s: %w", topic, err))
		if _, refused := errors.AsType[*StatusError](err); !refused {
			break // it does not answer: the others would only wait as long
		}
	}
	return told, errors.Join(faults...)
}

func (p *Publisher) ping(ctx context.Context, topic string) error {
	limited, cancel := context.WithTimeout(ctx, pingWithin)
	defer cancel()
	return p.Pinger.Ping(limited, p.Hub, topic)
}

// Outcome is what a hub elsewhere answered to a ping.
type Outcome struct {
	Topic string
	Err   error
}

// PingAll tells the hub of every topic, changed or not, and returns each answer.
func (p *Publisher) PingAll(ctx context.Context) []Outcome {
	topics := p.Topics()
	var outcomes []Outcome
	var silent error
	for _, topic := range slices.Sorted(maps.Keys(topics)) {
		err := silent
		if err == nil {
			err = p.ping(ctx, topic)
			if _, refused := errors.AsType[*StatusError](err); err != nil && !refused {
				silent = fmt.Errorf("not told: %w", err) // it does not answer: the others would only wait as long
			}
		}
		outcomes = append(outcomes, Outcome{topic, err})
	}
	return outcomes
}
