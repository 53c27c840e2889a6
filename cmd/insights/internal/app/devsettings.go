package app

import (
	"context"
	"errors"
	"os"
	"path/filepath"

	"github.com/scaledbydesign/insights/cmd/insights/internal/config"
	"github.com/scaledbydesign/insights/cmd/insights/internal/database"
)

// Settings by which commands find out how insights dev runs in their folder.
const (
	settingContentDir = "content_dir"
	settingBaseURL    = "base_url"
)

// follow takes from a development database what the environment leaves open: a
// second terminal should see the insights that the first one serves.
func (p *Publication) follow(ctx context.Context, db *database.DB) error {
	c := &p.Config
	use, err := db.Use(ctx)
	if err != nil || use != database.Development {
		return err
	}
	if c.Origin("content.dir") == config.ByDefault {
		if c.Content.Dir, err = db.Setting(ctx, settingContentDir); err != nil {
			return err
		}
		// In messages a path from here is easier to read.
		if here, err := os.Getwd(); err == nil && c.Content.Dir != "" {
			if short, err := filepath.Rel(here, c.Content.Dir); err == nil && filepath.IsLocal(short) {
				c.Content.Dir = short
			}
		}
	}
	if c.Origin("site.base_url") == config.InVariable {
		return nil
	}
	p.Followed = true
	if c.Origin("listen") == config.InVariable {
		c.Site.BaseURL = "http://" + c.Listen
		return nil
	}
	url, err := db.Setting(ctx, settingBaseURL)
	if err == nil && url != "" {
		c.Site.BaseURL = url
	}
	return err
}

// leave records what follow reads.
func leave(ctx context.Context, c *config.Config, db *database.DB) error {
	dir := c.Content.Dir
	if dir != "" {
		var err error
		if dir, err = filepath.Abs(dir); err != nil {
			return err
		}
	}
	return errors.Join(db.SetSetting(ctx, settingContentDir, dir), db.SetSetting(ctx, settingBaseURL, c.Site.BaseURL))
}
