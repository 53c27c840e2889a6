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

// withheldIn returns the ids of insights that no library may show.
func withheldIn(ctx context.Context, store newsletter.WithdrawalStore) (map[string]bool, error) {
	ids := make(map[string]bool)
	all, err := store.Withdrawals(ctx)
	for _, gone := range all {
		if gone.How == newsletter.WithdrawnByStaff {
			ids[gone.InsightID] = true
		}
	}
	return ids, err
}

// read asks the database. If that fails, what it last said stands.
func (w *withdrawals) read(ctx context.Context) *withdrawn {
	ids, err := withheldIn(ctx, w.store)
	if err == nil {
		now := &withdrawn{ids}
		w.now.Store(now)
		return now
	}
	if ctx.Err() == nil {
		w.log.Error("cannot read which insights are withdrawn", "error", err)
	}
	if last := w.now.Load(); last != nil {
		return last
	}
	return new(withdrawn)
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
