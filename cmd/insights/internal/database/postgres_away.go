package database

import (
	"context"
	"database/sql/driver"
	"errors"
	"io"
	"net"
	"syscall"

	"github.com/jackc/pgx/v5/pgconn"
)

// away are the answers of a server that stops, starts, or has no session left, and of one
// whose rows others hold for too long.
var away = map[string]bool{"57P01": true, "57P02": true, "57P03": true, "57P05": true, "25P03": true, "53300": true, "08000": true, "08003": true, "08006": true, "55P03": true}

// Away reports whether an error says that the database does not answer at present, in time
// or at all: what failed may succeed in a moment.
func Away(err error) bool {
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		return away[e.Code]
	}
	_, network := errors.AsType[net.Error](err)
	_, connecting := errors.AsType[*pgconn.ConnectError](err)
	return network || connecting || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, pgconn.ErrConnClosed) || errors.Is(err, driver.ErrBadConn) ||
		errors.Is(err, net.ErrClosed) || errors.Is(err, io.ErrUnexpectedEOF)
}

// Starting reports whether an error of Open says that there is no server yet that a URL
// names rightly: it refuses connections, or says that it starts or stops. A wrong name of a
// host, a user or a database is none of these.
func Starting(err error) bool {
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		return e.Code == "57P03" || e.Code == "57P01"
	}
	return errors.Is(err, syscall.ECONNREFUSED)
}
