package e2e

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/scaledbydesign/insights/feeds"
)

// sound are documents in which nothing is wrong.
var sound = map[feeds.Format]string{
	feeds.RSS: `<rss version="2.0"><channel><title>T</title><link>https://example.com/</link><description>D</description>
<item><title>One</title><link>https://example.com/1</link><guid isPermaLink="false">tag:example.com,2025:1</guid>
<pubDate>Mon, 05 Jan 2026 08:00:00 +0000</pubDate><description>Text</description></item></channel></rss>`,
	feeds.Atom: `<feed xmlns="http://www.w3.org/2005/Atom"><title>T</title><id>tag:example.com,2025:feed</id><updated>2026-01-05T08:00:00Z</updated>
<entry><title>One</title><id>tag:example.com,2025:1</id><link href="https://example.com/1"/><author><name>Kim</name></author>
<updated>2026-01-05T08:00:00+02:00</updated><category term="a"/><content type="html">&lt;p>Text</content></entry></feed>`,
	feeds.JSON: `{"version": "https://jsonfeed.org/version/1.1", "title": "T", "home_page_url": "https://example.com/", "authors": [{"name": "Kim"}],
"items": [{"id": "tag:example.com,2025:1", "content_html": "<p>Text</p>", "date_published": "2026-01-05T08:00:00Z"}]}`,
}

// TestEachJudgeRefusesWhatIsBroken shows that silence of a judge means something.
// Each alteration replaces the first by the second, by nothing if there is none.
func TestEachJudgeRefusesWhatIsBroken(t *testing.T) {
	slow(t)
	t.Parallel()
	invalid := map[string][][2]string{
		"jing": {
			{"<id>tag:example.com,2025:1</id>"}, {"tag:example.com,2025:1", "1"}, {"<title>One</title>"}, {"</title>", "</title><title>Two</title>"},
			{"08:00:00+02:00", "08:00:00"}, {"2026-01-05T", "2026-01-32T"}, {"<author><name>Kim</name></author>"}, {"<name>Kim</name>"},
			{` href="https://example.com/1"`}, {` term="a"`, ` label="a"`}, {`type="html"`, `type="xhtml"`}, {`type="html"`, `kind="html"`},
			{`<content type="html">&lt;p>Text</content>`, `<content src="https://example.com/1.pdf"/>`},
			{`<link href="https://example.com/1"/>`, `<link rel="self" href="https://example.com/1"/><pubDate>today</pubDate>`},
			{"</entry>", "</entry><rights>Late</rights>"},
		},
		"newsboat": {{`xmlns="http://www.w3.org/2005/Atom"`, `xmlns="https://example.com/"`}, {`version="2.0"`, `version="9"`}},
		"ajv": {
			{"version/1.1", "version/2"}, {`"title": "T",`}, {`"items"`, `"_items"`}, {`"tag:example.com,2025:1"`, "1"}, {`"content_html"`, `"content"`},
			{`"name": "Kim"`}, {"05T08", "05 at 08"}, {`"https://example.com/"`, `"/home"`}, {`"id":`, `"size": 1, "id":`}, {`[{"name": "Kim"}]`, `{"name": "Kim"}`},
		},
	}
	for _, judge := range feedTools() {
		t.Run(judge.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Type", feeds.Format(strings.TrimPrefix(filepath.Ext(r.URL.Path), ".")).ContentType())
				http.ServeFile(w, r, filepath.Join(dir, filepath.Base(r.URL.Path)))
			}))
			t.Cleanup(server.Close)
			var documents []document
			texts, altered := make(map[string]string), make(map[[2]string]bool)
			for _, format := range feeds.Formats() {
				whole := sound[format]
				versions := []string{whole}
				for _, change := range invalid[judge.name] {
					if text := strings.Replace(whole, change[0], change[1], 1); text != whole {
						versions, altered[change] = append(versions, text), true
					}
				}
				if judge.name != "newsboat" { // it shows what there is of it
					versions = append(versions, whole[:len(whole)*2/3]) // last, for jing reads none after it
				}
				for _, text := range versions {
					name := fmt.Sprintf("%d.%s", len(texts), format)
					d := document{Feed: name, Format: format, URL: server.URL + "/" + name, File: filepath.Join(dir, name)}
					if judge.reads(d) {
						writeFile(t, d.File, text)
						documents = append(documents, d)
						texts[d.URL] = text
					}
				}
			}
			if len(altered) != len(invalid[judge.name]) {
				t.Errorf("%d of %d alterations change a document", len(altered), len(invalid[judge.name]))
			}
			accepted := make(map[string]bool)
			faults := make(map[string]string)
			for _, reading := range judge.read(t, documents) {
				accepted[reading.URL], faults[reading.URL] = reading.Fault == "", reading.Fault
			}
			for _, d := range documents {
				if want := texts[d.URL] == sound[d.Format]; accepted[d.URL] != want {
					t.Errorf("accepted: %t; want %t (%s):\n%s", accepted[d.URL], want, faults[d.URL], texts[d.URL])
				}
			}
		})
	}
}
