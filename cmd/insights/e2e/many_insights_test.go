package e2e

import (
	"compress/gzip"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"
	"time"
)

// How the daemon bears a large folder, by
//
//	INSIGHTS_TEST_INSIGHTS=10000 go test ./cmd/insights/e2e -run ManyInsights -v
//
// The figures are those of the plain program, without the race detector.
func TestManyInsightsAreServedAndReloaded(t *testing.T) {
	slow(t)
	t.Parallel()
	n := scale(t, "INSIGHTS_TEST_INSIGHTS", 300)
	dir := t.TempDir()
	random := rand.New(rand.NewPCG(1, 2))
	start := time.Now().UTC().Truncate(24*time.Hour).AddDate(0, 0, -n/4-1)
	size := 0
	for i := range n {
		in := insight{
			ID: insightID(i), Slug: fmt.Sprintf("generated-%05d", i), Title: fmt.Sprintf("Generated insight %d", i),
			Category: allCategories()[i%len(allCategories())], Date: start.Add(time.Duration(i) * 6 * time.Hour), Body: prose(random, 5<<10),
		}
		in.write(t, dir)
		size += len(in.Body)
	}
	s := newSite(t, map[string]string{"CONTENT_DIR": dir})
	s.plain()
	daemon := s.start("dev")
	t.Logf("%d insights, %d MB: ready after %v", n, size>>20, daemon.ready.Round(time.Millisecond))
	until(t, 2*time.Minute, "the insights are numbered", func() bool { return strings.Contains(daemon.log.String(), "insights numbered") })
	t.Logf("memory at its peak %d MB, now %d MB", daemon.memory("VmHWM"), daemon.memory("VmRSS"))

	for _, path := range []string{"/", "/categories/engineering", "/feeds/all.atom", "/feeds/all.rss", "/feeds/all.json", "/feeds/engineering.atom", "/sitemap.xml", "/feeds.opml", "/insights/generated-00001"} {
		began := time.Now()
		answer := s.get(path)
		took := time.Since(began)
		if answer.Status != http.StatusOK {
			t.Errorf("%s: %d", path, answer.Status)
		}
		t.Logf("%-28s %8d bytes, %7d compressed, %v", path, len(answer.Body), compressed(t, answer.Body), took.Round(100*time.Microsecond))
		if path == "/" && len(answer.Body) > 1<<20 || strings.HasPrefix(path, "/feeds/") && len(answer.Body) > 250_000 {
			t.Errorf("%s has %d bytes, too many however many insights there are", path, len(answer.Body))
		}
	}
	began := time.Now()
	documents := s.followArchives(t, n)
	t.Logf("all %d insights are in %d documents, followed in %v", n, documents, time.Since(began).Round(time.Millisecond))

	next := insight{ID: insightID(n), Slug: "saved-just-now", Title: "Saved just now", Category: "engineering", Date: time.Now().Add(-time.Minute), Body: prose(random, 5<<10)}
	for _, what := range []string{"a new insight", "a change of it"} {
		began := time.Now()
		next.write(t, dir)
		for _, path := range []string{"/insights/saved-just-now", "/", "/feeds/all.atom"} {
			until(t, 2*time.Minute, what+" is visible at "+path, func() bool { return strings.Contains(s.get(path).Body, next.Title) })
			t.Logf("%s is visible at %s after %v", what, path, time.Since(began).Round(time.Millisecond))
		}
		next.Title = "Saved once more"
	}
	t.Logf("memory at its peak %d MB, now %d MB", daemon.memory("VmHWM"), daemon.memory("VmRSS"))
	began = time.Now()
	daemon.stop(t)
	t.Logf("stopped within %v", time.Since(began).Round(time.Millisecond))
}

// followArchives reads the feed of all insights to its end, as a reader does that
// follows next_url, and wants each of n insights once. It returns the documents.
func (s *site) followArchives(t *testing.T, n int) int {
	t.Helper()
	seen := make(map[string]bool)
	documents := 0
	for next := s.base + "/feeds/all.json"; next != ""; documents++ {
		var page struct {
			NextURL string `json:"next_url"`
			Items   []struct{ ID string }
		}
		answer := s.get(strings.TrimPrefix(next, s.base))
		if err := json.Unmarshal([]byte(answer.Body), &page); err != nil {
			t.Fatalf("%s: status %d, %v", next, answer.Status, err)
		}
		if len(answer.Body) > 250_000 {
			t.Errorf("%s has %d bytes", next, len(answer.Body))
		}
		for _, item := range page.Items {
			if seen[item.ID] {
				t.Errorf("%s: %s a second time", next, item.ID)
			}
			seen[item.ID] = true
		}
		next = page.NextURL
	}
	if len(seen) != n {
		t.Errorf("%d insights of %d", len(seen), n)
	}
	return documents
}

// prose is Markdown of about so many bytes: headings, paragraphs, a list, code.
func prose(random *rand.Rand, size int) string {
	words := strings.Fields("a team measures what it ships and ships what it has measured because every release that waits for a perfect plan waits for ever while small changes teach")
	sentence := func() string {
		n := 8 + random.IntN(12)
		chosen := make([]string, n)
		for i := range chosen {
			chosen[i] = words[random.IntN(len(words))]
		}
		return strings.ToUpper(chosen[0][:1]) + chosen[0][1:] + " " + strings.Join(chosen[1:], " ") + "."
	}
	var b strings.Builder
	for section := 1; b.Len() < size; section++ {
		fmt.Fprintf(&b, "## Part %d\n\n", section)
		for range 3 {
			fmt.Fprintf(&b, "%s *%s* %s [%s](https://example.com/%d)\n\n", sentence(), sentence(), sentence(), words[random.IntN(len(words))], section)
		}
		fmt.Fprintf(&b, "- %s\n- %s\n\n```go\nfunc part%d() error { return nil }\n```\n\n", sentence(), sentence(), section)
	}
	return b.String()
}

func compressed(t *testing.T, text string) int {
	t.Helper()
	var b strings.Builder
	w := gzip.NewWriter(&b)
	if _, err := w.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Len()
}
