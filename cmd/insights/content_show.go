package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/scaledbydesign/insights/cmd/insights/internal/console"
	"github.com/scaledbydesign/insights/content"
)

func contentShowCommand(p *program) *cobra.Command {
	return &cobra.Command{
		Use: "show SLUG", Short: "Show one insight as its author wrote it", Args: cobra.ExactArgs(1),
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
				document.Text = in.Markdown()
				if done, err := p.out.Document(document); done {
					return err
				}
				p.out.Line("%s\n\n%s · %s · %s · %s\n%s\nid %s, %s\n\n%s\n\n%s", in.Title,
					in.Category.Name, console.Moment(in.Date, c.Zone()), console.Count(in.Minutes, "minute"), document.State,
					document.URL, in.ID, in.File, in.Summary, document.Text)
				return nil
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
