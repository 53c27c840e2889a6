package database_test

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"net"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/scaledbydesign/insights/cmd/insights/internal/database"
	"github.com/scaledbydesign/insights/cmd/insights/internal/database/databasetest"
	"github.com/scaledbydesign/insights/newsletter"
)

func TestSessionsCannotBlockOthersForLong(t *testing.T) {
	db := openURL(t, databasetest.Postgres(t)+"&work_mem=5MB&deadlock_timeout=900ms")
	for name, pool := range map[string]*sql.DB{"write": db.Writer(), "read": db.Reader()} {
		want := map[string]string{
			"application_name": "insights", "idle_in_transaction_session_timeout": "5s", "statement_timeout": "0", "jit": "off",
			"tcp_user_timeout": "10000", "tcp_keepalives_idle": "5", "tcp_keepalives_interval": "5", "tcp_keepalives_count": "2",
			"work_mem": "5MB", "deadlock_timeout": "900ms", // as the URL says
		}
		if name == "write" {
			want["lock_timeout"] = "8s"
		}
		for setting, value := range want {
			var got string
			if err := pool.QueryRow("SELECT current_setting(?1)", setting).Scan(&got); err != nil || got != value {
				t.Errorf("sessions that %s have %s = %q, %v; want %q", name, setting, got, err, value)
			}
		}
	}
}

// oldPostgres answers like PostgreSQL 13, and returns its URL and what the connections
// began with.
func oldPostgres(t *testing.T) (url string, began func() map[string]string) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	all := make(map[string]string)
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			serving.Go(func() {
				defer conn.Close()
				talk(pgproto3.NewBackend(conn, conn), func(parameters map[string]string) {
					mu.Lock()
					defer mu.Unlock()
					maps.Copy(all, parameters)
				})
			})
		}
	})
	t.Cleanup(func() {
		listener.Close()
		serving.Wait()
	})
	return "postgres://news@" + listener.Addr().String() + "/news?sslmode=disable&search_path=here&work_mem=5MB", func() map[string]string {
		mu.Lock()
		defer mu.Unlock()
		return maps.Clone(all)
	}
}

func talk(client *pgproto3.Backend, began func(map[string]string)) {
	start, err := client.ReceiveStartupMessage()
	if err != nil {
		return
	}
	began(start.(*pgproto3.StartupMessage).Parameters)
	client.Send(&pgproto3.AuthenticationOk{})
	client.Send(&pgproto3.ReadyForQuery{TxStatus: 'I'})
	for client.Flush() == nil {
		m, err := client.Receive()
		if err != nil {
			return
		}
		switch m.(type) {
		case *pgproto3.Parse:
			client.Send(&pgproto3.ParseComplete{})
		case *pgproto3.Bind:
			client.Send(&pgproto3.BindComplete{})
		case *pgproto3.Describe:
			client.Send(&pgproto3.RowDescription{Fields: []pgproto3.FieldDescription{
				{Name: []byte("version"), DataTypeOID: 23, DataTypeSize: 4}, {Name: []byte("schema"), DataTypeOID: 19, DataTypeSize: 64}, {Name: []byte("pid"), DataTypeOID: 23, DataTypeSize: 4},
			}})
		case *pgproto3.Execute:
			client.Send(&pgproto3.DataRow{Values: [][]byte{[]byte("13"), []byte("here"), []byte("1")}})
			client.Send(&pgproto3.CommandComplete{CommandTag: []byte("SELECT 1")})
		case *pgproto3.Sync:
			client.Send(&pgproto3.ReadyForQuery{TxStatus: 'I'})
		case *pgproto3.Terminate:
			return
		}
	}
}

// PgBouncer refuses a connection that begins with a setting that it does not know.
func TestAnOldServerIsRefusedAndNoConnectionBeginsWithSettings(t *testing.T) {
	url, began := oldPostgres(t)
	_, err := database.Open(url, true)
	if err == nil || !strings.Contains(err.Error(), "the server is PostgreSQL 13, and insights needs 14 or newer: upgrade it") {
		t.Errorf("PostgreSQL 13: %v", err)
	}
	if got := began(); len(got) != 3 || got["user"] != "news" || got["database"] != "news" || got["application_name"] != "insights" {
		t.Errorf("a connection began with %v", got)
	}
}

