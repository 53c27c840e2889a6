package database_test

import (
	"bytes"
	"net"
	"net/url"
	"runtime"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"golang.org/x/sys/unix"

	"github.com/scaledbydesign/insights/cmd/insights/internal/database/databasetest"
)

// distantPostgres is a schema of the same PostgreSQL with round trips a millisecond
// longer, as between two data centres of one region.
func distantPostgres(t testing.TB) string {
	t.Helper()
	near := databasetest.Postgres(t)
	config, err := pgx.ParseConfig(near)
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(near)
	if err != nil {
		t.Fatal(err)
	}
	network, address := pgconn.NetworkAddress(config.Host, config.Port)
	u.Host = delayed(t, network, address, 500*time.Microsecond)
	query := u.Query()
	query.Del("host")
	query.Del("port")
	u.RawQuery = query.Encode()
	return u.String()
}

// delayed returns the address of a proxy that delays every byte in each direction,
// however many are in flight. The proxy itself adds some 0.1 ms to a round trip.
func delayed(t testing.TB, network, address string, delay time.Duration) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			server, err := net.Dial(network, address)
			if err != nil {
				client.Close()
				continue
			}
			go carry(server, client, delay)
			go carry(client, server, delay)
		}
	}()
	return l.Addr().String()
}

// carry copies from one side to the other, with a delay.
func carry(to, from net.Conn, delay time.Duration) {
	type parcel struct {
		due  time.Time
		data []byte
	}
	parcels := make(chan parcel, 1024)
	go func() {
		defer to.Close()
		for p := range parcels {
			sleepUntil(p.due)
			_, _ = to.Write(p.data) // a closed one ends the other direction, too
		}
	}()
	defer close(parcels)
	buffer := make([]byte, 64<<10)
	for {
		n, err := from.Read(buffer)
		if n > 0 {
			parcels <- parcel{time.Now().Add(delay), bytes.Clone(buffer[:n])}
		}
		if err != nil {
			return
		}
	}
}

// sleepUntil is exact to some microseconds. time.Sleep takes at least a whole millisecond
// while nothing else runs, since the runtime polls the network in whole ones; select(2)
// is late by 0.1 ms, and the rest is a busy wait.
func sleepUntil(t time.Time) {
	if rest := time.Until(t) - 150*time.Microsecond; rest > 0 {
		timeout := unix.NsecToTimeval(rest.Nanoseconds())
		_, _ = unix.Select(0, nil, nil, nil, &timeout)
	}
	for time.Now().Before(t) {
		runtime.Gosched()
	}
}
