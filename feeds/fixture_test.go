package feeds_test

import (
	"fmt"
	"hash/fnv"
	"io/fs"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/scaledbydesign/insights/content"
	"github.com/scaledbydesign/insights/feeds"
)

var testSite = feeds.Site{
	BaseURL:     "https://example.com/news",
	Title:       "Insights",
	Description: "What we learned building things & keeping them up",
	Language:    "en",
	Author:      "Example Studio",
	Email:       "insights@example.com",
	Rights:      "© Example Studio",
	Authority:   "example.com,2025",
	Generator:   feeds.Generator{Name: "Insights", Version: "1.2.3", URI: "https://example.com/insights"},
	Icon:        "https://example.com/icon.png",
	Logo:        "https://example.com/logo.png",
}

var categories = []content.Category{
	{Slug: "architecture", Name: "Architecture", Description: "Systems that last"},
	{Slug: "split-testing-tracking", Name: "Split Testing & Tracking"},
	{Slug: "ai-automation", Name: "AI & Automation", Description: "Machines & models that earn their keep"},
	{Slug: "engineering", Name: "Engineering"},
	{Slug: "growth-ops", Name: "Growth Ops"},
	{Slug: "leadership", Name: "Leadership"},
	{Slug: "infrastructure", Name: "Infrastructure"},
}

