package websubtest

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/scaledbydesign/insights/feeds/websub"
)

var verificationTests = map[string]func(*world){
	"asks the callback what was asked in its name": func(w *world) {
		w.run(w.hub)
		w.accept("subscribe", topic, callback, "lease_seconds", "3600")
		w.accept("unsubscribe", topic, "https://reader.example.com/push")
		w.wantGets(2)
		q := w.query(0)
		if q.Get("id") != "1" || q.Get("hub.mode") != "subscribe" || q.Get("hub.topic") != topic || q.Get("hub.lease_seconds") != "3600" || len(q.Get("hub.challenge")) < 20 {
			w.Errorf("it asked with %v", q)
		}
		if q := w.query(1); q.Get("hub.mode") != "unsubscribe" || q.Get("hub.challenge") == w.query(0).Get("hub.challenge") {
			w.Errorf("it asked with %v", q)
		}
	},
	"a refusal is final": func(w *world) {
		w.run(w.hub)
		for i, answer := range []func(*url.URL) (int, string, error){
			func(u *url.URL) (int, string, error) { return 404, u.Query().Get("hub.challenge"), nil },
			func(u *url.URL) (int, string, error) { return 302, u.Query().Get("hub.challenge"), nil },
			func(u *url.URL) (int, string, error) { return 200, "", nil },
			func(u *url.URL) (int, string, error) { return 200, "another", nil },
			func(u *url.URL) (int, string, error) { return 200, u.Query().Get("hub.challenge") + "\n", nil },
			func(u *url.URL) (int, string, error) {
				return 200, u.Query().Get("hub.challenge") + strings.Repeat("x", 1<<20), nil
			},
			func(u *url.URL) (int, string, error) { return 200, u.Query().Get("hub.challenge")[1:], nil },
			func(*url.URL) (int, string, error) { return 0, "", fmt.Errorf("no: %w", websub.ErrForbidden) },
		} {
			w.onGet(answer)
			w.accept("subscribe", topic, callback)
			w.after(time.Hour)
			w.wantGets(i + 1)
			w.wantSubscribed()
		}
	},
	"what may pass is tried a few times": func(w *world) {
		w.run(w.hub)
		for i, status := range []int{500, 503, 429, 408, 0} {
			w.onGet(func(*url.URL) (int, string, error) {
				if status == 0 {
					return 0, "", errors.New("no route")
				}
				return status, "", nil
			})
			w.accept("subscribe", topic, callback)
			w.after(30 * time.Minute)
			w.wantGets(5 * (i + 1))
			w.wantSubscribed()
		}
		if times := w.times(&w.gets); times[4].Sub(times[0]) < time.Minute {
			w.Errorf("five tries within %v", times[4].Sub(times[0]))
		}
	},
	"a callback that answers late is subscribed": func(w *world) {
		w.run(w.hub)
		began := time.Now()
		w.onGet(func(u *url.URL) (int, string, error) {
			if time.Since(began) < 20*time.Second {
				return 502, "", nil
			}
			return 200, u.Query().Get("hub.challenge"), nil
		})
		w.accept("subscribe", topic, callback)
		w.after(10 * time.Minute)
		w.wantSubscribed(topic)
	},
	"who fills the hub makes room for others": func(w *world) {
		w.hub.Limits = websub.Limits{Subscriptions: 4, SubscriptionsPerClient: 4}
		w.run(w.hub)
		from := func(network, host string) error {
			err := w.hub.Accept(w.Context(), websub.Asker{Client: network, Wide: network, Around: network}, form("subscribe", topic, "https://"+host+".example.com/push"))
			synctest.Wait()
			return err
		}
		for i := range 4 {
			if err := from("many", fmt.Sprint("many", i)); err != nil {
				w.Fatal(err)
			}
		}
		for i := range 2 {
			if err := from("few", fmt.Sprint("few", i)); err != nil {
				w.Errorf("subscription %d of another network: %v", i, err)
			}
		}
		for _, network := range []string{"few", "many"} {
			if err := from(network, "more"); !errors.Is(err, websub.ErrFull) {
				w.Errorf("one more of %s: %v", network, err)
			}
		}
		w.set(topic, "two")
		w.after(time.Second)
		w.wantPushed("https://few0.example.com/push two", "https://few1.example.com/push two", "https://many0.example.com/push two", "https://many1.example.com/push two")
	},
	"an unsubscription is verified": func(w *world) {
		w.run(w.hub)
		w.accept("subscribe", topic, callback)
		w.onGet(func(*url.URL) (int, string, error) { return 404, "", nil })
		w.accept("unsubscribe", topic, callback)
		w.wantSubscribed(topic)
		w.onGet(func(u *url.URL) (int, string, error) { return 200, u.Query().Get("hub.challenge"), nil })
		w.accept("unsubscribe", topic, callback)
		w.wantSubscribed()
		w.set(topic, "two")
		w.after(time.Minute)
		w.wantPushed()
	},
	"another request overrides when it is verified": func(w *world) {
		w.run(w.hub)
		w.accept("subscribe", topic, callback, "secret", "old")
		w.onGet(func(*url.URL) (int, string, error) { return 404, "", nil })
		w.accept("subscribe", topic, callback, "secret", "forged")
		w.set(topic, "two")
		w.after(time.Second)
		w.onGet(func(u *url.URL) (int, string, error) { return 200, u.Query().Get("hub.challenge"), nil })
		w.accept("subscribe", topic, callback, "secret", "new")
		w.set(topic, "three")
		w.after(time.Second)
		w.accept("subscribe", topic, callback)
		w.set(topic, "four")
		w.after(time.Second)
		w.wantPushed(callback+" two", callback+" three", callback+" four")
		for i, secret := range []string{"old", "new", ""} {
			w.wantSigned(i, secret)
		}
	},
	"a request that takes another's place is the one that counts": func(w *world) {
		release := make(chan struct{})
		w.onGet(func(u *url.URL) (int, string, error) {
			if u.Query().Get("hub.mode") == "subscribe" {
				<-release
			}
			return 200, u.Query().Get("hub.challenge"), nil
		})
		w.run(w.hub)
		w.accept("subscribe", topic, callback)
		w.accept("unsubscribe", topic, callback)
		w.wantGets(2) // at once
		close(release)
		w.after(time.Hour)
		w.wantSubscribed()
		w.wantGets(2)
	},
	"content that changes meanwhile is not missed": func(w *world) {
		w.onGet(func(u *url.URL) (int, string, error) {
			w.set(topic, "two")
			time.Sleep(time.Second)
			return 200, u.Query().Get("hub.challenge"), nil
		})
		w.run(w.hub)
		w.accept("subscribe", topic, callback)
		w.after(time.Minute)
		w.wantSubscribed(topic)
		w.wantPushed(callback + " two")
	},
}

