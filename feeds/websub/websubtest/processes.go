package websubtest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/scaledbydesign/insights/feeds/websub"
)

var processTests = map[string]func(*world){
	"a request outlives the process that took it": func(w *world) {
		w.accept("subscribe", topic, callback) // nothing runs
		w.wantGets(0)
		w.run(w.newHub())
		w.wantGets(1)
		w.wantSubscribed(topic)
	},
	"what changed while nothing ran is pushed once": func(w *world) {
		stop := w.run(w.hub)
		w.accept("subscribe", topic, callback)
		stop()
		w.set(topic, "two")
		stop = w.run(w.newHub())
		w.wantPushed(callback + " two")
		stop()
		w.run(w.newHub())
		w.after(time.Hour)
		w.wantPushed(callback + " two")
	},
	"two at once push once": func(w *world) {
		other := w.newHub()
		w.run(w.hub)
		w.run(other)
		var want []string
		for n := range 20 {
			c := fmt.Sprintf("https://r%d.example/", n)
			w.accept("subscribe", topic, c)
			want = append(want, c+" two")
		}
		w.onPost(answers(200, time.Second))
		w.set(topic, "two")
		other.Changed()
		w.after(time.Minute)
		w.wantPushed(want...)
	},
	"who knows older content than another leaves the push to it": func(w *world) {
		w.run(w.hub)
		w.accept("subscribe", topic, callback)
		if err := w.store.Mark(w.Context(), topic, "v-two", time.Now()); err != nil {
			w.Fatal(err)
		}
		w.hub.Accept(w.Context(), websub.Asker{}, form("subscribe", topic2, callback)) // wakes it
		w.after(10 * time.Second)
		w.wantPushed()
		w.set(topic, "two")
		w.after(time.Second)
		w.wantPushed(callback + " two")
	},
	"a push under way is finished before it stops": func(w *world) {
		stop := w.run(w.hub)
		w.accept("subscribe", topic, callback)
		w.onPost(answers(200, 3*time.Second))
		w.set(topic, "two")
		w.after(time.Second)
		stop()
		w.run(w.newHub())
		w.after(time.Hour)
		w.wantPushed(callback + " two")
	},
	"a push that takes too long to stop is made again": func(w *world) {
		stop := w.run(w.hub)
		w.accept("subscribe", topic, callback)
		w.onPost(answers(200, 19*time.Second))
		w.set(topic, "two")
		w.after(time.Second)
		began := time.Now()
		stop()
		if took := time.Since(began); took > 6*time.Second {
			w.Errorf("it stopped after %v", took)
		}
		w.run(w.newHub())
		w.after(time.Hour)
		w.wantPushed(callback+" two", callback+" two")
	},
	"a claim passes over what is claimed": func(w *world) {
		ctx, now := w.Context(), time.Now()
		for _, host := range []string{"a.example", "b.example"} {
			w.ask(websub.Request{Mode: websub.Subscribe, Topic: topic, Callback: "https://" + host, Host: host, Challenge: host, At: now})
		}
		var claimed []string
		for range 3 {
			requests, err := w.store.ClaimRequests(ctx, websub.Claim{Limit: 1, Now: now, Until: now.Add(time.Minute)})
			if err != nil {
				w.Fatal(err)
			}
			for _, r := range requests {
				claimed = append(claimed, r.Host)
			}
		}
		if !slices.Equal(claimed, []string{"a.example", "b.example"}) {
			w.Errorf("claimed %q", claimed)
		}
	},
	"requests of a host that failed are claimed among the slow": func(w *world) {
		ctx, now := w.Context(), time.Now()
		for n := range 3 {
			w.ask(websub.Request{Mode: websub.Subscribe, Topic: topic, Callback: fmt.Sprint("https://a.example/", n), Host: "a.example", Challenge: fmt.Sprint(n), At: now})
		}
		claim := func(limit, slow int) []websub.Request {
			w.Helper()
			requests, err := w.store.ClaimRequests(ctx, websub.Claim{Limit: limit, Slow: slow, Now: now, Until: now.Add(time.Minute)})
			if err != nil {
				w.Fatal(err)
			}
			return requests
		}
		first := claim(1, 1)
		if len(first) != 1 || first[0].Slow {
			w.Fatalf("%+v", first)
		}
		w.settle(first[0], websub.Tried{Called: true, Slow: true, Failed: true, At: now})
		if got := claim(5, 0); len(got) != 0 {
			w.Errorf("claimed among others: %+v", got)
		}
		second := claim(5, 1)
		if len(second) != 1 || !second[0].Slow {
			w.Fatalf("%+v", second)
		}
		w.ask(websub.Request{Mode: websub.Subscribe, Topic: topic, Callback: "https://a.example/9", Host: "a.example", Challenge: "9", At: now})
		if got := claim(5, 0); len(got) != 0 {
			w.Errorf("a new one is claimed among others: %+v", got)
		}
		w.settle(second[0], websub.Tried{Became: websub.Granted, Called: true, Version: "v", Expires: now.Add(time.Hour), Standing: websub.Standing{}.Renew(now)})
		if got := claim(5, 0); len(got) != websub.PerHost {
			w.Errorf("once it answers, %d are claimed", len(got))
		}
	},
	"a request that was replaced settles nothing": func(w *world) {
		ctx, now := w.Context(), time.Now()
		old := websub.Request{Mode: websub.Subscribe, Topic: topic, Callback: callback, Host: "reader.example.com", Lease: time.Hour, Secret: "s", Challenge: "old", At: time.UnixMilli(now.UnixMilli()).UTC()}
		fresh := old
		fresh.Challenge = "fresh"
		w.ask(old)
		w.ask(fresh)
		for became, tried := range map[websub.Became]websub.Tried{
			websub.Later: {At: now.Add(time.Hour)}, websub.Dropped: {}, websub.Removed: {},
			websub.Granted: {Version: "v-one", Expires: now.Add(time.Hour), Standing: websub.Standing{}.Renew(now)},
		} {
			tried.Became = became
			w.settle(old, tried)
		}
		w.wantSubscribed()
		got, err := w.store.ClaimRequests(ctx, websub.Claim{Limit: 5, Now: now, Until: now.Add(time.Minute)})
		if err != nil || len(got) != 1 || got[0] != fresh {
			w.Errorf("%+v, %v", got, err)
		}
	},
	"an expired subscription is no old one": func(w *world) {
		ctx := w.Context()
		for _, version := range []string{"v-one", "v-two"} {
			now := time.Now()
			r := websub.Request{Mode: websub.Subscribe, Topic: topic, Callback: callback, Challenge: version, At: now}
			w.ask(r)
			w.settle(r, websub.Tried{Became: websub.Granted, Version: version, Expires: now.Add(time.Hour), Standing: websub.Standing{}.Renew(now)})
			if err := w.store.Mark(ctx, topic, version, now); err != nil {
				w.Fatal(err)
			}
			if next, err := w.store.NextPush(ctx); err != nil || time.Until(next) < 59*time.Minute {
				w.Errorf("%s is due at %v, %v: it could be fetched", version, next, err)
			}
			w.after(2 * time.Hour)
		}
	},
	"a claim that ran out belongs to the next": func(w *world) {
		ctx := w.Context()
		stop := w.run(w.hub)
		w.accept("subscribe", topic, callback)
		stop()
		w.set(topic, "two")
		if err := w.store.Mark(ctx, topic, "v-two", time.Now()); err != nil {
			w.Fatal(err)
		}
		claim := func() []websub.Push {
			w.Helper()
			now := time.Now()
			pushes, err := w.store.TurnPushes(ctx, nil, websub.Claim{Limit: 5, New: 5, Now: now, Until: now.Add(time.Minute)})
			if err != nil {
				w.Fatal(err)
			}
			return pushes
		}
		first := claim()
		if len(first) != 1 || first[0].Callback != callback || first[0].Version != "v-one" || first[0].Target != "v-two" {
			w.Fatalf("%+v", first)
		}
		if again := claim(); len(again) != 0 {
			w.Fatalf("claimed twice: %+v", again)
		}
		if next, err := w.store.NextPush(ctx); err != nil || !next.Equal(first[0].Claimed) {
			w.Errorf("next at %v, %v; want when the claim runs out, %v", next, err, first[0].Claimed)
		}
		w.after(time.Minute)
		second := claim()
		if len(second) != 1 {
			w.Fatalf("%+v", second)
		}
		for _, tried := range []websub.Tried{
			{Became: websub.Later, At: time.Now(), Failed: true}, {Became: websub.Delivered, Version: "v-three", At: time.Now()}, {Became: websub.Ended},
		} {
			w.settlePushes(websub.TriedPush{Push: first[0], Tried: tried})
		}
		if third := claim(); len(third) != 0 {
			w.Errorf("who had lost the claim gave it away: %+v", third)
		}
		w.wantSubscribed(topic)
		w.settlePushes(websub.TriedPush{Push: second[0], Tried: websub.Tried{Became: websub.Delivered, Version: "v-two", At: time.Now()}})
		if next, err := w.store.NextPush(ctx); err != nil || !next.Equal(second[0].Expires) {
			w.Errorf("next at %v, %v; want the end of the lease, %v", next, err, second[0].Expires)
		}
	},
	"a done context stops everything": func(w *world) {
		ctx, cancel := context.WithCancel(w.Context())
		cancel()
		if _, err := w.store.Topics(ctx); !errors.Is(err, context.Canceled) {
			w.Errorf("Topics: %v", err)
		}
		if err := w.store.Ask(ctx, websub.Request{Mode: websub.Subscribe, Topic: topic, Callback: callback}, func(websub.Facts) websub.Decision { return websub.Decision{} }); !errors.Is(err, context.Canceled) {
			w.Errorf("Ask: %v", err)
		}
	},
}
