package feeds_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/scaledbydesign/insights/content"
	"github.com/scaledbydesign/insights/feeds"
)

// everyDocument renders all documents of a set, archives included.
func everyDocument(t *testing.T, set *feeds.Set) []*feeds.Document {
	t.Helper()
	documents := set.Documents()
	for _, path := range set.Archives() {
		d, err := set.Render(path)
		if err != nil {
			t.Fatal(err)
		}
		documents = append(documents, d)
	}
	return documents
}

func judged(j *feeds.Judge, documents []*feeds.Document) []feeds.Remark {
	var remarks []feeds.Remark
	for _, d := range documents {
		remarks = append(remarks, j.Judge(d)...)
	}
	return append(remarks, j.Missing()...)
}

func TestTheJudgeHasNoRemarkOnWhatWeWrite(t *testing.T) {
	for name, lib := range map[string]*content.Library{"small": load(t, small()), "embedded": loadEmbedded(t)} {
		set, err := feeds.Build(lib, testSite, nil)
		if err != nil {
			t.Fatal(err)
		}
		asked := 0
		j := feeds.NewJudge(testSite.BaseURL, func(string) bool { asked++; return true })
		for _, r := range judged(j, everyDocument(t, set)) {
			t.Errorf("%s: %s: %s: %s", name, r.Path, r.Entry, r.Message)
		}
		if name == "small" && asked == 0 {
			t.Error("nobody asked whether the picture exists")
		}
	}
}

