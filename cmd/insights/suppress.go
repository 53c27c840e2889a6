package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/scaledbydesign/insights/cmd/insights/internal/app"
	"github.com/scaledbydesign/insights/cmd/insights/internal/console"
	"github.com/scaledbydesign/insights/subscribers"
)

func suppressCommand(p *program) *cobra.Command {
	return noun("suppress", "Manage addresses that must not get email", suppressListCommand(p), suppressAddCommand(p), suppressRemoveCommand(p), suppressImportCommand(p))
}

type suppressionJSON struct {
	Email  string     `json:"email"` // "" = kept as a hash alone
	Hash   string     `json:"hash"`
	Status string     `json:"status"`
	Cause  string     `json:"cause"`
	Reason string     `json:"reason"`
	At     *time.Time `json:"at"`
}

func suppressListCommand(p *program) *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List suppressed addresses", Args: cobra.NoArgs,
		Long: `List suppressed addresses, and those that were erased. Of an address that is not
a subscriber's, only the hash is kept.`,
		RunE: p.withApp(func(ctx context.Context, a *app.App, args []string) error {
			documents := []suppressionJSON{}
			var rows [][]string
			for s, err := range a.Subscribers.Suppressions(ctx) {
				if err != nil {
					return err
				}
				documents = append(documents, suppressionJSON{s.Email, s.Hash, string(s.Status), string(s.Cause), s.Reason, console.Stamp(s.At)})
				who, cause := s.Email, string(s.Cause)
				if who == "" {
					who = "(hash " + s.Hash[:12] + ")"
				}
				if cause == "" {
					cause = string(s.Status)
				}
				rows = append(rows, []string{who, cause, console.Moment(s.At, a.Config.Zone()), s.Reason})
			}
			return p.out.Listing(documents, []string{"WHO", "CAUSE", "SINCE", "REASON"}, rows, "no addresses are suppressed")
		}),
	}
}

func suppressAddCommand(p *program) *cobra.Command {
	var reason string
	var dryRun bool
	cmd := &cobra.Command{
		Use: "add ADDR", Short: "Suppress an address: it gets no email", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if strings.TrimSpace(reason) == "" || subscribers.CheckReason(reason) != nil {
				return usageError("--reason: say why in one line of at most 200 bytes")
			}
			return p.withApp(func(ctx context.Context, a *app.App, args []string) error {
				who, err := parseAddress(args[0])
				if err != nil {
					return err
				}
				words, changed := fmt.Sprintf("would suppress %s", who), false
				if !dryRun {
					if changed, err = a.Registry.Suppress(ctx, who, subscribers.BlockedHere, reason, "staff"); err != nil {
						return err
					}
					words = fmt.Sprintf("%s is suppressed; to undo it: insights suppress remove %[1]s", who)
					if !changed {
						words = fmt.Sprintf("%s was already suppressed", who)
					}
				}
				return p.out.Result(map[string]any{"email": who.String(), "changed": changed, "dry_run": dryRun}, "%s", words)
			})(cmd, args)
		},
	}
	cmd.Flags().StringVar(&reason, "reason", "", "why, in one line")
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "only say what would be done")
	return cmd
}

func suppressImportCommand(p *program) *cobra.Command {
	var reason string
	var dryRun bool
	cmd := &cobra.Command{
		Use: "import FILE", Short: "Suppress the addresses in a file", Args: cobra.ExactArgs(1),
		Long: `Suppress the addresses in a file (- reads standard input), one per line. Text
after a comma, and lines that begin with #, are ignored.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if subscribers.CheckReason(reason) != nil {
				return usageError("--reason: write one line of at most 200 bytes")
			}
			return p.withApp(func(ctx context.Context, a *app.App, args []string) error {
				in, err := openInput(p.out, args[0])
				if err != nil {
					return err
				}
				defer in.Close()
				return importSuppressions(ctx, p.out, a, in, reason, dryRun)
			})(cmd, args)
		},
	}
	cmd.Flags().StringVar(&reason, "reason", "imported", "why, in one line")
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "only say what would be done")
	return cmd
}

// suppressedJSON is what an import of suppressions did.
type suppressedJSON struct {
	Rows      int           `json:"rows"`
	Added     int           `json:"added"`
	Unchanged int           `json:"unchanged"`
	Failed    int           `json:"failed"`
	Refused   []refusedJSON `json:"refused"`
	DryRun    bool          `json:"dry_run,omitempty"`
}

func importSuppressions(ctx context.Context, out *console.Console, a *app.App, in io.Reader, reason string, dryRun bool) error {
	result := suppressedJSON{Refused: []refusedJSON{}, DryRun: dryRun}
	run := subscribers.SuppressionImport{Registry: a.Registry, Reason: reason, DryRun: dryRun}
	run.Refused = func(line int, word string, reason error) {
		if len(result.Refused) < mostRefused {
			result.Refused = append(result.Refused, refusedJSON{Line: line, Email: word, Reason: reason.Error()})
		}
		if run.Failed <= shownRefused {
			out.Note("line %d: %q: %v", line, word, reason)
		}
	}
	err := run.Import(ctx, in)
	_, stopped := errors.AsType[*subscribers.LineError](err)
	switch {
	case stopped && dryRun:
		return fmt.Errorf("the dry run stopped early: %w", err)
	case stopped:
		return fmt.Errorf("%w; earlier lines are stored, and the same file can be imported again", err)
	}
	result.Rows, result.Added, result.Unchanged, result.Failed = run.Rows, run.Added, run.Unchanged, run.Failed
	if result.Failed > shownRefused {
		out.Note("and %s more: --json lists them", console.Thousands(result.Failed-shownRefused))
	}
	switch {
	case err != nil && dryRun:
		return err
	case err != nil:
		return fmt.Errorf("%w; the lines read before are stored", err)
	}
	failed := error(nil)
	switch {
	case result.Failed > 0 && dryRun:
		failed = &problems{errors.New(console.Count(result.Failed, "line") + " can't be imported")}
	case result.Failed > 0:
		failed = partly(errors.New(console.Count(result.Failed, "line") + " can't be imported; the others are stored"))
	}
	form := "suppressed %s more; %s already were"
	if dryRun {
		form = "would suppress %s more; %s already are"
	}
	out.Line(form, console.Thousands(result.Added), console.Thousands(result.Unchanged))
	return errors.Join(out.Document(result), failed)
}
