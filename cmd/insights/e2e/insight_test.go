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
