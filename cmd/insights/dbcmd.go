package main

import (
	"context"
	"errors"
	"io/fs"

	"github.com/spf13/cobra"

	"github.com/scaledbydesign/insights/cmd/insights/internal/database"
)

func (p *program) dbCommand() *cobra.Command {
	return noun("db", "The database", p.dbMigrateCommand(), p.dbStatusCommand())
}

func (p *program) dbMigrateCommand() *cobra.Command {
	var dryRun bool
	cmd := &cobra.Command{
		Use: "migrate", Short: "Create the database, or bring its schema up to date", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := p.config()
			if err != nil {
				return err
			}
			if dryRun {
				return p.wouldMigrate(cmd.Context(), &c)
			}
			db, err := database.Open(c.Database.URL, true)
			if err != nil {
				return unusable(err)
			}
			defer db.Close()
			steps, err := db.Migrate(cmd.Context())
			if err != nil {
				return unusable(err)
			}
			status, err := db.SchemaStatus(cmd.Context())
			if err != nil {
				return err
			}
			if done, err := p.out.document(map[string]any{"database": db.String(), "schema": status.Current, "steps": steps}); done {
				return err
			}
			p.out.line("%s has schema %d (%s taken)", db, status.Current, count(steps, "step"))
			return nil
		},
	}
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "only say what would be done")
	return cmd
}

func (p *program) wouldMigrate(ctx context.Context, c *Config) error {
	db, err := database.Open(c.Database.URL, false)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if done, err := p.out.document(map[string]any{"database": c.Database.URL, "exists": false, "dry_run": true}); done {
			return err
		}
		p.out.line("would create %s", c.Database.URL)
		return nil
	case err != nil:
		return unusable(err)
	}
	defer db.Close()
	status, err := db.SchemaStatus(ctx)
	if err != nil {
		return unusable(err)
	}
	if status.Current > status.Latest {
		return unusable(db.Check(ctx))
	}
	if done, err := p.out.document(map[string]any{"database": db.String(), "exists": true, "schema": status.Current, "latest": status.Latest, "dry_run": true}); done {
		return err
	}
	if status.Current == status.Latest {
		p.out.line("%s has schema %d: nothing to do", db, status.Current)
	} else {
		p.out.line("would take %s from schema %d to %d", db, status.Current, status.Latest)
	}
	return nil
}

func (p *program) dbStatusCommand() *cobra.Command {
	return &cobra.Command{
		Use: "status", Short: "Show the schema and whether it is up to date", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := p.config()
			if err != nil {
				return err
			}
			return p.dbStatus(cmd.Context(), &c)
		},
	}
}

func (p *program) dbStatus(ctx context.Context, c *Config) error {
	db, err := database.Open(c.Database.URL, false)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) && p.out.json {
			_, err := p.out.document(map[string]any{"database": c.Database.URL, "exists": false})
			return err
		}
		return unusable(err)
	}
	defer db.Close()
	status, err := db.SchemaStatus(ctx)
	if err != nil {
		return unusable(err)
	}
	check := db.Check(ctx)
	document := map[string]any{"database": db.String(), "exists": true, "schema": status.Current, "latest": status.Latest, "current": check == nil}
	if done, err := p.out.document(document); done {
		return errors.Join(err, unusable(check))
	}
	p.out.line("database  %s", db)
	p.out.line("schema    %d, this program needs %d", status.Current, status.Latest)
	return unusable(check)
}
