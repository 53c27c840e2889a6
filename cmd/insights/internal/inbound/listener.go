package inbound

import (
	"net"
	"net/netip"
	"sync"
	"time"
)

// fairListener keeps one client from taking every connection: it closes those above a
// share, and ends each after a while, whatever is said on it.
type fairListener struct {
	net.Listener
	share int
	last  time.Duration

	mu   sync.Mutex
	open map[netip.Addr]int
}

func newFairListener(l net.Listener, share int, last time.Duration) *fairListener {
	return &fairListener{Listener: l, share: share, last: last, open: make(map[netip.Addr]int)}
}

func (l *fairListener) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		client := clientOf(conn)
		if !l.enter(client) {
			conn.Close() // its server tries again later
			continue
		}
		leave := sync.OnceFunc(func() { l.leave(client) })
		end := time.AfterFunc(l.last, func() {
			conn.Close()
			leave()
		})
		return &fairConn{conn, leave, end}, nil
	}
}

// clientOf is a connection's other end; zero for one on this machine, which may have
// all connections.
func clientOf(conn net.Conn) netip.Addr {
	remote, err := netip.ParseAddrPort(conn.RemoteAddr().String())
	addr := remote.Addr().Unmap()
	if err != nil || addr.IsLoopback() { // a Unix socket has none
		return netip.Addr{}
	}
	if addr.Is6() {
		prefix, _ := addr.WithZone("").Prefix(64) // fails only above 128
		return prefix.Addr()
	}
	return addr
}

func (l *fairListener) enter(client netip.Addr) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if client.IsValid() && l.open[client] >= l.share {
		return false
	}
	l.open[client]++
	return true
}

func (l *fairListener) leave(client netip.Addr) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open[client]--; l.open[client] == 0 {
		delete(l.open, client)
	}
}

type fairConn struct {
	net.Conn
	leave func()
	end   *time.Timer
}

func (c *fairConn) Close() error {
	c.end.Stop()
	c.leave()
	return c.Conn.Close()
}
