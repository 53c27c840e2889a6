package database

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"net"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// settle takes the settings of sessions out of the configuration, since PgBouncer refuses
// a connection that begins with most of them, and bounds how long connecting takes.
func (p *postgres) settle() {
	c := p.config
	p.settings = make(map[string]string)
	for name, value := range c.RuntimeParams {
		if name != "options" { // which is no setting
			p.settings[name] = value
			delete(c.RuntimeParams, name)
		}
	}
	c.RuntimeParams["application_name"] = cmp.Or(p.settings["application_name"], "insights")
	delete(p.settings, "application_name")
	if c.ConnectTimeout == 0 { // not said in the URL
		c.ConnectTimeout = connectFor
	}
	dialer := net.Dialer{
		KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: keepAliveEvery, Interval: keepAliveEvery, Count: keepAlives},
		Control:         giveUp,
	}
	c.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dialer.DialContext(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return p.sockets.add(conn), nil
	}
}

// giveUp has the system end a connection on which the server has confirmed nothing for
// goneAfter: it would go on for a quarter of an hour. Only Linux can.
func giveUp(network, _ string, c syscall.RawConn) error {
	if runtime.GOOS != "linux" || network == "unix" {
		return nil
	}
	return c.Control(func(fd uintptr) {
		_ = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, tcpUserTimeout, int(goneAfter.Milliseconds())) // an old one can't
	})
}

// pool returns connections whose sessions have these settings.
func (p *postgres) pool(connections int, settings map[string]string) *sql.DB {
	pool := sql.OpenDB(connector(*p.config.Copy(), func(ctx context.Context, conn *pgx.Conn) error { return p.begin(ctx, conn, settings) }))
	pool.SetMaxOpenConns(connections)
	pool.SetMaxIdleConns(connections)
	return pool
}

// begin gives a new session its settings, or closes it. None lets others wait for long:
// the server ends a session that holds a transaction open and says nothing, and closes a
// connection to a machine that is gone. There is no statement_timeout, since planning and
// migrations take long: what must be quick has a context that ends.
func (p *postgres) begin(ctx context.Context, conn *pgx.Conn, settings map[string]string) error {
	ctx, stop := context.WithTimeout(ctx, answerWithin)
	defer stop()
	err := p.set(ctx, conn, map[string]string{
		// Statements are short: compiling one takes longer than running it, and the cost that
		// enable_seqscan=off adds to a plan makes compiling look worth it.
		"jit":                                 "off",
		"idle_in_transaction_session_timeout": inMillis(idleInTransaction),
		"statement_timeout":                   "0",
	}, p.settings, settings)
	if err == nil {
		// Not every system has these.
		err = p.set(ctx, conn, map[string]string{
			"tcp_user_timeout": inMillis(goneAfter), "tcp_keepalives_idle": inSeconds(keepAliveEvery), "tcp_keepalives_interval": inSeconds(keepAliveEvery), "tcp_keepalives_count": strconv.Itoa(keepAlives),
		}, p.settings)
		if _, refused := errors.AsType[*pgconn.PgError](err); refused {
			err = nil
		}
	}
	if err != nil {
		conn.Close(ctx)
	}
	return err
}

// set changes settings of a session. Of several values of one the last counts.
func (p *postgres) set(ctx context.Context, conn *pgx.Conn, settings ...map[string]string) error {
	all := make(map[string]string)
	for _, more := range settings {
		maps.Copy(all, more)
	}
	var calls []string
	args := []any{pgx.QueryExecModeExec} // in one round trip, which leaves no prepared statement
	for i, name := range slices.Sorted(maps.Keys(all)) {
		args = append(args, name, all[name])
		calls = append(calls, fmt.Sprintf("set_config($%d, $%d, false)", 2*i+1, 2*i+2))
	}
	_, err := conn.Exec(ctx, "SELECT "+strings.Join(calls, ", "), args...)
	return err
}

func inMillis(d time.Duration) string  { return strconv.FormatInt(d.Milliseconds(), 10) }
func inSeconds(d time.Duration) string { return strconv.Itoa(int(d / time.Second)) }

