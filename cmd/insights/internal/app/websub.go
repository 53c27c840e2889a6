package app

import (
	"context"

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
			Store: d.app.db.WebSub(), Client: d.app.outbound(), Wake: d.app.db.Changed, Log: d.log,
		}
		d.pusher = d.hub
	default:
		p := d.app.publisher(d.feeds.Load)
		p.Store, p.Log = d.app.db.WebSub(), d.log
		d.pusher = p
	}
}

func (p *Publication) publisher(set func() *feeds.Set) *websub.Publisher {
	c := &p.Config
	return &websub.Publisher{
		Hub: c.HubURL(), Pinger: p.outbound(),
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

// Publisher tells an external hub about the feeds of a set.
func (p *Publication) Publisher(set *feeds.Set) *websub.Publisher {
	return p.publisher(func() *feeds.Set { return set })
}

// outbound is the client for addresses that others name.
func (p *Publication) outbound() *outbound.Client {
	return outbound.New(p.feedSite().Generator.String(), p.Config.WebSub.PrivateCallbacks, nil)
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
