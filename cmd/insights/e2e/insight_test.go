package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// insight is one article of a test's folder.
type insight struct {
	ID, Slug, Title, Summary, Category string
	Date                               time.Time
	Body                               string
}

// write saves an insight into a folder, whole at once as editors do.
func (in insight) write(t testing.TB, dir string) {
	t.Helper()
	if in.Body == "" {
		in.Body = "A paragraph about " + in.Slug + ".\n"
	}
	if in.Summary == "" {
		in.Summary = "What is to be said about " + in.Slug + "."
	}
	text := fmt.Sprintf("---\nid: %s\ntitle: %q\nsummary: %q\ncategory: %s\ndate: %s\nslug: %s\n---\n\n%s",
		in.ID, in.Title, in.Summary, in.Category, in.Date.UTC().Format(time.RFC3339), in.Slug, in.Body)
	temporary := filepath.Join(dir, "."+in.Slug+".tmp")
	if err := os.WriteFile(temporary, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(temporary, filepath.Join(dir, in.Slug+".md")); err != nil {
		t.Fatal(err)
	}
}

// allCategories are the slugs that a reader can choose.
func allCategories() []string {
	return []string{"architecture", "split-testing-tracking", "ai-automation", "engineering", "growth-ops", "leadership", "infrastructure"}
}

// insightID is a permanent id for the nth insight of a test.
func insightID(n int) string { return fmt.Sprintf("00000000-0000-4000-8000-%012d", n) }

// linkedSlugs are the insights that a text links to, in order, each once.
func linkedSlugs(base string, links []string) (slugs []string) {
	for _, link := range links {
		if slug, ok := strings.CutPrefix(link, base+"/insights/"); ok && !slices.Contains(slugs, slug) {
			slugs = append(slugs, slug)
		}
	}
	return slugs
}

// insightsFolder makes a folder of insights, n in each category, newest last, with
// words that are hard on encodings in their titles.
func insightsFolder(t testing.TB, n int) (dir string, insights []insight) {
	t.Helper()
	dir = t.TempDir()
	hard := []string{
		`Über Größe: <Straße> & "Anführung"`, "🚀 Faster, with 👩‍👩‍👧 at hand", "نشر التطبيقات خطوة بخطوة", `It's <b>not</b> bold &amp; never was`,
		"Plain words", "“Curly” – and a dash", "a=3D and =?utf-8?q?not_encoded?= and .", strings.Repeat("A long title that goes on ", 6),
	}
	start := time.Now().AddDate(-1, 0, 0).UTC().Truncate(24 * time.Hour)
	for i := range n * len(allCategories()) {
		category := allCategories()[i%len(allCategories())]
		in := insight{
			ID: insightID(i + 1), Slug: fmt.Sprintf("insight-%02d", i+1), Category: category, Date: start.AddDate(0, 0, i),
			Title: strings.TrimSpace(fmt.Sprintf("%s %d", hard[i%len(hard)], i+1)),
		}
		in.write(t, dir)
		insights = append(insights, in)
	}
	return dir, insights
}

// newestSlugs are the newest insights of some categories, newest first.
func newestSlugs(insights []insight, n int, categories ...string) (slugs []string) {
	for _, in := range slices.Backward(insights) {
		if slices.Contains(categories, in.Category) && len(slugs) < n {
			slugs = append(slugs, in.Slug)
		}
	}
	return slugs
}
