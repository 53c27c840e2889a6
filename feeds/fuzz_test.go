package feeds_test

import (
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/scaledbydesign/insights/content/budget"
	"github.com/scaledbydesign/insights/feeds"
)

// FuzzPaths asks for whatever address: nothing panics, what is canonical stays so,
// and is a document or is not there.
func FuzzPaths(f *testing.F) {
	set := build(f, load(f, daily(60, 6000)), testSite)
	for _, path := range []string{
		"/feeds/all.rss", "/feeds/all/2026-01.atom", "/feeds/leadership+architecture.json", "/feeds/all+architecture/2026-01-2.rss",
		"/feeds/architecture+architecture/9999-99-99.rss", "/feeds.opml", "/feeds/+.rss", "/feeds/all/../all.rss", "/feeds/%61ll.rss", "\x00\xff",
	} {
		f.Add(path)
	}
	f.Fuzz(func(t *testing.T, path string) {
		grown := budget.Grown(path)
		budget.Check(t, func() { set.Canonical(grown) })
		canonical, ok := set.Canonical(path)
		if !ok {
			if d, err := set.Render(path); !errors.Is(err, feeds.ErrNotFound) {
				t.Fatalf("%q has no canonical path, and Render gives %v, %v", path, d, err)
			}
			return
		}
		if again, ok := set.Canonical(canonical); !ok || again != canonical {
			t.Fatalf("%q becomes %q, that becomes %q, %t", path, canonical, again, ok)
		}
		d, err := set.Render(canonical)
		if err != nil {
			if !errors.Is(err, feeds.ErrNotFound) {
				t.Fatal(err)
			}
			return
		}
		if d.Path != canonical || len(d.Body) == 0 || d.Hash == "" {
			t.Fatalf("%q is %q", canonical, d.Path)
		}
		if head, ok := set.Document(canonical); ok && head.Hash != d.Hash {
			t.Fatalf("%q is not the head document", canonical)
		}
	})
}

// FuzzText puts hostile text everywhere: documents stay well-formed and all say the
// same of it.
func FuzzText(f *testing.F) {
	for _, text := range []string{
		"<video> & &nbsp;", "]]>", "]]", "\x00\x1f\ufffe\uffff", "a\r\nb\rc", "\xff\xc0", "</item></channel>", `"\u0000`, "\u2028\u2029", "&#x0;", "<![CDATA[", "🐟שלום", " ",
	} {
		f.Add(text, "<p>"+text+"</p>")
	}
	f.Fuzz(func(t *testing.T, text, html string) {
		e := testEntry()
		e.Title, e.Summary, e.Author, e.HTML = text, text, text, html
		e.Categories = []feeds.Category{{Slug: text, Name: text}}
		document := testFeed(e)
		document.Title, document.Description, document.Site.Rights, document.Site.Generator.Name = text, text, text, text
		var before *entry
		refused := 0
		for _, format := range feeds.Formats() {
			body, err := feeds.Render(document, format)
			if err != nil {
				refused++
				continue
			}
			if !utf8.Valid(body) {
				t.Fatalf("%s is not UTF-8", format)
			}
			got := parse(t, format, body)
			said := got.Entries[0]
			said.Terms, said.Updated = nil, e.Updated
			if got.Title != said.Title || got.Description != said.Title {
				t.Errorf("%s: title %q, description %q of the feed, title %q of the entry", format, got.Title, got.Description, said.Title)
			}
			if clean := strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(text); legal(clean) && said.Title != clean {
				t.Errorf("%s: title %q, want %q", format, said.Title, clean)
			}
			if before != nil && (before.Title != said.Title || before.Summary != said.Summary || before.Author != said.Author ||
				before.HTML != said.HTML || before.Categories[0] != said.Categories[0]) {
				t.Errorf("%s says %+v, the format before %+v", format, said, *before)
			}
			before = &said
		}
		if refused != 0 && refused != len(feeds.Formats()) {
			t.Errorf("%d formats refuse %q", refused, text)
		}
	})
}

// legal reports whether XML 1.0 has all the characters.
func legal(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool {
		return r < 0x20 && r != '\t' && r != '\n' || r == 0xFFFE || r == 0xFFFF
	})
}
