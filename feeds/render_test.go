package feeds_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/scaledbydesign/insights/feeds"
)

func testFeed(entries ...feeds.Entry) feeds.Feed {
	return feeds.Feed{
		Site: testSite, Name: "all", Title: "Insights", Description: "What we learned & kept",
		Path: "/feeds/all", HomePath: "/", Entries: entries,
	}
}

func testEntry() feeds.Entry {
	return feeds.Entry{
		ID:         feeds.EntryID(testSite, "7c8f4a52-5c0e-4c5b-9f0e-2f9d8a6b1c3d"),
		URL:        "https://example.com/news/insights/one",
		Title:      "One",
		Summary:    "In short",
		HTML:       "<p>At length</p>",
		Published:  time.Date(2026, 3, 2, 9, 30, 0, 0, time.UTC),
		Updated:    time.Date(2026, 3, 4, 10, 0, 0, 0, time.UTC),
		Categories: []feeds.Category{{Slug: "ai-automation", Name: "AI & Automation"}, {Slug: "agents", Name: "agents"}},
	}
}

// render renders and parses f in every format and gives check each.
func render(t *testing.T, f feeds.Feed, check func(t *testing.T, format feeds.Format, got feed)) {
	t.Helper()
	for _, format := range feeds.Formats() {
		t.Run(string(format), func(t *testing.T) {
			body, err := feeds.Render(f, format)
			if err != nil {
				t.Fatal(err)
			}
			check(t, format, parse(t, format, body))
		})
	}
}

func TestTextSurvivesInEveryFormat(t *testing.T) {
	for _, text := range []string{
		"The <video> tag & &nbsp;",
		"Fish & chips",
		"a < b && c > d",
		"&amp; is written &amp;amp;",
		`"quoted" and 'single'`,
		"</title><script>alert(1)</script>",
		"]]> ends a section, <![CDATA[ begins one",
		"<!-- comment --> <?pi?> <!DOCTYPE x>",
		"Ship it 🚀👩‍💻",
		"שלום עולם \u200f(rtl)",
		"日本語のタイトル",
		"100% of $2M; it’s – “fine”…",
		"&#x3C;already&#62; escaped",
	} {
		t.Run(text, func(t *testing.T) {
			e := testEntry()
			e.Title, e.Summary, e.Author, e.HTML = text, text, text, "<p>"+text+"</p>"
			e.Categories = []feeds.Category{{Slug: text, Name: text}}
			f := testFeed(e)
			f.Title, f.Description, f.Site.Rights, f.Site.Author, f.Site.Generator = text, text, text, text, feeds.Generator{Name: text}
			render(t, f, func(t *testing.T, format feeds.Format, got feed) {
				e := got.Entries[0]
				want := map[string]string{"feed title": got.Title, "description": got.Description, "title": e.Title, "summary": e.Summary, "author": e.Author, "category": e.Categories[0]}
				if format != feeds.JSON {
					want["rights"], want["generator"] = got.Rights, got.Generator
				}
				for name, got := range want {
					if got != text {
						t.Errorf("%s is %q", name, got)
					}
				}
				if want := "<p>" + text + "</p>"; e.HTML != want {
					t.Errorf("content is %q, want %q", e.HTML, want)
				}
			})
		})
	}
}

func TestTextIsEscapedAsEachFormatWants(t *testing.T) {
	e := testEntry()
	e.Title, e.Summary = "The <video> tag", "a < b"
	e.Author, e.Categories[0].Name = "A <a>", "C <c>"
	for format, want := range map[feeds.Format][]string{
		feeds.RSS: {
			"<title>The &#x3C;video&#x3E; tag</title>", // the validator takes &lt; for markup
			"<dc:creator>A &#x3C;a&#x3E;</dc:creator>",
			"<category>C &#x3C;c&#x3E;</category>",
			"<description>a &#x26;lt; b</description>", // HTML
		},
		feeds.Atom: {
			"<title>The &lt;video&gt; tag</title>", // text
			`<summary type="html">a &amp;lt; b</summary>`,
			`<content type="html">`,
		},
		feeds.JSON: {
			`"title": "The <video> tag"`,
			`"summary": "a < b"`, // plain text
		},
	} {
		body, err := feeds.Render(testFeed(e), format)
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range want {
			if !strings.Contains(string(body), want) {
				t.Errorf("%s lacks %s:\n%s", format, want, body)
			}
		}
	}
}

func TestDescriptionPrecedesContentInRSS(t *testing.T) {
	body, err := feeds.Render(testFeed(testEntry()), feeds.RSS)
	if err != nil {
		t.Fatal(err)
	}
	item := string(body[strings.Index(string(body), "<item>"):])
	if strings.Index(item, "<description>") > strings.Index(item, "<content:encoded>") {
		t.Errorf("content:encoded comes first:\n%s", item)
	}
}

