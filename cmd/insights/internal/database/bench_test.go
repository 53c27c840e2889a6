package database_test

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"github.com/scaledbydesign/insights/cmd/insights/internal/database"
	"github.com/scaledbydesign/insights/cmd/insights/internal/database/databasetest"
	"github.com/scaledbydesign/insights/content"
	"github.com/scaledbydesign/insights/newsletter"
	"github.com/scaledbydesign/insights/subscribers"
)

// TestHotStatementsUseIndexes keeps each claim, Begin and heartbeat from reading every
// delivery.
func TestHotStatementsUseIndexes(t *testing.T) {
	db, _ := crowd(t, 2000)
	for name, statement := range database.HotStatements {
		args := make([]any, 20)
		for i := range args {
			args[i] = 1
		}
		used := 0
		for i := range args {
			if strings.Contains(statement, "?"+strconv.Itoa(i+1)) {
				used = i + 1
			}
		}
		rows, err := db.Reader().Query("EXPLAIN QUERY PLAN "+statement, args[:used]...)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		defer rows.Close()
		var plan []string
		for rows.Next() {
			var id, parent, unused int
			var step string
			if err := rows.Scan(&id, &parent, &unused, &step); err != nil {
				t.Fatal(err)
			}
			plan = append(plan, step)
		}
		text := strings.Join(plan, "\n  ")
		for _, step := range plan {
			for _, table := range []string{"deliveries", "o", "d", "messages"} {
				if step == "SCAN "+table || step == "SEARCH "+table+" USING PRIMARY KEY (digest_id=?)" {
					t.Errorf("%s reads a whole table:\n  %s", name, text)
				}
			}
		}
		t.Logf("%s:\n  %s", name, text)
	}
}

// INSIGHTS_TEST_READERS is how many readers the benchmarks have.
func readers() int {
	if n, err := strconv.Atoi(os.Getenv("INSIGHTS_TEST_READERS")); err == nil {
		return n
	}
	return 10_000
}

var categories = []content.Category{{Slug: "architecture", Name: "Architecture"}, {Slug: "engineering", Name: "Engineering"}, {Slug: "leadership", Name: "Leadership"}}

// crowd returns a database with n confirmed readers and six new insights.
func crowd(t testing.TB, n int) (*database.DB, *content.Library) {
	t.Helper()
	return crowdAt(t, databasetest.SQLite(t), n)
}

func crowdAt(t testing.TB, url string, n int) (*database.DB, *content.Library) {
	t.Helper()
	db := openURL(t, url)
	return db, fill(t, db, n)
}

// fill gives a database n confirmed readers and six new insights.
func fill(t testing.TB, db *database.DB, n int) *content.Library {
	t.Helper()
	files := fstest.MapFS{}
	for i := range 6 {
		files[fmt.Sprintf("i%d.md", i)] = &fstest.MapFile{Data: fmt.Appendf(nil, "---\nid: tag:example.com,2026:i%d\ntitle: Insight %d\nsummary: Words.\ncategory: %s\ndate: 1999-01-0%d\n---\n\nWords.\n", i, i, categories[i%3].Slug, i+1)}
	}
	lib, err := content.Load(files, content.Options{Categories: categories})
	if err != nil {
		t.Fatal(err)
	}
	edit(t, db, "first@example.com")
	for i, c := range categories { // bits
		exec(t, db, "INSERT INTO categories (bit, slug) VALUES (?1, ?2) ON CONFLICT DO NOTHING", i+5, c.Slug)
	}
	if _, _, err := db.Number(t.Context(), newsletter.VisibleIn(lib), newsletter.Numbering{Authority: true}); err != nil {
		t.Fatal(err)
	}
	exec(t, db, `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < CAST(?1 AS BIGINT))
		INSERT INTO subscribers (public_id, email, email_key, status, cadence, categories, created_at, confirmed_at)
		SELECT 'p' || i, 'reader' || i || '@example.com', 'reader' || i || '@example.com', 'confirmed', 'weekly', CASE i % 3 WHEN 0 THEN 1 WHEN 1 THEN 32 ELSE 161 END, 1, 1 FROM n`, n-1)
	return lib
}

