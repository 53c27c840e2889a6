package app

import (
	"context"
	"log/slog"
	"maps"
	"sync/atomic"
	"time"

	"github.com/scaledbydesign/insights/newsletter"
)

// withdrawals are the insights that are withdrawn, as the database last said. Its methods
// are safe for concurrent use.
type withdrawals struct {
	store newsletter.WithdrawalStore
	log   *slog.Logger
	now   atomic.Pointer[withdrawn]
}

type withdrawn struct {
	withheld map[string]bool // ids of those that staff withdrew and whose files may still be there
}

// read asks the database. If that fails, what it last said stands.
func (w *withdrawals) read(ctx context.Context) *withdrawn {
	last := w.now.Load()
	all, err := w.store.Withdrawals(ctx)
	if err != nil {
		if ctx.Err() == nil {
			w.log.Error("cannot read which insights are withdrawn", "error", err)
		}
		if last == nil {
			last = new(withdrawn)
		}
		return last
	}
	now := &withdrawn{make(map[string]bool)}
	for _, gone := range all {
		if gone.How == newsletter.WithdrawnByStaff {
			now.withheld[gone.InsightID] = true
		}
	}
	w.now.Store(now)
	return now
}

// withheld are the ids that no library may show.
func (w *withdrawals) withheld() map[string]bool {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	return w.read(ctx).withheld
}

// followWithdrawals reads again what is withdrawn, and hides at once what staff withdraw.
func (d *Daemon) followWithdrawals(ctx context.Context) error {
	w := &d.app.withdrawals
	for {
		before := w.now.Load()
		if now := w.read(ctx); before != nil && !maps.Equal(before.withheld, now.withheld) {
			d.reload()
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(pollEvery):
		}
	}
}
