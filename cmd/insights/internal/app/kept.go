package app

import (
	"context"
	"sync"
)

// kept is a listener that stays open while a daemon is reloaded, as long as nothing of its
// own changes. A nil one is none.
type kept struct {
	server server
	as     string // where it listens, and as what: for another, another is opened
	end    context.CancelFunc
	ended  sync.WaitGroup
}

type server interface {
	Run(ctx context.Context) error
	Close() error // without having run
}

// start runs the listener, unless it runs already.
func (k *kept) start(ctx context.Context, failed func(error)) {
	if k == nil || k.end != nil {
		return
	}
	ctx, k.end = context.WithCancel(context.WithoutCancel(ctx))
	k.ended.Go(func() {
		if err := k.server.Run(ctx); err != nil {
			failed(err)
		}
	})
}

// stop closes the listener, whether or not it runs.
func (k *kept) stop() {
	switch {
	case k == nil:
	case k.end == nil:
		k.server.Close()
	default:
		k.end()
		k.ended.Wait()
	}
}
