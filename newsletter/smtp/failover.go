package smtp

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"strconv"
	"sync"
	"time"

	"github.com/scaledbydesign/insights/newsletter"
	"github.com/scaledbydesign/insights/newsletter/rfc5322"
)

// Failover is several relays in the order in which they are wanted: the first that
// can be opened takes the message. One that could not be opened is skipped for a
// minute, so that its time-out does not hold up every session; after it, one Open
// at a time finds out whether it is back. It is safe for concurrent use.
type Failover struct {
	Relays []*Relay
	Log    *slog.Logger // logs when one is skipped and when it is back; nil = silent

	mu   sync.Mutex
	down []time.Time // until when each is skipped; zero: it is not
}

var _ newsletter.Transport = (*Failover)(nil)

const leftOut = time.Minute

// Open implements newsletter.Transport. Its error joins what each relay said.
func (f *Failover) Open(ctx context.Context) (newsletter.Session, error) {
	if len(f.Relays) == 0 {
		return nil, errors.New("smtp: no mail server is configured; set INSIGHTS_SMTP_HOST")
	}
	var faults []error
	for _, i := range f.order() {
		session, err := f.Relays[i].Open(ctx)
		if err == nil {
			f.set(ctx, i, time.Time{}, nil)
			return session, nil
		}
		if ctx.Err() != nil {
			return nil, err // which may say nothing of the relay
		}
		f.set(ctx, i, time.Now().Add(leftOut), err)
		faults = append(faults, err)
	}
	return nil, errors.Join(faults...)
}

// order is which relays to try: those that are skipped come last, since a message
// that waits gains nothing by it. A goroutine that tries a skipped one keeps the
// others from it meanwhile.
func (f *Failover) order() (order []int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.down == nil {
		f.down = make([]time.Time, len(f.Relays))
	}
	now, found := time.Now(), false
	var last []int
	for i := range f.Relays {
		if now.Before(f.down[i]) {
			last = append(last, i)
			continue
		}
		order = append(order, i)
		if f.down[i].IsZero() {
			found = true
		} else if !found { // and so it is tried
			f.down[i] = now.Add(leftOut)
		}
	}
	return append(order, last...)
}

// set leaves a relay out until then, because of err, or takes it back.
func (f *Failover) set(ctx context.Context, i int, until time.Time, err error) {
	f.mu.Lock()
	was := f.down[i]
	f.down[i] = until
	f.mu.Unlock()
	switch relay := net.JoinHostPort(f.Relays[i].Host, strconv.Itoa(f.Relays[i].Port)); {
	case f.Log == nil || was.IsZero() == until.IsZero():
	case until.IsZero():
		f.Log.InfoContext(ctx, "relay reachable again", "relay", relay)
	default:
		f.Log.WarnContext(ctx, "relay unreachable; skipping it", "relay", relay, "error", rfc5322.OneLine(err.Error()))
	}
}
