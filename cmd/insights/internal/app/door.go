package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"
	"time"
)

// door is where visitors come in. It stays open while a daemon is reloaded: until the new
// site is there, the old one answers.
type door struct {
	listener net.Listener
	server   *http.Server
	site     atomic.Pointer[http.Handler]
}

func openDoor(address string, log *slog.Logger) (*door, error) {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, unusable(fmt.Errorf("listen on %s: %w; stop what uses it, or set another address: INSIGHTS_LISTEN=127.0.0.1:8081", address, err))
	}
	d := &door{listener: listener}
	d.server = &http.Server{
		Handler:           http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { (*d.site.Load()).ServeHTTP(w, r) }),
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
		ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 30 * time.Second, WriteTimeout: 60 * time.Second, IdleTimeout: 2 * time.Minute,
		MaxHeaderBytes: 32 << 10,
	}
	return d, nil
}

// show makes a site the one that answers.
func (d *door) show(site http.Handler) { d.site.Store(&site) }

// serve answers until shut.
func (d *door) serve() error {
	if err := d.server.Serve(d.listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve: %w", err)
	}
	return nil
}

// shut lets visitors finish, for a while.
func (d *door) shut(ctx context.Context) {
	closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if err := d.server.Shutdown(closing); err != nil {
		d.server.Close() // a slow client must not delay the emails in flight
	}
}
