package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/scaledbydesign/insights/cmd/insights/internal/app"
	"github.com/scaledbydesign/insights/cmd/insights/internal/config"
	"github.com/scaledbydesign/insights/cmd/insights/internal/console"
	"github.com/scaledbydesign/insights/content"
)

func contentCommand(p *program) *cobra.Command {
	return noun("content", "List, check, start and withdraw articles", contentListCommand(p), contentShowCommand(p), contentCheckCommand(p), contentNewCommand(p), contentWithdrawCommand(p))
}

type insightJSON struct {
	ID       string     `json:"id"`
	Slug     string     `json:"slug"`
	Title    string     `json:"title"`
	Summary  string     `json:"summary"`
	Category string     `json:"category"`
	Date     *time.Time `json:"date"`
	Updated  *time.Time `json:"updated"`
	Author   string     `json:"author"`
	Tags     []string   `json:"tags"`
	Featured bool       `json:"featured"`
	Email    bool       `json:"email"`
	State    string     `json:"state"` // visible, draft, scheduled
	Words    int        `json:"words"`
	Minutes  int        `json:"minutes"`
	URL      string     `json:"url"`
	File     string     `json:"file"`
	Text     string     `json:"text,omitempty"`
}

func insightDocument(c *config.Config, lib *content.Library, in *content.Insight) insightJSON {
	tags := in.Tags
	if tags == nil {
		tags = []string{}
	}
	return insightJSON{
		ID: in.ID, Slug: in.Slug, Title: in.Title, Summary: in.Summary, Category: in.Category.Slug,
		Date: console.Stamp(in.Date), Updated: console.Stamp(in.Updated), Author: in.Author, Tags: tags, Featured: in.Featured, Email: in.Email,
		State: string(lib.State(in)), Words: in.Words, Minutes: in.Minutes, URL: c.Site.BaseURL + in.Path(), File: in.File,
	}
}

func contentListCommand(p *program) *cobra.Command {
	var category string
	cmd := &cobra.Command{
		Use: "list", Short: "List the insights, newest first", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			c, lib, err := readLibrary(cmd.Context(), p)
			if err != nil {
				return err
			}
			if category, err = parseCategory(c, category); err != nil {
				return err
			}
			documents := []insightJSON{}
			var rows [][]string
			for _, in := range lib.All() {
				if category != "" && in.Category.Slug != category {
					continue
				}
				documents = append(documents, insightDocument(c, lib, in))
				rows = append(rows, []string{in.Date.In(c.Zone()).Format(time.DateOnly), string(lib.State(in)), in.Category.Slug, in.Title})
			}
			return p.out.Listing(documents, []string{"DATE", "STATE", "CATEGORY", "TITLE"}, rows, "")
		},
	}
	categoryFlag(p, cmd, &category, "only this `category`")
	return cmd
}

// readLibrary reads the configuration and the insights; next to a running insights dev,
// those that it serves.
func readLibrary(ctx context.Context, p *program) (*config.Config, *content.Library, error) {
	pub, err := p.publication(ctx)
	if err != nil {
		return nil, nil, err
	}
	lib, err := readInsights(p.out, pub)
	return &pub.Config, lib, err
}

// readInsights reads the insights and names the first files that are left out.
func readInsights(out *console.Console, pub *app.Publication) (*content.Library, error) {
	lib, err := pub.Library()
	if err == nil {
		for _, line := range firstFaults(pub.Faults(lib), "left out: ") {
			out.Note("%s", line)
		}
	}
	return lib, err
}

func contentShowCommand(p *program) *cobra.Command {
	return &cobra.Command{
		Use: "show SLUG", Short: "Show one insight as Markdown", Args: cobra.ExactArgs(1),
		ValidArgsFunction: completeSlugs(p),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, lib, err := readLibrary(cmd.Context(), p)
			if err != nil {
				return err
			}
			for _, in := range lib.All() {
				if in.Slug != args[0] && in.ID != args[0] {
					continue
				}
				document := insightDocument(c, lib, in)
				document.Text = strings.TrimLeft(in.Markdown(), "\n")
				p.out.Line("%s\n\n%s · %s · %s · %s\n%s\nid %s, %s\n\n%s\n\n%s", in.Title,
					in.Category.Name, console.Moment(in.Date, c.Zone()), console.Count(in.Minutes, "minute"), document.State,
					document.URL, in.ID, in.File, in.Summary, document.Text)
				return p.out.Document(document)
			}
			return fmt.Errorf("there is no insight %q; see: insights content list%s", args[0], didYouMean(args[0], slugsOf(lib)))
		},
	}
}

func slugsOf(lib *content.Library) []string {
	var slugs []string
	for _, in := range lib.All() {
		slugs = append(slugs, in.Slug)
	}
	return slugs
}

func contentNewCommand(p *program) *cobra.Command {
	var category string
	var dryRun bool
	cmd := &cobra.Command{
		Use: "new TITLE", Short: "Write a new draft to content.dir", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			pub, err := p.publication(cmd.Context())
			if err != nil {
				return err
			}
			c := &pub.Config
			slug, err := parseCategory(c, category)
			if err != nil {
				return err
			}
			if slug == "" {
				slug = c.Site.Categories[0].Slug
			}
			if c.Content.Dir == "" {
				return usageError("content.dir is not set, so there is no folder to write to: INSIGHTS_CONTENT_DIR=content, or run: insights init")
			}
			data, name, err := content.New(args[0], content.NewOptions{Category: slug, Date: time.Now().In(c.Zone())})
			if err != nil {
				return usageError("%v", err)
			}
			path := filepath.Join(c.Content.Dir, name)
			if !dryRun {
				if _, err := os.Stat(c.Content.Dir); errors.Is(err, fs.ErrNotExist) {
					return fmt.Errorf("the folder %s does not exist: create it, or set content.dir", c.Content.Dir)
				}
				err := writeFileNew(path, data, 0)
				if errors.Is(err, fs.ErrExist) {
					return fmt.Errorf("%s already exists: choose another title", path)
				}
				if err != nil {
					return fmt.Errorf("write the draft: %w", err)
				}
			}
			return p.out.Result(map[string]any{"file": path, "dry_run": dryRun}, "%s", path)
		},
	}
	categoryFlag(p, cmd, &category, "`category` of the draft")
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "only say what would be written")
	return cmd
}
