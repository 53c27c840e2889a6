package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/scaledbydesign/insights/subscribers"
	"github.com/scaledbydesign/insights/subscribers/lists"
)

func (p *program) subscriberImportCommand() *cobra.Command {
	var basis string
	var dryRun bool
	cmd := &cobra.Command{
		Use: "import FILE", Short: "Import readers from CSV or JSON; nobody is mailed", Args: cobra.ExactArgs(1),
		Long: `Import subscribers from a file (- reads standard input). Nobody is mailed,
pending ones neither.

Our own: CSV with a header line, or JSON, an array of objects or one a line,
with email and status, and if they are there cadence, categories (slugs, or *
for all), name, confirmed_at, source, reason: what "subscriber export" writes.

Of others, known by their columns: the CSV of listmonk, Mailchimp (also the zip
of an audience), Buttondown and Ghost. Their readers get all categories,
weekly. Only who surely agreed is confirmed: who unsubscribed there is
unsubscribed, who bounced, complained or was blocked is suppressed, and whoever
is left open is pending, unless --basis says on what ground they may be mailed.
Who is pending and does not confirm is forgotten after a week, as with any
sign-up.

What is on record is never weakened: who unsubscribed or is suppressed stays
so, and readers keep their own choices. Lines that can't be taken are named;
the others are. To import the same file again changes nothing, so an import
that was interrupted is made again from the start, and goes on where it was.`,
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

// importPart is one list of what is imported: a zip may hold several.
type importPart struct {
	name string // "" = the only one
	list *lists.Reader
}

func (p *program) importFile(ctx context.Context, n *newsroom, name, basis string, dryRun bool) error {
	run := importRun{p: p, registry: n.registry, result: importJSON{DryRun: dryRun, Unused: []string{}, Refused: []refusedJSON{}}}
	run.basis = basis
	if basis == "" {
		run.basis = "import of " + filepath.Base(name)
	}
	parts, done, err := p.openList(name, lists.Options{Name: name, Vouched: strings.TrimSpace(basis) != ""})
	if err != nil {
		return err
	}
	defer done()
	n.config.renameCategories(ctx, n.db, p.log())
	err = run.all(ctx, parts)
	if run.pending > 0 && !dryRun {
		p.out.note("%s: an import mails nobody, and who does not confirm is forgotten after a week; to ask one: insights subscriber resend-confirm ADDR", count(run.pending, "pending reader"))
	}
	return p.showImport(run.result, err)
}

// openList opens a file of one list, or a zip of several.
func (p *program) openList(name string, o lists.Options) (parts func(func(importPart, error) bool), done func(), err error) {
	in, done := p.stdin, func() {}
	if name != "-" {
		file, err := os.Open(name)
		if err != nil {
			return nil, nil, fmt.Errorf("import: %w", err)
		}
		done = func() { file.Close() }
		buffered := bufio.NewReader(file)
		if head, _ := buffered.Peek(4); bytes.Equal(head, []byte("PK\x03\x04")) {
			parts, err := openZip(file, o)
			if err != nil {
				done()
				return nil, nil, usageError("import %s: %v", name, err)
			}
			return parts, done, nil
		}
		in = buffered
	}
	list, err := lists.NewReader(in, o)
	if err != nil {
		done()
		return nil, nil, usageError("import %s: %v", name, err)
	}
	return func(yield func(importPart, error) bool) { yield(importPart{list: list}, nil) }, done, nil
}

// all imports the parts, one after the other.
func (r *importRun) all(ctx context.Context, parts func(func(importPart, error) bool)) error {
	for part, err := range parts {
		if err == nil {
			err = r.part(ctx, part)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (r *importRun) part(ctx context.Context, part importPart) error {
	label := part.name
	if label != "" {
		label += ": "
	}
	if part.list.Format() != "" {
		r.result.Format = part.list.Format()
		r.p.out.note("%san export of %s", label, part.list.Format())
	}
	if doubt := part.list.Doubt(); doubt != "" {
		r.p.out.note("%s%s", label, doubt)
	}
	known := len(part.list.Unknown())
	if known > 0 {
		r.p.out.note("%scolumns that are not used: %s", label, strings.Join(part.list.Unknown(), ", "))
	}
	err := r.rows(ctx, part)
	if more := part.list.Unknown()[known:]; len(more) > 0 {
		r.p.out.note("%sfields that are not used: %s", label, strings.Join(more, ", "))
	}
	for _, name := range part.list.Unknown() {
		if !slices.Contains(r.result.Unused, name) {
			r.result.Unused = append(r.result.Unused, name)
		}
	}
	return err
}

// rows stores a part's rows, while those that come next are read already.
func (r *importRun) rows(ctx context.Context, part importPart) error {
	for rows := range ahead(r.read(part)) {
		r.result.Rows += rows.count
		for _, row := range rows.refused {
			r.refuse(part.name, row)
		}
		if err := errors.Join(r.store(ctx, rows.taken), rows.err); err != nil {
			return err
		}
	}
	return nil
}

// someRows are the rows of one transaction, as they were read.
type someRows struct {
	count   int
	taken   []subscribers.Imported
	refused []refusedRow
	err     error // why there are no more
}

type refusedRow struct {
	lists.Row
	reason error
}

func (r *importRun) read(part importPart) iter.Seq[someRows] {
	return func(yield func(someRows) bool) {
		for more := true; more; {
			var rows someRows
			if rows, more = r.readSome(part.list); !yield(rows) {
				return
			}
		}
	}
}

func (r *importRun) readSome(list *lists.Reader) (rows someRows, more bool) {
	for len(rows.taken) < importChunk && len(rows.refused) < importChunk {
		row, err := list.Read()
		if errors.Is(err, io.EOF) {
			return rows, false
		}
		if fatal, ok := errors.AsType[*lists.Error](err); ok {
			rows.err = fatal
			return rows, false
		}
		rows.count++
		if err == nil {
			row.Basis = r.basis
			row.Imported, err = r.registry.Check(row.Imported)
		}
		if err != nil {
			rows.refused = append(rows.refused, refusedRow{row, err})
			continue
		}
		rows.taken = append(rows.taken, row.Imported)
	}
	return rows, true
}

// ahead is a sequence whose next value is made while the one before is used. It ends
// only after what makes them has.
func ahead[T any](values iter.Seq[T]) iter.Seq[T] {
	return func(yield func(T) bool) {
		next, enough, ended := make(chan T), make(chan struct{}), make(chan struct{})
		go func() {
			defer close(ended)
			defer close(next)
			for v := range values {
				select {
				case next <- v:
				case <-enough:
					return
				}
			}
		}()
		defer func() { close(enough); <-ended }()
		for v := range next {
			if !yield(v) {
				return
			}
		}
	}
}
