package content_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/scaledbydesign/insights/content"
)

var update = flag.Bool("update", false, "rewrite the golden files")

var categories = []content.Category{
	{Slug: "architecture", Name: "Architecture", Description: "How systems fit together."},
	{Slug: "split-testing-tracking", Name: "Split Testing & Tracking"},
	{Slug: "ai-automation", Name: "AI & Automation"},
	{Slug: "engineering", Name: "Engineering"},
	{Slug: "growth-ops", Name: "Growth Ops"},
	{Slug: "leadership", Name: "Leadership"},
	{Slug: "infrastructure", Name: "Infrastructure"},
}

// noon is after the date of every file that header makes.
var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func options() content.Options {
	return content.Options{Categories: categories, Now: func() time.Time { return noon }}
}

// uuid returns the n-th of a sequence of ids.
func uuid(n int) string { return fmt.Sprintf("00000000-0000-4000-8000-%012x", n) }

// insight returns a sound file: the n-th, with extra lines of front matter, which
// take the place of lines with the same key.
func insight(n int, body string, extra ...string) *fstest.MapFile {
	lines := []string{"id: " + uuid(n), fmt.Sprintf("title: Insight %d", n), "summary: What it says.", "category: Engineering", "date: 2026-02-27"}
	for _, line := range extra {
		key, _, _ := strings.Cut(line, ":")
		replaced := false
		for i := range lines {
			if strings.HasPrefix(lines[i], key+":") {
				lines[i], replaced = line, true
			}
		}
		if !replaced {
			lines = append(lines, line)
		}
	}
	return file("---\n" + strings.Join(lines, "\n") + "\n---\n" + body)
}

func file(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text)} }

func load(t testing.TB, fsys fstest.MapFS) *content.Library {
	t.Helper()
	library, err := content.Load(fsys, options())
	if err != nil {
		t.Fatalf("load:\n%v", err)
	}
	if faults := library.Faults(); len(faults) > 0 {
		t.Fatalf("load:\n%v", faults)
	}
	return library
}

// one returns the insight of a single file with that body, in a folder that also
// has other.md and the pictures of testdata.
func one(t testing.TB, body string, extra ...string) *content.Insight {
	t.Helper()
	library := load(t, fstest.MapFS{
		"2026-02-27-one.md":   insight(1, body, extra...),
		"2026-02-26-other.md": insight(2, "", "slug: another-slug"),
		"images/d.svg":        file(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 800 420"></svg>`),
	})
	in, ok := library.ByID(uuid(1))
	if !ok {
		t.Fatal("the insight isn't visible")
	}
	return in
}

// faults loads a folder that has faults and returns them, one a line.
func faults(t testing.TB, fsys fstest.MapFS) string {
	t.Helper()
	library, err := content.Load(fsys, options())
	if err != nil || len(library.Faults()) == 0 {
		t.Fatalf("loaded without fault, error %v", err)
	}
	return library.Faults().Error()
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v (make it with: go test ./content -update)", err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s differs (-want +got; accept with -update):\n%s", path, diff)
	}
}
