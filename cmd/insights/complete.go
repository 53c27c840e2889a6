package main

import (
	"github.com/spf13/cobra"
)

func completeCategories(p *program, cmd *cobra.Command, flag string) {
	// The flag exists: it was defined just before.
	_ = cmd.RegisterFlagCompletionFunc(flag, func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		c, err := p.config()
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return c.CategorySlugs(), cobra.ShellCompDirectiveNoFileComp
	})
}

func completeSlugs(p *program) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		pub, err := p.publication(cmd.Context())
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		lib, err := pub.Library()
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return slugsOf(lib), cobra.ShellCompDirectiveNoFileComp
	}
}
