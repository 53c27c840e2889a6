package web_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/scaledbydesign/insights/cmd/insights/internal/web"
)

// combined are the addresses of n different feeds of several categories.
func combined(f *fixture, n int) (paths []string) {
	var slugs []string
	for _, c := range f.library.Categories() {
		slugs = append(slugs, c.Slug)
	}
	for bits := 1; len(paths) < n; bits++ {
		var some []string
		for i, slug := range slugs {
			if bits&(1<<i) != 0 {
				some = append(some, slug)
			}
		}
		if len(some) < 2 || len(some) == len(slugs) {
			continue
		}
		for _, format := range []string{"atom", "rss", "json"} {
			if path, ok := f.set.Canonical("/feeds/" + strings.Join(some, "+") + "." + format); ok {
				paths = append(paths, path)
			}
		}
	}
	return paths[:n]
}

// Strangers ask for many feeds that are made on demand, and leave: nothing is made for them,
// no connection is left, and no client keeps others from being answered.
func TestAbandonedRequestsCostNothing(t *testing.T) {
	f := newFixture(t, library(), nil)
	server := httptest.NewServer(f.handler)
	defer server.Close()
	site := f.handler.(*web.Site)
	paths := combined(f, 120)
	release := site.Occupy() // as if others were being made
	ctx, leave := context.WithCancel(t.Context())
	var asking sync.WaitGroup
	var mu sync.Mutex
	statuses := map[int]int{}
	ask := func(ctx context.Context, client, path string) (*http.Response, error) {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL+path, nil)
		if err != nil {
			return nil, err
		}
		r.Header.Set("X-Forwarded-For", client)
		r.Header.Set("User-Agent", "Reader/1.0")
		return server.Client().Do(r)
	}
	for i, path := range paths[1:] { // of two clients: a /56 is one
		client := "203.0.113.7"
		if i%2 == 0 {
			client = fmt.Sprintf("2001:db8:1:2%02x::1", i)
		}
		asking.Go(func() {
			r, err := ask(ctx, client, path)
			if err != nil {
				return
			}
			defer r.Body.Close()
			mu.Lock()
			defer mu.Unlock()
			if statuses[r.StatusCode]++; r.Header.Get("Retry-After") != "10" {
				t.Errorf("%d with Retry-After %q", r.StatusCode, r.Header.Get("Retry-After"))
			}
		})
	}
	await(t, "the line of two clients to be full", func() bool {
		mu.Lock()
		defer mu.Unlock()
		return site.InLine() == 64 && statuses[http.StatusServiceUnavailable] == len(paths)-1-64
	})
	leave()
	asking.Wait()
	await(t, "the line to be empty", func() bool { return site.InLine() == 0 && site.Made() == 0 })
	release()
	r, err := ask(t.Context(), "203.0.113.7", paths[0])
	if err != nil {
		t.Fatal(err)
	}
	r.Body.Close()
	if r.StatusCode != http.StatusOK || site.Made() != 1 {
		t.Errorf("answered %d; %d documents were made, want 1", r.StatusCode, site.Made())
	}
}

// await waits for what the server notices by itself.
func await(t *testing.T, what string, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !done(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}
