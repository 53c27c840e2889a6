package feeds_test

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite the golden documents")

// TestDocumentsStayAsTheyWere holds the bytes of whole documents, so that a
// change of them is seen and meant: each makes every reader fetch again.
func TestDocumentsStayAsTheyWere(t *testing.T) {
	set := build(t, load(t, small()), testSite)
	for _, path := range []string{
		"/feeds/all.rss", "/feeds/all.atom", "/feeds/all.json",
		"/feeds/leadership.rss", "/feeds/leadership.atom", "/feeds/leadership.json",
		"/feeds.opml", "/feeds/all.opml",
	} {
		file := filepath.Join("testdata", filepath.Base(path))
		got := document(t, set, path).Body
		if *update {
			if err := os.MkdirAll("testdata", 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(file, got, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatalf("%v; to make it: go test ./feeds -update", err)
		}
		if diff := cmp.Diff(string(want), string(got)); diff != "" {
			t.Errorf("%s (-golden +now; go test ./feeds -update if it is meant):\n%s", path, diff)
		}
	}
}
