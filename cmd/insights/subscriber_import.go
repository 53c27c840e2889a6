package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/scaledbydesign/insights/cmd/insights/internal/app"
	"github.com/scaledbydesign/insights/cmd/insights/internal/console"
	"github.com/scaledbydesign/insights/subscribers/lists"
)

func subscriberImportCommand(p *program) *cobra.Command {
	var basis string
	var dryRun bool
	cmd := &cobra.Command{
		Use: "import FILE", Short: "Import subscribers from CSV or JSON; sends no email", Args: cobra.ExactArgs(1),
		Long: `Import subscribers from a file (- reads standard input). No email is sent, not
even to pending subscribers.

Our own format is CSV with a header line, or JSON, as an array or one object per
line, with email and status, and optionally cadence, categories (slugs, or * for
all), name, confirmed_at, source and reason: what "subscriber export" writes.

Other formats are recognized by their columns: the CSV of listmonk, Mailchimp
(also the zip of an audience), Buttondown, Ghost and Substack. Their readers get
all categories, weekly. Only those who clearly agreed are confirmed. Those who
unsubscribed there are unsubscribed; those who bounced, complained or were
blocked are suppressed; all others are pending, unless --basis says why we may
email them. Pending readers who do not confirm are erased after a week, like any
sign-up.

A column that says who may not be emailed, such as email_disabled or
do_not_email, has the last word in any list. A day that may be two, such as
03/04/2026, is refused with both readings.

Existing records are never weakened: unsubscribed and suppressed addresses stay
so, and readers keep their own choices. Lines that can't be imported are listed;
all others are imported. Importing the same file again changes nothing, so after
an interruption, import it again from the start.`,
		RunE: p.withApp(func(ctx context.Context, a *app.App, args []string) error {
			return importFile(ctx, p.out, a, args[0], basis, dryRun)
		}),
	}
	cmd.Flags().StringVar(&basis, "basis", "", "why we may email them, kept as evidence (default: the file's name)")
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "only say what would be done")
	cmd.Flags().Bool("yes", false, "not needed: no confirmation is asked for")
	return cmd
}

// importJSON is what an import did.
type importJSON struct {
	Format    string        `json:"format,omitempty"` // whose export it is, if not our own
	Rows      int           `json:"rows"`             // without the header
	Added     int           `json:"added"`
	Changed   int           `json:"changed"`
	Unchanged int           `json:"unchanged"`
	Kept      int           `json:"kept"` // the existing record takes precedence
	Failed    int           `json:"failed"`
	Unused    []string      `json:"unused_columns"`
	Refused   []refusedJSON `json:"refused"` // the first thousand of the failed
	DryRun    bool          `json:"dry_run,omitempty"`
}

type refusedJSON struct {
	File   string `json:"file,omitempty"` // of a zip
	Line   int    `json:"line"`
	Email  string `json:"email"`
	Reason string `json:"reason"`
}

const (
	mostRefused  = 1000 // lines that are kept, for --json
	shownRefused = 20
)

func importFile(ctx context.Context, out *console.Console, a *app.App, name, basis string, dryRun bool) error {
	in, err := openInput(out, name)
	if err != nil {
		return err
	}
	defer in.Close()
	parts, err := lists.Open(in, lists.Options{Name: name, Vouched: strings.TrimSpace(basis) != ""})
	if err != nil {
		return usageError("import %s: %v", name, err)
	}
	a.RenameCategories(ctx)
	result := importJSON{DryRun: dryRun, Unused: []string{}, Refused: []refusedJSON{}}
	rows := out.Rows()
	run := lists.Import{
		Registry: a.Registry, Basis: cmp.Or(basis, "import of "+filepath.Base(name)), DryRun: dryRun,
		Refused: func(part string, row lists.Row, reason error) {
			if len(result.Refused) < mostRefused {
				result.Refused = append(result.Refused, refusedJSON{File: part, Line: row.Line, Email: row.Email, Reason: reason.Error()})
			}
		},
		Stored: func(c lists.Counts) { rows.Show(c.Rows) },
	}
	for part, err := range parts {
		if err == nil {
			err = importPart(ctx, out, &run, part, &result)
		}
		if err != nil {
			return showImport(out, run.Counts, result, err)
		}
	}
	return showImport(out, run.Counts, result, nil)
}

// importPart imports a part of a file, and says what it is.
func importPart(ctx context.Context, out *console.Console, run *lists.Import, part lists.Part, result *importJSON) error {
	label, list := part.Name, part.List
	if label != "" {
		label += ": "
	}
	if list.Format() != "" {
		result.Format = list.Format()
		out.Note("%san export of %s", label, list.Format())
	}
	if doubt := list.Doubt(); doubt != "" {
		out.Note("%s%s", label, doubt)
	}
	known := len(list.Unknown())
	if known > 0 {
		out.Note("%signored columns: %s", label, strings.Join(list.Unknown(), ", "))
	}
	err := run.Run(ctx, part.Name, list)
	if more := list.Unknown()[known:]; len(more) > 0 {
		out.Note("%signored fields: %s", label, strings.Join(more, ", "))
	}
	for _, name := range list.Unknown() {
		if !slices.Contains(result.Unused, name) {
			result.Unused = append(result.Unused, name)
		}
	}
	return err
}

func showImport(out *console.Console, n lists.Counts, result importJSON, failure error) error {
	result.Rows, result.Added, result.Changed, result.Unchanged, result.Kept, result.Failed = n.Rows, n.Added, n.Changed, n.Unchanged, n.Kept, n.Failed
	if n.Pending > 0 && !result.DryRun {
		out.Note("%s: an import sends no email, and those who do not confirm are erased after a week; to ask one to confirm: insights subscriber resend-confirm ADDR", console.Count(n.Pending, "pending reader"))
	}
	err := failure
	switch {
	case failure != nil && result.DryRun:
		err = fmt.Errorf("the dry run stopped early: %w", failure)
	case failure != nil && result.Added+result.Changed > 0:
		err = partly(fmt.Errorf("the import stopped early; what came before is stored, so import the same file again to continue: %w", failure))
	case failure != nil:
		err = fmt.Errorf("the import stopped early and stored nothing: %w", failure)
	case result.Failed > 0 && result.DryRun:
		err = &problems{fmt.Errorf("%s can't be imported", console.Count(result.Failed, "line"))}
	case result.Failed > 0:
		err = partly(fmt.Errorf("%s could not be imported; correct them and import the file again", console.Count(result.Failed, "line")))
	}
	if out.JSON {
		return errors.Join(out.Document(result), err)
	}
	for i, r := range result.Refused {
		if i == shownRefused {
			out.Note("and %s more: --json lists them", console.Thousands(result.Failed-shownRefused))
			break
		}
		file := ""
		if r.File != "" {
			file = console.OneLine(r.File) + ", "
		}
		out.Note("%sline %d: %s: %s", file, r.Line, console.OneLine(console.Dash(r.Email)), console.OneLine(r.Reason))
	}
	would := ""
	if result.DryRun {
		would = "would be: "
	}
	out.Line("%s%s: %s added, %s changed, %s unchanged, %s kept, %s refused", would, console.Count(result.Rows, "row"),
		console.Thousands(result.Added), console.Thousands(result.Changed), console.Thousands(result.Unchanged), console.Thousands(result.Kept), console.Thousands(result.Failed))
	return err
}

// openInput opens a file; - or "" is standard input.
func openInput(out *console.Console, name string) (io.ReadCloser, error) {
	if name == "-" || name == "" {
		return io.NopCloser(out.In), nil
	}
	return os.Open(name)
}
