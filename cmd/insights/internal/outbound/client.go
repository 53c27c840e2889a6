// Package outbound makes the calls to addresses that strangers name: a
// subscriber's callback, a hub. A [Client] reaches the public internet alone
// unless it is told otherwise, whatever a name resolves to; it follows no
// redirect, sends no cookie and no credentials, and takes no proxy from the
// environment.
package outbound

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/scaledbydesign/insights/feeds/websub"
)

// Client calls addresses over HTTP. It implements websub.Client and
// websub.Pinger. Make one with New.
type Client struct {
	private   bool
	strangers bool
	ports     []int
	agent     string
	own       *own
	http      http.Client
}

// Options are what a client may call.
type Options struct {
	// Private lets it call private networks and this machine.
	Private bool
	// Strangers says that strangers name the addresses: it calls neither this machine's own
	// public addresses nor those of Site, and no other ports than 80, 443 and Ports, but
	// what Private lets it call on this machine.
	Strangers bool
	Ports     []int
	Site      string // a host

	Resolver *net.Resolver // nil: the system's
}

// maxWords bounds what a hub's refusal may say, in bytes.
const maxWords = 200

// New returns a client that calls itself agent.
func New(agent string, o Options) *Client {
	if o.Resolver == nil {
		o.Resolver = net.DefaultResolver
	}
	c := &Client{private: o.Private, strangers: o.Strangers, ports: o.Ports, agent: agent, own: &own{site: strings.ToLower(strings.TrimRight(o.Site, ".")), resolver: o.Resolver}}
	dialer := &net.Dialer{
		Timeout: 5 * time.Second, Resolver: o.Resolver,
		// Here the name has been resolved: what is checked is what is called.
		ControlContext: func(ctx context.Context, _, address string, _ syscall.RawConn) error {
			to, err := netip.ParseAddrPort(address)
			if err != nil {
				return refused(address)
			}
			var own []netip.Addr
			if c.strangers && !c.private {
				own = c.own.all(ctx)
			}
			return c.allowed(to.Addr(), to.Port(), own)
		},
	}
	c.http = http.Client{
		Transport: &http.Transport{
			Proxy: nil, DialContext: dialer.DialContext,
			TLSHandshakeTimeout: 5 * time.Second, ResponseHeaderTimeout: 15 * time.Second,
			MaxResponseHeaderBytes: 16 << 10, DisableCompression: true,
			MaxIdleConns: 128, MaxIdleConnsPerHost: 2, IdleConnTimeout: 30 * time.Second,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return c
}

// Get implements websub.Client.
func (c *Client) Get(ctx context.Context, address string, limit int) (int, []byte, error) {
	return c.do(ctx, http.MethodGet, address, nil, nil, limit)
}

// Post implements websub.Client.
func (c *Client) Post(ctx context.Context, address string, header map[string][]string, body []byte) (int, error) {
	status, _, err := c.do(ctx, http.MethodPost, address, header, body, 0)
	return status, err
}

// PostIf implements websub.Client.
func (c *Client) PostIf(ctx context.Context, question string, limit int, confirmed func(status int, answer []byte) error, address string, header map[string][]string, body []byte) (int, error) {
	one, end := c.pinned()
	defer end()
	status, answer, err := c.doBy(ctx, one, http.MethodGet, question, nil, nil, limit)
	if err == nil {
		err = confirmed(status, answer)
	}
	if err != nil {
		return status, err
	}
	status, _, err = c.doBy(ctx, one, http.MethodPost, address, header, body, 0)
	return status, err
}

// pinned returns a client that goes on calling the server that it called first, whatever its
// name leads to by then.
func (c *Client) pinned() (one *http.Client, end func()) {
	transport := c.http.Transport.(*http.Transport).Clone()
	dial := transport.DialContext
	var mu sync.Mutex
	first := ""
	transport.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		mu.Lock()
		defer mu.Unlock()
		if first != "" {
			address = first
		}
		conn, err := dial(ctx, network, address)
		if err == nil {
			first = conn.RemoteAddr().String()
		}
		return conn, err
	}
	return &http.Client{Transport: transport, CheckRedirect: c.http.CheckRedirect}, transport.CloseIdleConnections
}

// Ping implements websub.Pinger. It sends the topic under both names that hubs
// look for; one at a time, since not every hub reads more than one.
func (c *Client) Ping(ctx context.Context, hub, topic string) error {
	form := url.Values{"hub.mode": {"publish"}, "hub.url": {topic}, "hub.topic": {topic}}
	header := map[string][]string{"Content-Type": {"application/x-www-form-urlencoded"}}
	status, answer, err := c.do(ctx, http.MethodPost, hub, header, []byte(form.Encode()), maxWords)
	if err != nil {
		return err
	}
	if status < 200 || status > 299 {
		return &websub.StatusError{Status: status, Words: words(answer)}
	}
	return nil
}

func (c *Client) do(ctx context.Context, method, address string, header http.Header, body []byte, limit int) (int, []byte, error) {
	return c.doBy(ctx, &c.http, method, address, header, body, limit)
}

func (c *Client) doBy(ctx context.Context, by *http.Client, method, address string, header http.Header, body []byte, limit int) (int, []byte, error) {
	if err := c.Check(address); err != nil {
		return 0, nil, err
	}
	request, err := http.NewRequestWithContext(ctx, method, address, bytes.NewReader(body))
	if err != nil {
		return 0, nil, withoutAddress(err)
	}
	maps.Copy(request.Header, header)
	request.Header.Set("User-Agent", c.agent)
	response, err := by.Do(request)
	if err != nil {
		return 0, nil, withoutAddress(err)
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(response.Body, int64(limit)))
	if err != nil {
		return response.StatusCode, nil, fmt.Errorf("read the answer: %w", withoutAddress(err))
	}
	return response.StatusCode, answer, nil
}

// withoutAddress keeps what went wrong: the address itself may hold a secret.
func withoutAddress(err error) error {
	if e, ok := errors.AsType[*url.Error](err); ok {
		return e.Err
	}
	return err
}

// words are the first of an answer's, on one line and fit for a terminal.
func words(answer []byte) string {
	text := strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(string(answer), ""))
	if strings.Contains(text, "<") {
		return "" // a page
	}
	return strings.Join(strings.Fields(text), " ")
}
