package main

import (
	"context"
	"errors"
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
				Archives    int    `json:"archives"`
				Updated     any    `json:"updated"`

				Readers    *int            `json:"readers"`
				Readership *readershipJSON `json:"readership"`
			}
			list := []feed{}
			var rows [][]string
			var divided []string // feeds with archives, which are as many in every format
			for _, d := range documents {
				archives, err := set.ArchivesOf(d.Path)
				if err != nil && !errors.Is(err, feeds.ErrNotFound) { // the OPML file has none
					return err
				}
				if len(archives) > 0 && d.Format == feeds.Formats()[0] {
					divided = append(divided, d.Feed+" ("+thousands(len(archives))+")")
				}
				cell, total, how := readersOf(estimate, d)
				list = append(list, feed{d.Path, c.Site.BaseURL + d.Path, d.Title, d.Category, d.ContentType, d.Items, len(d.Body), len(archives), stamp(d.Updated), total, how})
				rows = append(rows, []string{d.Path, fmt.Sprint(d.Items), thousands((len(d.Body)+1023)/1024) + " KB", cell, moment(d.Updated, c.zone())})
			}
			if done, err := p.out.document(list); done {
				return err
			}
			p.out.line("at %s\n", c.Site.BaseURL)
			p.out.table([]string{"FEED", "ITEMS", "SIZE", "READERS", "UPDATED"}, rows)
			if divided != nil {
				p.out.line("\nolder insights are in archive documents: %s", strings.Join(divided, ", "))
			}
			return nil
		},
	}
}

func (p *program) feedShowCommand() *cobra.Command {
	var category, archive, format string
	cmd := &cobra.Command{
		Use: "show", Short: "Print one feed document, byte for byte", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			f, err := feeds.ParseFormat(format)
			if err != nil {
				return usageError("%v", err)
			}
			c, set, err := p.buildFeeds(cmd.Context())
			if err != nil {
				return err
			}
			document, err := c.feedDocument(set, category, archive, f)
			if err != nil {
				return err
			}
			if done, err := p.out.document(map[string]any{"path": document.Path, "content_type": document.ContentType, "items": document.Items, "updated": stamp(document.Updated), "body": string(document.Body)}); done {
				return err
			}
			_, err = p.out.stdout.Write(document.Body)
			return err
		},
	}
	cmd.Flags().StringVar(&category, "category", "", "of this `category`, or of several: a,b (default: all)")
	cmd.Flags().StringVar(&archive, "archive", "", "the archive document of that `name`, such as 2026-03")
	cmd.Flags().StringVar(&format, "format", "rss", "`format`: rss, atom or json")
	p.completeCategories(cmd, "category")
	return cmd
}

// feedDocument finds the document of some categories, "" and "all" being all of
// them; of an archive, if that is not "".
func (c *Config) feedDocument(set *feeds.Set, categories, archive string, f feeds.Format) (*feeds.Document, error) {
	slugs := []string{"all"}
	if categories != "" && categories != "all" {
		slugs = nil
		for word := range strings.SplitSeq(strings.ReplaceAll(categories, "+", ","), ",") { // as addresses write it, too
			slug, err := c.category(strings.TrimSpace(word))
			if err != nil {
				return nil, err
			}
			if slug == "" {
				return nil, usageError("--category %q: write slugs with a comma between them, such as %s", categories, strings.Join(c.categorySlugs(), ","))
			}
			slugs = append(slugs, slug)
		}
	}
	head, ok := set.Canonical("/feeds/" + strings.Join(slugs, "+") + "." + string(f))
	if !ok {
		return nil, fmt.Errorf("there is no feed of %s; see: insights feed list", categories)
	}
	if archive == "" {
		if document, ok := set.Document(head); ok {
			return document, nil
		}
		return set.Render(head)
	}
	archives, err := set.ArchivesOf(head)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, path := range archives {
		name := strings.TrimSuffix(path[strings.LastIndex(path, "/")+1:], "."+string(f))
		if name == archive {
			return set.Render(path)
		}
		names = append(names, name)
	}
	if names == nil {
		return nil, usageError("%s has no archive: it holds all its insights itself", head)
	}
	return nil, usageError("%s has no archive %q; there are %s", head, archive, strings.Join(names, ", "))
}
