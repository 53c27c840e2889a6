package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/scaledbydesign/insights/cmd/insights/internal/app"
	"github.com/scaledbydesign/insights/cmd/insights/internal/console"
	"github.com/scaledbydesign/insights/newsletter"
)

func bounceIngestCommand(p *program) *cobra.Command {
	var to []string
	cmd := &cobra.Command{
		Use: "ingest [FILE]", Short: "Take in one mail that came back", Args: cobra.MaximumNArgs(1),
		Long: `Take in one mail that came back, from FILE or standard input: a mail server can
pipe each mail to the bounce domain into it. In Postfix's master.cf:

  insights unix - n n - - pipe user=insights
    argv=/usr/local/bin/insights bounce ingest --to ${original_recipient}

Whom it was delivered for is read from its headers where --to is missing. It is
handled once, however often it is taken in; one that is larger than 1 MB, or
about none of our mails, is said to be so, and is no failure.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return withApp(cmd.Context(), p, func(a *app.App) error {
				in := p.out.In
				if len(args) == 1 && args[0] != "-" {
					file, err := os.Open(args[0])
					if err != nil {
						return fmt.Errorf("bounce ingest: %w", err)
					}
					defer file.Close()
					in = file
				}
				return ingest(cmd.Context(), p.out, a, in, to)
			})
		},
	}
	cmd.Flags().StringSliceVar(&to, "to", nil, "whom it was delivered for: the `address` it came back to")
	return cmd
}

func ingest(ctx context.Context, out *console.Console, a *app.App, in io.Reader, to []string) error {
	did, err := a.Ingest(ctx, to, in)
	ours := err == nil
	switch {
	case errors.Is(err, newsletter.ErrNotOurs):
		did = err.Error()
	case errors.Is(err, newsletter.ErrTooLarge): // nor would it be taken the next time
		did = "left aside: " + err.Error()
	case err != nil:
		return fmt.Errorf("bounce ingest: %w", err)
	}
	if done, err := out.Document(map[string]any{"ours": ours, "did": did}); done {
		return err
	}
	out.Line("%s", did)
	return nil
}
