package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/scaledbydesign/insights/cmd/insights/internal/config"
	"github.com/scaledbydesign/insights/cmd/insights/internal/console"
	"github.com/scaledbydesign/insights/feeds"
)

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
			if done, err := p.out.Document(map[string]any{"path": document.Path, "content_type": document.ContentType, "items": document.Items, "updated": console.Stamp(document.Updated), "body": string(document.Body)}); done {
				return err
			}
			_, err = p.out.Out.Write(document.Body)
			return err
		},
	}
	cmd.Flags().StringVar(&category, "category", "", "of this `category`, or of several: a,b (default: all)")
	cmd.Flags().StringVar(&archive, "archive", "", "the archive document of that `name`, such as 2026-03")
	cmd.Flags().StringVar(&format, "format", "rss", "`format`: rss, atom or json")
	completeCategories(p, cmd, "category")
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
				return nil, usageError("--category %q: write slugs with a comma between them, such as %s", categories, strings.Join(c.CategorySlugs(), ","))
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
