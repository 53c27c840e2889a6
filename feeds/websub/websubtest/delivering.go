package websubtest

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing/synctest"
	"time"

	"github.com/scaledbydesign/insights/feeds/websub"
)

// wantSigned asks whether a delivery is signed with a secret, "" for not at all.
func (w *world) wantSigned(nth int, secret string) {
	w.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.posts) <= nth {
		w.Fatalf("there were %d deliveries", len(w.posts))
	}
	p := w.posts[nth]
	var want []string
	if secret != "" {
		mac := hmac.New(sha256.New, []byte(secret))
		mac.Write([]byte(p.body))
		want = []string{"sha256=" + hex.EncodeToString(mac.Sum(nil))}
	}
	if got := p.header["X-Hub-Signature"]; !slices.Equal(got, want) {
		w.Errorf("delivery %d is signed %q; want %q", nth, got, want)
	}
}

var deliveryTests = map[string]func(*world){
	"bring newer content alone": func(w *world) {
		w.run(w.hub)
		w.set(topic, "two")
		w.accept("subscribe", topic, callback)
		w.hub.Changed()
		w.after(time.Hour)
		w.wantPushed() // it could fetch that
		w.set(topic2, "due")
		w.set(topic, "three")
		synctest.Wait()
		w.wantPushed(callback + " three")
		w.hub.Changed()
		w.after(24 * time.Hour)
		w.wantPushed(callback + " three")
	},
	"go on at a former address until the lease ends": func(w *world) {
		w.run(w.hub)
		w.accept("subscribe", topic, callback, "lease_seconds", "86400")
		w.mu.Lock()
		w.former[topic] = true
		w.mu.Unlock()
		w.set(topic, "renamed")
		synctest.Wait()
		w.set(topic, "next")
		synctest.Wait()
		w.wantPushed(callback+" renamed", callback+" next")
		for mode, taken := range map[string]bool{"subscribe": false, "unsubscribe": true} {
			form := url.Values{"hub.mode": {mode}, "hub.topic": {topic}, "hub.callback": {callback}}
			w.onGet(func(*url.URL) (int, string, error) { return 404, "", nil })
			if err := w.hub.Accept(w.Context(), websub.Asker{}, form); (err == nil) != taken {
				w.Errorf("%s: %v", mode, err)
			}
		}
		w.after(25 * time.Hour)
		w.set(topic, "late")
		w.after(time.Hour)
		w.wantPushed(callback+" renamed", callback+" next")
	},
	"name content, hub and topic": func(w *world) {
		w.run(w.hub)
		w.accept("subscribe", topic, callback)
		w.set(topic, "two")
		synctest.Wait()
		w.mu.Lock()
		defer w.mu.Unlock()
		if len(w.posts) != 1 {
			w.Fatalf("%d deliveries", len(w.posts))
		}
		header := w.posts[0].header
		if !slices.Equal(header["Content-Type"], []string{"application/atom+xml"}) ||
			!slices.Equal(header["Link"], []string{"<" + hubURL + `>; rel="hub"`, "<" + topic + `>; rel="self"`}) {
			w.Errorf("%v", header)
		}
	},
	"go to every subscription of the topic": func(w *world) {
		w.run(w.hub)
		var want []string
		for n := range 30 {
			c := fmt.Sprintf("https://r%d.example/", n)
			w.accept("subscribe", topic, c)
			want = append(want, c+" two")
		}
		w.accept("subscribe", topic2, callback)
		w.set(topic, "two")
		synctest.Wait()
		w.wantPushed(want...)
	},
	"begin evenly, so that sending goes on beside them": func(w *world) {
		w.hub.Calls = 64
		w.run(w.hub)
		for n := range 700 {
			if err := w.fromNetworks(websub.Asker{Client: fmt.Sprint("c", n), Around: fmt.Sprint("c", n)}, "subscribe", topic, fmt.Sprintf("https://h%d.example/", n)); err != nil {
				w.Fatal(err)
			}
		}
		w.after(time.Minute)
		w.onPost(answers(200, 0))
		w.set(topic, "two")
		w.after(time.Second)
		if n := len(w.pushed()); n < 200 || n > 350 {
			w.Errorf("%d pushes within a second", n)
		}
		w.after(4 * time.Second)
		if n := len(w.pushed()); n != 700 {
			w.Errorf("%d pushes within five seconds", n)
		}
	},
	"410 ends it": func(w *world) {
		w.run(w.hub)
		w.accept("subscribe", topic, callback)
		w.onPost(answers(410, 0))
		w.set(topic, "two")
		synctest.Wait()
		w.wantSubscribed()
		w.set(topic, "three")
		w.after(time.Hour)
		w.wantPushed(callback + " two")
	},
	// A name may lead elsewhere once it is subscribed: to somebody who never asked.
	"a callback that failed is asked before it gets more": func(w *world) {
		w.run(w.hub)
		w.accept("subscribe", topic, callback)
		before := len(w.times(&w.gets))
		w.onPost(answers(404, 0))
		w.onGet(func(*url.URL) (int, string, error) { return 404, "no", nil })
		w.set(topic, "two")
		w.after(time.Hour)
		w.wantPushed(callback + " two")
		w.wantSubscribed()
		if n := len(w.times(&w.gets)) - before; n != 1 {
			w.Errorf("asked %d times", n)
		}
	},
	"a callback that refuses what it asks for gets it three times": func(w *world) {
		w.run(w.hub)
		w.accept("subscribe", topic, callback)
		w.onPost(answers(403, 0))
		w.set(topic, "two")
		w.after(2 * time.Hour)
		w.wantPushed(callback+" two", callback+" two", callback+" two")
		w.onPost(answers(200, 0))
		w.set(topic, "three")
		w.after(time.Minute)
		w.wantPushed(callback+" two", callback+" two", callback+" two", callback+" three")
	},
	"a callback that does not say that it wants more gets none": func(w *world) {
		w.run(w.hub)
		w.accept("subscribe", topic, callback)
		w.onPost(answers(500, 0))
		w.onGet(func(*url.URL) (int, string, error) { return 200, "hello", nil })
		w.set(topic, "two")
		w.after(24 * time.Hour)
		w.wantPushed(callback + " two")
	},
	"a topic that goes and comes back": func(w *world) {
		w.run(w.hub)
		w.accept("subscribe", topic, callback)
		w.set(topic, "")
		w.after(time.Hour)
		w.set(topic, "one")
		w.after(time.Hour)
		w.wantPushed()
		w.set(topic, "")
		synctest.Wait()
		w.set(topic, "two")
		synctest.Wait()
		w.wantPushed(callback + " two")
	},
	"a change that is taken back": func(w *world) {
		w.run(w.hub)
		w.accept("subscribe", topic, callback)
		w.onPost(answers(500, 0))
		w.set(topic, "two")
		synctest.Wait()
		w.onPost(answers(200, 0))
		w.set(topic, "one")
		synctest.Wait()
		w.after(time.Hour)
		if next, err := w.store.NextPush(w.Context()); err != nil || time.Until(next) < time.Hour {
			w.Errorf("something is due at %v, %v", next, err)
		}
		w.wantPushed(callback + " two")
	},
	"content that changes during a push is pushed next": func(w *world) {
		w.run(w.hub)
		w.accept("subscribe", topic, callback)
		w.onPost(answers(200, 10*time.Second))
		w.set(topic, "two")
		w.after(time.Second)
		w.set(topic, "three")
		w.after(time.Hour)
		w.wantPushed(callback+" two", callback+" three")
	},
	"a host that hangs leaves room for others": func(w *world) {
		w.run(w.hub)
		for n := range 40 {
			w.accept("subscribe", topic, fmt.Sprintf("https://slow.example/%d", n))
		}
		w.accept("subscribe", topic2, callback)
		w.onPost(answers(200, time.Minute))
		w.set(topic, "two")
		w.after(time.Second)
		w.onPost(answers(200, 0))
		w.set(topic2, "due")
		synctest.Wait()
		if got := w.pushed(); len(got) == 0 || got[len(got)-1] != callback+" due" {
			w.Errorf("%q", got)
		}
	},
	"to one host are two at a time": func(w *world) {
		w.run(w.hub)
		for n := range 10 {
			w.accept("subscribe", topic, fmt.Sprintf("https://one.example/%d", n))
		}
		w.onPost(answers(200, time.Second))
		w.set(topic, "two")
		synctest.Wait()
		for i := range 5 {
			if n := len(w.pushed()); n != 2*(i+1) {
				w.Errorf("after %d s: %d pushes", i, n)
			}
			w.after(time.Second + 50*time.Millisecond)
		}
	},
	"let hosts take turns": func(w *world) {
		w.hub.Calls = 4
		w.run(w.hub)
		for n := range 20 {
			w.accept("subscribe", topic, fmt.Sprintf("https://a.example/%d", n))
		}
		for _, host := range []string{"b", "c", "d", "e", "f", "g", "h"} {
			w.accept("subscribe", topic, "https://"+host+".example/")
		}
		w.onPost(answers(200, 100*time.Millisecond))
		w.set(topic, "one of before") // those that have taken a push come first
		w.after(time.Minute)
		before := len(w.pushed())
		w.set(topic, "two")
		w.after(time.Minute)
		ofA := 0
		for _, p := range w.pushed()[before : before+9] {
			if strings.HasPrefix(p, "https://a.example/") {
				ofA++
			}
		}
		if n := len(w.pushed()) - before; ofA > 2 || n != 27 {
			w.Errorf("%d of the first nine pushes went to one host, %d pushes in all", ofA, n)
		}
	},
	"to hosts that hang leave three quarters to others": func(w *world) {
		w.run(w.hub)
		for n := range 100 {
			w.accept("subscribe", topic, fmt.Sprintf("https://dead%02d.example/", n))
			w.accept("subscribe", topic, fmt.Sprintf("https://fast%02d.example/", n))
		}
		hang := func(ctx context.Context, address string) (int, error) {
			if strings.HasPrefix(address, "https://dead") {
				return answers(200, time.Hour)(ctx, address)
			}
			return answers(200, 10*time.Millisecond)(ctx, address)
		}
		fast := func() (n int) {
			for _, p := range w.pushed() {
				if strings.HasPrefix(p, "https://fast") {
					n++
				}
			}
			return n
		}
		w.onPost(hang)
		w.set(topic, "two")
		w.after(8 * time.Second) // nobody knows yet who hangs
		if n := fast(); n != 100 {
			w.Errorf("%d of 100 were pushed at first", n)
		}
		w.after(30 * time.Minute)
		w.set(topic, "three")
		w.after(time.Second) // by now it is known
		if n := fast(); n != 200 {
			w.Errorf("%d of 100 were pushed the next time", n-100)
		}
		// Those that are up again get it, with all the time that they need.
		w.onPost(answers(200, 5*time.Second))
		w.after(2 * time.Hour)
		if status, err := w.store.Topics(w.Context()); err != nil || len(status) != 1 {
			w.Errorf("%v, %v", status, err)
		}
		w.set(topic, "four")
		before := len(w.pushed())
		w.after(5 * time.Minute)
		got := w.pushed()[before:]
		slices.Sort(got)
		if n := len(slices.Compact(got)); n != 200 {
			w.Errorf("%d of 200 slow ones were pushed", n)
		}
	},
	// Anybody can have as many hosts as they like confirm, and hang at the first push.
	"to new hosts that hang keep few others waiting": func(w *world) {
		w.run(w.hub)
		subscribe := func(by websub.Asker, host string) {
			w.Helper()
			if err := w.fromNetworks(by, "subscribe", topic, "https://"+host+".example/"); err != nil {
				w.Fatal(err)
			}
		}
		subscribe(websub.Asker{Client: "known", Around: "known"}, "known")
		w.onPost(answers(200, 10*time.Millisecond))
		w.set(topic, "two")
		w.after(time.Minute)
		const hanging = 300
		for n := range hanging {
			subscribe(websub.Asker{Client: fmt.Sprint("flood", n), Wide: fmt.Sprint("flood", n/4), Around: fmt.Sprint("flood", n%2)}, fmt.Sprintf("hangs%03d", n))
		}
		subscribe(websub.Asker{Client: "new", Around: "new"}, "new")
		for n := range 5 {
			subscribe(websub.Asker{Client: "office", Around: "town"}, fmt.Sprintf("office%d", n))
		}
		took := make(map[string]time.Duration)
		var began time.Time
		w.onPost(func(ctx context.Context, address string) (int, error) {
			if strings.HasPrefix(address, "https://hangs") {
				return answers(200, time.Hour)(ctx, address)
			}
			w.mu.Lock()
			took[address] = time.Since(began)
			w.mu.Unlock()
			return answers(200, 10*time.Millisecond)(ctx, address)
		})
		began = time.Now()
		w.set(topic, "three")
		w.after(time.Minute)
		w.mu.Lock()
		defer w.mu.Unlock()
		for host, most := range map[string]time.Duration{"known": 100 * time.Millisecond, "new": 3 * time.Second, "office0": 3 * time.Second, "office4": 5 * time.Second} {
			if at, ok := took["https://"+host+".example/"]; !ok || at > most {
				w.Errorf("%s was pushed after %v, %t; want %v at most", host, at, ok, most)
			}
		}
	},
	// Those of which nobody knows have half of the calls, so that others never wait for them.
	"to a known host don't wait for new ones": func(w *world) {
		w.run(w.hub)
		w.accept("subscribe", topic2, callback)
		w.onPost(answers(200, 10*time.Millisecond))
		w.set(topic2, "dos")
		w.after(time.Minute)
		for n := range 100 {
			w.accept("subscribe", topic, fmt.Sprintf("https://hangs%02d.example/", n))
		}
		var at time.Time
		w.onPost(func(ctx context.Context, address string) (int, error) {
			if address == callback {
				at = time.Now()
				return 200, nil
			}
			return answers(200, time.Hour)(ctx, address)
		})
		w.set(topic, "two")
		w.after(time.Second)
		began := time.Now()
		w.set(topic2, "tres")
		w.after(time.Minute)
		if took := at.Sub(began); took < 0 || took > 100*time.Millisecond {
			w.Errorf("it was pushed after %v", took)
		}
	},
	"a slow host holds up itself alone": func(w *world) {
		w.run(w.hub)
		for n := range 40 {
			w.accept("subscribe", topic, fmt.Sprintf("https://slow.example/%d", n))
		}
		for n := range 40 {
			w.accept("subscribe", topic, fmt.Sprintf("https://fast%d.example/", n))
		}
		w.onPost(func(ctx context.Context, address string) (int, error) {
			if strings.HasPrefix(address, "https://slow.") {
				return answers(200, time.Minute)(ctx, address) // longer than anybody waits
			}
			return answers(200, 10*time.Millisecond)(ctx, address)
		})
		w.set(topic, "two")
		w.after(2 * time.Second)
		fast := 0
		for _, p := range w.pushed() {
			if strings.HasPrefix(p, "https://fast") {
				fast++
			}
		}
		if fast != 40 {
			w.Errorf("%d of 40 got it within two seconds", fast)
		}
	},
}

