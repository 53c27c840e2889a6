package newsletter

import (
	"context"
	"fmt"
	"runtime"
	"time"
)

// recorder is the group-commit writer: the entries of all connections go through one
// goroutine, which takes one, drains the others that wait, stores them in one durable
// transaction and then answers them. A lone entry costs one commit; under load many
// share it.
type recorder struct {
	store   OutboxStore
	worker  string
	entries chan pending
	// failed is called when entries can't be stored; every entry after that is
	// refused with the same error.
	failed func(error)
	err    error
	// quiet is called when every submitted entry is stored.
	quiet func()
}

type pending struct {
	entry Entry
	done  chan<- answer
}

type answer struct {
	action Action
	err    error
}

// How often and how long entries are tried to be stored, and how long it waits in between
// at most.
const (
	recordTries = 10
	recordFor   = 75 * time.Second
	recordAgain = time.Second
)

// maxEntries is how many entries share a transaction at most.
const maxEntries = 200

func newRecorder(store OutboxStore, worker string, failed func(error), quiet func()) *recorder {
	return &recorder{store: store, worker: worker, entries: make(chan pending, maxEntries), failed: failed, quiet: quiet}
}

// run stores entries until the channel is closed. ctx must outlive the senders: what
// was sent must be recorded even while the program shuts down.
func (r *recorder) run(ctx context.Context) {
	for first := range r.entries {
		waiting := []pending{first}
		runtime.Gosched() // let goroutines that are about to submit do so first
	drain:
		for len(waiting) < maxEntries {
			select {
			case next, ok := <-r.entries:
				if !ok {
					break drain
				}
				waiting = append(waiting, next)
			default:
				break drain
			}
		}
		r.commit(ctx, waiting)
		if len(r.entries) == 0 {
			r.quiet()
		}
	}
}

func (r *recorder) commit(ctx context.Context, waiting []pending) {
	entries := make([]Entry, len(waiting))
	for i, w := range waiting {
		entries[i] = w.entry
	}
	actions := r.write(ctx, entries)
	for i, w := range waiting {
		if r.err != nil {
			w.done <- answer{ActionDrop, r.err}
		} else {
			w.done <- answer{actions[i], nil}
		}
	}
}

// write stores entries with retries: a result that is lost is an email sent twice.
// It tries for some ten seconds of errors, or 80 seconds of timeouts, and at least every
// second in between, so that it goes on as soon as the store is back. Then it counts
// as failed.
func (r *recorder) write(ctx context.Context, entries []Entry) []Action {
	if r.err != nil {
		return nil
	}
	began, wait := time.Now(), 100*time.Millisecond
	for try := 1; ; try++ {
		actions, err := r.record(ctx, entries)
		switch {
		case err == nil && len(actions) == len(entries):
			return actions
		case err == nil:
			err = fmt.Errorf("the outbox answered %d of %d entries", len(actions), len(entries))
		}
		if try == recordTries || time.Since(began) > recordFor {
			r.err = fmt.Errorf("record results: %w", err)
			r.failed(r.err)
			return nil
		}
		time.Sleep(wait)
		wait = min(4*wait, recordAgain)
	}
}

func (r *recorder) record(ctx context.Context, entries []Entry) ([]Action, error) {
	ctx, stop := context.WithTimeout(ctx, storeTimeout)
	defer stop()
	return r.store.Record(ctx, r.worker, entries)
}

// submit queues an entry and returns a channel for its answer, sent when it is durable.
// Entries are stored in the order of submission.
func (r *recorder) submit(e Entry) <-chan answer {
	done := make(chan answer, 1)
	r.entries <- pending{e, done}
	return done
}
