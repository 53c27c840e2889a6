package main

import (
	"context"
	"errors"
	"time"

	"github.com/spf13/cobra"

	"github.com/scaledbydesign/insights/cmd/insights/internal/web"
	"github.com/scaledbydesign/insights/content"
	"github.com/scaledbydesign/insights/feeds"
	"github.com/scaledbydesign/insights/templates"
)

func (p *program) buildCommand() *cobra.Command {
	var combined, dryRun bool
	cmd := &cobra.Command{
		Use: "build DIR", Short: "Write the site and all feeds as static files", Args: cobra.ExactArgs(1),
		Long: `Write the site and all feeds into a folder that any web server or CDN can serve:
the bytes that insights serve answers, with .gz and .br beside each file. It
needs site.base_url and nothing else; there is no sign-up and no digest in it.

DIR is replaced in one step. It must be new, empty, or made by an earlier build;
files that others put there stay. What is unchanged keeps its time.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := p.configHere(cmd.Context())
			if err != nil {
				return err
			}
			switch {
			case c.followed:
				p.out.note("links lead to %s, as insights dev in this folder has it; to publish, set INSIGHTS_SITE_BASE_URL", c.Site.BaseURL)
			case c.explicit["site.base_url"] == byDefault:
				return unusable(errors.New("site.base_url is not set, and every link needs it: INSIGHTS_SITE_BASE_URL=https://insights.example.com, or in insights.yaml"))
			}
			return p.build(cmd.Context(), &c, args[0], combined, dryRun)
		},
	}
	cmd.Flags().BoolVar(&combined, "combined", false, "feeds of several categories, too: every combination")
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "only say what would be written")
	return cmd
}

// maxCombined is of how many categories every combination is written: each more
// doubles the number of feeds.
const maxCombined = 12

func (p *program) build(ctx context.Context, c *Config, dir string, combined, dryRun bool) error {
	began := time.Now()
	lib, err := c.library(nil)
	if err != nil {
		return unreadable(err)
	}
	site, set, err := c.staticSite(lib)
	if err != nil {
		return err
	}
	if combined {
		n := len(lib.Categories())
		if n > maxCombined {
			return usageError("%d categories have %s combinations; --combined writes those of %d at most", n, thousands(1<<n-n-1), maxCombined)
		}
		documents := len(set.Combinations())
		p.out.note("feeds of several categories: %s in %s, and their archives", count(documents/len(feeds.Formats()), "combination"), count(documents, "document"))
	}
	folder, err := openBuildFolder(ctx, dir, dryRun, p.out.note)
	if err != nil {
		return unwritable(dir, err)
	}
	if err = site.Copy(ctx, combined, folder.add); err == nil {
		err = folder.finish()
	}
	if err := errors.Join(err, folder.close()); err != nil {
		return unwritable(dir, err)
	}
	return p.reportBuild(c, lib, folder, time.Since(began), dryRun)
}

// staticSite is the site with nothing behind it but files.
func (c *Config) staticSite(lib *content.Library) (*web.Site, *feeds.Set, error) {
	set, err := feeds.Build(lib, c.feedSite(), nil)
	if err != nil {
		return nil, nil, unusable(err)
	}
	set.Keep()
	override, err := c.templatesFS()
	if err != nil {
		return nil, nil, err
	}
	pages, err := templates.NewPages(override)
	if err != nil {
		return nil, nil, unusable(err)
	}
	site, err := web.New(web.Config{
		Site: c.Site, Pages: pages, FeedSite: c.feedSite(), Static: true,
		Library: func() *content.Library { return lib }, Feeds: func() *feeds.Set { return set },
	})
	return site, set, err
}

func (p *program) reportBuild(c *Config, lib *content.Library, folder *buildFolder, took time.Duration, dryRun bool) error {
	drafts, scheduled := 0, 0
	for _, in := range lib.All() {
		switch stateOf(lib, in) {
		case "draft":
			drafts++
		case "scheduled":
			scheduled++
		}
	}
	report := folder.report
	done, err := p.out.document(struct {
		Dir     string `json:"dir"`
		BaseURL string `json:"base_url"`
		buildReport
		Drafts    int        `json:"drafts"`
		Scheduled int        `json:"scheduled"`
		Next      *time.Time `json:"next"` // when the first of those scheduled is due
		Seconds   float64    `json:"seconds"`
		DryRun    bool       `json:"dry_run"`
	}{folder.dir, c.Site.BaseURL, report, drafts, scheduled, stamp(lib.Next()), took.Seconds(), dryRun})
	if done {
		return err
	}
	wrote := "wrote"
	if dryRun {
		wrote = "would write"
	}
	p.out.line("%s %s of %s\nat %s into %s in %.1f s:\n%s files, %s KB: %s new, %s changed, %s unchanged, %s removed, %s of others",
		wrote, count(len(lib.Insights()), "insight"), c.Site.Title, c.Site.BaseURL, folder.dir, took.Seconds(), thousands(report.Files), thousands(int(report.Bytes+1023)/1024),
		thousands(report.New), thousands(report.Changed), thousands(report.Unchanged), thousands(report.Removed), thousands(report.Kept))
	if drafts > 0 {
		p.out.line("left out: %s", count(drafts, "draft"))
	}
	if scheduled > 0 {
		p.out.line("left out: %s in the future; build again at %s, when the first is due", count(scheduled, "insight"), moment(lib.Next(), c.zone()))
	}
	return nil
}
