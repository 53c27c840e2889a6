package newsletter

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// feed claims emails with claim and passes them to the senders until ctx is done. It
// looks again at each change, and when bell receives.
func (r *attachment) feed(ctx context.Context, claim func(ctx context.Context, limit int) (worked bool, err error), bell <-chan struct{}) {
	for ctx.Err() == nil {
		// Taken before looking, so that a change in between is not missed.
		var wake <-chan struct{}
		if r.Wake != nil {
			wake = r.Wake()
		}
		trouble, isOpen, halfOpen := r.breaker.state(time.Now())
		if isOpen {
			select {
			case <-ctx.Done():
			case <-time.After(time.Until(trouble.Until)):
			}
			continue
		}
		limit := r.ahead()
		if halfOpen {
			limit = 1
			if err := r.pauseLate(ctx); err != nil && ctx.Err() == nil {
				r.Log.ErrorContext(ctx, "outbox failed", "error", err)
			}
		}
		worked, err := claim(ctx, limit)
		if err != nil && ctx.Err() == nil {
			r.Log.ErrorContext(ctx, "outbox failed", "error", err)
		}
		if worked && err == nil && !halfOpen {
			continue
		}
		wait := idleFor // a probe takes a moment, during which everything else waits
		if !halfOpen {
			wait = r.idle(ctx)
		}
		select {
		case <-ctx.Done():
		case <-wake:
		case <-bell:
		case <-time.After(wait):
		}
	}
}

// idle is how long to wait when there is nothing to do now.
func (r *attachment) idle(ctx context.Context) time.Duration {
	wait := idleFor
	if due, err := r.Store.NextDue(ctx); err == nil && !due.IsZero() {
		wait = min(wait, max(time.Until(due), 10*time.Millisecond))
	}
	return wait
}

// feedSingle claims single emails that have not been postponed yet.
func (r *attachment) feedSingle(ctx context.Context, limit int) (worked bool, err error) {
	return r.feedMessages(ctx, r.single, false, limit)
}

// feedAgain claims those that have: anybody can have some sent to where they are refused for
// now, and they don't go ahead of others.
func (r *attachment) feedAgain(ctx context.Context, limit int) (worked bool, err error) {
	return r.feedMessages(ctx, r.again, true, limit)
}

func (r *attachment) feedMessages(ctx context.Context, to chan<- Task, again bool, limit int) (worked bool, err error) {
	for overdue := true; overdue && ctx.Err() == nil; worked = true {
		tasks, err := r.Store.ClaimMessages(ctx, r.id, again, min(limit, 50))
		if err != nil {
			return worked, r.claimFailed(ctx, fmt.Errorf("claim messages: %w", err))
		}
		if len(tasks) == 0 {
			break
		}
		for i := range tasks {
			tasks[i].Deadline = r.Retry.deadline(tasks[i].Created)
			overdue = overdue && tasks[i].overdue(time.Now()) // which does not probe the server
		}
		r.hand(ctx, to, tasks)
	}
	return worked, nil
}

// feedDigests claims emails of the digests that are ready.
func (r *attachment) feedDigests(ctx context.Context, limit int) (worked bool, err error) {
	digests, err := r.Store.Ready(ctx)
	if err != nil {
		return false, fmt.Errorf("list ready digests: %w", err)
	}
	for _, d := range digests {
		if len(d.Withdrawn) > 0 && !d.Looked().IsZero() {
			again, err := r.Store.LookAgain(ctx, d.ID)
			if err != nil {
				return worked, fmt.Errorf("look at digest %d: %w", d.ID, err)
			}
			if again {
				r.Log.WarnContext(ctx, "digest needs approval again: an insight was withdrawn", "digest", d.ID)
				continue
			}
		}
		claimed, err := r.feedDigest(ctx, d, limit)
		if err != nil {
			return worked, err
		}
		if worked = worked || claimed; worked && limit == 1 {
			break
		}
	}
	return worked, nil
}

