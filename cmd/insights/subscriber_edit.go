package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/scaledbydesign/insights/cmd/insights/internal/app"
	"github.com/scaledbydesign/insights/subscribers"
)

// edit is a command by which staff change one reader.
type edit struct {
	use, short, long string
	would            string // do, in a dry run
	unchanged        string // what is said where nothing was to do; "" = by the status
	do               func(ctx context.Context, a *app.App, who subscribers.Address) (sub subscribers.Subscriber, said string, err error)
}

// editedJSON is a subscriber after a change.
type editedJSON struct {
	subscriberJSON
	Changed bool `json:"changed"`
	DryRun  bool `json:"dry_run,omitempty"`
}

func editCommand(p *program, e edit) *cobra.Command {
	var dryRun bool
	cmd := &cobra.Command{
		Use: e.use, Short: e.short, Long: e.long, Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return withApp(cmd.Context(), p, func(a *app.App) error {
				before, err := findSubscriber(cmd.Context(), a, args[0])
				if err != nil {
					return err
				}
				if dryRun {
					if done, err := p.out.Document(editedJSON{subscriberJSON: subscriberDocument(before), DryRun: true}); done {
						return err
					}
					p.out.Line("would %s %s, who is %s", e.would, before.Address, before.Status)
					return nil
				}
				sub, said, err := e.do(cmd.Context(), a, before.Address)
				if err != nil {
					return err
				}
				if done, err := p.out.Document(editedJSON{subscriberJSON: subscriberDocument(sub), Changed: said != ""}); done {
					return err
				}
				if said == "" && e.unchanged != "" {
					said = fmt.Sprintf("%s %s: nothing to change", sub.Address, e.unchanged)
				} else if said == "" {
					said = fmt.Sprintf("%s is %s already: nothing to change", sub.Address, sub.Status)
				}
				p.out.Line("%s", said)
				return nil
			})
		},
	}
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "only say what would be done")
	return cmd
}
