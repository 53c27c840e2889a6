package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v3"

	"github.com/scaledbydesign/insights/cmd/insights/internal/app"
	"github.com/scaledbydesign/insights/cmd/insights/internal/config"
)

func configCommand(p *program) *cobra.Command {
	return noun("config", "Check and show the configuration", configCheckCommand(p), configShowCommand(p))
}

func configCheckCommand(p *program) *cobra.Command {
	var serving bool
	cmd := &cobra.Command{
		Use: "check", Short: "Check the configuration and report every problem", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := p.config()
			if err == nil {
				err = app.CheckFiles(c)
			}
			if err == nil && serving {
				err = c.ForServing(true)
			}
			if err == nil && serving {
				err = app.CheckKeys(cmd.Context(), c)
			}
			if err != nil {
				return &problems{err}
			}
			warnings := append([]string{}, c.Notes()...)
			if serving {
				warnings = append([]string{}, c.Warnings()...)
			}
			if p.out.JSON {
				return p.out.Document(map[string]any{"ok": true, "warnings": warnings})
			}
			for _, warning := range warnings {
				p.out.Note("warning: %s", warning)
			}
			p.out.Line("the configuration is valid")
			return nil
		},
	}
	cmd.Flags().BoolVar(&serving, "serve", false, "also check what insights serve needs, and show its warnings")
	return cmd
}

func configShowCommand(p *program) *cobra.Command {
	return &cobra.Command{
		Use: "show", Short: "Show the effective configuration, with secrets masked", Args: cobra.NoArgs,
		Long: `Show the effective configuration: defaults, then insights.yaml, then INSIGHTS_*
variables. The output is a valid insights.yaml, but secrets are masked.`,
		RunE: p.withConfig(func(ctx context.Context, c config.Config, args []string) error {
			text, err := c.YAML()
			if err != nil {
				return err
			}
			if p.out.JSON {
				// The same names as in the file, so by way of it.
				var document map[string]any
				if err := yaml.Unmarshal(text, &document); err != nil {
					return err
				}
				return p.out.Document(document)
			}
			fmt.Fprint(p.out.Out, string(text))
			return nil
		}),
	}
}
