package newsletter

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// silent is a store behind a connection that never answers.
type silent struct{ OutboxStore }

func (silent) Record(ctx context.Context, worker string, entries []Entry) ([]Action, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

func TestRecorderGivesUpASilentStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		failed := make(chan error, 1)
		r := newRecorder(silent{}, "w", func(err error) { failed <- err }, func() {})
		go r.run(context.Background())
		began := time.Now()
		if a := <-r.submit(Entry{}); !errors.Is(a.err, context.DeadlineExceeded) || a.action != ActionDrop {
			t.Errorf("answered %+v", a)
		}
		if err := <-failed; err == nil || time.Since(began) > 2*time.Minute {
			t.Errorf("failed with %v after %v", err, time.Since(began))
		}
		close(r.entries)
	})
}
