package main

import (
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// version is the release. The build adds its commit.
const version = "0.1.0"

func (p *program) versionCommand() *cobra.Command {
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
			if done, err := p.out.document(map[string]string{"version": version, "commit": commit, "go": runtime.Version()}); done {
				return err
			}
			if commit != "" {
				commit = ", commit " + commit[:min(12, len(commit))]
			}
			p.out.line("insights %s%s, %s", version, commit, runtime.Version())
			return nil
		},
	}
}
