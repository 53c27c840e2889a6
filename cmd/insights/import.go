package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/scaledbydesign/insights/subscribers"
)

func (p *program) subscriberImportCommand() *cobra.Command {
	var basis string
	var dryRun bool
	cmd := &cobra.Command{
		Use: "import FILE", Short: "Import subscribers from CSV; nobody is mailed", Args: cobra.ExactArgs(1),
		Long: `Import subscribers from a CSV file with a header line (- reads standard input).
Columns: email and status, and if they are there cadence, categories (slugs, or
* for all), name, confirmed_at, source. Nobody is mailed, pending ones neither.

What is on record is never weakened: who unsubscribed or is suppressed stays so,
and readers keep their own choices. Lines that can't be taken are named; the
others are. To import the same file again changes nothing.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.withNewsroom(cmd.Context(), func(n *newsroom) error {
				return p.importFile(cmd.Context(), n, args[0], basis, dryRun)
			})
		},
	}
	cmd.Flags().StringVar(&basis, "basis", "", "the ground on which they may be mailed, kept as evidence (default: the file's name)")
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "only say what would be done")
	cmd.Flags().Bool("yes", false, "not needed: an import asks nothing and mails nobody")
	return cmd
}

func (p *program) importFile(ctx context.Context, n *newsroom, name, basis string, dryRun bool) error {
	in := p.stdin
	if name != "-" {
		file, err := os.Open(name)
		if err != nil {
			return fmt.Errorf("import: %w", err)
		}
		defer file.Close()
		in = file
	}
	if basis == "" {
		basis = "import of " + filepath.Base(name)
	}
	rows, err := subscribers.ReadCSV(in)
	if err != nil {
		return usageError("import %s: %v", name, err)
	}
	if unknown := rows.Unknown(); len(unknown) > 0 {
		p.out.note("columns that are not used: %s", strings.Join(unknown, ", "))
	}
	n.config.renameCategories(ctx, n.db, p.log())
	run := importRun{p: p, registry: n.registry, basis: basis, result: importJSON{DryRun: dryRun, Refused: []refusedJSON{}}}
	err = run.all(ctx, rows)
	return p.showImport(run.result, err)
}

// importJSON is what an import did.
type importJSON struct {
	Rows      int           `json:"rows"` // without the header
	Added     int           `json:"added"`
	Changed   int           `json:"changed"`
	Unchanged int           `json:"unchanged"`
	Kept      int           `json:"kept"` // what is on record holds against the file
	Failed    int           `json:"failed"`
	Refused   []refusedJSON `json:"refused"` // the first thousand of the failed
	DryRun    bool          `json:"dry_run,omitempty"`
}

type refusedJSON struct {
	Line   int    `json:"line"`
	Email  string `json:"email"`
	Reason string `json:"reason"`
}

const (
	importChunk = 2000 // rows in one transaction
	mostRefused = 1000
)

// importRun is one import under way.
type importRun struct {
	p        *program
	registry *subscribers.Registry
	basis    string
	result   importJSON
	chunk    []subscribers.Imported
	shown    time.Time
}

func (r *importRun) all(ctx context.Context, rows *subscribers.CSV) error {
	began := time.Now()
	for {
		row, err := rows.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if fatal, ok := errors.AsType[*subscribers.CSVError](err); ok {
			return errors.Join(r.flush(ctx), fatal)
		}
		r.result.Rows++
		if err == nil {
			row.Basis = r.basis
			row.Imported, err = r.registry.Check(row.Imported)
		}
		if err != nil {
			r.refuse(row, err)
			continue
		}
		if r.chunk = append(r.chunk, row.Imported); len(r.chunk) == importChunk {
			if err := r.flush(ctx); err != nil {
				return err
			}
			r.progress(began)
		}
	}
	return r.flush(ctx)
}

func (r *importRun) refuse(row subscribers.CSVRow, err error) {
	r.result.Failed++
	if len(r.result.Refused) < mostRefused {
		r.result.Refused = append(r.result.Refused, refusedJSON{Line: row.Line, Email: row.Email, Reason: err.Error()})
	}
}

func (r *importRun) flush(ctx context.Context) error {
	if len(r.chunk) == 0 {
		return nil
	}
	outcomes, err := r.registry.Import(ctx, r.chunk, r.result.DryRun)
	if err != nil {
		return err
	}
	r.chunk = r.chunk[:0]
	for _, outcome := range outcomes {
		switch outcome {
		case subscribers.Added:
			r.result.Added++
		case subscribers.Changed:
			r.result.Changed++
		case subscribers.Unchanged:
			r.result.Unchanged++
		case subscribers.Kept:
			r.result.Kept++
		}
	}
	return nil
}

// progress shows how far it is, on a terminal.
func (r *importRun) progress(began time.Time) {
	if r.p.out.json || !isTerminal(r.p.out.stderr) || time.Since(r.shown) < 200*time.Millisecond {
		return
	}
	r.shown = time.Now()
	fmt.Fprintf(r.p.out.stderr, "\r\x1b[K%s, %.0f a second\r", count(r.result.Rows, "row"), float64(r.result.Rows)/time.Since(began).Seconds())
}

func (p *program) showImport(result importJSON, failure error) error {
	err := failure
	switch {
	case failure != nil && result.Added+result.Changed > 0:
		err = &coded{fmt.Errorf("the import ended early; what came before is stored, and the same file can be imported again: %w", failure), exitPartly, false}
	case failure == nil && result.Failed > 0 && result.DryRun:
		err = &coded{fmt.Errorf("%s can't be taken", count(result.Failed, "line")), exitProblems, false}
	case failure == nil && result.Failed > 0:
		err = &coded{fmt.Errorf("%s could not be taken; mend them and import the file again", count(result.Failed, "line")), exitPartly, false}
	}
	if done, writeErr := p.out.document(result); done {
		return errors.Join(writeErr, err)
	}
	const shown = 20
	for i, r := range result.Refused {
		if i == shown {
			p.out.note("and %s more: --json lists them", thousands(result.Failed-shown))
			break
		}
		p.out.note("line %d: %s: %s", r.Line, strings.Map(printable, dash(r.Email)), strings.Map(printable, r.Reason))
	}
	would := ""
	if result.DryRun {
		would = "would be: "
	}
	p.out.line("%s%s: %s added, %s changed, %s unchanged, %s kept as on record, %s refused", would, count(result.Rows, "row"),
		thousands(result.Added), thousands(result.Changed), thousands(result.Unchanged), thousands(result.Kept), thousands(result.Failed))
	return err
}
