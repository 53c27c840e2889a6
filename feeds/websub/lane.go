package websub

import (
	"context"
	"errors"
	"time"
)

const (
	// pushPace is how many pushes begin in a second: a site of 2,000 subscriptions is done in
	// eight seconds, and sending goes on beside it.
	pushPace  = 250
	paceWaits = 20 * time.Millisecond
	slowAfter = 2 * time.Second // a call that takes longer shows its host to be slow
	gatherFor = 20 * time.Millisecond
)

// errCrowded cancels a call of a host that turned out to be slow, when there are enough of
// those.
var errCrowded = errors.New("made way for faster hosts")

// lane works off one kind of what is due, a few at a time. A quarter of it is for hosts
// that failed or were slow last time, and they have no more. Hosts of which nobody knows
// yet have half at most.
type lane[T, O any] struct {
	width int
	pace  float64     // calls a second that it begins at most, beside those to slow hosts; 0 = no limit
	bell  *bell       // rings when there may be more
	rests func() bool // reports whether it begins nothing for now; nil: it never does
	next  func(context.Context) (time.Time, error)
	turn  func(context.Context, []O, Claim) ([]T, error) // records what has ended, and claims
	slow  func(T) bool
	fresh func(T) bool // nil: none is
	do    func(context.Context, T) O
}

// calling is a call under way.
type calling[O any] struct {
	slow    bool // it is one of the slow quarter
	fresh   bool // it is one of those of which nobody knows
	cancel  context.CancelCauseFunc
	outcome O
}

// working is a lane at work.
type working[T, O any] struct {
	lane[T, O]
	hub         *Hub
	ended       chan *calling[O]
	late        chan *calling[O]
	over        chan struct{} // closed when nobody listens any more
	running     int           // calls
	slow, fresh int           // of them those in the slow quarter, and those of which nobody knows
	done        []O           // not yet recorded
	failing     time.Time     // since when they can't be
	saved       float64       // calls that the pace allows now, as many as the lane is wide at most
	savedAt     time.Time
}

// work runs a lane until ctx is done and all that it began has ended and is recorded. The
// calls themselves end with calls.
func work[T, O any](ctx, calls context.Context, h *Hub, l lane[T, O]) {
	w := &working[T, O]{
		lane: l, hub: h,
		ended: make(chan *calling[O], l.width), late: make(chan *calling[O], l.width), over: make(chan struct{}),
	}
	defer close(w.over)
	for {
		var elsewhere, rung, stopped <-chan struct{}
		var due <-chan time.Time
		if stopping := ctx.Err() != nil; !stopping {
			stopped = ctx.Done()
			if w.running < w.width && h.Wake != nil {
				elsewhere = h.Wake() // taken before looking, so that no change is missed
			}
			if w.running < w.width {
				rung = l.bell.wait()
			}
			due = w.look(ctx, calls)
		} else {
			w.look(ctx, calls)
			if w.running == 0 {
				return
			}
		}
		select {
		case <-stopped:
		case c := <-w.ended:
			w.end(c)
			w.gather()
		case c := <-w.late:
			w.overtake(c)
		case <-rung:
		case <-elsewhere:
		case <-due:
		}
	}
}

// look records what has ended, begins what is due and has room unless ctx is done, and
// returns when to look again. What can't be recorded is recorded with what ends next; it is
// claimed until its time is over, and then due again.
func (w *working[T, O]) look(ctx, calls context.Context) (again <-chan time.Time) {
	now := time.Now()
	c := Claim{Now: now, Until: now.Add(claimFor)}
	rests := behind(w.rests)
	if ctx.Err() == nil && !rests {
		c.Limit, c.Slow = w.width-w.share()-(w.running-w.slow), w.share()-w.slow
		w.save(now)
		c.Limit = min(c.Limit, w.allowed())
		c.New = max(0, min(c.Limit, max(w.width/2, 1)-w.fresh))
	}
	room := c.Limit+c.Slow > 0
	if !room && len(w.done) == 0 {
		if rests {
			return time.After(behindWaits)
		}
		return w.paced()
	}
	limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordWithin)
	defer cancel()
	claimed, err := w.turn(limited, w.done, c)
	switch {
	case err == nil:
		w.done, w.failing = nil, time.Time{}
	case w.failing.IsZero():
		w.failing = now
	case now.Sub(w.failing) > claimFor: // their claims have run out
		w.done, w.failing = nil, time.Time{}
	}
	for _, t := range claimed {
		if !w.lane.slow(t) {
			w.saved--
		}
		w.begin(calls, t)
	}
	var next time.Time
	if err == nil && room {
		next, err = w.next(limited)
	}
	switch {
	case err != nil:
		w.hub.trouble(ctx, "find due pushes and record outcomes", err)
		return time.After(troubleWaits)
	case next.IsZero():
		return nil
	}
	// What is due and was not claimed waits for its host's turn, or for the pace.
	if again := w.paced(); again != nil && !next.After(now) {
		return again
	}
	return time.After(max(time.Until(next), turnWaits))
}

// paced is when to look again where the pace allows nothing now; nil where it does.
func (w *working[T, O]) paced() <-chan time.Time {
	if w.pace == 0 || w.saved >= 1 {
		return nil
	}
	return time.After(paceWaits)
}

// save adds what the pace has allowed since.
func (w *working[T, O]) save(now time.Time) {
	if w.savedAt.IsZero() {
		w.saved = float64(w.width)
	} else {
		w.saved = min(float64(w.width), w.saved+w.pace*now.Sub(w.savedAt).Seconds())
	}
	w.savedAt = now
}

// allowed is how many calls may begin now by the pace.
func (w *working[T, O]) allowed() int {
	if w.pace == 0 {
		return w.width
	}
	return max(0, int(w.saved))
}

// share is how many calls slow hosts have.
func (w *working[T, O]) share() int { return max(w.width/4, 1) }

func (w *working[T, O]) begin(calls context.Context, t T) {
	c := &calling[O]{slow: w.lane.slow(t), fresh: w.lane.fresh != nil && w.lane.fresh(t)}
	w.count(c, 1)
	var of context.Context
	of, c.cancel = context.WithCancelCause(calls)
	late := time.AfterFunc(slowAfter, func() {
		select {
		case w.late <- c:
		case <-of.Done():
		case <-w.over:
		}
	})
	go func() {
		c.outcome = w.do(of, t)
		late.Stop()
		c.cancel(nil)
		w.ended <- c
	}()
}

// count counts a call in, or out.
func (w *working[T, O]) count(c *calling[O], by int) {
	w.running += by
	if c.slow {
		w.slow += by
	}
	if c.fresh {
		w.fresh += by
	}
}

// overtake moves a call that takes long to the slow quarter. If that is full, the call is
// made again when there is room, so that slow hosts never take the places of others.
func (w *working[T, O]) overtake(c *calling[O]) {
	switch {
	case c.slow:
	case w.slow < w.share():
		w.count(c, -1)
		c.slow, c.fresh = true, false
		w.count(c, 1)
	default:
		c.cancel(errCrowded)
	}
}

func (w *working[T, O]) end(c *calling[O]) {
	w.count(c, -1)
	w.done = append(w.done, c.outcome)
}

// gather waits a moment for other calls to end: what has ended is recorded together.
func (w *working[T, O]) gather() {
	enough := time.After(gatherFor)
	for w.running > 0 {
		select {
		case c := <-w.ended:
			w.end(c)
		case c := <-w.late:
			w.overtake(c)
		case <-enough:
			return
		}
	}
}
