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

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/pressly/goose/v3"
)

// postgres is a database of a PostgreSQL server, which several machines can share.
// Transactions run concurrently at READ COMMITTED, so locks separate what
// must not happen twice: see beginRecord and lockFor.
//
// Leases are dated by the machines' own clocks: those must agree within seconds.
type postgres struct {
	config   *pgx.ConnConfig
	settings map[string]string // of every session, from the URL
	channel  string            // on which commits are announced
	sockets  sockets           // of all its connections
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
	p := &postgres{config: config}
	p.settle()
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
	writer = p.pool(postgresWriters, writing(waitForLock))
	ctx, cancel := context.WithTimeout(context.Background(), connectWithin)
	defer cancel()
	schema, err := p.look(ctx, writer)
	if err != nil {
		writer.Close()
		return nil, nil, fmt.Errorf("open %s: %w", p, explain(err))
	}
	// The channel's name distinguishes sites that share a database by schemas.
	p.channel = "insights " + schema
	return writer, p.pool(postgresReaders, map[string]string{"default_transaction_read_only": "on"}), nil
}

// lockSender excludes nobody: several senders share the outbox.
func (p *postgres) lockSender() (func() error, error) { return nil, nil }

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
// a deadlock, a lock that was not given in time, its end by the server while this process
// was suspended, or two sign-ups of one address, where the second finds the first when it
// tries again.
func (p *postgres) again(err error) bool {
	e, ok := errors.AsType[*pgconn.PgError](err)
	return ok && (e.Code == "40001" || e.Code == "40P01" || e.Code == "55P03" || e.Code == "25P03" || e.Code == "23505" && e.TableName == "subscribers")
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
