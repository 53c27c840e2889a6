package newsletter

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// silent is a store behind a connection that nobody answers.
type silent struct{ OutboxStore }

func (silent) Record(ctx context.Context, worker string, entries []Entry) ([]Verdict, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

func TestALedgerGivesUpAStoreThatIsSilent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		failed := make(chan error, 1)
		l := newLedger(silent{}, "w", func(err error) { failed <- err }, func() {})
		go l.run(context.Background())
		began := time.Now()
		if a := <-l.submit(Entry{}); !errors.Is(a.err, context.DeadlineExceeded) || a.verdict != Drop {
			t.Errorf("answered %+v", a)
		}
		if err := <-failed; err == nil || time.Since(began) > 2*time.Minute {
			t.Errorf("failed with %v after %v", err, time.Since(began))
		}
		close(l.entries)
	})
}
