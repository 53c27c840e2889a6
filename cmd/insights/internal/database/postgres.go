package database

import (
	"cmp"
	"context"
	"crypto/tls"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/pressly/goose/v3"
)

// postgres is a database of a PostgreSQL server, which several machines can share.
// Transactions run concurrently at READ COMMITTED, so row and table locks separate what
// must not happen twice: see beginRecord and lockTable.
//
// Leases are dated by the machines' own clocks: those must agree within seconds.
type postgres struct {
	config   *pgx.ConnConfig
	settings map[string]string // of every session, from the URL
	channel  string            // on which commits are announced
}

// newPostgres reads a URL as pgx and libpq do. Its errors never contain the URL, which
// may contain a password.
func newPostgres(address string) (*postgres, error) {
	if _, err := url.Parse(address); err != nil {
		return nil, errors.New("database.url can't be read: write postgres://USER:PASSWORD@HOST:5432/DATABASE, and in the password every character but letters and digits as %XX")
	}
	config, err := pgx.ParseConfig(address)
	if err != nil {
		return nil, fmt.Errorf("database.url can't be used: %w", bareCause(err))
	}
	p := &postgres{config: config, settings: make(map[string]string)}
	// PgBouncer refuses a connection that begins with most of these.
	for name, value := range config.RuntimeParams {
		if name != "options" { // which is no setting
			p.settings[name] = value
			delete(config.RuntimeParams, name)
		}
	}
	config.RuntimeParams["application_name"] = cmp.Or(p.settings["application_name"], "insights")
	delete(p.settings, "application_name")
	config.DialFunc = (&net.Dialer{Timeout: connectWithin, KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: keepAliveEvery, Interval: keepAliveEvery, Count: keepAlives}}).DialContext
	return p, nil
}

// bareCause returns the innermost error of a pgx error, without the URL that its
// wrappers quote.
func bareCause(err error) error {
	if e, ok := errors.AsType[*pgconn.ParseConfigError](err); ok {
		cause := errors.Unwrap(e)
		if _, isURL := errors.AsType[*url.Error](cause); cause == nil || isURL {
			return errors.New("it is not the URL of a PostgreSQL server, or names a file that can't be read")
		}
		return cause
	}
	return err
}

func (p *postgres) String() string {
	u := url.URL{Scheme: "postgres", Path: "/" + p.config.Database}
	if strings.HasPrefix(p.config.Host, "/") { // a socket
		u.RawQuery = "host=" + p.config.Host
	} else {
		u.Host = net.JoinHostPort(p.config.Host, strconv.Itoa(int(p.config.Port)))
	}
	return u.String()
}

func (p *postgres) migrations() string     { return "migrations/postgres" }
func (p *postgres) dialect() goose.Dialect { return goose.DialectPostgres }
func (p *postgres) oneWriter() bool        { return false }
func (p *postgres) planners() int          { return postgresPlanners }
func (p *postgres) notePath() string       { return "" }

// inside keeps cancellation: the server may not answer.
func (p *postgres) inside(ctx context.Context) context.Context { return ctx }

func (p *postgres) expectMany(context.Context, *sql.Tx) error { return nil }

func (p *postgres) open(bool) (writer, reader *sql.DB, err error) {
	// Writes look up a few rows by key, in tables that keep growing. A sequential scan,
	// chosen while a table was small, would never finish. Plans are generic: for the
	// few rows of most statements, planning each time takes longer than running.
	writer = p.pool(postgresWriters, map[string]string{"enable_seqscan": "off", "plan_cache_mode": "force_generic_plan", "lock_timeout": inMillis(waitForLock)})
	// The channel's name distinguishes sites that share a database by schemas.
	var schema sql.NullString
	ctx, cancel := context.WithTimeout(context.Background(), connectWithin)
	defer cancel()
	err = writer.QueryRowContext(ctx, "SELECT current_schema()").Scan(&schema)
	if err == nil && !schema.Valid {
		err = errors.New("its search_path names no existing schema: create one, or remove search_path from database.url")
	}
	if err != nil {
		writer.Close()
		return nil, nil, fmt.Errorf("open %s: %w", p, explain(err))
	}
	p.channel = "insights " + schema.String
	return writer, p.pool(postgresReaders, map[string]string{"default_transaction_read_only": "on"}), nil
}

