package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync"

	"github.com/scaledbydesign/insights/cmd/insights/internal/outbound"
	"github.com/scaledbydesign/insights/feeds"
	"github.com/scaledbydesign/insights/feeds/websub"
)

// WebSubConfig is who pushes the feeds to their subscribers.
type WebSubConfig struct {
	Hub              string `yaml:"hub"`               // "" = nobody, self = this program, or the address of a hub
	PrivateCallbacks bool   `yaml:"private_callbacks"` // calls private networks, too
}

// ownHub is the value of websub.hub for the hub of this program.
const ownHub = "self"

func (c *Config) checkWebSub(fault func(key, format string, args ...any)) {
	if c.WebSub.Hub == "" || c.WebSub.Hub == ownHub {
		return
	}
	u, err := url.Parse(c.WebSub.Hub)
	switch {
	case err != nil || u.Host == "" || u.User != nil || u.Fragment != "" || u.Scheme != "https" && u.Scheme != "http":
		fault("websub.hub", "%q: write self for a hub of this site's own, or the address of another: https://hub.example.com/", c.WebSub.Hub)
	case u.Scheme == "http" && !c.WebSub.PrivateCallbacks:
		fault("websub.hub", "%q: write https; http is only for a hub in your own network, with websub.private_callbacks", c.WebSub.Hub)
	}
}

// hubURL is the address of the hub as the feeds link to it; "" = there is none.
func (c *Config) hubURL() string {
	if c.WebSub.Hub == ownHub {
		return c.Site.BaseURL + "/hub"
	}
	return c.WebSub.Hub
}

// pusher is what gets new content to those who asked to be told: a hub, or a
// publisher with a hub elsewhere.
type pusher interface {
	Changed() // there is a new set of feeds
	Run(context.Context) error
}

// openPusher makes the pusher that the configuration wants, if any.
func (d *daemon) openPusher() {
	c := d.config
	switch c.WebSub.Hub {
	case "":
	case ownHub:
		d.hub = &websub.Hub{
			URL: c.hubURL(), Topics: &feedTopics{base: c.Site.BaseURL, feeds: d.feeds.Load},
			Store: d.db.WebSub(), Client: c.outbound(), Wake: d.db.Changed, Log: d.log,
		}
		d.pusher = d.hub
	default:
		p := c.publisher(d.feeds.Load)
		p.Store, p.Log = d.db.WebSub(), d.log
		d.pusher = p
	}
}

func (c *Config) publisher(set func() *feeds.Set) *websub.Publisher {
	return &websub.Publisher{
		Hub: c.hubURL(), Pinger: c.outbound(),
		Topics: func() map[string]string {
			versions := make(map[string]string)
			for _, document := range set().Documents() {
				if isTopic(document) {
					versions[c.Site.BaseURL+document.Path] = document.Hash
				}
			}
			return versions
		},
	}
}

// outbound is the client for addresses that others name.
func (c *Config) outbound() *outbound.Client {
	return outbound.New(c.feedSite().Generator.String(), c.WebSub.PrivateCallbacks, nil)
}

// hubStatus is how the site's own hub stands; nil without one.
func (n *newsroom) hubStatus(ctx context.Context) (*websub.HubStatus, error) {
	if n.config.WebSub.Hub != ownHub {
		return nil, nil
	}
	status, err := n.db.WebSub().Status(ctx)
	return &status, err
}

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
