package lists_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/scaledbydesign/insights/subscribers"
	"github.com/scaledbydesign/insights/subscribers/lists"
)

// interruptedStore is a store that somebody interrupts while it ends a transaction.
type interruptedStore struct {
	subscribers.Store
	interrupt func()
	err       error
}

func (s interruptedStore) EditAll(_ context.Context, keys []string, _ bool, change func(int, *subscribers.Subscriber) (subscribers.Change, error)) error {
	for i := range keys {
		if _, err := change(i, &subscribers.Subscriber{}); err != nil {
			return err
		}
	}
	s.interrupt()
	return s.err
}

func TestAnInterruptedImportCountsWhatIsStored(t *testing.T) {
	for name, c := range map[string]struct {
		err         error
		want        string
		rows, added int
		pending     int
	}{
		"after the end":   {nil, "", 2, 2, 1},
		"before the end":  {context.Canceled, "interrupted", 0, 0, 0},
		"by another fate": {errors.New("the disk is full"), "interrupted", 0, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, interrupt := context.WithCancel(t.Context())
			registry := &subscribers.Registry{Store: interruptedStore{interrupt: interrupt, err: c.err}, Categories: []string{"architecture"}}
			list, err := lists.NewReader(strings.NewReader("email,status\nada@example.com,confirmed\nben@example.com,pending\n"), lists.Options{Name: "readers.csv"})
			if err != nil {
				t.Fatal(err)
			}
			run := lists.Import{Registry: registry, Basis: "test"}
			got := ""
			if err := run.Run(ctx, "", list); err != nil {
				got = err.Error()
			}
			if got != c.want || run.Counts.Rows != c.rows || run.Counts.Added != c.added || run.Counts.Pending != c.pending {
				t.Errorf("it says %q: %d rows, %d added, %d of them pending", got, run.Counts.Rows, run.Counts.Added, run.Counts.Pending)
			}
		})
	}
}
