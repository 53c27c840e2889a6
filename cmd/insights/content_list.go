package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/scaledbydesign/insights/cmd/insights/internal/config"
	"github.com/scaledbydesign/insights/cmd/insights/internal/console"
	"github.com/scaledbydesign/insights/content"
)

func contentCommand(p *program) *cobra.Command {
	return noun("content", "The insights", contentListCommand(p), contentShowCommand(p), contentCheckCommand(p), contentNewCommand(p))
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
			if done, err := p.out.Document(documents); done {
				return err
			}
			p.out.Table([]string{"DATE", "STATE", "CATEGORY", "TITLE"}, rows)
			return nil
		},
	}
	cmd.Flags().StringVar(&category, "category", "", "only this `category`")
	completeCategories(p, cmd, "category")
	return cmd
}

// readLibrary reads configuration and insights: beside insights dev, those that it
// serves.
func readLibrary(ctx context.Context, p *program) (*config.Config, *content.Library, error) {
	pub, err := p.publication(ctx)
	if err != nil {
		return nil, nil, err
	}
	lib, err := pub.Library()
	return &pub.Config, lib, err
}
