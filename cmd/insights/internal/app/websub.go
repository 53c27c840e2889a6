package app

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync"

	"github.com/scaledbydesign/insights/cmd/insights/internal/config"
	"github.com/scaledbydesign/insights/cmd/insights/internal/outbound"
	"github.com/scaledbydesign/insights/feeds"
	"github.com/scaledbydesign/insights/feeds/websub"
)

// pusher pushes new content to subscribers: a hub, or a publisher with an external hub.
type pusher interface {
	Changed() // there is a new set of feeds
	Run(context.Context) error
}

// openPusher makes the configured pusher, if any.
func (d *Daemon) openPusher() {
	c := &d.app.Config
	switch c.WebSub.Hub {
	case "":
	case config.OwnHub:
		d.hub = &websub.Hub{
			URL: c.HubURL(), Topics: &feedTopics{base: c.Site.BaseURL, feeds: d.feeds.Load},
			Store: d.app.db.WebSub(), Client: d.app.callbacks(), Behind: d.presence.Behind, Wake: d.app.db.Changed, Log: d.log,
		}
		d.pusher = d.hub
	default:
		p := d.app.Publisher(d.feeds.Load)
		p.Store, p.Log, p.Behind = d.app.db.WebSub(), d.log, d.presence.Behind
		d.pusher = p
	}
}

// Publisher tells an external hub about the feeds of a set.
func (p *Publication) Publisher(set func() *feeds.Set) *websub.Publisher {
	c := &p.Config
	return &websub.Publisher{
		Hub: c.HubURL(), Pinger: p.outbound(),
		Topics: func() map[string]string {
			versions, formerly := make(map[string]string), make(map[string][]string)
			for _, category := range c.Site.Categories {
				formerly[category.Slug] = category.Formerly
			}
			for _, document := range set().Documents() {
				if !isTopic(document) {
					continue
				}
				versions[c.Site.BaseURL+document.Path] = document.Hash
				for _, slug := range formerly[document.Category] {
					// Its subscribers are there until their leases end.
					versions[c.Site.BaseURL+"/feeds/"+slug+"."+document.Format.String()] = document.Hash
				}
			}
			return versions
		},
	}
}

// outbound is the client for a hub that the owner names.
func (p *Publication) outbound() *outbound.Client {
	return outbound.New(p.feedSite().Generator.String(), outbound.Options{Private: p.Config.WebSub.PrivateCallbacks})
}

// callbacks is the client for addresses that strangers name.
func (p *Publication) callbacks() *outbound.Client {
	o := outbound.Options{Private: p.Config.WebSub.PrivateCallbacks, Strangers: true, Ports: p.Config.WebSub.Ports}
	if u, err := url.Parse(p.Config.Site.BaseURL); err == nil {
		o.Site = u.Hostname()
	}
	return outbound.New(p.feedSite().Generator.String(), o)
}

// PushNow makes the pushes of the built-in hub due, unless dry, and returns their number.
// The daemon makes them.
func PushNow(ctx context.Context, c *config.Config, dry bool) (status websub.HubStatus, due int, err error) {
	db, err := openDatabase(ctx, c)
	if err != nil {
		return status, 0, err
	}
	defer db.Close()
	if status, err = db.WebSub().Status(ctx); err != nil || dry {
		return status, status.Behind, err
	}
	due, err = db.WebSub().PushNow(ctx)
	return status, due, err
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

// keptCombined bounds how many feeds of several categories are kept: nearly as many as the
// hub has topics (websub.DefaultLimits).
const keptCombined = 256

// Known implements websub.Topics.
func (t *feedTopics) Known(topic string) (known, onDemand bool) {
	path, ours := strings.CutPrefix(topic, t.base)
	if !ours {
		return false, false
	}
	set := t.feeds()
	if document, ok := set.Document(path); ok {
		return isTopic(document), false
	}
	canonical, ok := set.Canonical(path)
	return ok && canonical == path && strings.Count(path, "/") == 2, true // no archive
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
	canonical, ok := set.Canonical(path)
	if !ok {
		return nil, feeds.ErrNotFound
	}
	// Who subscribed to a former address gets the feed, which names the present one, until
	// their lease ends.
	if path = canonical; strings.Count(path, "/") != 2 { // an archive does not change
		return nil, feeds.ErrNotFound
	}
	if document, ok := set.Document(path); ok {
		return document, nil
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
