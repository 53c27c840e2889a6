package app

import (
	"context"

	"github.com/scaledbydesign/insights/cmd/insights/internal/config"
	"github.com/scaledbydesign/insights/cmd/insights/internal/database"
	"github.com/scaledbydesign/insights/cmd/insights/internal/metrics"
	"github.com/scaledbydesign/insights/cmd/insights/internal/staticsite"
	"github.com/scaledbydesign/insights/cmd/insights/internal/web"
	"github.com/scaledbydesign/insights/content"
	"github.com/scaledbydesign/insights/feeds"
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
		Registry: d.app.Registry, Addresses: d.app.db, Archive: d.app.db, Documents: d.app.db, Mails: d.app.db, Ready: d.app.db.Ping, Away: database.Away, Changed: d.live.Changed, Closing: d.closing.Done(), Readers: &d.readers,
		FormKey:        []byte(d.app.Registry.Keys.Make("form", "", "")), // the same for all daemons of a site
		TrustedOrigins: c.TrustedOrigins, Log: d.log, Dev: d.use == Development,
		Cadences: c.ServedCadences(),
		Reports:  d.app.Feedback,
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
		m := d.metrics.server.(*metrics.Server)
		m.Collect(d, d.log)
		site.Observe = m.Observe
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
	return nil
}

// MaxCombined is of how many categories every combination should be built: each more
// doubles the number of feeds.
const MaxCombined = 12

// Build says what to build, and how.
type Build struct {
	Dir      string // made absolute, without symbolic links
	Combined bool   // feeds of several categories, too
	Server   string // base URL of a daemon that serves the rest; empty: there is none
	DryRun   bool
	Note     func(format string, args ...any)
	// Combinations, when set, is told of the feeds of several categories before they are
	// made.
	Combinations func(combinations, documents int)
}

// BuildReport is what a build came to.
type BuildReport = staticsite.Report

// Build writes the site and its feeds as files.
func (p *Publication) Build(ctx context.Context, lib *content.Library, b *Build) (BuildReport, error) {
	set, err := p.Feeds(lib)
	if err != nil {
		return BuildReport{}, err
	}
	set.Keep()
	pages, err := p.pages()
	if err != nil {
		return BuildReport{}, err
	}
	site, err := web.New(web.Config{
		Site: p.Config.Site, Pages: pages, FeedSite: p.feedSite(), Static: true, Server: b.Server,
		Library: func() *content.Library { return lib }, Feeds: func() *feeds.Set { return set },
	})
	if err != nil {
		return BuildReport{}, err
	}
	if b.Combined {
		documents := len(set.Combinations())
		b.Combinations(documents/len(feeds.Formats()), documents)
	}
	var report BuildReport
	b.Dir, report, err = staticsite.Build(ctx, b.Dir, staticsite.Options{DryRun: b.DryRun, Note: b.Note}, func(add func(staticsite.File) error) error {
		return site.Copy(ctx, b.Combined, func(f web.StaticFile) error { return add(staticsite.File(f)) })
	})
	return report, unfit(err)
}
