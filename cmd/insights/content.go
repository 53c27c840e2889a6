package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/scaledbydesign/insights/content"
)

func (p *program) contentCommand() *cobra.Command {
	return noun("content", "The insights", p.contentListCommand(), p.contentShowCommand(), p.contentCheckCommand(), p.contentNewCommand())
}

// insightJSON is an insight as programs see it.
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

func (c *Config) insightJSON(lib *content.Library, in *content.Insight) insightJSON {
	tags := in.Tags
	if tags == nil {
		tags = []string{}
	}
	return insightJSON{
		ID: in.ID, Slug: in.Slug, Title: in.Title, Summary: in.Summary, Category: in.Category.Slug,
		Date: stamp(in.Date), Updated: stamp(in.Updated), Author: in.Author, Tags: tags, Featured: in.Featured, Email: in.Email,
		State: stateOf(lib, in), Words: in.Words, Minutes: in.Minutes, URL: c.Site.BaseURL + in.Path(), File: in.File,
	}
}

func stateOf(lib *content.Library, in *content.Insight) string {
	switch {
	case in.Draft:
		return "draft"
	case in.Date.After(lib.AsOf()):
		return "scheduled"
	}
	return "visible"
}

func (p *program) contentListCommand() *cobra.Command {
	var category string
	cmd := &cobra.Command{
		Use: "list", Short: "List the insights, newest first", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			c, lib, err := p.readLibrary(cmd.Context())
			if err != nil {
				return err
			}
			if category, err = c.category(category); err != nil {
				return err
			}
			documents := []insightJSON{}
			var rows [][]string
			for _, in := range lib.All() {
				if category != "" && in.Category.Slug != category {
					continue
				}
				documents = append(documents, c.insightJSON(lib, in))
				rows = append(rows, []string{in.Date.In(c.zone()).Format(time.DateOnly), stateOf(lib, in), in.Category.Slug, in.Title})
			}
			if done, err := p.out.document(documents); done {
				return err
			}
			p.out.table([]string{"DATE", "STATE", "CATEGORY", "TITLE"}, rows)
			return nil
		},
	}
	cmd.Flags().StringVar(&category, "category", "", "only this `category`")
	p.completeCategories(cmd, "category")
	return cmd
}

func (p *program) contentShowCommand() *cobra.Command {
	return &cobra.Command{
		Use: "show SLUG", Short: "Show one insight as its author wrote it", Args: cobra.ExactArgs(1),
		ValidArgsFunction: p.completeSlugs,
		RunE: func(cmd *cobra.Command, args []string) error {
			c, lib, err := p.readLibrary(cmd.Context())
			if err != nil {
				return err
			}
			for _, in := range lib.All() {
				if in.Slug != args[0] && in.ID != args[0] {
					continue
				}
				document := c.insightJSON(lib, in)
				document.Text = in.Markdown()
				if done, err := p.out.document(document); done {
					return err
				}
				p.out.line("%s\n\n%s · %s · %s · %s\n%s\nid %s, %s\n\n%s\n\n%s", in.Title,
					in.Category.Name, moment(in.Date, c.zone()), count(in.Minutes, "minute"), document.State,
					document.URL, in.ID, in.File, in.Summary, document.Text)
				return nil
			}
			return fmt.Errorf("there is no insight %q; see: insights content list%s", args[0], suggestion(args[0], slugsOf(lib)))
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

func (p *program) contentNewCommand() *cobra.Command {
	var category string
	var dryRun bool
	cmd := &cobra.Command{
		Use: "new TITLE", Short: "Write a new draft into content.dir", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := p.configHere(cmd.Context())
			if err != nil {
				return err
			}
			slug, err := c.category(category)
			if err != nil {
				return err
			}
			if slug == "" {
				slug = c.Site.Categories[0].Slug
			}
			if c.Content.Dir == "" {
				return usageError("content.dir is not set, so there is no folder to write to: INSIGHTS_CONTENT_DIR=content, or run: insights init")
			}
			data, name, err := content.New(args[0], content.NewOptions{Category: slug, Date: time.Now().In(c.zone())})
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
					return fmt.Errorf("%s exists: choose another title", path)
				}
				if err != nil {
					return fmt.Errorf("write the draft: %w", err)
				}
			}
			if done, err := p.out.document(map[string]any{"file": path, "dry_run": dryRun}); done {
				return err
			}
			p.out.line("%s", path)
			return nil
		},
	}
	cmd.Flags().StringVar(&category, "category", "", "its `category`")
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "only say what would be written")
	p.completeCategories(cmd, "category")
	return cmd
}

// readLibrary reads configuration and insights: beside `insights dev`, those that
// it serves.
func (p *program) readLibrary(ctx context.Context) (*Config, *content.Library, error) {
	c, err := p.configHere(ctx)
	if err != nil {
		return nil, nil, err
	}
	lib, err := c.library(nil)
	if err != nil {
		return nil, nil, unreadable(err)
	}
	return &c, lib, nil
}

// configHere is the configuration with what a development database in this folder
// says of how `insights dev` runs; there need not be one.
func (p *program) configHere(ctx context.Context) (Config, error) {
	c, err := p.config()
	if err != nil || c.explicit["database.url"] != byDefault {
		return c, err
	}
	db, err := c.openDatabase(ctx)
	if err != nil {
		return c, nil
	}
	defer db.Close()
	return c, c.follow(ctx, db)
}

// category turns the slug or name a person wrote into a slug; "" stays "".
func (c *Config) category(word string) (string, error) {
	if word == "" {
		return "", nil
	}
	for _, category := range c.Site.Categories {
		if word == category.Slug || word == category.Name {
			return category.Slug, nil
		}
	}
	return "", usageError("there is no category %q%s", word, suggestion(word, c.categorySlugs()))
}
