package main

import (
	"strings"

	"github.com/spf13/cobra"
)

// rootCommand is the tree of commands: nouns, then verbs.
func rootCommand(p *program) *cobra.Command {
	root := &cobra.Command{
		Use:           "insights",
		Short:         "Publish a folder of articles as a site, feeds and email digests",
		SilenceUsage:  true,
		SilenceErrors: true,
		Args:          cobra.NoArgs,
	}
	root.PersistentFlags().StringVar(&p.configFile, "config", "", "configuration `file` (default insights.yaml, if it exists)")
	root.PersistentFlags().BoolVar(&p.out.JSON, "json", false, "print the result as JSON")
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usageError("%v; see: %s --help", err, cmd.CommandPath())
	})
	root.AddGroup(&cobra.Group{ID: "server", Title: "Server"}, &cobra.Group{ID: "publishing", Title: "Publishing"}, &cobra.Group{ID: "maintenance", Title: "Maintenance"})
	add := func(group string, commands ...*cobra.Command) {
		for _, c := range commands {
			c.GroupID = group
			root.AddCommand(c)
		}
	}
	add("server", devCommand(p), initCommand(p), serveCommand(p), buildCommand(p), statusCommand(p))
	add("publishing", contentCommand(p), feedCommand(p), digestCommand(p), deliveryCommand(p), subscriberCommand(p), suppressCommand(p), bounceCommand(p))
	add("maintenance", dbCommand(p), configCommand(p), keyCommand(p), versionCommand(p))
	root.SetCompletionCommandGroupID("maintenance")
	root.SetHelpCommandGroupID("maintenance")
	root.InitDefaultCompletionCmd()
	root.SetHelpCommand(helpCommand(root))
	root.InitDefaultHelpCmd()
	for _, c := range root.Commands() {
		if c.Name() == "completion" {
			c.Short = "Print a completion script for bash, zsh, fish or powershell"
		}
	}
	root.SetUsageTemplate(strings.ReplaceAll(root.UsageTemplate(), ".FlagUsages ", ".FlagUsagesWrapped 80 "))
	usageErrors(root)
	return root
}

// usageErrors gives wrong arguments the exit code of wrong usage, and makes a noun without
// a verb print its help.
func usageErrors(cmd *cobra.Command) {
	if check := cmd.Args; check != nil {
		cmd.Args = func(cmd *cobra.Command, args []string) error {
			if check(cmd, args) == nil {
				return nil
			}
			use := cmd.CommandPath()
			if _, arguments, ok := strings.Cut(cmd.Use, " "); ok {
				use += " " + arguments
			}
			return usageError("usage: %s; see: %s --help", use, cmd.CommandPath())
		}
	}
	if cmd.HasSubCommands() && cmd.Run == nil && cmd.RunE == nil {
		cmd.Args = cobra.ArbitraryArgs
		cmd.RunE = func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return cmd.Help()
			}
			var names []string
			for _, c := range cmd.Commands() {
				names = append(names, c.Name())
			}
			return usageError("there is no command %q; see: %s --help%s", cmd.CommandPath()+" "+args[0], cmd.CommandPath(), didYouMean(args[0], names))
		}
	}
	for _, c := range cmd.Commands() {
		usageErrors(c)
	}
}

// noun makes a command that only groups others.
func noun(use, short string, verbs ...*cobra.Command) *cobra.Command {
	cmd := &cobra.Command{Use: use, Short: short}
	cmd.AddCommand(verbs...)
	return cmd
}
