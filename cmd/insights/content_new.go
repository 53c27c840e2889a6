package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/scaledbydesign/insights/content"
)

func contentNewCommand(p *program) *cobra.Command {
	var category string
	var dryRun bool
	cmd := &cobra.Command{
		Use: "new TITLE", Short: "Write a new draft into content.dir", Args: cobra.ExactArgs(1),
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
					return fmt.Errorf("%s exists: choose another title", path)
				}
				if err != nil {
					return fmt.Errorf("write the draft: %w", err)
				}
			}
			if done, err := p.out.Document(map[string]any{"file": path, "dry_run": dryRun}); done {
				return err
			}
			p.out.Line("%s", path)
			return nil
		},
	}
	cmd.Flags().StringVar(&category, "category", "", "its `category`")
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "only say what would be written")
	completeCategories(p, cmd, "category")
	return cmd
}
