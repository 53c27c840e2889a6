package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestFeedsFollowTheLifeOfAnInsight saves, edits, renames, hides and removes an
// insight under a running daemon and looks each time at the feeds as a reader does:
// ids that stay, dates that move only when they are meant to, validators that move
// whenever the content did.
func TestFeedsFollowTheLifeOfAnInsight(t *testing.T) {
	slow(t)
	t.Parallel()
	dir := t.TempDir()
	s := newSite(t, map[string]string{"CONTENT_DIR": dir, "SITE_AUTHORITY": "example.com,2025"})
	life := &feedLife{site: s, dir: dir, all: "/feeds/all.json"}
	life.save("other", "id: "+insightID(1)+"\ntitle: Other\ncategory: engineering\ndate: 2026-01-01T00:00:00Z", "Words.")
	life.save("one", "id: "+insightID(2)+"\ntitle: One\ncategory: leadership\ndate: 2026-02-01T00:00:00Z", "Words.")
	s.start("dev")
	id := "tag:example.com,2025:" + insightID(2)
	published := "2026-02-01T00:00:00Z"
	life.look()
	life.want("at first", "/feeds/leadership.json", id, "One", published)

	life.save("one", "id: "+insightID(2)+"\ntitle: One\ncategory: leadership\ndate: 2026-02-01T00:00:00Z", "Words without a slip.")
	life.changed("a slip is mended")
	life.want("a slip is mended", "/feeds/leadership.json", id, "One", published)

	life.save("one", "id: "+insightID(2)+"\ntitle: One, again\nslug: uno\ncategory: leadership\ndate: 2026-02-01T00:00:00Z\nupdated: 2026-03-01T12:00:00Z", "New words.")
	life.changed("a significant edit, another title and slug")
	life.want("a significant edit", "/feeds/leadership.json", id, "One, again", "2026-03-01T12:00:00Z")

	life.save("one", "id: "+insightID(2)+"\ntitle: One, again\nslug: uno\ncategory: engineering\ndate: 2026-02-01T00:00:00Z\nupdated: 2026-03-01T12:00:00Z", "New words.")
	life.changed("another category")
	life.want("another category", "/feeds/engineering.json", id, "One, again", "2026-03-01T12:00:00Z")
	life.empty("the category that became empty", "leadership")

	life.save("one", "id: "+insightID(2)+"\ntitle: One, again\ndraft: true\ncategory: engineering\ndate: 2026-02-01T00:00:00Z", "New words.")
	life.changed("a draft again")
	life.wantNot("a draft", id)

	due := time.Now().Add(4 * time.Second)
	life.save("one", "id: "+insightID(2)+"\ntitle: One, again\ncategory: engineering\ndate: "+due.UTC().Format(time.RFC3339), "New words.")
	until(t, 10*time.Second, "caches wait no longer than for the insight to come", func() bool {
		seconds, err := strconv.Atoi(strings.TrimPrefix(s.get(life.all).Header.Get("Cache-Control"), "public, max-age="))
		return err == nil && seconds <= 4
	})
	if time.Now().Before(due.Truncate(time.Second)) {
		life.wantNot("a date to come", id)
	}
	life.changed("its time has come")
	life.want("its time has come", "/feeds/engineering.json", id, "One, again", due.UTC().Format(time.RFC3339))

	life.save("clash", "id: "+insightID(2)+"\ntitle: Clash\ncategory: growth-ops\ndate: 2026-02-02", "Words.")
	until(t, 10*time.Second, "the clash of ids is reported", func() bool { return strings.Contains(s.daemon.log.String(), insightID(2)) })
	life.want("an id used twice changes nothing", "/feeds/engineering.json", id, "One, again", due.UTC().Format(time.RFC3339))
	life.empty("an id used twice changes nothing", "growth-ops")
	if err := os.Remove(filepath.Join(dir, "clash.md")); err != nil {
		t.Fatal(err)
	}

	if err := os.Remove(filepath.Join(dir, "one.md")); err != nil {
		t.Fatal(err)
	}
	life.changed("a removal")
	life.wantNot("a removal", id)

	before := life.last
	s.daemon.stop(t)
	s.start("dev")
	if now := s.get(life.all); now.Header.Get("ETag") != before.Header.Get("ETag") || now.Header.Get("Last-Modified") != before.Header.Get("Last-Modified") {
		t.Errorf("after a restart the validators are %v, before they were %v", now.Header, before.Header)
	}
	s.daemon.stop(t)
	s.set(map[string]string{"SITE_BASE_URL": "https://elsewhere.example.com/news"})
	s.base = "https://elsewhere.example.com/news"
	s.start("dev")
	life.want("another host and path", "/feeds/engineering.json", "tag:example.com,2025:"+insightID(1), "Other", "2026-01-01T00:00:00Z")
}