// brokenDocuments are changes to a document in which there was no fault, each with
// what the judge says then: part of a remark.
var brokenDocuments = []struct {
	format         feeds.Format
	old, new, want string
}{
	{feeds.RSS, "</rss>", "", "no reader can read it"},
	{feeds.RSS, "</rss>", "</rss><rss></rss>", "2 root elements"},
	{feeds.RSS, "</rss>", "</rss>text", "text outside"},
	{feeds.RSS, "<rss version", "<rdf version", "no reader can read it"},
	{feeds.RSS, `version="2.0"`, `version="0.91"`, `version of RSS is "0.91"`},
	{feeds.RSS, `version="2.0"`, `version="2.0" version="2.0"`, "attribute version twice"},
	{feeds.RSS, "<item>", "<item><odd:thing/>", `namespace "odd"`},
	{feeds.RSS, "Words.", "Words\x08.", "XML allows no character"},
	{feeds.RSS, "Words.", "Words\xff.", "not in UTF-8"},
	{feeds.RSS, "<title>Insights</title>", "<title> </title>", "it has no title"},
	{feeds.RSS, "<link>https://example.com/news/</link>", "<link>/</link>", "address of its page is not absolute"},
	{feeds.RSS, "<description>What we learned building things &#x26;amp; keeping them up</description>", "", "it has no description"},
	{feeds.RSS, "<lastBuildDate>", "<lastBuildDate>x", "when it was updated can't be read"},
	{feeds.RSS, `href="https://example.com/news/feeds/all.rss"`, `href="https://example.com/news/feeds/all.xml"`, "its own address"},
	{feeds.RSS, `isPermaLink="false">tag:example.com,2025:0b0f`, `>tag:example.com,2025:0b0f`, "isPermaLink"},
	{feeds.RSS, "tag:example.com,2025:0b0f6f0e-6a51-4c59-8d3c-0f0d3c1b2a19", "", "it has no id"},
	{feeds.RSS, "tag:example.com,2025:0b0f6f0e-6a51-4c59-8d3c-0f0d3c1b2a19", "my id", "no URI"},
	{feeds.RSS, "tag:example.com,2025:0b0f6f0e-6a51-4c59-8d3c-0f0d3c1b2a19", "tag:blog.example.org,2019:quotes", "used twice"},
	{feeds.RSS, "<pubDate>Tue, 06 Jan 2026", "<pubDate>Tue 06 Jan 2026", "its date can't be read"},
	{feeds.RSS, "<pubDate>Tue, 06 Jan 2026", "<pubDate>Thu, 08 Jan 2026", "stands below an older one"},
	{feeds.RSS, "<atom:updated>2026-01-06", "<atom:updated>2025-01-06", "before it was published"},
	{feeds.RSS, "<atom:updated>2026-01-06T", "<atom:updated>2026-01-06 ", "when it was updated can't be read"},
	{feeds.RSS, "<p>Words.</p>", "", "it has no content"},
	{feeds.RSS, "<dc:creator>Example Studio</dc:creator>", "", "it has no author"},
	{feeds.RSS, "<title>Plain</title>", "", "it has no title"},
	{feeds.RSS, "<link>https://example.com/news/insights/plain</link>", "<link>insights/plain</link>", "address is not absolute"},
	{feeds.RSS, "<p>Words.</p>", "<script>alert(1)</script>", "<script>"},
	{feeds.RSS, "<p>Words.</p>", "<style>p{}</style>", "<style>"},
	{feeds.RSS, "<p>Words.</p>", "<FORM><input></FORM>", "<form>"},
	{feeds.RSS, "<p>Words.</p>", `<p onclick="x()">Words.</p>`, "event handler"},
	{feeds.RSS, "<p>Words.</p>", `<a href="#there">Words.</a>`, `<a href="#there">`},
	{feeds.RSS, "<p>Words.</p>", `<a href="/there">Words.</a>`, `<a href="/there">`},
	{feeds.RSS, "<p>Words.</p>", `<a href="javascript:x()">Words.</a>`, "javascript"},
	{feeds.RSS, "<p>Words.</p>", `<img src="x.png">`, `<img src="x.png">`},
	{feeds.RSS, "<p>Words.</p>", `<img srcset="https://example.com/a,b.png 1x, c.png 2x">`, `<img srcset="c.png">`},
	{feeds.RSS, "<p>Words.</p>", `<video poster="x.png"></video>`, `<video poster="x.png">`},
	{feeds.RSS, "<p>Words.</p>", `<blockquote cite="x.html">x</blockquote>`, `cite="x.html"`},
	{feeds.RSS, "<p>Words.</p>", `<img src="https://example.com/news/insights/images/none.svg">`, "none.svg does not exist"},
	{feeds.RSS, `media:thumbnail url="https://example.com/news/insights/images/pipeline.svg"`, `media:thumbnail url="images/pipeline.svg"`, "picture is not absolute"},
	{feeds.RSS, `media:thumbnail url="https://example.com/news/insights/images/pipeline.svg"`, `media:thumbnail url="https://example.com/news/insights/images/none.svg"`, "none.svg does not exist"},
	{feeds.RSS, "<fh:complete>", `<atom:link rel="prev-archive" href="https://example.com/news/feeds/all/2020-01.rss"/><fh:complete>`, "does not exist: https://example.com/news/feeds/all/2020-01.rss"},

	{feeds.Atom, "</feed>", "", "no reader can read it"},
	{feeds.Atom, `<feed xmlns="http://www.w3.org/2005/Atom"`, `<feed xmlns="http://purl.org/atom/ns#"`, "no reader can read it"},
	{feeds.Atom, "<id>tag:example.com,2025:feed:all</id>", "", "its id is no URI"},
	{feeds.Atom, "feed:all</id>\n  <updated>2026-02-01T12:00:00Z</updated>", "feed:all</id>", "updated can't be read"},
	{feeds.Atom, "<name>Example Studio</name>", "", "it has no author"},
	{feeds.Atom, `<content type="html"><![CDATA[<p>Words`, `<content type="text"><![CDATA[<p>Words`, `of type "text"`},
	{feeds.Atom, "<published>2026-01-06T06:00:00Z", "<published>6 January", "its date can't be read"},
	{feeds.Atom, "<p>Words.</p>", "<iframe src='https://example.com/'></iframe>", "<iframe>"},

	{feeds.JSON, "{", "", "no reader can read it"},
	{feeds.JSON, `"https://jsonfeed.org/version/1.1"`, `"2.0"`, `its version is "2.0"`},
	{feeds.JSON, `"items"`, `"entries"`, "no list of items"},
	{feeds.JSON, `"title": "Insights"`, `"title": ""`, "it has no title"},
	{feeds.JSON, `"feed_url": "https://`, `"feed_url": "`, "its own address"},
	{feeds.JSON, `"id": "tag:example.com,2025:0b0f`, `"guid": "tag:example.com,2025:0b0f`, "it has no id"},
	{feeds.JSON, `"date_published": "2026-01-06T06:00:00Z"`, `"date_published": "today"`, "its date can't be read"},
	{feeds.JSON, "<p>Words.</p>", "<object></object>", "<object>"},
	{feeds.JSON, `"image": "https://example.com/news/insights/images/pipeline.svg"`, `"image": "pipeline.svg"`, "picture is not absolute"},

	{"", "</opml>", "", "no reader can read it"},
	{"", "<body>", "<body2>", "no reader can read it"},
	{"", `text="Insights"`, `text=""`, "an outline has no text"},
	{"", `/feeds/leadership.rss"`, `/feeds/fishing.rss"`, "does not exist: https://example.com/news/feeds/fishing.rss"},
}

