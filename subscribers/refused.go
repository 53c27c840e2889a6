package subscribers

import (
	"context"
	"sync"
	"time"
)

// refusals counts what was refused until it is stored: a flood must cost no writing.
type refusals struct {
	mu    sync.Mutex
	count map[Limit]int
	told  map[Limit]int64 // the hour in which the log last told of a limit
}

// note counts a refusal, and tells the log of each limit once an hour.
func (r *Registry) note(ctx context.Context, a Attempt, d Decision) {
	if d.Limit == "" {
		return
	}
	refused := d.Verdict == Refuse || d.Verdict == Count || d.Verdict == Displace // then another one fell out
	limit := d.Limit
	if d.Verdict == Displace {
		limit = QueueFull
	}
	if !r.refused.add(limit, refused, a.At) || r.Log == nil {
		return
	}
	switch limit {
	case PerAddress:
	case PerClient:
		r.Log.WarnContext(ctx, "sign-up limit reached; the visitor was told to come back later", "limit", string(limit))
	case QueueFull:
		r.Log.ErrorContext(ctx, "too many sign-ups are waiting; some are refused", "limit", string(limit))
	default:
		r.Log.ErrorContext(ctx, "sign-up limit reached; confirmation emails wait (possible abuse)", "limit", string(limit), "domain", a.Address.Domain())
	}
}

// add counts a refusal, and reports whether it is the first of this hour to be told of.
func (r *refusals) add(limit Limit, refused bool, at time.Time) (first bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.count == nil {
		r.count, r.told = make(map[Limit]int), make(map[Limit]int64)
	}
	if refused {
		r.count[limit]++
	}
	hour := at.Unix() / 3600
	first = r.told[limit] != hour
	r.told[limit] = hour
	return first
}

// take returns what was counted, and begins anew.
func (r *refusals) take() map[Limit]int {
	r.mu.Lock()
	defer r.mu.Unlock()
	taken := r.count
	r.count = make(map[Limit]int)
	if r.told == nil {
		r.told = make(map[Limit]int64)
	}
	return taken
}

// SaveRefused stores how many sign-ups were refused since it was last called.
func (r *Registry) SaveRefused(ctx context.Context) error {
	counts := r.refused.take()
	if len(counts) == 0 {
		return nil
	}
	err := r.Store.SaveRefused(ctx, time.Now(), counts)
	if err != nil { // the next time
		r.refused.mu.Lock()
		defer r.refused.mu.Unlock()
		for limit, n := range counts {
			r.refused.count[limit] += n
		}
	}
	return err
}