type feedLife struct {
	*site
	dir  string
	all  string
	last answer // of all
}

func (l *feedLife) save(name, header, body string) {
	l.t.Helper()
	text := fmt.Sprintf("---\nsummary: Words.\n%s\n---\n\n%s\n", header, body)
	temporary := filepath.Join(l.dir, "."+name+".tmp")
	if err := os.WriteFile(temporary, []byte(text), 0o644); err != nil {
		l.t.Fatal(err)
	}
	if err := os.Rename(temporary, filepath.Join(l.dir, name+".md")); err != nil {
		l.t.Fatal(err)
	}
}

func (l *feedLife) look() { l.last = l.get(l.all) }

// changed waits until the feed of all has new bytes; its tag must be new and its
// time later, though never to come.
func (l *feedLife) changed(what string) {
	l.t.Helper()
	before := l.last
	until(l.t, 10*time.Second, what, func() bool { l.look(); return l.last.Body != before.Body })
	if l.last.Header.Get("ETag") == before.Header.Get("ETag") {
		l.t.Errorf("%s: the ETag stays", what)
	}
	// A change within the second of another is told as of the next.
	until(l.t, 10*time.Second, what+": Last-Modified", func() bool { l.look(); return l.last.Header.Get("Last-Modified") != "" })
	was, now := l.time(before), l.time(l.last)
	if !now.After(was) || now.After(time.Now()) {
		l.t.Errorf("%s: Last-Modified goes from %v to %v", what, was, now)
	}
}

func (l *feedLife) time(a answer) time.Time {
	l.t.Helper()
	at, err := http.ParseTime(a.Header.Get("Last-Modified"))
	if err != nil {
		l.t.Fatal(err)
	}
	return at
}

type feedItem struct {
	ID, Title string
	Modified  string `json:"date_modified"`
}

func (l *feedLife) items(path string) []feedItem {
	l.t.Helper()
	answer := l.get(path)
	var feed struct {
		Items *[]feedItem `json:"items"`
	}
	if err := json.Unmarshal([]byte(answer.Body), &feed); err != nil || answer.Status != http.StatusOK || feed.Items == nil {
		l.t.Fatalf("%s: status %d, %v, items %v", path, answer.Status, err, feed.Items)
	}
	return *feed.Items
}

// want looks for an item in a category's feed and in that of all.
func (l *feedLife) want(what, path, id, title, modified string) {
	l.t.Helper()
	for _, path := range []string{path, l.all} {
		found := 0
		for _, item := range l.items(path) {
			if item.ID == id {
				found++
				if item.Title != title || item.Modified != modified {
					l.t.Errorf("%s: %s says %+v; want %s, %s", what, path, item, title, modified)
				}
			}
		}
		if found != 1 {
			l.t.Errorf("%s: %s stands %d times in %s", what, id, found, path)
		}
	}
}

func (l *feedLife) wantNot(what, id string) {
	l.t.Helper()
	for _, path := range []string{l.all, "/feeds/engineering.json", "/feeds/leadership.json"} {
		for _, item := range l.items(path) {
			if item.ID == id {
				l.t.Errorf("%s: %s holds it still", what, path)
			}
		}
	}
}

// empty wants a category's feeds to be there without an entry.
func (l *feedLife) empty(what, category string) {
	l.t.Helper()
	if items := l.items("/feeds/" + category + ".json"); len(items) != 0 {
		l.t.Errorf("%s: %+v", what, items)
	}
	if atom := l.get("/feeds/" + category + ".atom"); atom.Status != http.StatusOK || !strings.Contains(atom.Body, "<updated>2025-01-01T00:00:00Z</updated>") || strings.Contains(atom.Body, "<entry>") {
		l.t.Errorf("%s: %d %s", what, atom.Status, atom.Body)
	}
	if rss := l.get("/feeds/" + category + ".rss"); rss.Status != http.StatusOK || strings.Contains(rss.Body, "<item>") {
		l.t.Errorf("%s: %d %s", what, rss.Status, rss.Body)
	}
}
