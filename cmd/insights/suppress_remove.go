package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/scaledbydesign/insights/cmd/insights/internal/app"
	"github.com/scaledbydesign/insights/subscribers"
)

func suppressRemoveCommand(p *program) *cobra.Command {
	var dryRun bool
	cmd := &cobra.Command{
		Use: "remove ADDR", Short: "Let mail go to an address again", Args: cobra.ExactArgs(1),
		Long: "Let mail go to an address again. A reader who was suppressed over bounces, or\nby staff, receives digests as before; who complained, or said no, must sign up\nagain.",
		RunE: func(cmd *cobra.Command, args []string) error {
			return withApp(cmd.Context(), p, func(a *app.App) error {
				who, err := parseAddress(args[0])
				if err != nil {
					return err
				}
				if dryRun {
					if done, err := p.out.Document(map[string]any{"email": who.String(), "status": "", "dry_run": true}); done {
						return err
					}
					p.out.Line("would let mail go to %s again, if it is suppressed", who)
					return nil
				}
				sub, err := a.Registry.Lift(cmd.Context(), who, "staff")
				if errors.Is(err, subscribers.ErrNotFound) {
					return fmt.Errorf("%s is not suppressed; see: insights suppress list", who)
				}
				if err != nil {
					return err
				}
				if done, err := p.out.Document(map[string]any{"email": who.String(), "status": string(sub.Status), "dry_run": false}); done {
					return err
				}
				if sub.Status == "" {
					p.out.Line("%s is not suppressed any more; it is no subscriber's", who)
				} else {
					p.out.Line("%s is %s again", who, sub.Status)
				}
				return nil
			})
		},
	}
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "only say what would be done")
	return cmd
}
