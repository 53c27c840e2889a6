package e2e

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestReadersOfOthersReadEveryDocument has programs that people read feeds with,
// and programs that judge them, read every document of a running daemon.
func TestReadersOfOthersReadEveryDocument(t *testing.T) {
	slow(t)
	t.Parallel()
	r := newReadersSite(t)
	t.Run("readers", func(t *testing.T) {
		for _, judge := range feedTools() {
			t.Run(judge.name, func(t *testing.T) {
				t.Parallel()
				documents := r.only(judge.reads)
				r.check(t, judge, documents, judge.read(t, documents))
				if judge.agent != "" {
					r.checkStatuses(t, judge.agent, documents, judge.statuses...)
				}
			})
		}
		t.Run("newsboat imports the list of feeds", func(t *testing.T) {
			t.Parallel()
			newsboat, dir := needs(t, "newsboat"), t.TempDir()
			list, urls := filepath.Join(dir, "feeds.opml"), filepath.Join(dir, "urls")
			writeFile(t, list, r.get("/feeds.opml").Body)
			writeFile(t, urls, "")
			if stdout, stderr, err := runTool(t, nil, newsboat, "-u", urls, "-i", list); err != nil {
				t.Fatalf("newsboat -i: %v\n%s%s", err, stdout, stderr)
			}
			imported, err := os.ReadFile(urls)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for line := range strings.Lines(string(imported)) {
				address, _, _ := strings.Cut(line, " ") // its folder follows
				got = append(got, strings.TrimSpace(address))
			}
			if want := r.subscriptions(t); !slices.Equal(got, want) {
				t.Errorf("it has %q; want %q", got, want)
			}
		})
	})
}
