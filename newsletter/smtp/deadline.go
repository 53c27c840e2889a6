package smtp

import (
	"context"
	"net"
	"sync"
	"time"
)

// deadline bounds each step of one transaction in time and ends the transaction
// with its context. Once the final dot is out, the end of the context does not
// end the wait for the answer: it shortens it to the grace.
type deadline struct {
	conn  net.Conn
	grace time.Duration
	stop  func() bool

	mu      sync.Mutex
	ended   error     // why the context ended
	dotOut  bool      // only the last answer is missing
	until   time.Time // the deadline that is set
	settled bool      // the transaction is over; the connection is another's
}

func newDeadline(ctx context.Context, conn net.Conn, grace time.Duration) *deadline {
	p := &deadline{conn: conn, grace: grace, ended: ctx.Err()}
	p.stop = context.AfterFunc(ctx, func() { p.end(context.Cause(ctx)) })
	return p
}

// allow lets the next step take d. It fails when the context has ended.
func (p *deadline) allow(d time.Duration) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ended != nil {
		return p.ended
	}
	return p.wait(d)
}

// allowAnswer lets the answer to the final dot take d.
func (p *deadline) allowAnswer(d time.Duration) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.dotOut = true
	if p.ended != nil {
		d = min(d, p.grace)
	}
	return p.wait(d)
}

// wait sets the deadline; p.mu is held.
func (p *deadline) wait(d time.Duration) error {
	p.until = time.Now().Add(d)
	return p.conn.SetDeadline(p.until)
}

func (p *deadline) end(cause error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.settled {
		return
	}
	p.ended = cause
	if !p.dotOut {
		p.conn.SetDeadline(time.Unix(1, 0)) // wakes a read or write under way
	} else if time.Until(p.until) > p.grace {
		p.wait(p.grace)
	}
}

// cause is why the context ended, or nil.
func (p *deadline) cause() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.ended
}

// settle ends the watch over the context.
func (p *deadline) settle() {
	p.stop()
	p.mu.Lock()
	p.settled = true
	p.mu.Unlock()
}
