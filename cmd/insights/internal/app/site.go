package app

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/scaledbydesign/insights/cmd/insights/internal/config"
	"github.com/scaledbydesign/insights/cmd/insights/internal/web"
	"github.com/scaledbydesign/insights/subscribers"
)

// openSite puts together the site and the server that answers for it.
func (d *Daemon) openSite(ctx context.Context, p *Publication) error {
	c := &p.Config
	pages, err := p.pages()
	if err != nil {
		return err
	}
	site := web.Config{
		Site: c.Site, Pages: pages, Library: d.live.Current, Feeds: d.feeds.Load, FeedSite: p.feedSite(),
		Registry: d.app.Registry, Archive: d.app.db, Mails: d.app.db, Ready: d.app.db.Ping, Changed: d.live.Changed, Closing: ctx.Done(), Readers: &d.readers,
		FormKey: formKey(d.app.Registry.Keys), TrustedOrigins: c.TrustedOrigins, Log: d.log, Dev: d.use == Development,
		Reports: d.app.Feedback,
	}
	if site.ReportKeys, err = c.Bounces.WebhookKeys(); err != nil {
		return unusable(err)
	}
	for _, s := range c.TrustedProxies {
		prefix, err := config.ParseNetwork(s)
		if err != nil {
			return unusable(err)
		}
		site.TrustedProxies = append(site.TrustedProxies, prefix)
	}
	if d.metrics != nil {
		d.metrics.Collect(d, d.log)
		site.Observe = d.metrics.Observe
	}
	if site.Dev {
		site.Inbox = inbox{d.app.db}
	}
	if d.hub != nil {
		site.Hub = d.hub
	}
	if d.site, err = web.New(site); err != nil {
		return err
	}
	d.server = &http.Server{
		Handler: d.site, ErrorLog: slog.NewLogLogger(d.log.Handler(), slog.LevelWarn),
		ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 30 * time.Second, WriteTimeout: 60 * time.Second, IdleTimeout: 2 * time.Minute,
		MaxHeaderBytes: 32 << 10,
	}
	return nil
}

// formKey signs the time in the sign-up form; all daemons of a site share it.
func formKey(keys *subscribers.Keyring) []byte {
	return []byte(keys.Make("form", "", ""))
}