func (p *postgres) pool(connections int, settings map[string]string) *sql.DB {
	pool := sql.OpenDB(connector(*p.config.Copy(), func(ctx context.Context, conn *pgx.Conn) error { return p.begin(ctx, conn, settings) }))
	pool.SetMaxOpenConns(connections)
	pool.SetMaxIdleConns(connections)
	return pool
}

// begin gives a new session its settings. None lets others wait for long: the server ends a
// session that holds a transaction open and says nothing, and closes a connection to a
// machine that is gone. There is no statement_timeout, since planning and migrations take
// long: what must be quick has a context that ends.
func (p *postgres) begin(ctx context.Context, conn *pgx.Conn, settings map[string]string) error {
	all := map[string]string{
		// Statements are short: compiling one takes longer than running it, and the cost that
		// enable_seqscan=off adds to a plan makes compiling look worth it.
		"jit":                                 "off",
		"idle_in_transaction_session_timeout": inMillis(idleInTransaction),
	}
	maps.Copy(all, p.settings)
	maps.Copy(all, settings)
	if err := set(ctx, conn, all); err != nil {
		return err
	}
	// Not every system has these.
	err := set(ctx, conn, map[string]string{
		"tcp_user_timeout": inMillis(goneAfter), "tcp_keepalives_idle": inSeconds(keepAliveEvery), "tcp_keepalives_interval": inSeconds(keepAliveEvery), "tcp_keepalives_count": strconv.Itoa(keepAlives),
	})
	if _, refused := errors.AsType[*pgconn.PgError](err); refused {
		return nil
	}
	return err
}

// set changes settings of a session.
func set(ctx context.Context, conn *pgx.Conn, settings map[string]string) error {
	var calls []string
	var args []any
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		args = append(args, name, settings[name])
		calls = append(calls, fmt.Sprintf("set_config($%d, $%d, false)", len(args)-1, len(args)))
	}
	_, err := conn.Exec(ctx, "SELECT "+strings.Join(calls, ", "), args...)
	return err
}

func inMillis(d time.Duration) string  { return strconv.FormatInt(d.Milliseconds(), 10) }
func inSeconds(d time.Duration) string { return strconv.Itoa(int(d / time.Second)) }

// lockSender excludes nobody: several senders share the outbox.
func (p *postgres) lockSender() (func() error, error) { return nil, nil }

func (p *postgres) lockMigrations(ctx context.Context, writer *sql.DB) (func(), error) {
	conn, err := writer.Conn(ctx)
	if err != nil {
		return nil, err
	}
	const key = "hashtextextended('insights migrations ' || current_schema(), 0)"
	for locked := false; !locked; { // to wait for it would end after lock_timeout
		if err := conn.QueryRowContext(ctx, "SELECT pg_try_advisory_lock("+key+")").Scan(&locked); err != nil {
			conn.Close()
			return nil, err
		}
		select {
		case <-ctx.Done():
			conn.Close()
			return nil, ctx.Err()
		case <-time.After(lookAgain):
		}
	}
	return func() {
		// A connection that is lost has lost its lock, too.
		_, _ = conn.ExecContext(context.WithoutCancel(ctx), "SELECT pg_advisory_unlock("+key+")")
		conn.Close()
	}, nil
}

func (p *postgres) tableExists() string { return "SELECT to_regclass(?1) IS NOT NULL" }

// announce notifies every process, including this one, when the transaction commits.
func (p *postgres) announce(ctx context.Context, tx *sql.Tx) error {
	_, err := tx.ExecContext(ctx, "SELECT pg_notify(?1, '')", p.channel)
	return err
}

