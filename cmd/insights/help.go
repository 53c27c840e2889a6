package main

import (
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/scaledbydesign/insights/cmd/insights/docs"
)

// helpCommand explains a command, or shows a page of the docs.
func helpCommand(root *cobra.Command) *cobra.Command {
	return &cobra.Command{
		Use: "help [COMMAND | TOPIC]", Short: "Explain a command, or show a page of the docs", GroupID: "maintenance",
		Long:              "Explain a command, or show a page of the docs:\n\n" + topicList(),
		ValidArgsFunction: completeHelp(root),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 {
				if text, ok := docs.Text(args[0]); ok {
					_, err := io.WriteString(cmd.OutOrStdout(), text)
					return err
				}
			}
			about, rest, err := root.Find(args)
			if err != nil || len(rest) > 0 {
				return usageError("there is no command or topic %q; see: %s help%s", strings.Join(args, " "), root.Name(), didYouMean(args[0], helpNames(root)))
			}
			about.InitDefaultHelpFlag()
			if err := about.Help(); err != nil || about != root {
				return err
			}
			_, err = io.WriteString(cmd.OutOrStdout(), "\nTopics (insights help TOPIC):\n\n"+topicList())
			return err
		},
	}
}

// topicList is a line for each page of the docs.
func topicList() string {
	var b strings.Builder
	for _, t := range docs.Topics() {
		b.WriteString("  " + t.Name + strings.Repeat(" ", max(1, 15-len(t.Name))) + t.Title + "\n")
	}
	return b.String()
}

func helpNames(root *cobra.Command) (names []string) {
	for _, c := range root.Commands() {
		names = append(names, c.Name())
	}
	for _, t := range docs.Topics() {
		names = append(names, t.Name)
	}
	return names
}

func completeHelp(root *cobra.Command) cobra.CompletionFunc {
	return func(_ *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
		if len(args) == 0 {
			return helpNames(root), cobra.ShellCompDirectiveNoFileComp
		}
		about, _, err := root.Find(args)
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		var names []string
		for _, c := range about.Commands() {
			names = append(names, c.Name())
		}
		return names, cobra.ShellCompDirectiveNoFileComp
	}
}
