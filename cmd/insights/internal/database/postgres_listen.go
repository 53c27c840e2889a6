package database

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
)

// watch listens on its own connection, and on a new one when that is lost: a server
// restart must not end the program. Whenever it listens again, something may have changed
// meanwhile, and announce is called.
func (p *postgres) watch(ctx context.Context, _ *sql.DB, announce func()) error {
	for ctx.Err() == nil {
		p.listen(ctx, announce)
		select {
		case <-ctx.Done():
		case <-time.After(listenAgain):
		}
	}
	return nil
}

// listen announces until the connection is lost.
func (p *postgres) listen(ctx context.Context, announce func()) {
	conn, err := pgx.ConnectConfig(ctx, p.config.Copy())
	if err != nil {
		return
	}
	defer func() {
		closing, stop := context.WithTimeout(context.WithoutCancel(ctx), answerWithin)
		defer stop()
		conn.Close(closing)
	}()
	if err := p.begin(ctx, conn, nil); err != nil {
		return
	}
	asking, stop := context.WithTimeout(ctx, answerWithin)
	defer stop()
	if _, err := conn.Exec(asking, "LISTEN "+pgx.Identifier{p.channel}.Sanitize()); err != nil {
		return
	}
	announce() // earlier commits are not notified
	for p.heard(ctx, conn) {
		announce()
	}
}

// heard waits for a notification. Where none comes for a while, it asks whether the server
// is still there: one that vanished says nothing, either. Then whatever else waits for it
// need not wait any longer. It is false once the connection is lost.
func (p *postgres) heard(ctx context.Context, conn *pgx.Conn) bool {
	for {
		waiting, stop := context.WithTimeout(ctx, listenFor)
		_, err := conn.WaitForNotification(waiting)
		stop()
		if err == nil || ctx.Err() != nil || !errors.Is(err, context.DeadlineExceeded) {
			return err == nil
		}
		asked := time.Now()
		asking, stop := context.WithTimeout(ctx, answerWithin)
		err = conn.Ping(asking)
		stop()
		switch {
		case err == nil:
		case ctx.Err() == nil && errors.Is(err, context.DeadlineExceeded):
			p.sockets.closeSilent(asked)
			return false
		default:
			return false
		}
	}
}