var leaseTests = map[string]func(*world){
	"are as long as asked for, within bounds": func(w *world) {
		w.run(w.hub)
		for i, asked := range []struct {
			seconds string
			want    time.Duration
		}{
			{"", websub.FirstLease}, {"0", websub.FirstLease}, {"1", websub.MinLease}, {"3600", time.Hour},
			{"86400000", websub.FirstLease}, {"9223372036854775807", websub.FirstLease}, {"99999999999999999999999", websub.FirstLease},
		} {
			w.accept("subscribe", topic, callback, "lease_seconds", asked.seconds)
			if got, want := w.query(i).Get("hub.lease_seconds"), fmt.Sprint(int(asked.want/time.Second)); got != want {
				w.Errorf("asked for %q: %s seconds; want %s", asked.seconds, got, want)
			}
			w.after(asked.want - time.Second)
			w.wantSubscribed(topic)
			w.after(2 * time.Second)
			w.wantSubscribed() // gone, not only passed over
		}
	},
	"double while they are of use": func(w *world) {
		w.run(w.hub)
		const day = 24 * time.Hour
		granted := func(want time.Duration) {
			w.Helper()
			w.accept("subscribe", topic, callback, "lease_seconds", "9999999")
			if got, want := w.query(len(w.times(&w.gets))-1).Get("hub.lease_seconds"), fmt.Sprint(int(want/time.Second)); got != want {
				w.Errorf("%s seconds; want %s", got, want)
			}
		}
		granted(day)
		granted(day) // for nothing
		w.after(time.Second)
		w.set(topic, "two")
		w.after(time.Second)
		granted(2 * day)
		granted(2 * day)
		w.after(day)
		granted(4 * day) // there was nothing to push
		w.onPost(answers(500, 0))
		w.set(topic, "three")
		w.after(3 * day)
		granted(4 * day) // it took nothing
		w.onPost(answers(200, 0))
		w.after(time.Hour)
		for _, want := range []time.Duration{8 * day, 16 * day, 30 * day, 30 * day} {
			granted(want)
			w.after(day)
		}
		w.after(30 * day)
		granted(day) // it had ended
	},
	"end pushes": func(w *world) {
		w.run(w.hub)
		w.accept("subscribe", topic, callback, "lease_seconds", "3600")
		w.onPost(answers(500, 0))
		w.after(50 * time.Minute)
		w.set(topic, "two")
		w.after(11 * time.Minute)
		tried := len(w.pushed())
		w.onPost(answers(200, 0))
		w.set(topic, "three")
		w.after(24 * time.Hour)
		if n := len(w.pushed()); n != tried {
			w.Errorf("%d pushes after the end", n-tried)
		}
	},
	"are renewed, and keep what is due": func(w *world) {
		w.run(w.hub)
		w.accept("subscribe", topic, callback, "lease_seconds", "3600")
		w.onPost(answers(503, 0))
		w.after(45 * time.Minute)
		w.set(topic, "two")
		w.after(time.Minute)
		w.onPost(answers(200, 0))
		tried := len(w.pushed())
		w.accept("subscribe", topic, callback, "lease_seconds", "3600")
		if n := len(w.pushed()) - tried; n != 1 {
			w.Errorf("%d pushes at the renewal; want the one that was due", n)
		}
		w.after(45 * time.Minute)
		w.set(topic, "three")
		w.after(time.Second)
		if got := w.pushed(); len(got) != tried+2 || got[tried+1] != callback+" three" {
			w.Errorf("%q", got)
		}
	},
}

