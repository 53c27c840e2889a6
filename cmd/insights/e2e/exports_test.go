package e2e

import (
	"database/sql"
	"encoding/json"
	"net/http"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// TestExportsOfLongHistories: who has a fresh link asks for the data of a reader with a long
// history many times at once. One of them is answered, memory stays as it is, and the site
// goes on answering others. INSIGHTS_TEST_EVENTS is how long the history is.
func TestExportsOfLongHistories(t *testing.T) {
	slow(t)
	t.Parallel()
	events := scale(t, "INSIGHTS_TEST_EVENTS", 30_000)
	relay := newMailServer(t, nil)
	s := newServe(t, relay.addr, nil)
	s.plain()
	s.start("serve")
	s.insights("subscriber", "add", "ada@example.com", "--confirmed", "--basis", "test")
	db, err := sql.Open("sqlite3", filepath.Join(s.dir, "insights.db")+"?_busy_timeout=10000")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	_, err = db.ExecContext(t.Context(), `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1)
		INSERT INTO events (subscriber_id, at, what, source, client, version, detail)
		SELECT s.id, 1000 * i, 'preferences', 'link', '0123456789abcdef', '3', 'weekly: architecture, leadership, engineering' FROM n, subscribers s`, events)
	if err != nil {
		t.Fatal(err)
	}
	id, _ := s.plan()
	s.insights("digest", "send", id, "--yes")
	s.awaitDone(id, 2*time.Minute)
	digest := readMessage(t, relay.await(t, "ada@example.com", 1).Raw)
	s.post(digest.link(t, s.base+"/preferences/")+"/link", nil)
	asked := readMessage(t, relay.await(t, "ada@example.com", 2).Raw)
	data := asked.link(t, s.base+"/yours/") + "/data"

	before := s.daemon.memory("VmHWM")
	var asking sync.WaitGroup
	var mu sync.Mutex
	statuses := map[int]int{}
	whole := 0
	done := make(chan struct{})
	for range 15 {
		asking.Go(func() {
			answer := s.get(data)
			mu.Lock()
			defer mu.Unlock()
			statuses[answer.Status]++
			var own struct {
				History []json.RawMessage `json:"history"`
			}
			if answer.Status == http.StatusOK {
				if err := json.Unmarshal([]byte(answer.Body), &own); err != nil {
					t.Error(err)
				}
				whole = len(own.History)
			}
		})
	}
	go func() {
		asking.Wait()
		close(done)
	}()
	var slowest time.Duration
	for ready := true; ready; {
		began := time.Now()
		if answer := s.get("/readyz"); answer.Status != http.StatusOK {
			t.Errorf("/readyz answered %d", answer.Status)
		}
		slowest = max(slowest, time.Since(began))
		select {
		case <-done:
			ready = false
		default:
		}
	}
	after := s.daemon.memory("VmHWM")
	t.Logf("%d events, asked for 15 times at once: %v, %d events sent; /readyz took %v at most; memory at its peak %d MB, before %d MB", events, statuses, whole, slowest.Round(time.Millisecond), after, before)
	if statuses[http.StatusOK] < 1 || statuses[http.StatusOK]+statuses[http.StatusTooManyRequests] != 15 || whole < events {
		t.Errorf("answers: %v, %d events", statuses, whole)
	}
	if slowest > 2*time.Second || after > before+64 {
		t.Error("others feel it")
	}
}