func TestTheJudgeFindsFaults(t *testing.T) {
	set, err := feeds.Build(load(t, small()), testSite, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, broken := range brokenDocuments {
		path := "/feeds/all." + string(broken.format)
		if broken.format == "" {
			path = "/feeds.opml"
		}
		documents := set.Documents()
		i := slices.IndexFunc(documents, func(d *feeds.Document) bool { return d.Path == path })
		d := *documents[i]
		if !strings.Contains(string(d.Body), broken.old) {
			t.Errorf("%s does not hold %q", path, broken.old)
			continue
		}
		d.Body = []byte(strings.ReplaceAll(string(d.Body), broken.old, broken.new))
		documents[i] = &d
		j := feeds.NewJudge(testSite.BaseURL, func(address string) bool { return !strings.Contains(address, "none") })
		remarks := judged(j, documents)
		if !slices.ContainsFunc(remarks, func(r feeds.Remark) bool {
			return r.Path == path && !r.Note && strings.Contains(r.Message, broken.want)
		}) {
			t.Errorf("%s with %q for %q: no remark says %q: %+v", path, broken.new, broken.old, broken.want, remarks)
		}
	}
}

func TestTheJudgeComparesDocuments(t *testing.T) {
	set, err := feeds.Build(load(t, small()), testSite, nil)
	if err != nil {
		t.Fatal(err)
	}
	all, _ := set.Document("/feeds/all.rss")
	other, _ := set.Document("/feeds/architecture.json")
	for _, c := range []struct{ old, new, want string }{
		{"tag:blog.example.org,2019:quotes", "tag:blog.example.org,2019:other", "readers take it for two"},
		{"/insights/plain", "/insights/elsewhere", "is also that of https://example.com/news/insights/plain"},
	} {
		changed := *other
		changed.Body = []byte(strings.ReplaceAll(string(other.Body), c.old, c.new))
		j := feeds.NewJudge(testSite.BaseURL, nil)
		j.Judge(all)
		remarks := j.Judge(&changed)
		if len(remarks) != 1 || !strings.Contains(remarks[0].Message, c.want) || remarks[0].Entry == "" {
			t.Errorf("want one remark with %q, got %+v", c.want, remarks)
		}
	}
}

func TestTheJudgeNotesSize(t *testing.T) {
	fsys := small()
	text := string(fsys["2026-01-06-plain.md"].Data)
	fsys["2026-01-06-plain.md"].Data = []byte(text + strings.Repeat("Many words make a long insight. ", 10_000))
	set, err := feeds.Build(load(t, fsys), testSite, nil)
	if err != nil {
		t.Fatal(err)
	}
	faults, notes := 0, 0
	for _, r := range judged(feeds.NewJudge(testSite.BaseURL, nil), everyDocument(t, set)) {
		if r.Note {
			notes++
		} else {
			faults++
		}
		if !strings.Contains(r.URL, "/insights/plain") {
			t.Errorf("%s: the remark names %s", r.Path, r.URL)
		}
	}
	if faults+notes == 0 {
		t.Error("a document of 320 KB passes")
	}
	// Beside others it is a fault, by itself a note.
	big, _ := set.Document("/feeds/all.json")
	if len(big.Body) > 250_000 && big.Items > 1 && faults == 0 {
		t.Error("a head that is too large and holds several insights is no fault")
	}
	t.Logf("%d faults, %d notes", faults, notes)
}

func FuzzTheJudgeSurvives(f *testing.F) {
	f.Add([]byte("<rss version=\"2.0\"><channel><item><content:encoded><![CDATA[<p>]]></content:encoded></item></channel></rss>"), 0)
	f.Add([]byte("<?section?><a/>"), 1)
	f.Add([]byte(`{"items":[{"id":"x","content_html":"<img srcset=', ,a 1x'>"}]}`), 2)
	f.Add([]byte("<opml><body><outline/></body></opml>"), 3)
	f.Fuzz(func(t *testing.T, body []byte, n int) {
		format := append(feeds.Formats(), "")[uint(n)%4]
		feeds.NewJudge("https://example.com", nil).Judge(&feeds.Document{Path: "/feeds/all", Format: format, Body: body})
	})
}

func TestCombinations(t *testing.T) {
	set, err := feeds.Build(loadEmbedded(t), testSite, nil)
	if err != nil {
		t.Fatal(err)
	}
	paths := set.Combinations()
	if want := (1<<7 - 7 - 1) * 3; len(paths) != want {
		t.Errorf("%d documents, want %d", len(paths), want)
	}
	if paths[0] != "/feeds/ai-automation+architecture.rss" {
		t.Errorf("the first is %s", paths[0])
	}
	for _, path := range paths {
		if canonical, ok := set.Canonical(path); !ok || canonical != path {
			t.Errorf("%s is not canonical: %s", path, canonical)
		}
	}
	of, err := set.ArchivesOf("/feeds/all.atom")
	if err != nil || len(of) == 0 || !slices.Contains(set.Archives(), of[0]) {
		t.Errorf("archives of the feed of all: %v, %v", of, err)
	}
	of, err = set.ArchivesOf(paths[len(paths)-1]) // all seven categories
	if err != nil || len(of) == 0 {
		t.Fatalf("archives of %s: %v, %v", paths[len(paths)-1], of, err)
	}
	if d, err := set.Render(of[0]); err != nil || d.Items == 0 {
		t.Errorf("%s: %v", of[0], err)
	}
	if _, err := set.ArchivesOf("/feeds/fishing.rss"); err == nil {
		t.Error("a feed that is not has archives")
	}
}

func TestKeepChangesNoByte(t *testing.T) {
	lib := loadEmbedded(t)
	plain, err := feeds.Build(lib, testSite, nil)
	if err != nil {
		t.Fatal(err)
	}
	keeping, err := feeds.Build(lib, testSite, nil)
	if err != nil {
		t.Fatal(err)
	}
	keeping.Keep()
	a, b := everyDocument(t, plain), everyDocument(t, keeping)
	for i := range a {
		if a[i].Hash != b[i].Hash {
			t.Errorf("%s differs", a[i].Path)
		}
	}
}
