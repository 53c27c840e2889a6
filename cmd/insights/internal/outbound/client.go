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
	"syscall"
	"time"

	"github.com/scaledbydesign/insights/feeds/websub"
	"github.com/scaledbydesign/insights/newsletter/rfc5322"
)

// Client calls addresses over HTTP. It implements websub.Client and
// websub.Pinger. Make one with New.
type Client struct {
	private bool
	agent   string
	http    http.Client
}

// maxWords bounds what a hub's refusal may say, in bytes.
const maxWords = 200

// New returns a client that calls itself agent. With private it may also call
// private networks and this machine. Names are resolved by resolver; nil is the system's.
func New(agent string, private bool, resolver *net.Resolver) *Client {
	c := &Client{private: private, agent: agent}
	dialer := &net.Dialer{
		Timeout: 5 * time.Second, Resolver: resolver,
		// Here the name has been resolved: what is checked is what is called.
		ControlContext: func(_ context.Context, _, address string, _ syscall.RawConn) error {
			to, err := netip.ParseAddrPort(address)
			if err != nil || !c.private && !public(to.Addr()) {
				return refused(address)
			}
			return nil
		},
	}
	c.http = http.Client{
		Transport: &http.Transport{
			Proxy: nil, DialContext: dialer.DialContext,
			TLSHandshakeTimeout: 5 * time.Second, ResponseHeaderTimeout: 15 * time.Second,
			MaxResponseHeaderBytes: 16 << 10, DisableCompression: true,
			MaxIdleConns: 32, MaxIdleConnsPerHost: 2, IdleConnTimeout: 30 * time.Second,
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
	if err := c.Check(address); err != nil {
		return 0, nil, err
	}
	request, err := http.NewRequestWithContext(ctx, method, address, bytes.NewReader(body))
	if err != nil {
		return 0, nil, withoutAddress(err)
	}
	maps.Copy(request.Header, header)
	request.Header.Set("User-Agent", c.agent)
	response, err := c.http.Do(request)
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
	if bytes.Contains(answer, []byte("<")) {
		return "" // a page
	}
	return rfc5322.OneLine(strings.ToValidUTF8(string(answer), ""))
}
