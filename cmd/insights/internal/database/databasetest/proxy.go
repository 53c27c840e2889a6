package databasetest

import (
	"net"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
)

// Proxy stands between a test and a PostgreSQL server, and can take the server away.
type Proxy struct {
	t       testing.TB
	server  string // host:port
	address string // of the proxy

	mu       sync.Mutex
	listener net.Listener // nil while connections are refused
	silent   bool
	open     map[*through]bool
	running  sync.WaitGroup
}

// through is a connection through a proxy.
type through struct {
	client, server net.Conn
	silent         atomic.Bool // nothing is passed on any more
}

// NewProxy returns a proxy before the server of a URL, and the URL that leads through it.
func NewProxy(t testing.TB, to string) (p *Proxy, through string) {
	t.Helper()
	u, err := url.Parse(to)
	if err != nil {
		t.Fatal(err)
	}
	p = &Proxy{t: t, server: u.Host, address: "127.0.0.1:0"}
	p.listen()
	u.Host = p.address
	t.Cleanup(func() {
		p.Refuse()
		p.running.Wait()
	})
	return p, u.String()
}

func (p *Proxy) listen() {
	p.t.Helper()
	listener, err := net.Listen("tcp", p.address)
	if err != nil {
		p.t.Fatal(err)
	}
	p.listener, p.address, p.silent, p.open = listener, listener.Addr().String(), false, make(map[*through]bool)
	p.running.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			p.pass(conn)
		}
	})
}

// pass connects a client with the server. In silence, it is left alone.
func (p *Proxy) pass(client net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	c := &through{client: client}
	if p.listener == nil {
		client.Close()
		return
	}
	p.open[c] = true
	if p.silent {
		c.silent.Store(true)
		return
	}
	server, err := net.Dial("tcp", p.server)
	if err != nil {
		client.Close()
		return
	}
	c.server = server
	p.running.Go(func() { c.copy(server, client) })
	p.running.Go(func() { c.copy(client, server) })
}

func (c *through) copy(to, from net.Conn) {
	buffer := make([]byte, 64<<10)
	for {
		n, err := from.Read(buffer)
		if c.silent.Load() {
			if err != nil {
				return // and the other side never hears of it
			}
			continue
		}
		if _, writeErr := to.Write(buffer[:n]); err != nil || writeErr != nil {
			to.Close()
			from.Close()
			return
		}
	}
}

// Silence makes the server vanish as a machine without power does: connections stay open,
// new ones too, and nothing is heard on them ever again. The server hears nothing, either.
func (p *Proxy) Silence() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.silent = true
	for c := range p.open {
		c.silent.Store(true)
	}
}

// Refuse makes the server stop: connections are closed, and new ones refused.
func (p *Proxy) Refuse() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.listener == nil {
		return
	}
	p.listener.Close()
	p.listener = nil
	for c := range p.open {
		c.client.Close()
		if c.server != nil {
			c.server.Close()
		}
	}
}

// Restore lets new connections through again. Silent ones stay silent.
func (p *Proxy) Restore() {
	p.t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.silent = false
	if p.listener == nil {
		p.listen()
	}
}
