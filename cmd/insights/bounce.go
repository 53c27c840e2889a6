package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/scaledbydesign/insights/cmd/insights/internal/app"
	"github.com/scaledbydesign/insights/cmd/insights/internal/console"
	"github.com/scaledbydesign/insights/newsletter"
)

func bounceCommand(p *program) *cobra.Command {
	return noun("bounce", "Mails that came back", bounceListCommand(p), bounceIngestCommand(p))
}

// bounceJSON is a bounce as programs see it.
type bounceJSON struct {
	ID       int64      `json:"id"`
	At       *time.Time `json:"at"`
	Delivery string     `json:"delivery"`
	Email    string     `json:"email"` // "" = forgotten
	Kind     string     `json:"kind"`
	Class    string     `json:"class"`
	Code     int        `json:"code"`
	Status   string     `json:"status"`
	Text     string     `json:"text"`
}

func bounceListCommand(p *program) *cobra.Command {
	var limit int
	cmd := &cobra.Command{
		Use: "list", Short: "List bounces, refusals and complaints, the newest first", Args: cobra.NoArgs,
		Long: "List mails that came back, refusals by mail servers and complaints, the newest\nfirst. Hard: the address is dead. Soft: it may pass another time. Blocked: our\nsending is refused, the address is not at fault.",
		RunE: func(cmd *cobra.Command, args []string) error {
			if limit < 0 {
				return usageError("--limit is not negative")
			}
			return withApp(cmd.Context(), p, func(a *app.App) error {
				documents := []bounceJSON{}
				var rows [][]string
				more := false
				for b, err := range a.Bounces.Bounces(cmd.Context()) {
					if err != nil {
						return err
					}
					if more = limit > 0 && len(documents) == limit; more {
						break
					}
					documents = append(documents, bounceJSON{b.ID, console.Stamp(b.At), b.Ref.String(), b.Email, string(b.Kind), string(b.Class), b.Code, b.Status, b.Text})
					what := string(b.Class)
					if what == "" {
						what = string(b.Kind)
					}
					rows = append(rows, []string{console.Moment(b.At, a.Config.Zone()), console.Dash(b.Email), what, b.Status, b.Text})
				}
				if done, err := p.out.Document(documents); done {
					return err
				}
				if len(rows) == 0 {
					p.out.Line("nothing came back")
					return nil
				}
				p.out.Table([]string{"WHEN", "WHO", "WHAT", "STATUS", "TEXT"}, rows)
				if more {
					p.out.Note("there are more: --limit 0 lists all")
				}
				return nil
			})
		},
	}
	cmd.Flags().IntVar(&limit, "limit", 100, "so many at most; 0 = all")
	return cmd
}

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
