package main

import (
	"fmt"
	"net/url"
	"strings"

	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v3"
)

func (p *program) configCommand() *cobra.Command {
	return noun("config", "The configuration", p.configCheckCommand(), p.configShowCommand())
}

func (p *program) configCheckCommand() *cobra.Command {
	var serving bool
	cmd := &cobra.Command{
		Use: "check", Short: "Report every fault of the configuration", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := p.config()
			if err == nil {
				err = c.checkTemplates()
			}
			if err == nil {
				_, err = c.refused()
			}
			if err == nil && serving {
				err = c.forServing()
			}
			if err != nil {
				return &coded{err, exitProblems, false}
			}
			warnings := []string{}
			if serving {
				warnings = append(warnings, c.warnings()...)
			}
			if done, err := p.out.document(map[string]any{"ok": true, "warnings": warnings}); done {
				return err
			}
			for _, warning := range warnings {
				p.out.note("warning: %s", warning)
			}
			p.out.line("the configuration is fine")
			return nil
		},
	}
	cmd.Flags().BoolVar(&serving, "serve", false, "also ask for everything that insights serve needs, and warn as it does")
	return cmd
}

// masked hides a secret; of the database's address only the passwords are some.
func masked(path, secret string) string {
	u, err := url.Parse(secret)
	if err != nil || path != "database.url" {
		return "********"
	}
	query := u.Query()
	for name := range query {
		if strings.Contains(strings.ToLower(name), "password") {
			query.Set(name, "********")
			u.RawQuery = query.Encode()
		}
	}
	return u.Redacted()
}

func (p *program) configShowCommand() *cobra.Command {
	return &cobra.Command{
		Use: "show", Short: "Show the configuration in force, secrets masked", Args: cobra.NoArgs,
		Long: "Show the configuration in force: defaults, then insights.yaml, then INSIGHTS_*\nvariables. The output is an insights.yaml but for its secrets: they are masked.",
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := p.config()
			if err != nil {
				return err
			}
			for _, k := range keys(&c) {
				if secret := k.value.String(); k.secret && secret != "" {
					k.value.SetString(masked(k.path, secret))
				}
			}
			text, err := yaml.Marshal(&c)
			if err != nil {
				return err
			}
			if p.out.json {
				// The same names as in the file, so by way of it.
				var document map[string]any
				if err := yaml.Unmarshal(text, &document); err != nil {
					return err
				}
				_, err := p.out.document(document)
				return err
			}
			fmt.Fprint(p.out.stdout, string(text))
			return nil
		},
	}
}
