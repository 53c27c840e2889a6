package main

import (
	"github.com/spf13/cobra"

	"github.com/scaledbydesign/insights/cmd/insights/internal/app"
)

func configCommand(p *program) *cobra.Command {
	return noun("config", "The configuration", configCheckCommand(p), configShowCommand(p))
}

func configCheckCommand(p *program) *cobra.Command {
	var serving bool
	cmd := &cobra.Command{
		Use: "check", Short: "Report every fault of the configuration", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := p.config()
			if err == nil {
				err = app.CheckFiles(c)
			}
			if err == nil && serving {
				err = c.ForServing()
			}
			if err != nil {
				return &problems{err}
			}
			warnings := []string{}
			if serving {
				warnings = append(warnings, c.Warnings()...)
			}
			if done, err := p.out.Document(map[string]any{"ok": true, "warnings": warnings}); done {
				return err
			}
			for _, warning := range warnings {
				p.out.Note("warning: %s", warning)
			}
			p.out.Line("the configuration is fine")
			return nil
		},
	}
	cmd.Flags().BoolVar(&serving, "serve", false, "also ask for everything that insights serve needs, and warn as it does")
	return cmd
}
