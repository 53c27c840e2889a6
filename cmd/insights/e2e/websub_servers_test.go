package e2e

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"sync"
	"testing"
	"time"
)

// hubPush is a delivery of a hub.
type hubPush struct {
	At     time.Time
	Path   string
	Header http.Header
	Body   string
}

// callback is a subscriber's server. It confirms every subscription and answers
// deliveries with a status.
type callback struct {
	*httptest.Server
	mu       sync.Mutex
	answer   func(path string, nth int) int // nth of that path, from 1
	pushes   []hubPush
	verified []url.Values
}

func newCallback(t testing.TB) *callback {
	c := &callback{answer: func(string, int) int { return http.StatusNoContent }}
	c.Server = httptest.NewServer(http.HandlerFunc(c.serve))
	t.Cleanup(c.Close)
	return c
}

func (c *callback) serve(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // cut off: not received
	}
	c.mu.Lock()
	if r.Method == http.MethodGet {
		defer c.mu.Unlock()
		c.verified = append(c.verified, r.URL.Query())
		io.WriteString(w, r.URL.Query().Get("hub.challenge"))
		return
	}
	c.pushes = append(c.pushes, hubPush{time.Now(), r.URL.Path, r.Header.Clone(), string(body)})
	nth := 0
	for _, p := range c.pushes {
		if p.Path == r.URL.Path {
			nth++
		}
	}
	answer := c.answer
	c.mu.Unlock()
	if status := answer(r.URL.Path, nth); status != 0 {
		w.WriteHeader(status)
	}
}

// received are the deliveries to a path.
func (c *callback) received(path string) (pushes []hubPush) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, p := range c.pushes {
		if p.Path == path {
			pushes = append(pushes, p)
		}
	}
	return pushes
}

func (c *callback) verifications() []url.Values {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.verified)
}

// await waits for the nth delivery to a path.
func (c *callback) await(t testing.TB, path string, nth int) hubPush {
	t.Helper()
	until(t, 30*time.Second, fmt.Sprintf("push %d to %s", nth, path), func() bool { return len(c.received(path)) >= nth })
	return c.received(path)[nth-1]
}

// otherHub is a hub elsewhere.
type otherHub struct {
	*httptest.Server
	mu     sync.Mutex
	status int
	pings  []string
}

func newOtherHub(t testing.TB) *otherHub {
	h := &otherHub{status: http.StatusNoContent}
	h.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.mu.Lock()
		defer h.mu.Unlock()
		if r.PostFormValue("hub.mode") != "publish" || r.PostFormValue("hub.url") != r.PostFormValue("hub.topic") {
			w.WriteHeader(http.StatusTeapot)
			return
		}
		if h.status < 300 {
			h.pings = append(h.pings, r.PostFormValue("hub.url"))
		}
		w.WriteHeader(h.status)
		io.WriteString(w, "as you say")
	}))
	t.Cleanup(h.Close)
	return h
}

func (h *otherHub) answer(status int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.status, h.pings = status, nil
}

func (h *otherHub) told() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	told := slices.Clone(h.pings)
	slices.Sort(told)
	return told
}