// look makes sure that the server, and what is between, can be used, and returns the name
// of the schema.
func (p *postgres) look(ctx context.Context, writer *sql.DB) (schema string, err error) {
	err = p.use(ctx, writer, func(first *pgx.Conn) error {
		var version int
		var name sql.NullString
		var pid int
		err := first.QueryRow(ctx, "SELECT CAST(current_setting('server_version_num') AS int) / 10000, current_schema(), pg_backend_pid()", pgx.QueryExecModeExec).Scan(&version, &name, &pid)
		switch {
		case err != nil:
			return err
		case version < oldestPostgres:
			return fmt.Errorf("the server is PostgreSQL %d, and insights needs %d or newer: upgrade it, or set database.url to another", version, oldestPostgres)
		case !name.Valid:
			return errors.New("its search_path names no existing schema: create one, or remove search_path from database.url")
		}
		schema = name.String
		err = p.use(ctx, writer, func(second *pgx.Conn) error { return ownSessions(ctx, first, second, pid) })
		if errors.Is(err, context.DeadlineExceeded) {
			return fmt.Errorf("the server gave one connection, and no second one in time; a daemon uses up to %d: raise max_connections, or the size of PgBouncer's pool: %w", postgresSessions, err)
		}
		return err
	})
	return schema, err
}

// use lends a connection of a pool.
func (p *postgres) use(ctx context.Context, pool *sql.DB, do func(*pgx.Conn) error) error {
	conn, err := pool.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	return conn.Raw(func(driver any) error { return do(driver.(*postgresConn).Conn.Conn()) })
}

var errPooled = errors.New("something between insights and the server, such as PgBouncer with pool_mode=transaction, gives each transaction another session: set pool_mode=session for this database, or set database.url to the server itself")

// ownSessions returns errPooled unless each connection has a session of the server of its
// own, which locks, settings and notifications need. pid is that of first. While second
// has a transaction open, it keeps the session that it got.
func ownSessions(ctx context.Context, first, second *pgx.Conn, pid int) error {
	tx, err := second.Begin(ctx)
	if err != nil {
		if e, ok := errors.AsType[*pgconn.PgError](err); ok && e.Code == "08P01" { // pool_mode=statement
			return errPooled
		}
		return err
	}
	defer tx.Rollback(ctx)
	var other, again int
	const ask = "SELECT pg_backend_pid()"
	if err := tx.QueryRow(ctx, ask, pgx.QueryExecModeExec).Scan(&other); err != nil || other == pid {
		return cmp.Or(err, errPooled)
	}
	if err := first.QueryRow(ctx, ask, pgx.QueryExecModeExec).Scan(&again); err != nil || again != pid {
		return cmp.Or(err, errPooled)
	}
	return nil
}

// sockets are the open connections of a process to its server.
type sockets struct {
	mu   sync.Mutex
	open map[*socket]bool
}

// socket is a connection that knows when something last came.
type socket struct {
	net.Conn
	of    *sockets
	heard atomic.Int64
}

func (s *sockets) add(conn net.Conn) net.Conn {
	added := &socket{Conn: conn, of: s}
	added.heard.Store(time.Now().UnixNano())
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open == nil {
		s.open = make(map[*socket]bool)
	}
	s.open[added] = true
	return added
}

// closeSilent closes those on which nothing came since a time: what waits on them, for a
// server that is gone, fails at once.
func (s *sockets) closeSilent(since time.Time) {
	s.mu.Lock()
	var silent []*socket
	for c := range s.open {
		if c.heard.Load() < since.UnixNano() {
			silent = append(silent, c)
		}
	}
	s.mu.Unlock()
	for _, c := range silent {
		c.Close()
	}
}

func (c *socket) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if n > 0 {
		c.heard.Store(time.Now().UnixNano())
	}
	return n, err
}

func (c *socket) Close() error {
	c.of.mu.Lock()
	delete(c.of.open, c)
	c.of.mu.Unlock()
	return c.Conn.Close()
}
