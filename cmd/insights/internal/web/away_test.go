package web_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/scaledbydesign/insights/cmd/insights/internal/database"
	"github.com/scaledbydesign/insights/cmd/insights/internal/database/databasetest"
	"github.com/scaledbydesign/insights/cmd/insights/internal/web"
	"github.com/scaledbydesign/insights/feeds/websub"
	"github.com/scaledbydesign/insights/subscribers"
)

// While the database is away, what is made of the insights goes on, and the rest says so in
// time, in words and in numbers.
func TestTheSiteWhileTheDatabaseIsAway(t *testing.T) {
	proxy, address := databasetest.NewProxy(t, databasetest.Postgres(t))
	db, err := database.Open(address, true)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	f := newFixture(t, library(), func(c *web.Config) {
		c.Registry.Store, c.Mails, c.Archive, c.Documents, c.Addresses, c.Ready, c.Away = db, db, db, db, db, db.Ping, database.Away
		c.Hub = &websub.Hub{Store: db.WebSub(), Topics: anyTopic{}, Client: anyCallback{}, Log: c.Log}
	})
	sub := subscribers.Subscriber{PublicID: strings.Repeat("a", 32)}
	token := func(p subscribers.Purpose) string { return f.config.Registry.Token(p, sub) }
	form := url.Values{"email": {"ada@example.com"}, "cadence": {"weekly"}, "category": {"leadership"}}
	signUp, link := f.filled(t, "ada@example.com"), f.linkForm(t, "ada@example.com")
	needs := []struct {
		method, path string
		form         url.Values
	}{
		{"GET", "/digests", nil}, {"GET", "/digests/1", nil}, {"GET", "/digests/page/2", nil}, {"GET", "/digests.rss", nil}, {"GET", "/digests.atom", nil},
		{"POST", "/hub", url.Values{"hub.mode": {"subscribe"}, "hub.topic": {"https://insights.example.com/feeds/all.atom"}, "hub.callback": {"https://reader.example.com/push"}}},
		{"POST", "/subscribe", signUp}, {"POST", "/link", link}, {"GET", "/insights/not-here", nil},
		{"GET", "/unsubscribe/" + token(subscribers.UnsubscribeToken), nil}, {"POST", "/unsubscribe/" + token(subscribers.UnsubscribeToken), nil},
		{"GET", "/preferences/" + token(subscribers.PreferencesToken), nil}, {"POST", "/preferences/" + token(subscribers.PreferencesToken), form},
		{"GET", "/yours/" + token(subscribers.FreshToken) + "/data", nil},
	}
	ask := func(method, path string, form url.Values) (*httptest.ResponseRecorder, time.Duration) {
		r := httptest.NewRequest(method, path, strings.NewReader(form.Encode()))
		if form != nil {
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		}
		w, began := httptest.NewRecorder(), time.Now()
		f.handler.ServeHTTP(w, r)
		return w, time.Since(began)
	}
	for _, path := range []string{"/digests", "/readyz"} {
		if w, _ := ask("GET", path, nil); w.Code != http.StatusOK {
			t.Fatalf("%s before: %d %s", path, w.Code, w.Body)
		}
	}
	for name, take := range map[string]func(){"refusing": proxy.Refuse, "silent": proxy.Silence} {
		t.Run(name, func(t *testing.T) {
			take()
			var asking sync.WaitGroup
			for _, n := range needs {
				within := 6 * time.Second
				if n.path == "/yours/"+token(subscribers.FreshToken)+"/data" {
					within = time.Minute + 5*time.Second
				}
				asking.Go(func() {
					w, took := ask(n.method, n.path, n.form)
					if w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") != "10" || !strings.Contains(w.Body.String(), "does not answer right now") || took > within {
						t.Errorf("%s %s: %d after %s, Retry-After %q", n.method, n.path, w.Code, took, w.Header().Get("Retry-After"))
					}
				})
			}
			for _, path := range []string{"/", "/insights/insight-1", "/feeds/all.atom", "/feeds/architecture+leadership.rss", "/subscribe", "/healthz"} {
				if w, took := ask("GET", path, nil); w.Code != http.StatusOK || took > time.Second {
					t.Errorf("%s: %d after %s", path, w.Code, took)
				}
			}
			if w, took := ask("GET", "/readyz", nil); w.Code != http.StatusServiceUnavailable || w.Body.String() != "not ready: the database does not answer\n" || took > 2*time.Second {
				t.Errorf("/readyz: %d %q after %s", w.Code, w.Body, took)
			}
			asking.Wait()
			proxy.Restore()
			for began := time.Now(); ; {
				w, _ := ask("GET", "/digests", nil)
				if w.Code == http.StatusOK {
					break
				}
				if time.Since(began) > 5*time.Second {
					t.Fatalf("5 s after the database was back, /digests is %d", w.Code)
				}
			}
		})
	}
}

// anyTopic knows every topic, and anyCallback calls none.
type (
	anyTopic    struct{ websub.Topics }
	anyCallback struct{ websub.Client }
)

func (anyTopic) Known(string) (known, onDemand bool) { return true, false }
func (anyCallback) Check(string) error               { return nil }
