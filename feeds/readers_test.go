package feeds_test

import (
	"bytes"
	"encoding/json"
	"html"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/scaledbydesign/insights/feeds"
)

// python is the system's, which has Debian's python3-feedparser.
const python = "/usr/bin/python3"

// program finds a program of others. Without it a test is skipped, in CI it fails.
func program(t *testing.T, name, debian string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		missing(t, name, debian)
	}
	return path
}

func missing(t *testing.T, name, debian string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatalf("%s is missing: apt-get install %s", name, debian)
	}
	t.Skipf("%s is missing: apt-get install %s", name, debian)
}

// output runs a program in a home of its own, without a proxy.
func output(t *testing.T, stdin []byte, name string, args ...string) []byte {
	t.Helper()
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Env = []string{"HOME=" + t.TempDir(), "LANG=C.UTF-8", "PATH=" + os.Getenv("PATH")}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(stdin), &stdout, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s %q: %v\n%s%s", name, args, err, stdout.Bytes(), stderr.Bytes())
	}
	return stdout.Bytes()
}

func unmarshalJSON(t *testing.T, data []byte, v any) {
	t.Helper()
	if err := json.Unmarshal(data, v); err != nil {
		t.Fatalf("%v\n%s", err, data)
	}
}

func TestXMLLintFindsEveryDocumentWellFormed(t *testing.T) {
	xmllint := program(t, "xmllint", "libxml2-utils")
	set := publications(t)["embedded"].set
	dir := t.TempDir()
	var files []string
	for i, path := range append(addresses(set), "/feeds.opml") {
		if strings.HasSuffix(path, ".json") {
			continue
		}
		file := filepath.Join(dir, strconv.Itoa(i)+".xml")
		if err := os.WriteFile(file, get(t, set, path).Body, 0o600); err != nil {
			t.Fatal(err)
		}
		files = append(files, file)
	}
	output(t, nil, xmllint, append([]string{"--noout", "--nonet"}, files...)...)
}

// TestFeedparserReadsEveryInsight has Universal Feed Parser read the feeds, which
// rss2email and many others are built on.
func TestFeedparserReadsEveryInsight(t *testing.T) {
	if testing.Short() {
		t.Skip("left out of the fast lane")
	}
	program(t, python, "python3")
	if exec.CommandContext(t.Context(), python, "-c", "import feedparser").Run() != nil {
		missing(t, "feedparser", "python3-feedparser")
	}
	const script = `
import calendar, feedparser, json, sys
feedparser.SANITIZE_HTML = feedparser.RESOLVE_RELATIVE_URIS = False
d = feedparser.parse(sys.stdin.buffer.read(), response_headers={"content-type": sys.argv[1]})
print(json.dumps({"bozo": bool(d.bozo), "version": d.version, "title": d.feed.title, "link": d.feed.link,
  "updated": calendar.timegm(d.feed.updated_parsed),
  "self": [l.href for l in d.feed.links if l.rel == "self"],
  "entries": [{"id": e.id, "link": e.link, "title": e.title, "summary": e.summary, "author": e.author,
    "published": calendar.timegm(e.published_parsed), "updated": calendar.timegm(e.updated_parsed),
    "tags": [t.label or t.term for t in e.tags], "content": [c.value for c in e.content]} for e in d.entries]}))
`
	type read struct {
		ID, Link, Title, Summary, Author string
		Published, Updated               int64
		Tags, Content                    []string
	}
	for name, p := range publications(t) {
		lib, set := p.lib, p.set
		for _, format := range []feeds.Format{feeds.RSS, feeds.Atom} {
			t.Run(name+" "+string(format), func(t *testing.T) {
				var entries, want []read
				for _, p := range follow(t, set, "/feeds/all."+string(format)) {
					var got struct {
						Bozo                 bool
						Version, Title, Link string
						Updated              int64
						Self                 []string
						Entries              []read
					}
					unmarshalJSON(t, output(t, p.Body, python, "-c", script, p.ContentType), &got)
					if got.Bozo || got.Version == "" || got.Title != "Insights" || got.Link != "https://example.com/news/" ||
						got.Updated != p.Document.Updated.Unix() || !slices.Equal(got.Self, []string{"https://example.com/news" + p.Path}) {
						t.Errorf("bozo %t, version %q, title %q, link %s, updated %d, self %q", got.Bozo, got.Version, got.Title, got.Link, got.Updated, got.Self)
					}
					entries = append(entries, got.Entries...)
				}
				for _, in := range lib.Insights() {
					e := p.entry(in, format)
					want = append(want, read{
						ID: e.ID, Link: e.URL, Title: e.Title, Author: e.Author, Published: e.Published.Unix(), Updated: e.Updated.Unix(),
						Summary: e.Summary, Tags: e.Categories, Content: []string{strings.TrimSpace(e.HTML)}, // it trims
					})
				}
				for i := range entries {
					entries[i].Summary = html.UnescapeString(entries[i].Summary)
				}
				if diff := cmp.Diff(want, entries); diff != "" {
					t.Errorf("(-library +feedparser):\n%.2000s", diff)
				}
			})
		}
	}
}

