package app

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/scaledbydesign/insights/feeds"
	"github.com/scaledbydesign/insights/feeds/websub"
)

// isTopic reports whether a document can be subscribed to: the OPML file is no
// feed, and an archive does not change.
func isTopic(document *feeds.Document) bool {
	return document.Format != "" && document.Archive == ""
}

// feedTopics are the feeds as topics: that of a document is its own address, as its
// rel=self link says it. It is safe for concurrent use.
type feedTopics struct {
	base  string
	feeds func() *feeds.Set

	mu       sync.Mutex
	set      *feeds.Set // that of combined
	combined map[string]*feeds.Document
}

// keptCombined bounds how many feeds of several categories are kept.
const keptCombined = 64

// Known implements websub.Topics.
func (t *feedTopics) Known(topic string) bool {
	path, ours := strings.CutPrefix(topic, t.base)
	if !ours {
		return false
	}
	set := t.feeds()
	if document, ok := set.Document(path); ok {
		return isTopic(document)
	}
	canonical, ok := set.Canonical(path)
	return ok && canonical == path && strings.Count(path, "/") == 2 // no archive
}

// Content implements websub.Topics.
func (t *feedTopics) Content(_ context.Context, topic string) (websub.Content, error) {
	path, ours := strings.CutPrefix(topic, t.base)
	if !ours {
		return websub.Content{}, websub.ErrUnknownTopic
	}
	document, err := t.document(path)
	if errors.Is(err, feeds.ErrNotFound) || err == nil && !isTopic(document) {
		return websub.Content{}, websub.ErrUnknownTopic
	}
	if err != nil {
		return websub.Content{}, fmt.Errorf("render %s: %w", path, err)
	}
	return websub.Content{Body: document.Body, ContentType: document.ContentType, Version: document.Hash}, nil
}

func (t *feedTopics) document(path string) (*feeds.Document, error) {
	set := t.feeds()
	if document, ok := set.Document(path); ok {
		return document, nil
	}
	if canonical, ok := set.Canonical(path); !ok || canonical != path {
		return nil, feeds.ErrNotFound
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.set != set || len(t.combined) >= keptCombined {
		t.set, t.combined = set, make(map[string]*feeds.Document)
	}
	if document, ok := t.combined[path]; ok {
		return document, nil
	}
	document, err := set.Render(path)
	if err == nil {
		t.combined[path] = document
	}
	return document, err
}
