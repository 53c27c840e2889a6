package main

import (
	"context"
	"log/slog"

	"github.com/scaledbydesign/insights/cmd/insights/internal/database"
)

// renameCategories makes the choices of readers follow a category to its new slug.
// Whatever gives a reader a category does it first: once readers have chosen the
// new one, the two can't be made one.
func (c *Config) renameCategories(ctx context.Context, db *database.DB, log *slog.Logger) {
	for _, category := range c.Site.Categories {
		for _, from := range category.Formerly {
			renamed, err := db.RenameCategory(ctx, from, category.Slug)
			if err != nil {
				log.Error("readers of digests keep a category's old slug", "from", from, "to", category.Slug, "error", err)
			}
			if renamed {
				log.Info("category renamed", "from", from, "to", category.Slug)
			}
		}
	}
}
