package main

import (
	"context"
	"errors"
	"io/fs"

	"github.com/spf13/cobra"

	"github.com/scaledbydesign/insights/cmd/insights/internal/app"
	"github.com/scaledbydesign/insights/cmd/insights/internal/config"
	"github.com/scaledbydesign/insights/cmd/insights/internal/console"
)

func dbStatusCommand(p *program) *cobra.Command {
	return &cobra.Command{
		Use: "status", Short: "Show the schema and whether it is up to date", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := p.config()
			if err != nil {
				return err
			}
			return dbStatus(cmd.Context(), p.out, &c)
		},
	}
}

func dbStatus(ctx context.Context, out *console.Console, c *config.Config) error {
	schema, err := app.CheckSchema(ctx, c)
	if errors.Is(err, fs.ErrNotExist) && out.JSON {
		_, err := out.Document(map[string]any{"database": schema.Database, "exists": false})
		return err
	}
	if err != nil {
		return err
	}
	document := map[string]any{"database": schema.Database, "exists": true, "schema": schema.Current, "latest": schema.Latest, "current": schema.Err == nil}
	if done, err := out.Document(document); done {
		return errors.Join(err, schema.Err)
	}
	out.Line("database  %s", schema.Database)
	out.Line("schema    %d, this program needs %d", schema.Current, schema.Latest)
	return schema.Err
}