func TestCharactersThatXMLForbidsAreLeftOut(t *testing.T) {
	var illegal strings.Builder
	for r := rune(0); r < 0x20; r++ {
		if r != '\t' && r != '\n' && r != '\r' {
			illegal.WriteRune(r)
		}
	}
	illegal.WriteString("\uFFFE\uFFFF")
	dirty, clean := "a"+illegal.String()+"b\tc\r\nd\re", "ab\tc\nd\ne"

	e := testEntry()
	e.Title, e.Summary, e.HTML, e.Author = dirty, dirty, dirty, dirty
	e.ID += illegal.String()
	e.URL += illegal.String()
	e.Image, e.Language = "https://example.com/i.png"+illegal.String(), "de"+illegal.String()
	e.Categories = []feeds.Category{{Slug: dirty, Name: dirty}}
	f := testFeed(e)
	f.Title, f.Description, f.Path, f.HomePath = dirty, dirty, f.Path+illegal.String(), f.HomePath+illegal.String()
	f.Site.Rights, f.Site.Generator, f.Site.Language, f.Site.Email = dirty, feeds.Generator{Name: dirty, Version: dirty, URI: dirty}, "en"+illegal.String(), "a@example.com"+illegal.String()
	f.Site.Author = dirty

	render(t, f, func(t *testing.T, format feeds.Format, got feed) {
		body, _ := feeds.Render(f, format)
		if strings.ContainsAny(string(body), illegal.String()+"\r") || strings.Contains(string(body), `\u00`) || strings.Contains(string(body), "\uFFFD") {
			t.Errorf("%q", body)
		}
		e := got.Entries[0]
		for _, text := range []string{got.Title, got.Description, e.Title, e.Summary, e.HTML, e.Author, e.Categories[0]} {
			if text != clean {
				t.Errorf("got %q, want %q", text, clean)
			}
		}
		if e.ID != testEntry().ID || e.URL != testEntry().URL {
			t.Errorf("id %q, address %q", e.ID, e.URL)
		}
	})
}

func TestFeedSaysWhoseItIs(t *testing.T) {
	render(t, testFeed(testEntry()), func(t *testing.T, format feeds.Format, got feed) {
		want := feed{
			Title: "Insights", Description: "What we learned & kept", Language: "en", Updated: testEntry().Updated,
			Self: "https://example.com/news/feeds/all." + string(format), Home: "https://example.com/news/",
		}
		switch format {
		case feeds.RSS:
			want.Author, want.Rights = "insights@example.com (Example Studio)", testSite.Rights
			want.Generator, want.Icon = "Insights/1.2.3 (https://example.com/insights)", testSite.Icon
			want.TTL, want.Period, want.Frequency = 15, "hourly", 4
		case feeds.Atom:
			want.ID, want.Author, want.Rights = "tag:example.com,2025:feed:all", "Example Studio", testSite.Rights
			want.Generator, want.Icon, want.Logo = "Insights", testSite.Icon, testSite.Logo
		case feeds.JSON:
			want.Author, want.Icon = "Example Studio", testSite.Icon
			want.Updated = time.Time{}
		}
		got.Entries = nil
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	})
}

func TestGeneratorIsNamedAsFarAsItIsKnown(t *testing.T) {
	for want, g := range map[string]feeds.Generator{
		"":                                  {Version: "1", URI: "https://example.com/"},
		"Insights":                          {Name: "Insights"},
		"Insights/1":                        {Name: "Insights", Version: "1"},
		"Insights (https://example.com/)":   {Name: "Insights", URI: "https://example.com/"},
		"Insights/1 (https://example.com/)": {Name: "Insights", Version: "1", URI: "https://example.com/"},
	} {
		f := testFeed(testEntry())
		f.Site.Generator = g
		body, err := feeds.Render(f, feeds.RSS)
		if err != nil {
			t.Fatal(err)
		}
		if got := parse(t, feeds.RSS, body).Generator; got != want {
			t.Errorf("%+v is %q, want %q", g, got, want)
		}
	}
}

func TestEveryEntryHasAnAuthor(t *testing.T) {
	own, site, title := testEntry(), testEntry(), testEntry()
	own.Author = "Kim"
	for _, test := range []struct {
		name, siteAuthor, want string
		entry                  feeds.Entry
	}{
		{"its own", "Studio", "Kim", own},
		{"the site's", "Studio", "Studio", site},
		{"the site's title", "", "Insights", title},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := testFeed(test.entry)
			f.Site.Author = test.siteAuthor
			render(t, f, func(t *testing.T, _ feeds.Format, got feed) {
				if got := got.Entries[0].Author; got != test.want {
					t.Errorf("author %q, want %q", got, test.want)
				}
			})
		})
	}
}

func TestLanguageIsSaidOfAnEntryWhereItDiffers(t *testing.T) {
	same, other := testEntry(), testEntry()
	same.Language, other.Language = "en", "de"
	render(t, testFeed(same, other), func(t *testing.T, format feeds.Format, got feed) {
		want := []string{"", "de"}
		if format == feeds.RSS {
			want[1] = "" // has no word for it
		}
		if got := []string{got.Entries[0].Language, got.Entries[1].Language}; !slices.Equal(got, want) {
			t.Errorf("languages %q, want %q", got, want)
		}
	})
}

