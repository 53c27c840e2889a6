// Package websubtest says what the stores of package websub must do, as tests that
// every implementation runs: mostly what subscribers are promised when hubs work
// over the store. Time is synctest's, subscribers answer in memory, all else is
// real.
package websubtest

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/scaledbydesign/insights/feeds/websub"
)

// Store is all that package websub keeps.
type Store interface {
	websub.Store
	websub.PingStore
}

// Test runs all of it on stores made by open, which must be empty and independent
// of each other. open is called inside synctest bubbles.
func Test(t *testing.T, open func(t *testing.T) Store) {
	for name, tests := range map[string]map[string]func(*world){
		"Verification": verificationTests, "Leases": leaseTests, "Limits": limitTests, "Strangers": strangerTests,
		"Deliveries": deliveryTests, "Failures": failureTests, "Processes": processTests, "Publisher": publisherTests,
	} {
		t.Run(name, func(t *testing.T) {
			for name, run := range tests {
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					synctest.Test(t, func(t *testing.T) { run(newWorld(t, open(t))) })
				})
			}
		})
	}
}

const (
	hubURL   = "https://insights.example.com/hub"
	topic    = "https://insights.example.com/feeds/all.atom"
	topic2   = "https://insights.example.com/feeds/all.rss"
	callback = "https://reader.example.com/push?id=1"
)

// world is a site with topics, its hub, and everybody whom that calls.
type world struct {
	*testing.T
	store Store
	hub   *websub.Hub

	mu     sync.Mutex
	topics map[string]string // each one's content
	former map[string]bool   // those that are former addresses
	get    func(*url.URL) (status int, body string, err error)
	post   func(ctx context.Context, address string) (status int, err error)
	gets   []call
	posts  []call
}

// call is one that the hub made.
type call struct {
	at      time.Time
	address string
	header  map[string][]string
	body    string
}

func newWorld(t *testing.T, store Store) *world {
	w := &world{T: t, store: store, topics: map[string]string{topic: "one", topic2: "uno"}, former: map[string]bool{}}
	w.get = func(u *url.URL) (int, string, error) { return 200, u.Query().Get("hub.challenge"), nil }
	w.post = func(context.Context, string) (int, error) { return 204, nil }
	w.hub = w.newHub()
	return w
}

func (w *world) newHub() *websub.Hub {
	return &websub.Hub{URL: hubURL, Topics: w, Store: w.store, Client: w, Log: slog.New(slog.DiscardHandler)}
}

// Content implements websub.Topics.
func (w *world) Content(_ context.Context, topic string) (websub.Content, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	text, ok := w.topics[topic]
	if !ok {
		return websub.Content{}, websub.ErrUnknownTopic
	}
	return websub.Content{Body: []byte(text), ContentType: "application/atom+xml", Version: "v-" + text}, nil
}

// Known implements websub.Topics.
func (w *world) Known(topic string) (known, onDemand bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	_, ok := w.topics[topic]
	return ok && !w.former[topic], strings.Contains(topic, "+")
}

// Check implements websub.Client.
func (w *world) Check(address string) error {
	if strings.Contains(address, "private.example") {
		return fmt.Errorf("private.example: %w", websub.ErrForbidden)
	}
	return nil
}

// Get implements websub.Client.
func (w *world) Get(ctx context.Context, address string, limit int) (int, []byte, error) {
	w.mu.Lock()
	w.gets = append(w.gets, call{at: time.Now(), address: address})
	get := w.get
	w.mu.Unlock()
	u, err := url.Parse(address)
	if err != nil {
		w.Errorf("it calls %q: %v", address, err)
		return 0, nil, err
	}
	status, body, err := get(u)
	return status, []byte(body[:min(limit, len(body))]), err
}

// PostIf implements websub.Client.
func (w *world) PostIf(ctx context.Context, question string, limit int, confirmed func(int, []byte) error, address string, header map[string][]string, body []byte) (int, error) {
	status, answer, err := w.Get(ctx, question, limit)
	if err == nil {
		err = confirmed(status, answer)
	}
	if err != nil {
		return status, err
	}
	return w.Post(ctx, address, header, body)
}

