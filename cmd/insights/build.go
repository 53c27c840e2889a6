package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/scaledbydesign/insights/cmd/insights/internal/app"
	"github.com/scaledbydesign/insights/cmd/insights/internal/config"
	"github.com/scaledbydesign/insights/cmd/insights/internal/console"
	"github.com/scaledbydesign/insights/content"
)

func buildCommand(p *program) *cobra.Command {
	var how buildFlags
	cmd := &cobra.Command{
		Use: "build DIR", Short: "Write the site and all feeds as static files", Args: cobra.ExactArgs(1),
		Long: `Write the site and all feeds into a folder that any web server or CDN can serve.
The feeds are byte for byte what insights serve sends, with .gz and .br versions
next to every file. Only site.base_url is required. Sign-up and digests need a
daemon: pages don't offer them, or lead to --server-url.

DIR is replaced in one step. It must be new, empty, or made by an earlier build;
other files in it are kept. Unchanged files keep their modification time.

Exit code 3 means that insights have faults: nothing was written.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			pub, err := p.publication(cmd.Context())
			if err != nil {
				return err
			}
			switch {
			case pub.Followed:
				p.out.Note("links point to %s, the address of insights dev in this folder; to publish, set INSIGHTS_SITE_BASE_URL", pub.Config.Site.BaseURL)
			case pub.Config.Origin("site.base_url") == config.ByDefault:
				return &app.Unusable{Err: errors.New("site.base_url is not set, and every link needs it: INSIGHTS_SITE_BASE_URL=https://insights.example.com, or in insights.yaml")}
			}
			if pub.Unread != nil {
				p.out.Note("warning: %v; insights that staff withdrew with content withdraw may be in the copy", pub.Unread)
			}
			return build(cmd.Context(), p.out, pub, args[0], how)
		},
	}
	cmd.Flags().BoolVar(&how.combined, "combined", false, "also write feeds for every combination of categories")
	cmd.Flags().StringVar(&how.server, "server-url", "", "`URL` of a site whose daemon serves sign-up and digests: pages lead there")
	cmd.Flags().BoolVar(&how.skipFaulty, "skip-faulty", false, "leave out the files that have faults; without it, nothing is written while there are any")
	cmd.Flags().BoolVar(&how.dryRun, "dry-run", false, "only say what would be written")
	return cmd
}

type buildFlags struct {
	combined, skipFaulty, dryRun bool
	server                       string
}

func build(ctx context.Context, out *console.Console, pub *app.Publication, dir string, how buildFlags) error {
	began := time.Now()
	lib, err := pub.Library()
	if err != nil {
		return err
	}
	if faults := pub.Faults(lib); len(faults) > 0 {
		// Unlike a daemon, it has no earlier version of such a file to go on with.
		for _, line := range firstFaults(faults, "") {
			out.Note("%s", line)
		}
		if !how.skipFaulty {
			return &problems{fmt.Errorf("%s in the insights; nothing was written; correct the files, or leave them out: --skip-faulty", console.Count(len(faults), "fault"))}
		}
		out.Note("left out: %s with faults", console.Count(faults.Files(), "file"))
	}
	if n := len(lib.Categories()); how.combined && n > app.MaxCombined {
		return usageError("%d categories have %s combinations; --combined works with up to %d categories", n, console.Thousands(1<<n-n-1), app.MaxCombined)
	}
	server := ""
	if how.server != "" {
		if server, err = config.ParseSiteURL(how.server); err != nil {
			return usageError("--server-url: %v", err)
		}
	}
	b := app.Build{Dir: dir, Combined: how.combined, Server: server, DryRun: how.dryRun, Note: out.Note, Combinations: func(combinations, documents int) {
		out.Note("combined feeds: %s in %s, and their archives", console.Count(combinations, "combination"), console.Count(documents, "document"))
	}}
	report, err := pub.Build(ctx, lib, &b)
	if err != nil {
		return err
	}
	return reportBuild(out, &pub.Config, lib, b.Dir, report, time.Since(began), how.dryRun)
}

func reportBuild(out *console.Console, c *config.Config, lib *content.Library, dir string, report app.BuildReport, took time.Duration, dryRun bool) error {
	drafts, scheduled := 0, 0
	for _, in := range lib.All() {
		switch lib.State(in) {
		case content.Draft:
			drafts++
		case content.Scheduled:
			scheduled++
		}
	}
	document := struct {
		Dir     string `json:"dir"`
		BaseURL string `json:"base_url"`
		app.BuildReport
		Drafts    int        `json:"drafts"`
		Scheduled int        `json:"scheduled"`
		Next      *time.Time `json:"next"` // when the first of those scheduled is due
		Seconds   float64    `json:"seconds"`
		DryRun    bool       `json:"dry_run"`
	}{dir, c.Site.BaseURL, report, drafts, scheduled, console.Stamp(lib.Next()), took.Seconds(), dryRun}
	wrote := "wrote"
	if dryRun {
		wrote = "would write"
	}
	out.Line("%s %s of %s\nat %s into %s in %.1f s:\n%s files, %s KB: %s new, %s changed, %s unchanged, %s removed, %s of yours kept",
		wrote, console.Count(len(lib.Insights()), "insight"), c.Site.Title, c.Site.BaseURL, dir, took.Seconds(), console.Thousands(report.Files), console.Thousands(int(report.Bytes+1023)/1024),
		console.Thousands(report.New), console.Thousands(report.Changed), console.Thousands(report.Unchanged), console.Thousands(report.Removed), console.Thousands(report.Kept))
	if drafts > 0 {
		out.Line("not included: %s", console.Count(drafts, "draft"))
	}
	if scheduled > 0 {
		out.Line("not included: %s dated in the future; build again at %s, when the first is due", console.Count(scheduled, "insight"), console.Moment(lib.Next(), c.Zone()))
	}
	return out.Document(document)
}
