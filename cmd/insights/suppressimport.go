package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/scaledbydesign/insights/subscribers"
)

func (p *program) suppressImportCommand() *cobra.Command {
	var reason string
	var dryRun bool
	cmd := &cobra.Command{
		Use: "import FILE", Short: "Keep all mail from the addresses of a file", Args: cobra.ExactArgs(1),
		Long: "Keep all mail from the addresses of a file (- reads standard input), one a line;\nwhat follows a comma, and lines that begin with #, are left aside.",
		RunE: func(cmd *cobra.Command, args []string) error {
			if strings.ContainsFunc(reason, isBreak) || len(reason) > 200 {
				return usageError("--reason: one line, of 200 bytes at most")
			}
			return p.withNewsroom(cmd.Context(), func(n *newsroom) error {
				in := p.stdin
				if args[0] != "-" {
					file, err := os.Open(args[0])
					if err != nil {
						return fmt.Errorf("import: %w", err)
					}
					defer file.Close()
					in = file
				}
				return p.importSuppressions(cmd.Context(), n, in, reason, dryRun)
			})
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

func (p *program) importSuppressions(ctx context.Context, n *newsroom, in io.Reader, reason string, dryRun bool) error {
	result := suppressedJSON{Refused: []refusedJSON{}, DryRun: dryRun}
	registry := n.registry
	if dryRun {
		registry = &subscribers.Registry{Store: dryStore{n.registry.Store, make(map[string]bool)}}
	}
	lines := bufio.NewScanner(in)
	for line := 1; lines.Scan(); line++ {
		word, _, _ := strings.Cut(strings.TrimPrefix(lines.Text(), "\ufeff"), ",")
		word = strings.Trim(strings.TrimSpace(word), `"`)
		if word == "" || strings.HasPrefix(word, "#") || line == 1 && strings.EqualFold(word, "email") {
			continue
		}
		result.Rows++
		a, err := subscribers.ParseAddress(word)
		if err != nil {
			result.Failed++
			if len(result.Refused) < mostRefused {
				result.Refused = append(result.Refused, refusedJSON{Line: line, Email: word, Reason: err.Error()})
			}
			if result.Failed <= shownRefused {
				p.out.note("line %d: %q: %v", line, word, err)
			}
			continue
		}
		changed, err := registry.Suppress(ctx, a, subscribers.BlockedHere, reason, "import")
		switch {
		case err != nil && dryRun:
			return fmt.Errorf("the dry run ended early: line %d: %w", line, err)
		case err != nil:
			return fmt.Errorf("line %d: %w; what came before it is stored, and the same file can be imported again", line, err)
		}
		if changed {
			result.Added++
		} else {
			result.Unchanged++
		}
	}
	if result.Failed > shownRefused {
		p.out.note("and %s more: --json lists them", thousands(result.Failed-shownRefused))
	}
	err := lines.Err()
	switch {
	case err != nil && dryRun:
		return fmt.Errorf("read the file: %w", err)
	case err != nil:
		return fmt.Errorf("read the file: %w; what was read is stored", err)
	}
	failed := error(nil)
	switch {
	case result.Failed > 0 && dryRun:
		failed = &coded{errors.New(count(result.Failed, "line") + " can't be taken"), exitProblems, false}
	case result.Failed > 0:
		failed = &coded{errors.New(count(result.Failed, "line") + " can't be taken; the others are stored"), exitPartly, false}
	}
	if done, err := p.out.document(result); done {
		return errors.Join(err, failed)
	}
	if dryRun {
		p.out.line("would suppress %s more; %s are already", thousands(result.Added), thousands(result.Unchanged))
		return failed
	}
	p.out.line("suppressed %s more; %s were before", thousands(result.Added), thousands(result.Unchanged))
	return failed
}

// dryStore is a store whose edits are tried, and not stored. That of an address which
// was edited before is left out: it would find nothing more to do.
type dryStore struct {
	subscribers.Store
	edited map[string]bool
}

func (s dryStore) Edit(ctx context.Context, key string, change func(*subscribers.Subscriber) (subscribers.Change, error)) (sub subscribers.Subscriber, err error) {
	if s.edited[key] {
		return sub, nil
	}
	s.edited[key] = true
	err = s.EditAll(ctx, []string{key}, true, func(_ int, stored *subscribers.Subscriber) (subscribers.Change, error) {
		made, err := change(stored)
		sub = *stored
		return made, err
	})
	return sub, err
}