// turnLasts is how long one digest is fed before the worker looks at all of them again.
const turnLasts = time.Second

// feedDigest claims emails of one digest for a while, or finishes it.
func (r *attachment) feedDigest(ctx context.Context, d Digest, limit int) (worked bool, err error) {
	r.prepared.Begin(d)
	if r.Feedback != nil {
		r.Feedback.pauses.know(d.ID, d.Readers)
	}
	if d.State == DigestApproved {
		if r.Feedback != nil {
			r.Feedback.pauses.begin(d.ID)
		}
		// All of it is rendered before any of it is sent.
		if err := r.render(ctx, d); err != nil {
			return false, err
		}
		if err := r.Store.Start(ctx, d.ID); err != nil {
			return false, fmt.Errorf("start digest %d: %w", d.ID, err)
		}
		r.Log.InfoContext(ctx, "digest started", "digest", d.ID)
	}
	deadline := deadlineOf(&d, r.Schedules, r.Retry)
	for began := time.Now(); ctx.Err() == nil; worked = true {
		tasks, err := r.Store.ClaimDeliveries(ctx, r.id, d.ID, limit)
		if err != nil {
			return worked, r.claimFailed(ctx, fmt.Errorf("claim deliveries of digest %d: %w", d.ID, err))
		}
		if len(tasks) == 0 {
			break
		}
		if limit > 1 { // a probe may not get through
			if err := r.touch(ctx, d.ID); err != nil {
				return worked, err
			}
		}
		for i := range tasks {
			tasks[i].Deadline = deadline
		}
		r.hand(ctx, r.digests, tasks)
		if limit == 1 || time.Since(began) > turnLasts {
			return true, nil
		}
	}
	return worked, r.finish(ctx, d)
}

// claimFailed ends the attachment: emails may have been claimed despite the error, and
// detaching releases them.
func (r *attachment) claimFailed(ctx context.Context, err error) error {
	if ctx.Err() == nil {
		r.fail(err)
	}
	return err
}

// touchEvery is how often a digest's last activity is recorded.
const touchEvery = time.Minute

// touch records, at most once per touchEvery, that a digest is going out.
func (r *attachment) touch(ctx context.Context, digest int64) error {
	if time.Since(r.touched[digest]) < touchEvery {
		return nil
	}
	r.touched[digest] = time.Now()
	if err := r.Store.Touch(ctx, digest); err != nil {
		return fmt.Errorf("record activity of digest %d: %w", digest, err)
	}
	return nil
}

func (r *attachment) finish(ctx context.Context, d Digest) error {
	if r.refusals.Load() > 0 { // the last ones may pause it, and it is looked at again when they are done with
		return nil
	}
	done, err := r.Store.Finish(ctx, d.ID)
	if err != nil {
		return fmt.Errorf("finish digest %d: %w", d.ID, err)
	}
	if done {
		r.prepared.End(d.ID)
		delete(r.touched, d.ID)
		r.Log.InfoContext(ctx, "digest done", "digest", d.ID)
		if r.OnDone != nil {
			r.OnDone(d.ID)
		}
	}
	return nil
}

func (r *attachment) hand(ctx context.Context, to chan<- Task, tasks []Task) {
	for _, t := range tasks {
		select {
		case to <- t:
		case <-ctx.Done():
			return // Detach releases the rest
		}
		if t.Kind == DigestEmail {
			r.handed.Store(time.Now().UnixNano())
		}
	}
}

// render renders every variant of a digest, or fails the digest if one can't be
// rendered.
func (r *attachment) render(ctx context.Context, d Digest) error {
	for _, v := range d.Variants {
		_, _, err := r.prepared.of(ctx, d.ID, v.Number)
		if _, broken := errors.AsType[*renderError](err); broken {
			if failErr := r.Store.FailDigest(ctx, d.ID, Reason(oneLine(err.Error()))); failErr != nil {
				return fmt.Errorf("fail digest %d: %w", d.ID, failErr)
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}