var limitTests = map[string]func(*world){
	"bound what is kept": func(w *world) {
		w.hub.Limits = websub.Limits{Subscriptions: 5, SubscriptionsPerHost: 3}
		stop := w.run(w.hub)
		ask := func(host string, n int) error {
			return w.hub.Accept(w.Context(), websub.Asker{}, form("subscribe", topic, fmt.Sprintf("https://%s/%d", host, n)))
		}
		for n := range 3 {
			w.accept("subscribe", topic, fmt.Sprintf("https://a.example/%d", n))
		}
		for _, host := range []string{"a.example", "A.EXAMPLE.", "a.example:8443"} {
			if err := ask(host, 9); !errors.Is(err, websub.ErrFull) {
				w.Errorf("a fourth of one host, written %s: %v", host, err)
			}
		}
		w.accept("subscribe", topic, "https://a.example/0") // no new one
		w.accept("subscribe", topic, "https://b.example/0")
		w.accept("subscribe", topic, "https://c.example/0")
		if err := ask("d.example", 0); !errors.Is(err, websub.ErrFull) {
			w.Errorf("one more than all: %v", err)
		}
		w.accept("unsubscribe", topic, "https://a.example/0")
		w.accept("subscribe", topic, "https://d.example/0")
		stop()
	},
	"bound what waits to be verified": func(w *world) {
		w.hub.Limits = websub.Limits{Requests: 4, RequestsPerHost: 2}
		ask := func(mode, host string, n int) error {
			return w.hub.Accept(w.Context(), websub.Asker{}, form(mode, topic, fmt.Sprintf("https://%s/%d", host, n)))
		}
		for i, asked := range []struct {
			mode, host string
			n          int
			full       bool
		}{
			{"subscribe", "a.example", 0, false}, {"unsubscribe", "a.example", 1, false}, {"unsubscribe", "a.example", 2, true}, {"subscribe", "a.example", 0, false},
			{"subscribe", "b.example", 0, false}, {"subscribe", "c.example", 0, false}, {"subscribe", "d.example", 0, true}, {"subscribe", "c.example", 0, false},
		} {
			if err := ask(asked.mode, asked.host, asked.n); errors.Is(err, websub.ErrFull) != asked.full || err != nil && !asked.full {
				w.Errorf("request %d: %v", i, err)
			}
		}
		w.run(w.hub)
		w.after(time.Second)
		w.wantGets(4)
		if err := ask("subscribe", "d.example", 0); err != nil {
			w.Error(err)
		}
	},
	"let subscribers renew and leave however many wait": func(w *world) {
		w.hub.Limits = websub.Limits{Requests: 2, RequestsPerHost: 1}
		stop := w.run(w.hub)
		w.accept("subscribe", topic, "https://a.example/0")
		w.accept("subscribe", topic, "https://a.example/1")
		stop()
		ask := func(mode, callback string) error {
			return w.hub.Accept(w.Context(), websub.Asker{}, form(mode, topic, callback))
		}
		for _, host := range []string{"b.example", "c.example"} {
			if err := ask("subscribe", "https://"+host+"/0"); err != nil {
				w.Error(err)
			}
		}
		if err := ask("subscribe", "https://a.example/2"); !errors.Is(err, websub.ErrFull) {
			w.Errorf("a new one: %v", err)
		}
		if err := ask("subscribe", "https://a.example/0"); err != nil {
			w.Errorf("renew: %v", err)
		}
		if err := ask("unsubscribe", "https://a.example/1"); err != nil {
			w.Errorf("leave: %v", err)
		}
	},
	"renewals that hang shut nobody out": func(w *world) {
		w.hub.Limits = websub.Limits{Requests: 6, RequestsPerHost: 4}
		stop := w.run(w.hub)
		for n := range 20 {
			if err := w.fromNetworks(websub.Asker{Client: fmt.Sprint("a", n/5), Around: fmt.Sprint("a", n/10)}, "subscribe", topic, fmt.Sprintf("https://h%d.example/", n)); err != nil {
				w.Fatal(err)
			}
			w.after(time.Second)
		}
		stop()
		for n := range 20 {
			if err := w.fromNetworks(websub.Asker{Client: fmt.Sprint("a", n/5), Around: fmt.Sprint("a", n/10)}, "subscribe", topic, fmt.Sprintf("https://h%d.example/", n)); err != nil {
				w.Errorf("a renewal: %v", err)
			}
		}
		for n := range 6 {
			if err := w.fromNetworks(websub.Asker{Client: fmt.Sprint("n", n), Around: fmt.Sprint("n", n)}, "subscribe", topic, fmt.Sprintf("https://new%d.example/", n)); err != nil {
				w.Errorf("a newcomer: %v", err)
			}
		}
	},
	"nothing is kept of what is refused": func(w *world) {
		w.run(w.hub)
		for what, f := range map[string]url.Values{
			"unknown topic":             form("subscribe", topic+"x", callback),
			"leaving an unknown topic":  form("unsubscribe", topic+"x", callback),
			"topic of another spelling": form("subscribe", "HTTPS://insights.example.com/feeds/all.atom", callback),
			"forbidden callback":        form("subscribe", topic, "https://private.example/"),
			"ping about another's":      {"hub.mode": {"publish"}, "hub.url": {"https://else.example/"}},
		} {
			err := w.hub.Accept(w.Context(), websub.Asker{}, f)
			if _, refused := errors.AsType[*websub.RefusedError](err); !refused {
				w.Errorf("%s: %v", what, err)
			}
		}
		w.after(time.Minute)
		w.wantGets(0)
	},
	"a publisher's ping changes nothing": func(w *world) {
		w.run(w.hub)
		w.accept("subscribe", topic, callback)
		for _, f := range []url.Values{{"hub.mode": {"publish"}, "hub.url": {topic, topic2}}, {"hub.mode": {"publish"}, "hub.topic": {topic}}} {
			if err := w.hub.Accept(w.Context(), websub.Asker{}, f); err != nil {
				w.Error(err)
			}
		}
		w.after(time.Hour)
		w.wantPushed()
	},
}