// small holds three insights of two categories; all others are empty.
func small() fstest.MapFS {
	return fstest.MapFS{
		"2026-01-05-fish-and-chips.md": {Data: []byte(`---
id: 7c8f4a52-5c0e-4c5b-9f0e-2f9d8a6b1c3d
title: "Fish & Chips: the <video> tag 🐟"
summary: "When a < b, & why it's \"fine\""
category: AI & Automation
date: 2026-01-05T08:00:00+02:00
updated: 2026-02-01T12:00:00Z
author: Kim Example
tags: [agents, AI & Automation, "c++ & <more>"]
featured: true
image: images/pipeline.svg
---

Read [the other one](2026-01-07-quotes.md#code), or [a page](/about), or [a site](https://example.org/?a=1&b=2).

![A pipeline](images/pipeline.svg)

## A table

| a | b |
| - | - |
| 1 | ]]> |
`)},
		"2026-01-07-quotes.md": {Data: []byte(`---
id: "tag:blog.example.org,2019:quotes"
title: שלום, "quotes"
summary: Right to left
category: architecture
date: 2026-01-07T06:00:00Z
image: https://images.example.org/q.png?w=1&h=2
---

Some *words*.[^1]

## Code

` + "```go\nfmt.Println(\"a < b && c\")\n```" + `

[^1]: A note.
`)},
		"2026-01-06-plain.md": {Data: []byte(`---
id: 0b0f6f0e-6a51-4c59-8d3c-0f0d3c1b2a19
title: Plain
summary: Plain words
category: architecture
date: 2026-01-06T06:00:00Z
tags: [plain]
---

Words.
`)},
		"images/pipeline.svg": {Data: []byte(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 20 10"></svg>`)},
	}
}

// sized is how much of something a test has: usual, and all of it with
// INSIGHTS_TEST_FULL=1, as .ci/full runs it.
func sized(usual, full int) int {
	if os.Getenv("INSIGHTS_TEST_FULL") == "1" {
		return full
	}
	return usual
}

func load(tb testing.TB, fsys fstest.MapFS) *content.Library {
	tb.Helper()
	lib, err := content.Load(fsys, content.Options{
		Categories: categories,
		Now:        func() time.Time { return time.Date(2031, 1, 1, 0, 0, 0, 0, time.UTC) },
	})
	if err != nil {
		tb.Fatal(err)
	}
	return lib
}

func loadEmbedded(tb testing.TB) *content.Library {
	tb.Helper()
	lib, err := content.Load(content.Embedded(), content.Options{Categories: categories})
	if err != nil {
		tb.Fatal(err)
	}
	return lib
}

// published is a library with its documents and what its insights' HTML should be.
type published struct {
	lib  *content.Library
	set  *feeds.Set
	html map[*content.Insight]string
	// When each last changed as feeds say it: those of one second follow each other.
	updated map[*content.Insight]time.Time
}

var publish = sync.OnceValues(func() (map[string]published, error) {
	libraries := map[string]*content.Library{}
	for name, fsys := range map[string]fs.FS{"small": small(), "embedded": content.Embedded()} {
		lib, err := content.Load(fsys, content.Options{Categories: categories})
		if err != nil {
			return nil, err
		}
		libraries[name] = lib
	}
	all := map[string]published{}
	for name, lib := range libraries {
		set, err := feeds.Build(lib, testSite, nil)
		if err != nil {
			return nil, err
		}
		p := published{lib, set, map[*content.Insight]string{}, map[*content.Insight]time.Time{}}
		for _, in := range lib.Insights() {
			p.html[in] = in.FullHTML(testSite.BaseURL)
			p.updated[in] = in.Updated.UTC()
			if in.UpdatedDay { // then the time is made of its order and id
				id := fnv.New32a()
				id.Write([]byte(in.ID))
				p.updated[in] = p.updated[in].Add(time.Duration((11-min(11, max(0, in.Order)))*600+int(id.Sum32()%600)) * time.Second)
			}
		}
		all[name] = p
	}
	return all, nil
})

// publications are what documents are compared with: a small library full of
// traps, and the real one. Both are made once, for it takes long under -race.
func publications(tb testing.TB) map[string]published {
	tb.Helper()
	all, err := publish()
	if err != nil {
		tb.Fatal(err)
	}
	return all
}

func build(tb testing.TB, lib *content.Library, site feeds.Site) *feeds.Set {
	tb.Helper()
	set, err := feeds.Build(lib, site, nil)
	if err != nil {
		tb.Fatal(err)
	}
	return set
}

func document(tb testing.TB, set *feeds.Set, path string) *feeds.Document {
	tb.Helper()
	d, ok := set.Document(path)
	if !ok {
		tb.Fatalf("no document %s", path)
	}
	return d
}

// generate returns n insights of 5 KB in all categories, each with more at its end.
func generate(n int, more string) fstest.MapFS {
	fsys := fstest.MapFS{}
	paragraph := strings.Repeat("A sentence of *some* words that says \"little\" and [links](https://example.org/). ", 10)
	for i := range n {
		date := time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(i) * time.Hour)
		fsys[fmt.Sprintf("%05d.md", i)] = &fstest.MapFile{Data: fmt.Appendf(nil, `---
id: 00000000-0000-4000-8000-%012x
title: "Insight %d"
summary: "What %d says in short"
category: %s
date: %s
tags: [one, two]
---

%s

## Code

`+"```go\nfunc main() { fmt.Println(\"hello\") }\n```"+`

%s%s
`, i, i, i, categories[i%len(categories)].Slug, date.Format(time.RFC3339), paragraph, strings.Repeat(paragraph+"\n\n", 4), more)}
	}
	return fsys
}

// article returns the file of the n-th insight.
func article(n int, date time.Time, category, body string) *fstest.MapFile {
	return &fstest.MapFile{Data: fmt.Appendf(nil, `---
id: 00000000-0000-4000-8000-%012x
title: "Insight %d"
summary: "What %d says in short"
category: %s
date: %s
---

%s
`, n, n, n, category, date.Format(time.RFC3339), body)}
}

// prose returns about that many bytes of Markdown.
func prose(size int) string {
	const sentence = "A sentence of *some* words that says \"little\" and [links](https://example.org/). "
	return strings.Repeat(sentence, size/len(sentence)+1)
}

// daily returns n insights of that many bytes, one a day, of two categories.
func daily(n, size int) fstest.MapFS {
	fsys := fstest.MapFS{}
	for i := range n {
		fsys[name(i)] = article(i, day(i), categories[i%2].Slug, prose(size))
	}
	return fsys
}

func name(i int) string { return fmt.Sprintf("%05d.md", i) }

func day(i int) time.Time { return time.Date(2026, 1, 1, 8, 0, 0, 0, time.UTC).AddDate(0, 0, i) }
