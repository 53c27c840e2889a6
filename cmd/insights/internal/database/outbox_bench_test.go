package database_test

import (
	"fmt"
	"testing"
	"testing/fstest"
	"time"

	"github.com/scaledbydesign/insights/cmd/insights/internal/database"
	"github.com/scaledbydesign/insights/cmd/insights/internal/database/databasetest"
	"github.com/scaledbydesign/insights/content"
	"github.com/scaledbydesign/insights/newsletter"
)

// BenchmarkRecord measures the one durable transaction that the connections of a busy
// worker wait for. Each of them submits an entry: its last email was accepted, and the
// next one is about to be sent. SQLite uses a file with production settings. Compare
// commits alternately and by medians, with equal iterations; -v shows what is skipped:
//
//	go test ./cmd/insights/internal/database -run xxx -bench Record -benchtime 2000x -v
func BenchmarkRecord(b *testing.B) {
	for _, engine := range []struct {
		name string
		url  func(testing.TB) string
	}{
		{"sqlite", databasetest.SQLite},
		{"postgres", databasetest.Postgres},
		{"postgres-1ms", distantPostgres},
	} {
		b.Run("engine="+engine.name, func(b *testing.B) {
			engine.url(b) // so that the whole engine is skipped without a server
			for _, entries := range []int{1, 4, 20, 100} {
				b.Run(fmt.Sprintf("entries=%d", entries), func(b *testing.B) {
					benchmarkRecord(b, engine.url(b), entries)
				})
			}
		})
	}
}

// warmUp is how many transactions run before those that are measured. Statements are
// prepared in the first, and PostgreSQL fixes its plans within the next few.
const warmUp = 10

func benchmarkRecord(b *testing.B, url string, connections int) {
	m := startMailing(b, url, connections)
	for range warmUp {
		m.record(m.next())
	}
	for b.Loop() {
		if len(m.claimed) < connections {
			b.StopTimer()
			m.claim()
			b.StartTimer()
		}
		m.record(m.next())
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*connections), "ns/entry")
	m.finish()
}

// entry is what a connection submits: the result of the email that it has sent, the
// Begin of the one that it is about to send, or both.
func entry(sent, next *newsletter.Task) (e newsletter.Entry) {
	if sent != nil {
		e.Result = &newsletter.Result{Ref: sent.Ref, Change: sent.Change, State: newsletter.Sent, Received: true, Code: 250, Reason: "2.0.0 Ok: queued as 4bXk2T0pQzz9sWq"}
	}
	if next != nil {
		id := fmt.Sprintf("mzxw6ytboi5hk3dp.%016x@example.com", next.Ref.Subscriber)
		e.Begin = &newsletter.Begin{Ref: next.Ref, To: next.Subscriber.Address.String(), MessageID: id}
	}
	return e
}

// worker is the name that a mailing claims and records by.
const worker = "bench"

// mailing is a worker that sends digest after digest, in no time.
type mailing struct {
	b           *testing.B
	db          *database.DB
	insights    fstest.MapFS
	connections int
	digest      newsletter.Digest
	inFlight    []newsletter.Task // one for each connection
	claimed     []newsletter.Task // to be sent next
}

// startMailing plans a first digest and has an email in flight on each connection.
func startMailing(b *testing.B, url string, connections int) *mailing {
	b.Helper()
	db := openURL(b, url)
	fill(b, db, max(readers(), 1000))
	if err := db.LockSender(); err != nil {
		b.Fatal(err)
	}
	if _, err := db.Attach(b.Context(), worker, time.Minute, newsletter.Hold); err != nil {
		b.Fatal(err)
	}
	m := &mailing{b: b, db: db, insights: fstest.MapFS{}, connections: connections}
	m.plan()
	m.claim()
	return m
}

// next takes one claimed email for each connection.
func (m *mailing) next() []newsletter.Task {
	if len(m.claimed) < m.connections {
		m.claim()
	}
	next := m.claimed[:m.connections]
	m.claimed = m.claimed[m.connections:]
	return next
}

// record has every connection submit what it has sent and what it sends next. Every
// email must go out: exceptions are not what this measures.
func (m *mailing) record(next []newsletter.Task) {
	entries := make([]newsletter.Entry, max(len(m.inFlight), len(next)))
	for i := range entries {
		var sent, begun *newsletter.Task
		if i < len(m.inFlight) {
			sent = &m.inFlight[i]
		}
		if i < len(next) {
			begun = &next[i]
		}
		entries[i] = entry(sent, begun)
	}
	// The recorder's context can be cancelled too, which costs SQLite something.
	actions, err := m.db.Record(m.b.Context(), worker, entries)
	if err != nil {
		m.b.Fatal(err)
	}
	for i := range next {
		if actions[i] != newsletter.ActionSend {
			m.b.Fatalf("email %s may not be sent", next[i].Ref)
		}
	}
	m.inFlight = next
}

// claim claims some hundreds of emails, as a worker does. When a digest has no more,
// it is finished and the next one begun.
func (m *mailing) claim() {
	for len(m.claimed) < m.connections {
		tasks, err := m.db.ClaimDeliveries(m.b.Context(), worker, m.digest.ID, 500)
		if err != nil {
			m.b.Fatal(err)
		}
		m.claimed = append(m.claimed, tasks...)
		if len(tasks) > 0 {
			continue
		}
		m.finish()
		m.plan()
	}
	if m.inFlight == nil { // a digest begins
		m.record(m.next())
		m.claim()
	}
}

// finish sends what is claimed, and verifies that all of it counts as sent.
func (m *mailing) finish() {
	m.record(m.claimed)
	m.record(nil)
	m.claimed = nil
	d, err := m.db.Digest(m.b.Context(), m.digest.ID)
	if err != nil {
		m.b.Fatal(err)
	}
	if left := d.Counts[newsletter.Pending]; d.Counts[newsletter.Sent]+left != m.digest.Readers {
		m.b.Fatalf("digest %d has %v of %d emails", d.ID, d.Counts, m.digest.Readers)
	} else if left > 0 {
		return // the benchmark ended halfway
	}
	if done, err := m.db.Finish(m.b.Context(), m.digest.ID); err != nil || !done {
		m.b.Fatalf("digest %d is done: %v, %v", m.digest.ID, done, err)
	}
}

// plan publishes one more insight, which every reader wants, and makes a digest of it.
func (m *mailing) plan() {
	n := len(m.insights) + 1
	m.insights[fmt.Sprintf("new%d.md", n)] = &fstest.MapFile{Data: fmt.Appendf(nil, "---\nid: tag:example.com,2026:new%d\ntitle: New %d\nsummary: Words.\ncategory: %s\ndate: 1999-02-01\n---\n\nWords.\n", n, n, categories[0].Slug)}
	lib, err := content.Load(m.insights, content.Options{Categories: categories})
	if err != nil {
		m.b.Fatal(err)
	}
	if _, _, err := m.db.Number(m.b.Context(), newsletter.VisibleIn(lib), newsletter.Numbering{Authority: true}); err != nil {
		m.b.Fatal(err)
	}
	m.digest = plan(m.b, m.db, lib)
	if err := m.db.Start(m.b.Context(), m.digest.ID); err != nil {
		m.b.Fatal(err)
	}
}
