package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/scaledbydesign/insights/feeds"
)

func (p *program) feedCommand() *cobra.Command {
	return noun("feed", "The feeds", p.feedListCommand(), p.feedShowCommand(), p.feedPingCommand())
}

func (p *program) buildFeeds(ctx context.Context) (*Config, *feeds.Set, error) {
	c, lib, err := p.readLibrary(ctx)
	if err != nil {
		return nil, nil, err
	}
	set, err := feeds.Build(lib, c.feedSite(), nil)
	if err != nil {
		return nil, nil, unusable(err)
	}
	return c, set, nil
}

func (p *program) feedListCommand() *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List every feed with its size and readers", Args: cobra.NoArgs,
		Long: "List every feed with its size and an estimate of its readers.\n\nReaders are those that aggregators announce and the distinct other clients of a\nday; people behind one address are one, who follows two formats is two.\nThe daemon counts them.",
		RunE: func(cmd *cobra.Command, args []string) error {
			c, set, err := p.buildFeeds(cmd.Context())
			if err != nil {
				return err
			}
			estimate := p.feedReaders(cmd.Context(), c)
			documents, err := followed(set, estimate)
			if err != nil {
				return unusable(err)
			}
			type feed struct {
				Path        string `json:"path"`
				URL         string `json:"url"`
				Title       string `json:"title"`
				Category    string `json:"category"`
				ContentType string `json:"content_type"`
				Items       int    `json:"items"`
				Bytes       int    `json:"bytes"`
				Updated     any    `json:"updated"`

				Readers    *int            `json:"readers"`
				Readership *readershipJSON `json:"readership"`
			}
			list := []feed{}
			var rows [][]string
			for _, d := range documents {
				cell, total, how := readersOf(estimate, d)
				list = append(list, feed{d.Path, c.Site.BaseURL + d.Path, d.Title, d.Category, d.ContentType, d.Items, len(d.Body), stamp(d.Updated), total, how})
				rows = append(rows, []string{d.Path, fmt.Sprint(d.Items), thousands((len(d.Body)+1023)/1024) + " KB", cell, moment(d.Updated, c.zone())})
			}
			if done, err := p.out.document(list); done {
				return err
			}
			p.out.line("at %s\n", c.Site.BaseURL)
			p.out.table([]string{"FEED", "ITEMS", "SIZE", "READERS", "UPDATED"}, rows)
			return nil
		},
	}
}

func (p *program) feedShowCommand() *cobra.Command {
	var category, format string
	cmd := &cobra.Command{
		Use: "show", Short: "Print one feed, byte for byte", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			f, err := feeds.ParseFormat(format)
			if err != nil {
				return usageError("%v", err)
			}
			c, set, err := p.buildFeeds(cmd.Context())
			if err != nil {
				return err
			}
			slug, err := c.category(strings.TrimPrefix(category, "all"))
			if err != nil {
				return err
			}
			if slug == "" {
				slug = "all"
			}
			path := "/feeds/" + slug + "." + string(f)
			document, ok := set.Document(path)
			if !ok {
				return fmt.Errorf("there is no feed %s; see: insights feed list", path)
			}
			if done, err := p.out.document(map[string]any{"path": document.Path, "content_type": document.ContentType, "items": document.Items, "updated": stamp(document.Updated), "body": string(document.Body)}); done {
				return err
			}
			_, err = p.out.stdout.Write(document.Body)
			return err
		},
	}
	cmd.Flags().StringVar(&category, "category", "", "of this `category` (default: all)")
	cmd.Flags().StringVar(&format, "format", "rss", "`format`: rss, atom or json")
	p.completeCategories(cmd, "category")
	return cmd
}