// from posts a form from a network, and returns what the hub says.
func (w *world) from(client, mode, topic, callback string, more ...string) error {
	return w.fromNetworks(websub.Asker{Client: client, Wide: client}, mode, topic, callback, more...)
}

func (w *world) fromNetworks(by websub.Asker, mode, topic, callback string, more ...string) error {
	err := w.hub.Accept(w.Context(), by, form(mode, topic, callback, more...))
	synctest.Wait()
	return err
}

// strangerTests are about requests that their callback's owner did not make.
var strangerTests = map[string]func(*world){
	"change nothing until they are verified": func(w *world) {
		w.run(w.hub)
		if err := w.from("owner", "subscribe", topic, callback, "secret", "own"); err != nil {
			w.Fatal(err)
		}
		w.onGet(func(u *url.URL) (int, string, error) { return 404, "", nil })
		for i, attack := range [][]string{
			{"subscribe", topic, "secret", "forged", "lease_seconds", "300"}, {"subscribe", topic, "lease_seconds", "1"}, {"unsubscribe", topic}, {"subscribe", topic2, "secret", "x"},
		} {
			if err := w.from(fmt.Sprint("stranger", i), attack[0], attack[1], callback, attack[2:]...); err != nil {
				w.Error(err)
			}
		}
		w.after(time.Hour)
		w.wantSubscribed(topic)
		w.set(topic, "two")
		w.after(time.Second)
		w.wantPushed(callback + " two")
		w.wantSigned(0, "own")
	},
	"take no place of a request that waits": func(w *world) {
		began := time.Now()
		// The callback wants what it asked for, once it is up.
		w.onGet(func(u *url.URL) (int, string, error) {
			q := u.Query()
			switch {
			case time.Since(began) < 5*time.Second:
				return 503, "", nil
			case q.Get("hub.mode") == "subscribe" && q.Get("hub.lease_seconds") == "7200":
				return 200, q.Get("hub.challenge"), nil
			}
			return 404, "", nil
		})
		w.run(w.hub)
		for _, asked := range [][]string{{"owner", "subscribe", "secret", "own", "lease_seconds", "7200"}, {"stranger", "unsubscribe"}, {"another", "subscribe", "secret", "forged"}} {
			if err := w.from(asked[0], asked[1], topic, callback, asked[2:]...); err != nil {
				w.Fatal(err)
			}
		}
		w.after(10 * time.Minute)
		w.wantSubscribed(topic)
		w.set(topic, "two")
		w.after(time.Second)
		w.wantSigned(0, "own")
	},
	"that are older than what was verified come to nothing": func(w *world) {
		began := time.Now()
		w.onGet(func(u *url.URL) (int, string, error) {
			if u.Query().Get("hub.mode") == "unsubscribe" && time.Since(began) < time.Minute {
				return 503, "", nil
			}
			return 200, u.Query().Get("hub.challenge"), nil
		})
		w.run(w.hub)
		for _, asked := range [][]string{{"here", "unsubscribe"}, {"there", "subscribe"}} {
			w.after(time.Second)
			if err := w.from(asked[0], asked[1], topic, callback); err != nil {
				w.Fatal(err)
			}
		}
		w.after(time.Hour)
		w.wantSubscribed(topic)
	},
	"have a limit for each client": func(w *world) {
		w.hub.Limits = websub.Limits{SubscriptionsPerClient: 3, HourlyPerClient: 6}
		w.run(w.hub)
		ask := func(client, mode string, n int) error {
			return w.from(client, mode, topic, fmt.Sprintf("https://h%d.example/", n))
		}
		for n := range 3 {
			if err := ask("a", "subscribe", n); err != nil {
				w.Error(err)
			}
		}
		if err := ask("a", "subscribe", 3); !errors.Is(err, websub.ErrTooMany) {
			w.Errorf("a fourth of one client: %v", err)
		}
		if err := errors.Join(ask("b", "subscribe", 3), ask("a", "subscribe", 0), ask("a", "unsubscribe", 0), ask("a", "subscribe", 4)); err != nil {
			w.Error(err)
		}
		if err := ask("a", "subscribe", 1); !errors.Is(err, websub.ErrTooMany) {
			w.Errorf("a seventh within the hour: %v", err)
		}
		w.after(time.Hour)
		if err := ask("a", "subscribe", 1); err != nil {
			w.Error(err)
		}
	},
	"have a limit for topics that are made on demand": func(w *world) {
		w.hub.Limits = websub.Limits{Topics: 4, TopicsPerAround: 2}
		w.run(w.hub)
		made := func(n int) string { return fmt.Sprintf("%s+%d", topic, n) }
		for n := range 6 {
			w.set(made(n), "made")
		}
		for i, asked := range []struct {
			client, topic string
			want          error
		}{
			{"a", topic, nil}, {"a", made(1), nil}, {"a", made(2), websub.ErrTooMany}, {"b", made(2), nil}, {"b", made(3), nil},
			{"c", made(4), nil}, {"c", made(5), websub.ErrFull}, // who follows none yet has a place
			{"c", made(1), nil}, {"d", topic, nil}, // what others follow, and what is there
		} {
			if err := w.from(asked.client, "subscribe", asked.topic, fmt.Sprintf("https://h%d.example/", i)); !errors.Is(err, asked.want) {
				w.Errorf("%s for %s: %v, want %v", asked.client, asked.topic, err, asked.want)
			}
			w.after(time.Second) // each is verified
		}
		if err := w.fromNetworks(websub.Asker{Client: "another", Around: "a"}, "subscribe", made(5), "https://another.example/"); !errors.Is(err, websub.ErrTooMany) {
			w.Errorf("another client of the same network: %v", err)
		}
	},
	"give way to a newcomer": func(w *world) {
		w.hub.Limits = websub.Limits{Requests: 6, RequestsPerHost: 4}
		ask := func(client, host string, n int) error {
			return w.from(client, "subscribe", topic, fmt.Sprintf("https://%s/%d", host, n))
		}
		var err error
		for n := range 4 {
			err = errors.Join(err, ask("a", "a.example", n))
		}
		if err = errors.Join(err, ask("b", "a.example", 9)); err != nil { // the host is full of a's
			w.Error(err)
		}
		err = errors.Join(ask("b", "b.example", 0), ask("c", "c.example", 0), ask("d", "d.example", 0)) // the hub is full
		if err != nil {
			w.Error(err)
		}
		if err := ask("a", "e.example", 0); !errors.Is(err, websub.ErrFull) {
			w.Errorf("of the client that has most: %v", err)
		}
		stop := w.run(w.hub)
		w.after(time.Second)
		stop()
		var asked []string
		for n := range w.times(&w.gets) {
			w.mu.Lock()
			asked = append(asked, strings.SplitN(w.gets[n].address, "?", 2)[0])
			w.mu.Unlock()
		}
		slices.Sort(asked)
		if want := []string{"https://a.example/0", "https://a.example/1", "https://a.example/9", "https://b.example/0", "https://c.example/0", "https://d.example/0"}; !slices.Equal(asked, want) {
			w.Errorf("asked %q; want %q", asked, want)
		}
	},
	"of one wide network shut nobody out": func(w *world) {
		w.hub.Limits = websub.Limits{Requests: 20}
		near := func(i int) websub.Asker { // a /64 each, four in a /56
			return websub.Asker{Client: fmt.Sprint("near", i), Wide: fmt.Sprint("wide", i/4), Around: "around"}
		}
		at := func(who string, i int) string { return fmt.Sprintf("https://%s%d.example/", who, i) }
		stop := w.run(w.hub)
		if err := w.fromNetworks(near(0), "subscribe", topic, at("subscribed", 0)); err != nil {
			w.Error(err)
		}
		w.after(time.Second)
		stop()
		w.wantSubscribed(topic)
		for i := range 3 { // many of one place are no flood
			if err := w.fromNetworks(websub.Asker{Client: "office", Wide: "office", Around: "town"}, "subscribe", topic, at("office", i)); err != nil {
				w.Error(err)
			}
		}
		for i := range 17 {
			if err := w.fromNetworks(near(i), "subscribe", topic, at("flood", i)); err != nil {
				w.Error(err)
			}
		}
		if err := w.fromNetworks(near(18), "subscribe", topic, at("flood", 18)); !errors.Is(err, websub.ErrFull) {
			w.Errorf("one more of the network that has most: %v", err)
		}
		// Who is subscribed renews, also in a network that has most; and keeps that.
		if err := w.fromNetworks(near(0), "unsubscribe", topic, at("subscribed", 0)); err != nil {
			w.Error(err)
		}
		for i := range 13 {
			if err := w.from(fmt.Sprint("new", i), "subscribe", topic, at("new", i)); err != nil {
				w.Errorf("newcomer %d: %v", i, err)
			}
		}
		w.run(w.hub)
		w.after(time.Minute)
		asked := make(map[string]int)
		w.mu.Lock()
		for _, get := range w.gets {
			asked[strings.TrimRight(strings.TrimSuffix(strings.TrimPrefix(strings.SplitN(get.address, "?", 2)[0], "https://"), ".example/"), "0123456789")]++
		}
		w.mu.Unlock()
		if asked["office"] != 3 || asked["new"] != 13 || asked["flood"] != 4 || asked["subscribed"] != 2 {
			w.Errorf("asked: %v", asked)
		}
	},
	"are no more than subscriptions may be": func(w *world) {
		w.hub.Limits = websub.Limits{Subscriptions: 40, SubscriptionsPerClient: 3}
		n := 0
		for i := range 60 {
			err := w.from(fmt.Sprint("client", i/2), "subscribe", topic, fmt.Sprintf("https://h%d.example/", i))
			if err == nil {
				n++
			} else if !errors.Is(err, websub.ErrFull) {
				w.Error(err)
			}
		}
		w.run(w.hub)
		w.after(time.Minute)
		w.mu.Lock()
		got := len(w.gets)
		w.mu.Unlock()
		if got != 40 || n < 40 {
			w.Errorf("%d are subscribed, of %d that were taken", got, n)
		}
	},
	"by the thousand shut nobody out": func(w *world) {
		// 2,000 of 20 clients wait, at a host each, and none ever answers.
		w.onGet(func(u *url.URL) (int, string, error) {
			if u.Hostname() == "honest.example" {
				return 200, u.Query().Get("hub.challenge"), nil
			}
			time.Sleep(9 * time.Second)
			return 0, "", errors.New("no answer")
		})
		n := 2000
		if testing.Short() {
			n = 200
		}
		for i := range n {
			if err := w.from(fmt.Sprint("client", i%20), "subscribe", topic, fmt.Sprintf("https://h%d.example/", i)); err != nil {
				w.Fatal(err)
			}
		}
		w.run(w.hub)
		w.after(5 * time.Second)
		if err := w.from("honest", "subscribe", topic, "https://honest.example/"); err != nil {
			w.Fatal(err)
		}
		began := time.Now()
		for len(w.honest()) == 0 && time.Since(began) < 10*time.Minute {
			w.after(time.Second)
		}
		w.Logf("the honest one was asked %v later", time.Since(began))
		if time.Since(began) > 15*time.Second {
			w.Errorf("the honest one was asked %v later", time.Since(began))
		}
	},
}

// honest are the verifications at honest.example.
func (w *world) honest() (asked []call) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range w.gets {
		if strings.HasPrefix(c.address, "https://honest.example/") {
			asked = append(asked, c)
		}
	}
	return asked
}
