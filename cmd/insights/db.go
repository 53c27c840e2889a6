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

func dbCommand(p *program) *cobra.Command {
	return noun("db", "Migrate and check the database", dbMigrateCommand(p), dbStatusCommand(p))
}

func dbMigrateCommand(p *program) *cobra.Command {
	var dryRun bool
	cmd := &cobra.Command{
		Use: "migrate", Short: "Create the database or update its schema", Args: cobra.NoArgs,
		RunE: p.withConfig(func(ctx context.Context, c config.Config, args []string) error {
			if dryRun {
				return wouldMigrate(ctx, p.out, &c)
			}
			schema, steps, err := app.Migrate(ctx, &c)
			if err != nil {
				return err
			}
			return p.out.Result(map[string]any{"database": schema.Database, "schema": schema.Current, "steps": steps}, "%s is at schema %d (%s applied)", schema.Database, schema.Current, console.Count(steps, "step"))
		}),
	}
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "only say what would be done")
	return cmd
}

func wouldMigrate(ctx context.Context, out *console.Console, c *config.Config) error {
	schema, err := app.CheckSchema(ctx, c)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return out.Result(map[string]any{"database": schema.Database, "exists": false, "dry_run": true}, "would create %s", schema.Database)
	case err != nil:
		return err
	case schema.Current > schema.Latest:
		return schema.Err
	}
	if schema.Current == schema.Latest {
		out.Line("%s is at schema %d: nothing to do", schema.Database, schema.Current)
	} else {
		out.Line("would migrate %s from schema %d to %d", schema.Database, schema.Current, schema.Latest)
	}
	return out.Document(map[string]any{"database": schema.Database, "exists": true, "schema": schema.Current, "latest": schema.Latest, "dry_run": true})
}

func dbStatusCommand(p *program) *cobra.Command {
	return &cobra.Command{
		Use: "status", Short: "Show the schema version and whether it is current", Args: cobra.NoArgs,
		RunE: p.withConfig(func(ctx context.Context, c config.Config, args []string) error {
			schema, err := app.CheckSchema(ctx, &c)
			if errors.Is(err, fs.ErrNotExist) && p.out.JSON {
				return p.out.Document(map[string]any{"database": schema.Database, "exists": false})
			}
			if err != nil {
				return err
			}
			document := map[string]any{"database": schema.Database, "exists": true, "schema": schema.Current, "latest": schema.Latest, "current": schema.Err == nil}
			return errors.Join(p.out.Result(document, "database  %s\nschema    %d, this program needs %d", schema.Database, schema.Current, schema.Latest), schema.Err)
		}),
	}
}
