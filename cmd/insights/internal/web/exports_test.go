package web_test

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"io"
	"iter"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/scaledbydesign/insights/subscribers"
)

// A reader's data is sent once at a time, and that of four readers: who asks for more is
// told to come back, and what is made for nobody ends.
func TestExportsAreBounded(t *testing.T) {
	f := newFixture(t, library(), nil)
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		f.store.history = func(ctx context.Context, id int64) iter.Seq2[subscribers.Event, error] {
			return func(yield func(subscribers.Event, error) bool) {
				select {
				case <-release:
					yield(subscribers.Event{What: "confirmed"}, nil)
				case <-ctx.Done():
					yield(subscribers.Event{}, ctx.Err())
				}
			}
		}
		var paths []string
		for i := range 6 {
			email := strings.Repeat("a", i+1) + "@example.com"
			f.reader(t, email, subscribed)
			paths = append(paths, "/yours/"+f.fresh(email)+"/data")
		}
		answers := make(chan *httptest.ResponseRecorder, 20)
		ask := func(path string) {
			go func() {
				w := httptest.NewRecorder()
				f.handler.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
				answers <- w
			}()
			synctest.Wait()
		}
		for range 15 {
			ask(paths[0])
		}
		for range 14 {
			if w := <-answers; w.Code != http.StatusTooManyRequests || w.Header().Get("Retry-After") != "60" {
				t.Errorf("the same reader's: %d, Retry-After %q", w.Code, w.Header().Get("Retry-After"))
			}
		}
		began := time.Now()
		for _, path := range paths[1:] {
			ask(path)
		}
		for range 2 { // after a while in line
			if w := <-answers; w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") != "10" {
				t.Errorf("another reader's: %d, Retry-After %q", w.Code, w.Header().Get("Retry-After"))
			}
		}
		if waited := time.Since(began); waited != 10*time.Second {
			t.Errorf("others waited %v", waited)
		}
		for range 2 { // nobody lets them go on
			release <- struct{}{}
		}
		for range 2 {
			if w := <-answers; w.Code != http.StatusOK || !json.Valid(w.Body.Bytes()) || !strings.Contains(w.Body.String(), `"what":"confirmed"`) {
				t.Errorf("%d %s", w.Code, w.Body)
			}
		}
		for range 2 {
			if w := <-answers; w.Code != http.StatusServiceUnavailable || strings.Contains(w.Body.String(), "email\"") {
				t.Errorf("%d %s", w.Code, w.Body)
			}
		}
		if took := time.Since(began); took != time.Minute {
			t.Errorf("exports ended after %v, want a minute", took)
		}
	})
}

// unread is an answer that its client does not take.
type unread struct {
	*httptest.ResponseRecorder
	taken chan struct{}
}

func (u *unread) Write(b []byte) (int, error) {
	<-u.taken
	return u.ResponseRecorder.Write(b)
}

// Who takes their data slowly keeps it from nobody else.
func TestAnExportThatIsTakenSlowlyHoldsNoPlace(t *testing.T) {
	f := newFixture(t, library(), nil)
	synctest.Test(t, func(t *testing.T) {
		f.store.history = func(context.Context, int64) iter.Seq2[subscribers.Event, error] {
			return func(yield func(subscribers.Event, error) bool) {
				for range 2000 {
					if !yield(subscribers.Event{What: "changed", Detail: strings.Repeat("x", 100)}, nil) {
						return
					}
				}
			}
		}
		taken := make(chan struct{})
		var slow sync.WaitGroup
		answers := make(chan string, 10)
		for i := range 10 {
			email := strings.Repeat("a", i+1) + "@example.com"
			f.reader(t, email, subscribed)
			path := "/yours/" + f.fresh(email) + "/data"
			slow.Go(func() {
				w := &unread{httptest.NewRecorder(), taken}
				f.handler.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
				answers <- w.Body.String()
			})
			synctest.Wait()
		}
		f.reader(t, "ben@example.com", subscribed)
		w := httptest.NewRecorder()
		f.handler.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/yours/"+f.fresh("ben@example.com")+"/data", nil))
		if w.Code != http.StatusOK || !json.Valid(w.Body.Bytes()) {
			t.Errorf("another reader's: %d", w.Code)
		}
		close(taken)
		slow.Wait()
		for range 10 {
			if text := <-answers; len(text) < 200_000 || !json.Valid([]byte(text)) {
				t.Errorf("%d bytes", len(text))
			}
		}
	})
}

// What fails half-way must not look whole.
func TestAnExportThatFailsIsCutOff(t *testing.T) {
	f := newFixture(t, library(), nil)
	f.reader(t, "ada@example.com", subscribed)
	f.store.history = func(context.Context, int64) iter.Seq2[subscribers.Event, error] {
		return func(yield func(subscribers.Event, error) bool) {
			for range 20_000 { // more than is packed before it is sent
				if !yield(subscribers.Event{What: "changed", Detail: rand.Text() + rand.Text() + rand.Text() + rand.Text()}, nil) {
					return
				}
			}
			yield(subscribers.Event{}, errors.New("disk gone"))
		}
	}
	server := httptest.NewServer(f.handler)
	defer server.Close()
	r, err := server.Client().Get(server.URL + "/yours/" + f.fresh("ada@example.com") + "/data")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	if text, err := io.ReadAll(r.Body); err == nil {
		t.Errorf("%d bytes look whole", len(text))
	}
}