// session is one of another program, which the server does not end.
func session(t *testing.T, url string) *sql.Conn {
	t.Helper()
	pool, err := sql.Open("pgx", url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { pool.Close() })
	conn, err := pool.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

func do(t *testing.T, conn *sql.Conn, statement string) {
	t.Helper()
	if _, err := conn.ExecContext(t.Context(), statement); err != nil {
		t.Fatal(err)
	}
}

func TestMigrationsWaitWithoutBlockingOthers(t *testing.T) {
	address := databasetest.Postgres(t)
	db, err := database.Open(address, true)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := db.MigrateTo(t.Context(), 19); err != nil {
		t.Fatal(err)
	}
	exporting, other := session(t, address), session(t, address)
	do(t, exporting, "BEGIN")
	do(t, exporting, "SELECT count(*) FROM digests") // which the next step changes
	delayed := make(chan error, 1)
	db.Delayed = func(why error) { delayed <- why }
	migrated := make(chan error, 1)
	go func() {
		_, err := db.Migrate(t.Context())
		migrated <- err
	}()
	var longest time.Duration
	for waiting := true; waiting; {
		began := time.Now()
		do(t, other, "SELECT count(*) FROM digests")
		longest = max(longest, time.Since(began))
		select {
		case why := <-delayed:
			if !database.Away(why) {
				t.Errorf("it was delayed by %v", why)
			}
			waiting = false
		case err := <-migrated:
			t.Fatalf("migrated while the table was in use: %v", err)
		default:
		}
	}
	if longest < 100*time.Millisecond || longest > 4*time.Second {
		t.Errorf("others waited %s for a step that waits", longest)
	}
	do(t, exporting, "COMMIT")
	if err := <-migrated; err != nil {
		t.Error(err)
	}
	if err := db.Check(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestMigrationsTakeTurnsHoweverLongOneTakes(t *testing.T) {
	address, name := databasetest.Postgres(t), rand.Text()
	db, err := database.Open(address+"&application_name="+name, true)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	migrating := session(t, address)
	do(t, migrating, "SELECT pg_advisory_lock(hashtextextended('insights migrations ' || current_schema(), 0))")
	migrated := make(chan error, 1)
	go func() {
		_, err := db.Migrate(t.Context())
		migrated <- err
	}()
	const asked = `SELECT count(*), coalesce(sum(CASE WHEN wait_event_type = 'Lock' THEN 1 ELSE 0 END), 0) FROM pg_stat_activity
		WHERE query LIKE '%pg_%advisory_lock%' AND application_name = $1`
	var asks, waits int
	for asks < 1 {
		if err := migrating.QueryRowContext(t.Context(), asked, name).Scan(&asks, &waits); err != nil {
			t.Fatal(err)
		}
	}
	if waits > 0 {
		t.Error("it waits for the lock, which ends after lock_timeout, instead of asking again")
	}
	select {
	case err := <-migrated:
		t.Errorf("migrated beside another: %v", err)
	default:
	}
	do(t, migrating, "SELECT pg_advisory_unlock_all()")
	if err := <-migrated; err != nil {
		t.Error(err)
	}
}

// A server that vanished without a word is found out, with all that waits for it.
func TestASilentServerIsGivenUp(t *testing.T) {
	proxy, address := databasetest.NewProxy(t, databasetest.Postgres(t))
	db := openURL(t, address)
	watching, stop := context.WithCancel(t.Context())
	defer stop()
	ended := make(chan error, 1)
	changed := db.Changed()
	go func() { ended <- db.Watch(watching) }()
	<-changed // it listens
	proxy.Silence()
	began := time.Now()
	var one int
	err := db.Writer().QueryRow("SELECT 1").Scan(&one) // which has all the time in the world
	if took := time.Since(began); err == nil || took > 10*time.Second || !database.Away(err) {
		t.Errorf("a statement for a server that is gone failed after %s: %v", took, err)
	}
	changed = db.Changed()
	proxy.Restore()
	began = time.Now()
	select {
	case <-changed:
	case <-time.After(5 * time.Second):
		t.Error("5 s after the server was back nothing looked again")
	}
	if err := db.Ping(t.Context()); err != nil || time.Since(began) > 5*time.Second {
		t.Errorf("the database answered after %s: %v", time.Since(began), err)
	}
	stop()
	if err := <-ended; err != nil && !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestAServerThatStartsIsToldFromAWrongURL(t *testing.T) {
	for err, want := range map[error]bool{
		&pgconn.PgError{Code: "57P03"}: true, &pgconn.PgError{Code: "57P01"}: true, fmt.Errorf("connect: %w", syscall.ECONNREFUSED): true,
		&pgconn.PgError{Code: "28P01"}: false, &pgconn.PgError{Code: "3D000"}: false, &net.DNSError{IsNotFound: true}: false, context.DeadlineExceeded: false,
	} {
		if got := database.Starting(fmt.Errorf("open: %w", err)); got != want {
			t.Errorf("%v: starting = %t", err, got)
		}
	}
}

// What daemons open at most is what they really open at most.
func TestSessionsOfDaemonsAreCounted(t *testing.T) {
	address, name := databasetest.Postgres(t), rand.Text()
	db := openURL(t, address+"&application_name="+name)
	for _, id := range []string{"one", "two"} {
		if err := db.SaveReport(t.Context(), newsletter.DaemonReport{ID: id, Started: time.Now(), At: time.Now()}, time.Time{}); err != nil {
			t.Fatal(err)
		}
	}
	daemons, sessions, allowed, err := db.Sessions(t.Context())
	if err != nil || daemons != 2 || allowed < 10 {
		t.Fatalf("%d daemons, %d sessions of %d, %v", daemons, sessions, allowed, err)
	}
	ctx, stop := context.WithCancel(t.Context())
	var busy sync.WaitGroup
	defer busy.Wait()
	defer stop()
	changed := db.Changed()
	busy.Go(func() { db.Watch(ctx) })
	<-changed
	for _, pool := range []*sql.DB{db.Writer(), db.Reader()} {
		for range 30 {
			busy.Go(func() { pool.ExecContext(ctx, "SELECT pg_sleep(60)") })
		}
	}
	other := session(t, address)
	for began, open := time.Now(), 0; open != sessions/2; {
		if err := other.QueryRowContext(t.Context(), "SELECT count(*) FROM pg_stat_activity WHERE application_name = $1", name).Scan(&open); err != nil {
			t.Fatal(err)
		}
		if time.Since(began) > 20*time.Second || open > sessions/2 {
			t.Fatalf("a busy daemon has %d sessions; want %d", open, sessions/2)
		}
	}
}