// TestNewsboatReadsEveryInsight has newsboat fetch the feeds, archives included, and
// looks into its cache. Each format has a cache of its own: newsboat keeps articles by id alone,
// and an insight's id is the same in both.
func TestNewsboatReadsEveryInsight(t *testing.T) {
	if testing.Short() {
		t.Skip("left out of the fast lane")
	}
	newsboat := program(t, "newsboat", "newsboat")
	program(t, python, "python3")
	const script = `
import json, sqlite3, sys
db = sqlite3.connect(sys.argv[1])
print(json.dumps([dict(zip(("id", "link", "title", "author", "content", "published"), row)) for row in
  db.execute("select guid, url, title, author, content, pubDate from rss_item order by id")]))
`
	type read struct {
		ID, Link, Title, Author, Content string
		Published                        int64
	}
	for name, p := range publications(t) {
		lib, set := p.lib, p.set
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			d, err := find(set, r.URL.Path)
			if err != nil {
				http.NotFound(w, r)
				return
			}
			w.Header().Set("Content-Type", d.ContentType)
			w.Write(d.Body)
		}))
		defer server.Close()
		for _, format := range []feeds.Format{feeds.RSS, feeds.Atom} {
			t.Run(name+" "+string(format), func(t *testing.T) {
				dir := t.TempDir()
				urls, cache, config := filepath.Join(dir, "urls"), filepath.Join(dir, "cache.db"), filepath.Join(dir, "config")
				subscriptions := ""
				for _, p := range follow(t, set, "/feeds/all."+string(format)) {
					subscriptions += server.URL + p.Path + "\n"
				}
				for file, text := range map[string]string{urls: subscriptions, config: "download-timeout 20\n"} {
					if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
						t.Fatal(err)
					}
				}
				output(t, nil, newsboat, "-u", urls, "-c", cache, "-C", config, "-x", "reload")
				var got, want []read
				unmarshalJSON(t, output(t, nil, python, "-c", script, cache), &got)
				for _, in := range lib.Insights() {
					e := p.entry(in, format)
					want = append(want, read{ID: e.ID, Link: e.URL, Title: e.Title, Author: e.Author, Content: e.HTML, Published: in.Date.Unix()})
				}
				byID := func(a, b read) int { return strings.Compare(a.ID, b.ID) }
				slices.SortFunc(got, byID)
				slices.SortFunc(want, byID)
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("(-library +newsboat):\n%.2000s", diff)
				}
			})
		}
	}
}

// TestNothingReachesForTheNetworkOrADatabase keeps the package what it is: it
// makes bytes.
func TestNothingReachesForTheNetworkOrADatabase(t *testing.T) {
	list := string(output(t, nil, program(t, "go", "golang"), "list", "-deps", "."))
	for dependency := range strings.Lines(list) {
		switch dependency = strings.TrimSpace(dependency); {
		case dependency == "net/http", dependency == "database/sql", dependency == "net/smtp", strings.HasSuffix(dependency, "insights/templates"):
			t.Errorf("feeds depends on %s", dependency)
		}
	}
}
