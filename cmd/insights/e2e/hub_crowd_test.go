package e2e

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/scaledbydesign/insights/cmd/insights/internal/database"
	"github.com/scaledbydesign/insights/cmd/insights/internal/outbound"
	"github.com/scaledbydesign/insights/feeds/websub"
)

// hubCrowd is a hub, and the callbacks at many hosts that subscribe to it: addresses of
// loopback, each of which is one host. A tenth of the hosts is slow or dead.
type hubCrowd struct {
	t             *testing.T
	hub           *websub.Hub
	subscriptions int
	hosts         int
	port          string
	closed        string // a port at which nobody listens, once the crowd has subscribed

	mu      sync.Mutex
	version int
	body    []byte
	wave    time.Time
	arrived map[string]time.Duration // by callback, in this wave
}

const hubTopic = "https://insights.example/feeds/all.atom"

// newHubCrowd subscribes a crowd at a hub over a database, and runs the hub until stop.
func newHubCrowd(t *testing.T, db *database.DB, subscriptions int) (c *hubCrowd, stop func()) {
	t.Helper()
	c = &hubCrowd{t: t, subscriptions: subscriptions, hosts: subscriptions / 4, version: 1, body: []byte("1"), arrived: make(map[string]time.Duration)}
	c.port = c.listen(http.HandlerFunc(c.serve))
	refuses := httptest.NewUnstartedServer(http.HandlerFunc(c.serve))
	refuses.Listener.Close()
	var err error
	if refuses.Listener, err = net.Listen("tcp", "0.0.0.0:0"); err != nil {
		t.Fatal(err)
	}
	refuses.Start()
	_, c.closed, _ = net.SplitHostPort(refuses.Listener.Addr().String())
	c.hub = &websub.Hub{
		URL: "https://insights.example/hub", Topics: c, Store: db.WebSub(), Log: slog.New(slog.DiscardHandler), Wake: db.Changed,
		Client: outbound.New("Insights", outbound.Options{Private: true, Strangers: true}),
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { defer close(ended); c.hub.Run(ctx) }()
	stop = sync.OnceFunc(func() { cancel(); <-ended })
	t.Cleanup(stop)
	began := time.Now()
	for i := range subscriptions {
		form := url.Values{"hub.mode": {"subscribe"}, "hub.topic": {hubTopic}, "hub.callback": {c.callback(i)}, "hub.secret": {"a secret"}}
		from := websub.Asker{Client: fmt.Sprint("client", i%c.hosts), Wide: fmt.Sprint("client", i%c.hosts)}
		if err := c.hub.Accept(t.Context(), from, form); err != nil {
			t.Fatal(err)
		}
	}
	until(t, time.Minute, "all are subscribed", func() bool {
		status, err := db.WebSub().Status(t.Context())
		return err == nil && status.Subscriptions == subscriptions
	})
	t.Logf("%d subscriptions on %d hosts within %v", subscriptions, c.hosts, time.Since(began).Round(10*time.Millisecond))
	refuses.Close()
	return c, stop
}

// listen serves at every address of loopback, and returns the port.
func (c *hubCrowd) listen(h http.Handler) (port string) {
	l, err := net.Listen("tcp", "0.0.0.0:0")
	if err != nil {
		c.t.Fatal(err)
	}
	s := &http.Server{Handler: h}
	go s.Serve(l)
	c.t.Cleanup(func() { s.Close() })
	_, port, _ = net.SplitHostPort(l.Addr().String())
	return port
}

// bad says what is wrong with a host: "" for nothing.
func bad(host int) string {
	if host%10 != 0 {
		return ""
	}
	return []string{"hangs", "takes 3 s", "refuses", "fails"}[host/10%4]
}

func (c *hubCrowd) callback(i int) string {
	host, port := i%c.hosts, c.port
	if bad(host) == "refuses" {
		port = c.closed
	}
	return fmt.Sprintf("http://127.%d.%d.%d:%s/%d", 1+host/60_000, host/250%250, 1+host%250, port, i)
}

func (c *hubCrowd) serve(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodGet {
		io.WriteString(w, r.URL.Query().Get("hub.challenge"))
		return
	}
	var i int
	fmt.Sscanf(r.URL.Path, "/%d", &i)
	switch bad(i % c.hosts) {
	case "hangs":
		io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
		return
	case "takes 3 s":
		select {
		case <-r.Context().Done():
		case <-time.After(3 * time.Second):
		}
	case "fails":
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if strings.HasPrefix(string(body), fmt.Sprintf("%d ", c.version)) {
		if _, had := c.arrived[r.URL.Path]; !had {
			c.arrived[r.URL.Path] = time.Since(c.wave)
		}
	}
}

// Known implements websub.Topics.
func (c *hubCrowd) Known(topic string) (known, onDemand bool) { return topic == hubTopic, false }

// Content implements websub.Topics: a document of 20 KB.
func (c *hubCrowd) Content(context.Context, string) (websub.Content, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return websub.Content{Body: c.body, ContentType: "application/atom+xml", Version: fmt.Sprint(c.version)}, nil
}

// change begins a wave of pushes.
func (c *hubCrowd) change() {
	c.mu.Lock()
	c.version++
	c.body = fmt.Appendf(nil, "%d %s", c.version, strings.Repeat("x", 20<<10))
	c.wave, c.arrived = time.Now(), make(map[string]time.Duration)
	c.mu.Unlock()
	c.hub.Changed()
}

// pushed returns after how long the content was at each honest callback; a missing one is
// not among them.
func (c *hubCrowd) pushed() (honest int, took []time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range c.subscriptions {
		if bad(i%c.hosts) != "" {
			continue
		}
		honest++
		if at, ok := c.arrived[fmt.Sprintf("/%d", i)]; ok {
			took = append(took, at)
		}
	}
	slices.Sort(took)
	return honest, took
}

// TestACrowdIsPushedPromptly: with a tenth of the hosts slow or dead, 95 % of the others
// have new content within ten seconds, when nobody knows yet which they are, and when it is
// known. INSIGHTS_TEST_SUBSCRIPTIONS is how many there are, on a quarter as many hosts.
func TestACrowdIsPushedPromptly(t *testing.T) {
	slow(t)
	t.Parallel()
	db, err := database.Open("sqlite:"+filepath.Join(t.TempDir(), "hub.db"), true)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	if _, err := db.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := db.LockSender(); err != nil {
		t.Fatal(err)
	}
	c, stop := newHubCrowd(t, db, scale(t, "INSIGHTS_TEST_SUBSCRIPTIONS", 200))
	defer stop()
	for _, wave := range []string{"not knowing the slow", "knowing the slow"} {
		c.change()
		within := time.Now().Add(30 * time.Second)
		honest, took := c.pushed()
		for len(took) < honest && time.Now().Before(within) {
			time.Sleep(50 * time.Millisecond)
			honest, took = c.pushed()
		}
		most := honest * 95 / 100
		if len(took) <= most {
			t.Fatalf("%s: %d of %d were pushed", wave, len(took), honest)
		}
		t.Logf("%s: half of %d after %v, 95 %% after %v, %d after %v", wave, honest, took[len(took)/2].Round(time.Millisecond), took[most].Round(time.Millisecond), len(took), took[len(took)-1].Round(time.Millisecond))
		if took[most] > 10*time.Second {
			t.Errorf("%s: 95 %% were pushed after %v", wave, took[most])
		}
	}
}

// TestPushesDontSlowSending measures how long a digest takes with a wave of pushes at its
// start, and without, in turns. At full size (INSIGHTS_TEST_SUBSCRIPTIONS) it may take a
// tenth more; INSIGHTS_TEST_YARDSTICK is how many emails it has.
func TestPushesDontSlowSending(t *testing.T) {
	slow(t)
	t.Parallel()
	subscriptions, emails := scale(t, "INSIGHTS_TEST_SUBSCRIPTIONS", 40), scale(t, "INSIGHTS_TEST_YARDSTICK", 200)
	rounds := 1
	if subscriptions >= 2000 {
		rounds = 3
	}
	port := startQuickSink(t)
	var alone, pushing []time.Duration
	for range rounds {
		alone = append(alone, sendAll(t, port, emails, 20, nil))
		pushing = append(pushing, sendWhile(t, port, emails, 20, nil, func(db *database.DB) (begin, end func()) {
			c, stop := newHubCrowd(t, db, subscriptions)
			return c.change, func() {
				until(t, time.Minute, "95 % of the honest are pushed", func() bool {
					honest, took := c.pushed()
					return len(took) > honest*95/100
				})
				_, took := c.pushed()
				t.Logf("95 %% were pushed after %v", took[len(took)-1].Round(time.Millisecond))
				stop()
			}
		}))
	}
	slices.Sort(alone)
	slices.Sort(pushing)
	a, p := alone[rounds/2], pushing[rounds/2]
	t.Logf("%d emails: %v alone, %v while %d subscriptions are pushed: %.2f", emails, a.Round(time.Millisecond), p.Round(time.Millisecond), subscriptions, float64(p)/float64(a))
	if rounds > 1 && float64(p) > 1.1*float64(a) {
		t.Errorf("sending took %v with pushes, and %v without", p, a)
	}
}
