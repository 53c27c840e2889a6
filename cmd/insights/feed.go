package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/scaledbydesign/insights/cmd/insights/internal/app"
	"github.com/scaledbydesign/insights/cmd/insights/internal/config"
	"github.com/scaledbydesign/insights/cmd/insights/internal/console"
	"github.com/scaledbydesign/insights/feeds"
	"github.com/scaledbydesign/insights/feeds/readership"
)

func feedCommand(p *program) *cobra.Command {
	return noun("feed", "List, show and push feeds", feedListCommand(p), feedShowCommand(p), feedPingCommand(p))
}

func feedListCommand(p *program) *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List every feed with its size and readers", Args: cobra.NoArgs,
		Long: `List every feed with its size and an estimate of its readers.

The estimate is the subscribers that aggregators report, plus the distinct other
clients of a day. People behind one address count once; a person who follows two
formats counts twice. The daemon keeps the counts.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			pub, set, err := buildFeeds(cmd.Context(), p)
			if err != nil {
				return err
			}
			estimate, err := pub.FeedReaders(cmd.Context())
			if err != nil { // feeds are there without a database
				p.out.Note("the number of readers is not known: %v", err)
			}
			c := &pub.Config
			documents, err := followed(set, estimate)
			if err != nil {
				return &app.Unusable{Err: err}
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
					divided = append(divided, d.Feed+" ("+console.Thousands(len(archives))+")")
				}
				cell, total, how := readersOf(estimate, d)
				list = append(list, feed{d.Path, c.Site.BaseURL + d.Path, d.Title, d.Category, d.ContentType, d.Items, len(d.Body), len(archives), console.Stamp(d.Updated), total, how})
				rows = append(rows, []string{d.Path, fmt.Sprint(d.Items), console.Thousands((len(d.Body)+1023)/1024) + " KB", cell, console.Moment(d.Updated, c.Zone())})
			}
			p.out.Line("at %s\n", c.Site.BaseURL)
			p.out.Table([]string{"FEED", "ITEMS", "SIZE", "READERS", "UPDATED"}, rows)
			if divided != nil {
				p.out.Line("\nolder insights are in archive documents: %s", strings.Join(divided, ", "))
			}
			return p.out.Document(list)
		},
	}
}

// buildFeeds makes the feeds that are published.
func buildFeeds(ctx context.Context, p *program) (*app.Publication, *feeds.Set, error) {
	pub, err := p.publication(ctx)
	if err != nil {
		return nil, nil, err
	}
	lib, err := readInsights(p.out, pub)
	if err != nil {
		return nil, nil, err
	}
	set, err := pub.Feeds(lib)
	return pub, set, err
}

// readershipJSON breaks down the readers of a document.
type readershipJSON struct {
	Announced int           `json:"announced"`
	Others    int           `json:"others"`
	Services  []serviceJSON `json:"services"`
	Day       *string       `json:"day"` // of the last request
}

type serviceJSON struct {
	Name    string `json:"name"`
	Readers int    `json:"readers"`
}

// readersOf is a document's readers for the table and for JSON: "-" and null if they are not
// known, or for the OPML file.
func readersOf(estimate map[string]readership.Estimate, d *feeds.Document) (cell string, total *int, how *readershipJSON) {
	if estimate == nil || d.Format == "" {
		return "-", nil, nil
	}
	r := estimate[d.Path]
	how = &readershipJSON{Announced: r.Announced, Others: r.Others, Services: []serviceJSON{}}
	for _, s := range r.Services {
		how.Services = append(how.Services, serviceJSON(s))
	}
	if r.Day != 0 {
		how.Day = new(r.Day.String())
	}
	return console.Thousands(r.Total()), new(r.Total()), how
}

// followed are the documents of a set, then the combined feeds that have readers.
func followed(set *feeds.Set, estimate map[string]readership.Estimate) ([]*feeds.Document, error) {
	documents := set.Documents()
	for _, path := range slices.Sorted(maps.Keys(estimate)) {
		if _, ok := set.Document(path); ok {
			continue
		}
		d, err := set.Render(path)
		if errors.Is(err, feeds.ErrNotFound) {
			continue // a feed of digests, or of a category that no longer exists
		}
		if err != nil {
			return nil, err
		}
		documents = append(documents, d)
	}
	return documents, nil
}

func feedShowCommand(p *program) *cobra.Command {
	var category, archive, format string
	cmd := &cobra.Command{
		Use: "show", Short: "Print one feed document, byte for byte", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			f, err := feeds.ParseFormat(format)
			if err != nil {
				return usageError("%v", err)
			}
			pub, set, err := buildFeeds(cmd.Context(), p)
			if err != nil {
				return err
			}
			document, err := feedDocument(&pub.Config, set, category, archive, f)
			if err != nil {
				return err
			}
			if p.out.JSON {
				return p.out.Document(map[string]any{"path": document.Path, "content_type": document.ContentType, "items": document.Items, "updated": console.Stamp(document.Updated), "body": string(document.Body)})
			}
			_, err = p.out.Out.Write(document.Body)
			return err
		},
	}
	categoryFlag(p, cmd, &category, "of this `category`, or several: a,b (default: all)")
	cmd.Flags().StringVar(&archive, "archive", "", "the archive document with this `name`, such as 2026-03")
	cmd.Flags().StringVar(&format, "format", "rss", "`format`: rss, atom or json")
	return cmd
}

// feedDocument finds the document of some categories, "" and "all" being all of
// them; of an archive, if that is not "".
func feedDocument(c *config.Config, set *feeds.Set, categories, archive string, f feeds.Format) (*feeds.Document, error) {
	slugs := []string{"all"}
	if categories != "" && categories != "all" {
		slugs = nil
		for word := range strings.SplitSeq(strings.ReplaceAll(categories, "+", ","), ",") { // as addresses write it, too
			slug, err := parseCategory(c, strings.TrimSpace(word))
			if err != nil {
				return nil, err
			}
			if slug == "" {
				return nil, usageError("--category %q: separate slugs with commas, such as %s", categories, strings.Join(c.CategorySlugs(), ","))
			}
			slugs = append(slugs, slug)
		}
	}
	head, ok := set.Canonical("/feeds/" + strings.Join(slugs, "+") + "." + string(f))
	if !ok {
		return nil, fmt.Errorf("there is no feed for %s; see: insights feed list", categories)
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
		return nil, usageError("%s has no archive: it contains all its insights itself", head)
	}
	return nil, usageError("%s has no archive %q; choose one of %s", head, archive, strings.Join(names, ", "))
}
