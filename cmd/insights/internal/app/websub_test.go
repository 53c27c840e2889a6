package app

import (
	"bytes"
	"errors"
	"fmt"
	"testing"
	"testing/fstest"

	"github.com/scaledbydesign/insights/cmd/insights/internal/config"
	"github.com/scaledbydesign/insights/content"
	"github.com/scaledbydesign/insights/feeds"
	"github.com/scaledbydesign/insights/feeds/websub"
)

func TestTopicsAreTheFeedsOwnAddresses(t *testing.T) {
	c := config.Default()
	c.Site.BaseURL = "https://insights.example.com"
	build := func(n int) *feeds.Set {
		files := fstest.MapFS{}
		for i := range n {
			files[fmt.Sprintf("%d.md", i)] = &fstest.MapFile{Data: fmt.Appendf(nil,
				"---\nid: 00000000-0000-4000-8000-%012d\ntitle: T%d\nsummary: S\ncategory: leadership\ndate: 2026-03-01\n---\n\nText.\n", i, i)}
		}
		library, err := content.Load(files, content.Options{Categories: c.Site.Categories})
		if err != nil {
			t.Fatal(err)
		}
		set, err := feeds.Build(library, (&Publication{Config: c}).feedSite(), nil)
		if err != nil {
			t.Fatal(err)
		}
		return set
	}
	set := build(1)
	topics := &feedTopics{base: c.Site.BaseURL, feeds: func() *feeds.Set { return set }}
	const base = "https://insights.example.com/feeds/"
	versions := make(map[string]string)
	isKnown := func(topic string) bool {
		known, _ := topics.Known(topic)
		return known
	}
	for topic, onDemand := range map[string]bool{base + "all.atom": false, base + "leadership.json": false, base + "engineering+leadership.rss": true} {
		got, err := topics.Content(t.Context(), topic)
		if known, made := topics.Known(topic); !known || made != onDemand {
			t.Errorf("%s: known %t, on demand %t", topic, known, made)
		}
		if err != nil || len(got.Body) == 0 || got.ContentType == "" || got.Version == "" {
			t.Fatalf("%s: %+v, %v", topic, got, err)
		}
		versions[topic] = got.Version
	}
	for _, topic := range []string{
		"", "all.atom", base + "all.atom?", base + "all.atom#a", base + "All.atom", "http://insights.example.com/feeds/all.atom", "https://insights.example.com.evil.example/feeds/all.atom",
		base + "none.rss", base + "all/2026-03.atom", "https://insights.example.com/feeds.opml", "https://insights.example.com/atom.xml", "https://insights.example.com/",
	} {
		if isKnown(topic) {
			t.Errorf("%s is known", topic)
		}
		if _, err := topics.Content(t.Context(), topic); !errors.Is(err, websub.ErrUnknownTopic) {
			t.Errorf("%s: %v; want ErrUnknownTopic", topic, err)
		}
	}
	// Whoever subscribed to an address that a feed had before goes on being told; nobody
	// new subscribes to it.
	for _, topic := range []string{base + "leadership+engineering.rss", base + "all+leadership.rss"} {
		if got, err := topics.Content(t.Context(), topic); err != nil || isKnown(topic) {
			t.Errorf("%s: %v, known %t", topic, err, isKnown(topic))
		} else {
			versions[topic] = got.Version
		}
	}
	renamed := config.Default()
	renamed.Site.BaseURL = c.Site.BaseURL
	for i := range renamed.Site.Categories {
		if category := &renamed.Site.Categories[i]; category.Slug == "leadership" {
			category.Slug, category.Formerly = "leading", []string{"leadership"}
		}
	}
	before := c
	c = renamed
	set = build(1)
	for _, topic := range []string{base + "leadership.json", base + "engineering+leadership.rss"} {
		got, err := topics.Content(t.Context(), topic)
		if err != nil || got.Version == versions[topic] || !bytes.Contains(got.Body, []byte("leading")) || isKnown(topic) {
			t.Errorf("%s, renamed: %v, known %t", topic, err, isKnown(topic))
		}
	}
	publisher := (&Publication{Config: c}).Publisher(func() *feeds.Set { return set })
	if pinged := publisher.Topics(); pinged[base+"leadership.json"] == "" || pinged[base+"leadership.json"] != pinged[base+"leading.json"] {
		t.Errorf("a hub elsewhere is told of %v", pinged)
	}
	c = before
	set = build(2)
	for topic, version := range versions {
		if got, err := topics.Content(t.Context(), topic); err != nil || got.Version == version {
			t.Errorf("%s has not changed (%v)", topic, err)
		}
	}
}
