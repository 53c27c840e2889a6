package database

import (
	"context"
	"crypto/tls"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/pressly/goose/v3"
)

// postgres is a database of a PostgreSQL server, which several machines can share.
// Transactions run beside each other at READ COMMITTED, so what must not happen
// twice is kept apart by row and table locks: see beginRecord and lockTable.
//
// Leases are dated by the machines' own clocks: those must agree within seconds.
type postgres struct {
	config  *pgx.ConnConfig
	channel string // on which commits are announced
}

// newPostgres reads a URL as pgx and libpq do. Its errors never hold the URL, which
// may hold a password.
func newPostgres(address string) (*postgres, error) {
	if _, err := url.Parse(address); err != nil {
		return nil, errors.New("database.url can't be read: write postgres://USER:PASSWORD@HOST:5432/DATABASE, and in the password every character but letters and digits as %XX")
	}
	config, err := pgx.ParseConfig(address)
	if err != nil {
		return nil, fmt.Errorf("database.url can't be used: %w", bareCause(err))
	}
	if config.RuntimeParams["application_name"] == "" {
		config.RuntimeParams["application_name"] = "insights"
	}
	return &postgres{config: config}, nil
}

// bareCause is what lies at the bottom of an error of pgx, without the URL that its
// wrappers quote.
func bareCause(err error) error {
	if e, ok := errors.AsType[*pgconn.ParseConfigError](err); ok {
		cause := errors.Unwrap(e)
		if _, isURL := errors.AsType[*url.Error](cause); cause == nil || isURL {
			return errors.New("it is no URL of a PostgreSQL server, or a file that it names can't be read")
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

// inside keeps the context's end: the server may not answer.
func (p *postgres) inside(ctx context.Context) context.Context { return ctx }

func (p *postgres) expectMany(context.Context, *sql.Tx) error { return nil }

func (p *postgres) open(bool) (writer, reader *sql.DB, err error) {
	// What writes looks for some rows by their keys, in tables that grow meanwhile. A
	// plan that reads all of one, made while it was small, would never come to an end.
	// Plans are made once, without a look at the values: for the few rows of most
	// statements, to plan anew takes longer than any plan runs.
	writer = p.pool(postgresWriters, map[string]string{"enable_seqscan": "off", "plan_cache_mode": "force_generic_plan"})
	// The name of the channel tells sites apart that share a database by schemas.
	var schema sql.NullString
	ctx, cancel := context.WithTimeout(context.Background(), connectWithin)
	defer cancel()
	err = writer.QueryRowContext(ctx, "SELECT current_schema()").Scan(&schema)
	if err == nil && !schema.Valid {
		err = errors.New("its search_path names no schema that exists: create one, or leave search_path out of database.url")
	}
	if err != nil {
		writer.Close()
		return nil, nil, fmt.Errorf("open %s: %w", p, explain(err))
	}
	p.channel = "insights " + schema.String
	return writer, p.pool(postgresReaders, map[string]string{"default_transaction_read_only": "on"}), nil
}

func (p *postgres) pool(connections int, settings map[string]string) *sql.DB {
	config := p.config.Copy()
	// Statements are short: compiling one takes longer than it runs, and the price that
	// enable_seqscan puts on a plan makes every other one look worth it.
	config.RuntimeParams["jit"] = "off"
	for name, value := range settings {
		config.RuntimeParams[name] = value
	}
	pool := sql.OpenDB(connector(*config))
	pool.SetMaxOpenConns(connections)
	pool.SetMaxIdleConns(connections)
	return pool
}

// lockSender keeps nobody out: several senders share the outbox.
func (p *postgres) lockSender() (func() error, error) { return nil, nil }

func (p *postgres) lockMigrations(ctx context.Context, writer *sql.DB) (func(), error) {
	conn, err := writer.Conn(ctx)
	if err != nil {
		return nil, err
	}
	const key = "hashtextextended('insights migrations ' || current_schema(), 0)"
	if _, err := conn.ExecContext(ctx, "SELECT pg_advisory_lock("+key+")"); err != nil {
		conn.Close()
		return nil, err
	}
	return func() {
		// A connection that can't unlock any more has lost its lock with its end.
		_, _ = conn.ExecContext(context.WithoutCancel(ctx), "SELECT pg_advisory_unlock("+key+")")
		conn.Close()
	}, nil
}

func (p *postgres) tableExists() string { return "SELECT to_regclass(?1) IS NOT NULL" }

// announce tells every process, this one too, when the transaction commits.
func (p *postgres) announce(ctx context.Context, tx *sql.Tx) error {
	_, err := tx.ExecContext(ctx, "SELECT pg_notify(?1, '')", p.channel)
	return err
}

// scrub removes dead rows from where addresses stand.
func (p *postgres) scrub(ctx context.Context, writer *sql.DB) error {
	for _, table := range []string{"subscribers", "events", "messages", "deliveries", "bounces", "inbox"} {
		if _, err := writer.ExecContext(ctx, "VACUUM "+table); err != nil {
			return explain(err)
		}
	}
	return nil
}

// again reports whether a transaction may have failed only because of another
// beside it: a deadlock, or two sign-ups of one address, of which the second finds
// the first when it looks again.
func (p *postgres) again(err error) bool {
	e, ok := errors.AsType[*pgconn.PgError](err)
	return ok && (e.Code == "40001" || e.Code == "40P01" || e.Code == "23505" && e.TableName == "subscribers")
}

// watch listens on a connection of its own, and on a new one when that is lost: a
// server that restarts must not end the program.
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
	conn, err := pgx.ConnectConfig(ctx, p.config.Copy())
	if err != nil {
		return
	}
	defer conn.Close(context.WithoutCancel(ctx))
	if _, err := conn.Exec(ctx, "LISTEN "+pgx.Identifier{p.channel}.Sanitize()); err != nil {
		return
	}
	announce() // what came before is not told
	for {
		if _, err := conn.WaitForNotification(ctx); err != nil {
			return
		}
		announce()
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
		return fmt.Errorf("the server's certificate is not trusted: name its issuer by sslrootcert=FILE in database.url: %w", err)
	}
	return fmt.Errorf("the PostgreSQL server can't be reached: start it, or correct host and port in database.url: %w", err)
}

var postgresHints = map[string]string{
	"28000": "the PostgreSQL server lets this user not in: correct the user in database.url, or the server's pg_hba.conf",
	"28P01": "the PostgreSQL server refuses the password: correct it in database.url",
	"3D000": "there is no such database: create it with createdb, or correct the name in database.url",
	"42501": "this user may not do that in the database: make it the owner of its schema",
	"25006": "the database can't be written: it is a standby, or read only",
	"53100": "the disk of the database server is full: free some space; nothing was half-written",
	"53300": "the database server has no connection left: raise its max_connections",
	"57P01": "the database server is stopping: start it again",
	"57P03": "the database server is starting or stopping: try again",
	"40P01": "the database is busy with another process: try again",
	"40001": "the database is busy with another process: try again",
}
