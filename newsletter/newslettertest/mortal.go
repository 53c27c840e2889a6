package newslettertest

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/scaledbydesign/insights/newsletter"
)

// mortal is the store and the mail server of one process: after the process is killed,
// nothing that it does has any effect.
type mortal struct {
	newsletter.OutboxStore
	s    *season
	mu   sync.RWMutex
	dead bool
}

var errDead = errors.New("killed")

func (m *mortal) die() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.dead = true
}

func (m *mortal) gone() bool {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.dead
}

func (m *mortal) Record(ctx context.Context, worker string, entries []newsletter.Entry) ([]newsletter.Action, error) {
	if m.gone() {
		return nil, errDead
	}
	actions, err := m.OutboxStore.Record(ctx, worker, entries)
	if m.gone() { // killed between the commit and its answer
		return nil, errDead
	}
	return actions, err
}

func (m *mortal) Attach(ctx context.Context, worker string, ttl time.Duration, policy newsletter.OnUncertain) (newsletter.Recovered, error) {
	if m.gone() {
		return newsletter.Recovered{}, errDead
	}
	return m.OutboxStore.Attach(ctx, worker, ttl, policy)
}

func (m *mortal) Detach(ctx context.Context, worker string) error {
	if m.gone() {
		return errDead
	}
	return m.OutboxStore.Detach(ctx, worker)
}

func (m *mortal) ClaimDeliveries(ctx context.Context, worker string, digest int64, limit int) ([]newsletter.Task, error) {
	if m.gone() {
		return nil, errDead
	}
	return m.OutboxStore.ClaimDeliveries(ctx, worker, digest, limit)
}

func (m *mortal) Open(ctx context.Context) (newsletter.Session, error) {
	session, err := m.s.server.Open(ctx)
	return mortalSession{session, m}, err
}

type mortalSession struct {
	newsletter.Session
	m *mortal
}

func (c mortalSession) Send(ctx context.Context, e newsletter.Envelope, message []byte) newsletter.Outcome {
	if c.m.gone() {
		return newsletter.Outcome{Kind: newsletter.NotSent, Broken: true}
	}
	outcome := c.Session.Send(ctx, e, message)
	if outcome.Kind == newsletter.Unknown || c.m.gone() {
		c.m.s.doubtful(e.To, message)
	}
	return outcome
}