// Post implements websub.Client.
func (w *world) Post(ctx context.Context, address string, header map[string][]string, body []byte) (int, error) {
	w.mu.Lock()
	w.posts = append(w.posts, call{time.Now(), address, header, string(body)})
	post := w.post
	w.mu.Unlock()
	return post(ctx, address)
}

// answers is a subscriber that takes some time to answer a delivery.
func answers(status int, after time.Duration) func(context.Context, string) (int, error) {
	return func(ctx context.Context, _ string) (int, error) {
		select {
		case <-ctx.Done():
			return 0, ctx.Err()
		case <-time.After(after):
			return status, nil
		}
	}
}

// set gives a topic other content; "" takes it away.
func (w *world) set(topic, text string) {
	w.mu.Lock()
	w.topics[topic] = text
	if text == "" {
		delete(w.topics, topic)
	}
	w.mu.Unlock()
	w.hub.Changed()
}

func (w *world) onGet(answer func(*url.URL) (int, string, error)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.get = answer
}

func (w *world) onPost(answer func(ctx context.Context, address string) (int, error)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.post = answer
}

// run runs the hub until the test ends or stop is called.
func (w *world) run(hub *websub.Hub) (stop func()) {
	ctx, cancel := context.WithCancel(w.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := hub.Run(ctx); err != nil {
			w.Error(err)
		}
	}()
	stop = func() { cancel(); <-ended }
	w.Cleanup(stop)
	synctest.Wait()
	return stop
}

// after lets time pass, and what it brings about.
func (w *world) after(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func form(mode, topic, callback string, more ...string) url.Values {
	f := url.Values{"hub.mode": {mode}, "hub.topic": {topic}, "hub.callback": {callback}}
	for i := 0; i+1 < len(more); i += 2 {
		f.Set("hub."+more[i], more[i+1])
	}
	return f
}

// accept posts a form that must be taken, and lets the hub act on it.
func (w *world) accept(mode, topic, callback string, more ...string) {
	w.Helper()
	if err := w.hub.Accept(w.Context(), websub.Asker{}, form(mode, topic, callback, more...)); err != nil {
		w.Fatalf("%s: %v", mode, err)
	}
	synctest.Wait()
}

// ask keeps a request, which nobody refuses.
func (w *world) ask(r websub.Request) {
	w.Helper()
	if err := w.store.Ask(w.Context(), r, func(f websub.Facts) websub.Decision { return websub.DefaultLimits.Decide(r, f) }); err != nil {
		w.Fatal(err)
	}
}

func (w *world) settle(r websub.Request, tried websub.Tried) {
	w.Helper()
	if err := w.store.SettleRequests(w.Context(), time.Now(), []websub.TriedRequest{{Request: r, Tried: tried}}); err != nil {
		w.Fatal(err)
	}
}

func (w *world) settlePushes(tried ...websub.TriedPush) {
	w.Helper()
	if _, err := w.store.TurnPushes(w.Context(), tried, websub.Claim{Now: time.Now()}); err != nil {
		w.Fatal(err)
	}
}

// earn subscribes, and renews without content until a lease of so many days is earned.
func (w *world) earn(days int) {
	w.Helper()
	w.accept("subscribe", topic, callback)
	for term := 1; term < days; term *= 2 {
		w.after(12 * time.Hour)
		w.accept("subscribe", topic, callback)
		w.after(12 * time.Hour)
		w.accept("subscribe", topic, callback)
	}
}

// pushed returns the deliveries so far, as "callback body".
func (w *world) pushed() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var list []string
	for _, p := range w.posts {
		list = append(list, p.address+" "+p.body)
	}
	return list
}

func (w *world) wantPushed(want ...string) {
	w.Helper()
	got := w.pushed()
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		w.Errorf("pushed %q; want %q", got, want)
	}
}

