package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/scaledbydesign/insights/cmd/insights/internal/database"
	"github.com/scaledbydesign/insights/newsletter"
)

// progress is how far something is that is waited for.
type progress struct {
	total, ended, failed int
	waits                string // why nothing goes on until somebody does something
	done                 bool
	err                  error
}

func (p *program) digestProgress(n *newsroom, id int64) func(context.Context) (progress, error) {
	return func(ctx context.Context) (progress, error) {
		d, err := n.db.Glance(ctx, id)
		if err != nil {
			return progress{}, err
		}
		g := progress{total: d.Readers, failed: d.Counts[newsletter.Failed]}
		for state, n := range d.Counts {
			if state.Terminal() {
				g.ended += n
			}
		}
		if time.Now().Before(d.NotBefore) {
			g.waits = fmt.Sprintf("digest %d goes out at %s", id, moment(d.NotBefore, n.config.zone()))
		}
		switch d.State {
		case newsletter.DigestDone:
			g.done = true
		case newsletter.DigestPaused:
			g.waits = fmt.Sprintf("digest %d is paused: %s; go on with: insights digest resume %[1]d", id, dash(string(d.Reason)))
		case newsletter.DigestFailed, newsletter.DigestCancelled:
			g.done, g.err = true, fmt.Errorf("digest %d is %s: %s", id, d.State, dash(string(d.Reason)))
		}
		return g, nil
	}
}

// await waits until look says done. When nothing sends from this database, or no
// longer does, this process sends meanwhile.
func (p *program) await(ctx context.Context, n *newsroom, what string, look func(context.Context) (progress, error)) error {
	background, stop := context.WithCancel(ctx)
	defer stop()
	ended := make(chan error, 2)
	go func() { ended <- n.db.Watch(background) }()
	go func() { ended <- p.sendMeanwhile(background, n) }()
	followed := make(chan error, 1)
	go func() { followed <- p.follow(background, n, what, look) }()
	var result error
	left := 2
	select {
	case result = <-followed:
		stop()
	case result = <-ended: // of itself: it could not go on
		left--
		stop()
		if err := <-followed; result == nil {
			result = err
		}
	}
	for ; left > 0; left-- {
		result = errors.Join(result, <-ended)
	}
	return errors.Join(result, n.db.UnlockSender())
}

// takeOverAfter is how long nothing must have sent before this process does in its
// place: a daemon that is being started again comes first.
const takeOverAfter = 5 * time.Second

// sendMeanwhile sends until ctx is done, from the moment that nobody else does.
func (p *program) sendMeanwhile(ctx context.Context, n *newsroom) error {
	turn := func() error {
		if n.db.SharesSending() && n.running(ctx) {
			return database.ErrLocked
		}
		return n.db.LockSender()
	}
	err := turn()
	for silent := time.Duration(0); errors.Is(err, database.ErrLocked); {
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(time.Second):
		}
		switch {
		case n.running(ctx):
			silent = 0
		case silent == 0:
			silent = time.Second
			p.out.note("nothing sends any more: start insights serve, or wait: this command goes on in %s", duration(takeOverAfter))
		case silent < takeOverAfter:
			silent += time.Second
		default:
			err, silent = turn(), 0
		}
	}
	if err != nil {
		return err
	}
	worker, err := n.worker(ctx, p)
	if err != nil {
		return err
	}
	return worker.Run(ctx)
}

const (
	looksEvery  = 200 * time.Millisecond // at most, however much changes
	noticeEvery = 10 * time.Second       // a line of progress where nobody watches
)

// follow looks again at each change, and shows how far it is: in place on a
// terminal, else a line now and then. What keeps it from going on is said once.
func (p *program) follow(ctx context.Context, n *newsroom, what string, look func(context.Context) (progress, error)) error {
	meter := meter{what: what, out: &p.out, terminal: isTerminal(p.out.stderr)}
	for {
		changed := n.db.Changed()
		g, err := look(ctx)
		if err != nil && ctx.Err() == nil {
			return err
		}
		if err == nil {
			if g.waits == "" && !g.done {
				g.waits = n.obstacle(ctx)
			}
			meter.show(g, time.Now())
			if g.done {
				return g.err
			}
		}
		enough := time.After(time.Second)
		select {
		case <-ctx.Done():
			return &coded{fmt.Errorf("%s goes on: see insights digest list", what), exitPartly, false}
		case <-time.After(looksEvery):
		}
		select {
		case <-ctx.Done():
		case <-changed:
		case <-enough:
		}
	}
}

// obstacle is why nothing can be sent just now, or "".
func (n *newsroom) obstacle(ctx context.Context) string {
	if reason, _, err := n.db.Held(ctx); err == nil && reason != "" {
		return fmt.Sprintf("sending is held: %s; look, then: insights digest release", reason)
	}
	troubles, err := n.db.Troubles(ctx)
	if err != nil || len(troubles) == 0 {
		return ""
	}
	t := troubles[0]
	return fmt.Sprintf("since %s: %s", moment(t.Since, n.config.zone()), t.Reason)
}

// meter shows progress.
type meter struct {
	what     string
	out      *output
	terminal bool

	began, shown time.Time
	before       int    // what had ended already when it began
	said         string // the last obstacle
}

func (m *meter) show(g progress, now time.Time) {
	if m.began.IsZero() {
		m.began, m.before = now, g.ended
	}
	if g.waits != m.said {
		m.said = g.waits
		if m.terminal {
			fmt.Fprint(m.out.stderr, "\r\x1b[K")
		}
		if g.waits != "" {
			m.out.note("%s", g.waits)
		} else {
			m.out.note("%s goes on", m.what)
		}
	}
	line := m.line(g, now)
	switch {
	case m.terminal && g.done:
		fmt.Fprintf(m.out.stderr, "\r\x1b[K%s\n", line)
	case m.terminal:
		fmt.Fprintf(m.out.stderr, "\r\x1b[K%s", line)
	case !m.out.json && (g.done || now.Sub(m.shown) >= noticeEvery):
		m.out.note("%s", line)
		m.shown = now
	}
}

// line is "digest 7: 1,200 of 20,000, 400 a second, 47s left, 3 failed".
func (m *meter) line(g progress, now time.Time) string {
	rate := float64(g.ended-m.before) / max(now.Sub(m.began).Seconds(), 0.1)
	line := fmt.Sprintf("%s: %s of %s, %.0f a second", m.what, thousands(g.ended), thousands(g.total), rate)
	if left := g.total - g.ended; left > 0 && rate > 0 {
		if span := time.Duration(float64(left) / rate * float64(time.Second)).Round(time.Second); span >= time.Second && span < 1000*time.Hour {
			line += fmt.Sprintf(", %s left", span)
		}
	}
	return line + fmt.Sprintf(", %s failed", thousands(g.failed))
}