func TestEntryWithoutContentShowsItsSummary(t *testing.T) {
	summary, title := testEntry(), testEntry()
	summary.HTML, summary.Summary = "", "a < b & c"
	title.HTML, title.Summary = "", ""
	render(t, testFeed(summary, title), func(t *testing.T, _ feeds.Format, got feed) {
		want := []string{"<p>a &lt; b &amp; c</p>", "<p>One</p>"}
		if got := []string{got.Entries[0].HTML, got.Entries[1].HTML}; !slices.Equal(got, want) {
			t.Errorf("content %q, want %q", got, want)
		}
	})
}

func TestReadingTimeIsLeftOutWhereItIsNotKnown(t *testing.T) {
	known := testEntry()
	known.Minutes, known.Featured = 4, true
	body, err := feeds.Render(testFeed(known, testEntry()), feeds.JSON)
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(body), `"_insights"`); n != 1 {
		t.Errorf("%d _insights, want 1", n)
	}
	if e := parse(t, feeds.JSON, body).Entries[0]; e.Minutes != 4 || !e.Featured {
		t.Errorf("%d minutes, featured %t", e.Minutes, e.Featured)
	}
}

func TestRenderRefusesWhatCannotBeValid(t *testing.T) {
	for name, spoil := range map[string]func(*feeds.Feed){
		"entry without an id":       func(f *feeds.Feed) { f.Entries[0].ID = "" },
		"entry without an address":  func(f *feeds.Feed) { f.Entries[0].URL = "" },
		"entry without a title":     func(f *feeds.Feed) { f.Entries[0].Title = "" },
		"entry without a date":      func(f *feeds.Feed) { f.Entries[0].Published = time.Time{} },
		"feed without a name":       func(f *feeds.Feed) { f.Name = "" },
		"feed without a title":      func(f *feeds.Feed) { f.Title = "" },
		"feed without a path":       func(f *feeds.Feed) { f.Path = "" },
		"feed without a home page":  func(f *feeds.Feed) { f.HomePath = "" },
		"site without a title":      func(f *feeds.Feed) { f.Site.Title = " " },
		"no authority":              func(f *feeds.Feed) { f.Site.Authority = "" },
		"authority without a year":  func(f *feeds.Feed) { f.Site.Authority = "example.com" },
		"authority with an address": func(f *feeds.Feed) { f.Site.Authority = "https://example.com,2025" },
		"authority of no such day":  func(f *feeds.Feed) { f.Site.Authority = "example.com,2025-13" },
		"no base URL":               func(f *feeds.Feed) { f.Site.BaseURL = "" },
		"base URL with a slash":     func(f *feeds.Feed) { f.Site.BaseURL = "https://example.com/" },
		"base URL with a query":     func(f *feeds.Feed) { f.Site.BaseURL = "https://example.com?x" },
		"base URL without a host":   func(f *feeds.Feed) { f.Site.BaseURL = "https:example.com" },
		"relative icon":             func(f *feeds.Feed) { f.Site.Icon = "/icon.png" },
		"relative logo":             func(f *feeds.Feed) { f.Site.Logo = "logo.png" },
	} {
		t.Run(name, func(t *testing.T) {
			f := testFeed(testEntry())
			spoil(&f)
			for _, format := range feeds.Formats() {
				if body, err := feeds.Render(f, format); err == nil {
					t.Errorf("%s accepted:\n%s", format, body)
				}
			}
		})
	}
	if _, err := feeds.Render(testFeed(), "xml"); err == nil {
		t.Error("unknown format accepted")
	}
}

func TestRenderLeavesTheFeedAsItWas(t *testing.T) {
	e := testEntry()
	e.Title = "a\u0008b"
	e.Categories[0].Name = "c\u0008d"
	f := testFeed(e)
	before := fmt.Sprintf("%#v", f)
	for _, format := range feeds.Formats() {
		if _, err := feeds.Render(f, format); err != nil {
			t.Fatal(err)
		}
	}
	if after := fmt.Sprintf("%#v", f); after != before {
		t.Errorf("was %s\nis  %s", before, after)
	}
}

func TestFormats(t *testing.T) {
	for _, test := range []struct {
		name        string
		contentType string
	}{
		{"rss", "application/rss+xml; charset=utf-8"},
		{"atom", "application/atom+xml; charset=utf-8"},
		{"json", "application/feed+json; charset=utf-8"},
	} {
		format, err := feeds.ParseFormat(test.name)
		if err != nil {
			t.Error(err)
		}
		if format.String() != test.name || format.ContentType() != test.contentType {
			t.Errorf("%q: %s, %s", test.name, format, format.ContentType())
		}
	}
	for _, name := range []string{"", "RSS", "xml", "opml"} {
		if _, err := feeds.ParseFormat(name); err == nil {
			t.Errorf("%q is no format", name)
		}
	}
}