func plan(b testing.TB, db *database.DB, lib *content.Library) newsletter.Digest {
	b.Helper()
	planner := newsletter.Planner{Store: db, Log: slog.New(slog.DiscardHandler)}
	d, err := planner.Plan(b.Context(), lib, newsletter.Request{Cadence: subscribers.Weekly, Approved: true})
	if err != nil || d.Readers == 0 {
		b.Fatalf("%d readers, %v", d.Readers, err)
	}
	return d
}

// onEach runs a benchmark on each available engine.
func onEach(b *testing.B, bench func(b *testing.B, url func(testing.TB) string)) {
	for _, name := range slices.Sorted(maps.Keys(engines)) {
		b.Run(name, func(b *testing.B) { bench(b, engines[name]) })
	}
}

func BenchmarkPlan(b *testing.B) {
	onEach(b, func(b *testing.B, url func(testing.TB) string) {
		for b.Loop() {
			b.StopTimer()
			db, lib := crowdAt(b, url(b), readers())
			b.StartTimer()
			began := time.Now()
			d := plan(b, db, lib)
			b.ReportMetric(float64(d.Readers)/time.Since(began).Seconds(), "readers/s")
			b.ReportMetric(float64(len(d.Variants)), "variants")
		}
	})
}

func BenchmarkDrain(b *testing.B) {
	for _, connections := range []int{4, 20, 100} {
		b.Run(fmt.Sprintf("connections=%d", connections), func(b *testing.B) {
			onEach(b, func(b *testing.B, url func(testing.TB) string) { drain(b, url, connections) })
		})
	}
}

func drain(b *testing.B, url func(testing.TB) string, connections int) {
	for b.Loop() {
		b.StopTimer()
		db, lib := crowdAt(b, url(b), readers())
		d := plan(b, db, lib)
		if err := db.LockSender(); err != nil {
			b.Fatal(err)
		}
		keys, err := subscribers.NewKeyring(strings.Repeat("x", 32))
		if err != nil {
			b.Fatal(err)
		}
		var sink sink
		ctx, cancel := context.WithCancel(b.Context())
		worker := newsletter.Worker{Store: db, Composer: &sink, Transport: &sink, Connections: connections, Log: slog.New(slog.DiscardHandler), OnDone: func(int64) { cancel() },
			Writer: &newsletter.Writer{Renderer: &sink, Registry: &subscribers.Registry{Keys: keys}, Identity: newsletter.Identity{BaseURL: "https://example.com", From: "news@example.com"}}}
		b.StartTimer()
		began := time.Now()
		if err := worker.Run(ctx); err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(d.Readers)/time.Since(began).Seconds(), "mails/s")
		if sink.emails.Load() != int64(d.Readers) {
			b.Fatalf("%d emails to %d readers", sink.emails.Load(), d.Readers)
		}
	}
}

// sink renders next to nothing and accepts everything at once.
type sink struct{ emails atomic.Int64 }

func (*sink) Digest(e newsletter.DigestContent) (newsletter.Body, error) {
	text := e.UnsubscribeURL + " " + e.PreferencesURL
	return newsletter.Body{Subject: e.Subject, Text: text, HTML: text}, nil
}
func (*sink) Single(newsletter.SingleContent) (newsletter.Body, error) {
	return newsletter.Body{}, nil
}
func (*sink) Compose(m newsletter.Message) ([]byte, error)            { return []byte(m.Text), nil }
func (s *sink) Open(context.Context) (newsletter.Session, error)      { return s, nil }
func (s *sink) Close() error                                          { return nil }
func (*sink) Prepare(newsletter.Message) (newsletter.Prepared, error) { return prepared{}, nil }
func (s *sink) Send(context.Context, newsletter.Envelope, []byte) newsletter.Outcome {
	s.emails.Add(1)
	return newsletter.Outcome{Kind: newsletter.Accepted}
}

type prepared struct{}

func (prepared) Append(dst []byte, c newsletter.Copy) ([]byte, error) {
	return append(dst, c.MessageID...), nil
}
func (prepared) Size() int { return 0 }
