package main

import (
	"fmt"

	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v3"
)

func configShowCommand(p *program) *cobra.Command {
	return &cobra.Command{
		Use: "show", Short: "Show the configuration in force, secrets masked", Args: cobra.NoArgs,
		Long: "Show the configuration in force: defaults, then insights.yaml, then INSIGHTS_*\nvariables. The output is an insights.yaml but for its secrets: they are masked.",
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := p.config()
			if err != nil {
				return err
			}
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
				_, err := p.out.Document(document)
				return err
			}
			fmt.Fprint(p.out.Out, string(text))
			return nil
		},
	}
}
