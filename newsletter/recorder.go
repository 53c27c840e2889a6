package newsletter

import (
	"context"
	"fmt"
	"runtime"
	"time"
)

// recorder is the group-commit writer: marks and results of all connections go
// through one goroutine, which takes one, drains what else waits, stores them in
// one durable transaction and then wakes those who wait. Alone an entry costs one
// commit; under load many share it.
type recorder struct {
	store   OutboxStore
	worker  string
	entries chan pending
	// failed is called when entries can't be stored; every entry after that is
	// refused with the same error.
	failed func(error)
	err    error
	// quiet is called when everything handed in is stored.
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

// batch is how many entries share a transaction at most.
const maxEntries = 200

func newRecorder(store OutboxStore, worker string, failed func(error), quiet func()) *recorder {
	return &recorder{store: store, worker: worker, entries: make(chan pending, maxEntries), failed: failed, quiet: quiet}
}

// run stores entries until the channel is closed. ctx must outlive the senders:
// what was sent is to be recorded even while the program shuts down.
func (r *recorder) run(ctx context.Context) {
	for first := range r.entries {
		waiting := []pending{first}
		runtime.Gosched() // whoever is about to hand in an entry does it first
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

// write stores entries, patiently: an outcome that is not stored is a mail sent
// twice. After some ten seconds of refusals, or a minute and a half of silence, the
// recorder counts as failed.
func (r *recorder) write(ctx context.Context, entries []Entry) []Action {
	if r.err != nil {
		return nil
	}
	for wait := 100 * time.Millisecond; ; wait *= 4 {
		actions, err := r.record(ctx, entries)
		switch {
		case err == nil && len(actions) == len(entries):
			return actions
		case err == nil:
			err = fmt.Errorf("the outbox answered %d of %d entries", len(actions), len(entries))
		}
		if wait > 10*time.Second {
			r.err = fmt.Errorf("record what became of mails: %w", err)
			r.failed(r.err)
			return nil
		}
		time.Sleep(wait)
	}
}

func (r *recorder) record(ctx context.Context, entries []Entry) ([]Action, error) {
	ctx, stop := context.WithTimeout(ctx, storeAnswers)
	defer stop()
	return r.store.Record(ctx, r.worker, entries)
}

// submit hands in an entry and returns where its answer comes when it is durable.
// Entries are stored in the order in which they are handed in.
func (r *recorder) submit(e Entry) <-chan answer {
	done := make(chan answer, 1)
	r.entries <- pending{e, done}
	return done
}
