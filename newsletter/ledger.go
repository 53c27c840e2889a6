package newsletter

import (
	"context"
	"fmt"
	"runtime"
	"time"
)

// ledger is the group-commit writer: marks and settlements of all connections go
// through one goroutine, which takes one, drains what else waits, stores them in
// one durable transaction and then wakes those who wait. Alone an entry costs one
// commit; under load many share it.
type ledger struct {
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
	verdict Verdict
	err     error
}

// batch is how many entries share a transaction at most.
const batch = 200

func newLedger(store OutboxStore, worker string, failed func(error), quiet func()) *ledger {
	return &ledger{store: store, worker: worker, entries: make(chan pending, batch), failed: failed, quiet: quiet}
}

// run stores entries until the channel is closed. ctx must outlive the senders:
// what was sent is to be recorded even while the program shuts down.
func (l *ledger) run(ctx context.Context) {
	for first := range l.entries {
		waiting := []pending{first}
		runtime.Gosched() // whoever is about to hand in an entry does it first
	drain:
		for len(waiting) < batch {
			select {
			case next, ok := <-l.entries:
				if !ok {
					break drain
				}
				waiting = append(waiting, next)
			default:
				break drain
			}
		}
		l.commit(ctx, waiting)
		if len(l.entries) == 0 {
			l.quiet()
		}
	}
}

func (l *ledger) commit(ctx context.Context, waiting []pending) {
	entries := make([]Entry, len(waiting))
	for i, w := range waiting {
		entries[i] = w.entry
	}
	verdicts := l.write(ctx, entries)
	for i, w := range waiting {
		if l.err != nil {
			w.done <- answer{Drop, l.err}
		} else {
			w.done <- answer{verdicts[i], nil}
		}
	}
}

// write stores entries, patiently: an outcome that is not stored is a mail sent
// twice. After some ten seconds of refusals, or a minute and a half of silence, the
// ledger counts as failed.
func (l *ledger) write(ctx context.Context, entries []Entry) []Verdict {
	if l.err != nil {
		return nil
	}
	for wait := 100 * time.Millisecond; ; wait *= 4 {
		verdicts, err := l.record(ctx, entries)
		switch {
		case err == nil && len(verdicts) == len(entries):
			return verdicts
		case err == nil:
			err = fmt.Errorf("the outbox answered %d of %d entries", len(verdicts), len(entries))
		}
		if wait > 10*time.Second {
			l.err = fmt.Errorf("record what became of mails: %w", err)
			l.failed(l.err)
			return nil
		}
		time.Sleep(wait)
	}
}

func (l *ledger) record(ctx context.Context, entries []Entry) ([]Verdict, error) {
	ctx, stop := context.WithTimeout(ctx, storeAnswers)
	defer stop()
	return l.store.Record(ctx, l.worker, entries)
}

// submit hands in an entry and returns where its answer comes when it is durable.
// Entries are stored in the order in which they are handed in.
func (l *ledger) submit(e Entry) <-chan answer {
	done := make(chan answer, 1)
	l.entries <- pending{e, done}
	return done
}
