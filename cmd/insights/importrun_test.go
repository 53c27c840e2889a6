package main

import (
	"context"
	"errors"
	"io"
	"testing"

	"github.com/scaledbydesign/insights/subscribers"
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
			var rows []subscribers.Imported
			for email, status := range map[string]subscribers.Status{"ada@example.com": subscribers.Confirmed, "ben@example.com": subscribers.Pending} {
				a, err := subscribers.ParseAddress(email)
				if err != nil {
					t.Fatal(err)
				}
				row, err := registry.Check(subscribers.Imported{Address: a, Status: status, Preferences: subscribers.Preferences{Cadence: subscribers.Weekly}})
				if err != nil {
					t.Fatal(err)
				}
				rows = append(rows, row)
			}
			run := importRun{p: &program{out: output{stderr: io.Discard}}, registry: registry, result: importJSON{Rows: len(rows)}}
			got := ""
			if err := run.store(ctx, rows); err != nil {
				got = err.Error()
			}
			if got != c.want || run.result.Rows != c.rows || run.result.Added != c.added || run.pending != c.pending {
				t.Errorf("it says %q: %d rows, %d added, %d of them pending", got, run.result.Rows, run.result.Added, run.pending)
			}
		})
	}
}