// wantSubscribed asks whether topics have subscriptions.
func (w *world) wantSubscribed(want ...string) {
	w.Helper()
	got, err := w.store.Topics(w.Context())
	if err != nil {
		w.Fatal(err)
	}
	slices.Sort(got)
	if !slices.Equal(got, want) {
		w.Errorf("subscribed to %q; want %q", got, want)
	}
}

// times returns when the hub called to verify, or to deliver.
func (w *world) times(calls *[]call) (times []time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range *calls {
		times = append(times, c.at)
	}
	return times
}

func (w *world) query(nth int) url.Values {
	w.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.gets) <= nth {
		w.Fatalf("there were %d verifications", len(w.gets))
	}
	u, err := url.Parse(w.gets[nth].address)
	if err != nil {
		w.Fatal(err)
	}
	return u.Query()
}

func (w *world) wantGets(want int) {
	w.Helper()
	if n := len(w.times(&w.gets)); n != want {
		w.Errorf("%d verifications; want %d", n, want)
	}
}

var publisherTests = map[string]func(*world){
	"tells of what has changed, once": func(w *world) {
		told := &pinger{}
		stop := w.publish(told)
		told.want(w, topic, topic2)
		stop()
		stop = w.publish(told)
		w.after(time.Hour)
		told.want(w) // it remembers
		stop()
		w.set(topic, "two")
		w.publish(told)
		told.want(w, topic)
	},
	"goes on when one is refused, and tries that again": func(w *world) {
		told := &pinger{refuse: map[string]error{topic: &websub.StatusError{Status: 403, Words: "no"}}}
		w.publish(told)
		told.want(w, topic2)
		w.after(5 * time.Minute)
		told.want(w)
		told.set(nil)
		w.after(2 * time.Hour)
		told.want(w, topic)
	},
	"waits for a hub that does not answer": func(w *world) {
		told := &pinger{refuse: map[string]error{topic: context.DeadlineExceeded, topic2: context.DeadlineExceeded}}
		w.publish(told)
		w.after(24 * time.Hour)
		told.mu.Lock()
		if told.calls < 24 || told.calls > 50 {
			w.Errorf("%d pings in a day", told.calls)
		}
		told.mu.Unlock()
		told.set(nil)
		w.after(2 * time.Hour)
		told.want(w, topic, topic2)
	},
	"remembers each hub apart": func(w *world) {
		for _, hub := range []string{"https://a.example/", "https://b.example/"} {
			if err := w.store.SetPinged(w.Context(), hub, topic, "of "+hub); err != nil {
				w.Fatal(err)
			}
		}
		got, err := w.store.Pinged(w.Context(), "https://a.example/")
		if want := map[string]string{topic: "of https://a.example/"}; err != nil || !maps.Equal(got, want) {
			w.Errorf("%v, %v", got, err)
		}
	},
}

// publish runs a publisher until the test ends or stop is called.
func (w *world) publish(told *pinger) (stop func()) {
	p := &websub.Publisher{Hub: "https://hub.example.com/", Store: w.store, Pinger: told, Log: slog.New(slog.DiscardHandler), Topics: func() map[string]string {
		w.mu.Lock()
		defer w.mu.Unlock()
		return maps.Clone(w.topics)
	}}
	ctx, cancel := context.WithCancel(w.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		p.Run(ctx)
	}()
	stop = func() { cancel(); <-ended }
	w.Cleanup(stop)
	synctest.Wait()
	return stop
}

// pinger is a hub elsewhere.
type pinger struct {
	mu     sync.Mutex
	refuse map[string]error
	told   []string
	calls  int
}

func (p *pinger) Ping(_ context.Context, hub, topic string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.calls++
	if err := p.refuse[topic]; err != nil {
		return err
	}
	p.told = append(p.told, topic)
	return nil
}

func (p *pinger) set(refuse map[string]error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.refuse = refuse
}

// want compares what it was told since the last time.
func (p *pinger) want(w *world, topics ...string) {
	w.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	if !slices.Equal(p.told, topics) {
		w.Errorf("the hub was told of %q; want %q", p.told, topics)
	}
	p.told = nil
}
