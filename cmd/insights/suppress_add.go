package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/scaledbydesign/insights/cmd/insights/internal/app"
	"github.com/scaledbydesign/insights/subscribers"
)

func suppressAddCommand(p *program) *cobra.Command {
	var reason string
	var dryRun bool
	cmd := &cobra.Command{
		Use: "add ADDR", Short: "Keep all mail from an address, subscriber or not", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if strings.TrimSpace(reason) == "" || subscribers.CheckReason(reason) != nil {
				return usageError("--reason: say why in one line, of 200 bytes at most, for whoever looks at it later")
			}
			return withApp(cmd.Context(), p, func(a *app.App) error {
				who, err := parseAddress(args[0])
				if err != nil {
					return err
				}
				words, changed := fmt.Sprintf("would keep all mail from %s", who), false
				if !dryRun {
					if changed, err = a.Registry.Suppress(cmd.Context(), who, subscribers.BlockedHere, reason, "staff"); err != nil {
						return err
					}
					words = fmt.Sprintf("%s is suppressed; undo it with: insights suppress remove %[1]s", who)
					if !changed {
						words = fmt.Sprintf("%s was suppressed before", who)
					}
				}
				if done, err := p.out.Document(map[string]any{"email": who.String(), "changed": changed, "dry_run": dryRun}); done {
					return err
				}
				p.out.Line("%s", words)
				return nil
			})
		},
	}
	cmd.Flags().StringVar(&reason, "reason", "", "why, in one line")
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "only say what would be done")
	return cmd
}