var failureTests = map[string]func(*world){
	"are tried again, less and less often, with the newest content": func(w *world) {
		w.run(w.hub)
		w.accept("subscribe", topic, callback)
		w.onPost(answers(500, 0))
		w.set(topic, "two")
		w.after(5 * time.Minute)
		times := w.times(&w.posts)
		if len(times) < 4 || len(times) > 8 {
			w.Fatalf("%d tries in five minutes", len(times))
		}
		for i, wait := 1, 5*time.Second; i < len(times); i, wait = i+1, 2*wait {
			if got := times[i].Sub(times[i-1]); got < wait*3/4 || got > wait*5/4+time.Second {
				w.Errorf("try %d came %v after the one before; want about %v", i+1, got, wait)
			}
		}
		w.onPost(answers(200, 0))
		w.set(topic, "three")
		synctest.Wait() // at once
		w.after(24 * time.Hour)
		if got := w.pushed(); len(got) != len(times)+1 || got[len(times)] != callback+" three" {
			w.Errorf("%q", got)
		}
	},
	"of every kind are tried again": func(w *world) {
		w.run(w.hub)
		w.accept("subscribe", topic, callback)
		statuses := []int{400, 404, 100, 301, 308, 408, 425, 429, 500, 503, 0}
		tried := 0
		w.onPost(func(context.Context, string) (int, error) {
			tried++
			if tried > len(statuses) {
				return 202, nil
			}
			if status := statuses[tried-1]; status != 0 {
				return status, nil
			}
			return 0, errors.New("connection reset")
		})
		w.set(topic, "two")
		w.after(24 * time.Hour)
		if tried != len(statuses)+1 {
			w.Errorf("%d tries; want %d", tried, len(statuses)+1)
		}
	},
	"end for one content, not for the next": func(w *world) {
		w.run(w.hub)
		w.earn(4)
		w.onPost(answers(500, 0))
		w.set(topic, "two")
		w.after(48 * time.Hour)
		times := w.times(&w.posts)
		if span := times[len(times)-1].Sub(times[0]); len(times) != 20 || span < 6*time.Hour || span > 24*time.Hour {
			w.Errorf("%d tries in %v", len(times), span)
		}
		w.after(24 * time.Hour)
		w.wantSubscribed(topic)
		w.set(topic, "three")
		synctest.Wait()
		w.onPost(answers(200, 0))
		w.after(10 * time.Second) // its tries are counted anew
		if got := w.pushed(); len(got) != 22 || got[21] != callback+" three" {
			w.Errorf("%q", got)
		}
	},
	"given up are made up for at the renewal": func(w *world) {
		w.run(w.hub)
		w.earn(4)
		w.onPost(answers(500, 0))
		w.set(topic, "two")
		w.after(48 * time.Hour)
		w.onPost(answers(200, 0))
		w.accept("subscribe", topic, callback)
		if n := len(w.pushed()); n != 21 {
			w.Errorf("%d pushes; want 21", n)
		}
	},
	"a newer content outlives a failure of the one before": func(w *world) {
		w.run(w.hub)
		w.accept("subscribe", topic, callback)
		w.onPost(answers(500, 10*time.Second))
		w.set(topic, "two")
		w.after(time.Second)
		w.onPost(answers(200, 0))
		w.set(topic, "three") // while "two" is under way
		w.after(11 * time.Second)
		w.wantPushed(callback+" two", callback+" three")
	},
	"who does not answer is let go": func(w *world) {
		w.run(w.hub)
		w.accept("subscribe", topic, callback)
		w.onPost(answers(200, time.Hour))
		w.set(topic, "two")
		w.after(time.Minute)
		if n := len(w.pushed()); n < 2 {
			w.Errorf("%d tries in a minute", n)
		}
	},
}
