package main

import (
	"github.com/spf13/cobra"
)

// Completion offers what exists: categories and slugs come from the configuration
// and the folder of the moment.

func (p *program) completeCategories(cmd *cobra.Command, flag string) {
	// The flag exists: it was defined just before.
	_ = cmd.RegisterFlagCompletionFunc(flag, func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		c, err := p.config()
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return c.categorySlugs(), cobra.ShellCompDirectiveNoFileComp
	})
}

func (p *program) completeSlugs(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	_, lib, err := p.readLibrary(cmd.Context())
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return slugsOf(lib), cobra.ShellCompDirectiveNoFileComp
}