// scrub removes dead rows from the tables with addresses.
func (p *postgres) scrub(ctx context.Context, writer *sql.DB) error {
	for _, table := range []string{"subscribers", "events", "messages", "deliveries", "bounces", "inbox"} {
		if _, err := writer.ExecContext(ctx, "VACUUM "+table); err != nil {
			return explain(err)
		}
	}
	return nil
}

// again reports whether a transaction may have failed only because of a concurrent one:
// a deadlock, a lock that was not given in time, or two sign-ups of one address, where the
// second finds the first when it tries again.
func (p *postgres) again(err error) bool {
	e, ok := errors.AsType[*pgconn.PgError](err)
	return ok && (e.Code == "40001" || e.Code == "40P01" || e.Code == "55P03" || e.Code == "23505" && e.TableName == "subscribers")
}

// watch listens on its own connection, and on a new one when that is lost: a server
// restart must not end the program.
func (p *postgres) watch(ctx context.Context, _ *sql.DB, announce func()) error {
	for ctx.Err() == nil {
		p.listen(ctx, announce)
		announce() // something may have changed meanwhile
		select {
		case <-ctx.Done():
		case <-time.After(listenAgain):
		}
	}
	return nil
}

// listen announces until the connection is lost.
func (p *postgres) listen(ctx context.Context, announce func()) {
	connecting, stop := context.WithTimeout(ctx, connectWithin)
	defer stop()
	conn, err := pgx.ConnectConfig(connecting, p.config.Copy())
	if err != nil {
		return
	}
	defer func() {
		closing, stop := context.WithTimeout(context.WithoutCancel(ctx), answerWithin)
		defer stop()
		conn.Close(closing)
	}()
	if err := p.begin(connecting, conn, nil); err != nil {
		return
	}
	if _, err := conn.Exec(connecting, "LISTEN "+pgx.Identifier{p.channel}.Sanitize()); err != nil {
		return
	}
	announce() // earlier commits are not notified
	for listened(ctx, conn) {
		announce()
	}
}

// listened waits for a notification. Where none comes for a while, it asks whether the
// server is still there: one that vanished says nothing, either. It is false once the
// connection is lost.
func listened(ctx context.Context, conn *pgx.Conn) bool {
	for {
		waiting, stop := context.WithTimeout(ctx, listenFor)
		_, err := conn.WaitForNotification(waiting)
		stop()
		if err == nil || ctx.Err() != nil || !errors.Is(err, context.DeadlineExceeded) {
			return err == nil
		}
		asking, stop := context.WithTimeout(ctx, answerWithin)
		err = conn.Ping(asking)
		stop()
		if err != nil {
			return false
		}
	}
}

// explainPostgres adds what to do to errors that a person must act on.
func explainPostgres(err error) error {
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		if hint := postgresHints[e.Code]; hint != "" {
			return fmt.Errorf("%s: %w", hint, err)
		}
		return err
	}
	if _, ok := errors.AsType[*pgconn.ConnectError](err); !ok {
		return err
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return fmt.Errorf("the server's certificate is not trusted: set sslrootcert=FILE in database.url to its issuer's certificate: %w", err)
	}
	return fmt.Errorf("the PostgreSQL server is unreachable: start it, or correct host and port in database.url: %w", err)
}

var postgresHints = map[string]string{
	"28000": "PostgreSQL rejected this user: correct the user in database.url, or the server's pg_hba.conf",
	"28P01": "PostgreSQL rejected the password: correct it in database.url",
	"3D000": "the database does not exist: create it with createdb, or correct the name in database.url",
	"42501": "this user lacks permission in the database: make it the owner of its schema",
	"25006": "the database is read-only, or a standby: set database.url to a writable one",
	"53100": "the disk of the database server is full: free some space; nothing was half-written",
	"53300": "the database server has no connections left: raise its max_connections",
	"57P01": "the database server is stopping: start it again",
	"57P03": "the database server is starting or stopping: try again",
	"25P03": "the database server ended a transaction that said nothing for too long: this machine was suspended or overloaded",
	"40P01": "the database is busy with another process: try again",
	"55P03": "the database is busy with another process: try again",
	"40001": "the database is busy with another process: try again",
}
