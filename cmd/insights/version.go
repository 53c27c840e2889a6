package main

import (
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/scaledbydesign/insights/cmd/insights/internal/app"
)

func versionCommand(p *program) *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Show the version", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			commit := ""
			if info, ok := debug.ReadBuildInfo(); ok {
				for _, s := range info.Settings {
					if s.Key == "vcs.revision" {
						commit = s.Value
					}
				}
			}
			if done, err := p.out.Document(map[string]string{"version": app.Version, "commit": commit, "go": runtime.Version()}); done {
				return err
			}
			if commit != "" {
				commit = ", commit " + commit[:min(12, len(commit))]
			}
			p.out.Line("insights %s%s, %s", app.Version, commit, runtime.Version())
			return nil
		},
	}
}
