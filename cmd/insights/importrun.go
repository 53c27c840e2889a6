package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/scaledbydesign/insights/subscribers"
)

// importJSON is what an import did.
type importJSON struct {
	Format    string        `json:"format,omitempty"` // whose export it is, if not our own
	Rows      int           `json:"rows"`             // without the header
	Added     int           `json:"added"`
	Changed   int           `json:"changed"`
	Unchanged int           `json:"unchanged"`
	Kept      int           `json:"kept"` // what is on record holds against the file
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
	importChunk  = 20_000 // rows in one transaction
	mostRefused  = 1000   // lines that are kept, for --json
	shownRefused = 20
)

// importRun is one import under way.
type importRun struct {
	p        *program
	registry *subscribers.Registry
	basis    string
	result   importJSON
	pending  int // among those added
	began    time.Time
	shown    time.Time
}

func (r *importRun) refuse(file string, row refusedRow) {
	r.result.Failed++
	if len(r.result.Refused) < mostRefused {
		r.result.Refused = append(r.result.Refused, refusedJSON{File: file, Line: row.Line, Email: row.Email, Reason: row.reason.Error()})
	}
}

// store stores rows, all of them or none.
func (r *importRun) store(ctx context.Context, rows []subscribers.Imported) error {
	if len(rows) == 0 {
		return nil
	}
	if r.began.IsZero() {
		r.began, r.shown = time.Now(), time.Now()
	}
	outcomes, err := r.registry.Import(ctx, rows, r.result.DryRun)
	if err != nil && ctx.Err() != nil {
		err = errors.New("interrupted")
	}
	if err != nil {
		r.result.Rows -= len(rows) // they are as if never read
		return err
	}
	for i, outcome := range outcomes {
		switch outcome {
		case subscribers.Added:
			r.result.Added++
			if rows[i].Status == subscribers.Pending {
				r.pending++
			}
		case subscribers.Changed:
			r.result.Changed++
		case subscribers.Unchanged:
			r.result.Unchanged++
		case subscribers.Kept:
			r.result.Kept++
		}
	}
	r.progress()
	return nil
}

// progress shows how far it is: often on a terminal, else a line now and then.
func (r *importRun) progress() {
	every, form := 10*time.Second, "%s, %s a second\n"
	if isTerminal(r.p.out.stderr) {
		every, form = 200*time.Millisecond, "\r\x1b[K%s, %s a second\r"
	}
	if time.Since(r.shown) < every {
		return
	}
	r.shown = time.Now()
	fmt.Fprintf(r.p.out.stderr, form, count(r.result.Rows, "row"), thousands(int(float64(r.result.Rows)/time.Since(r.began).Seconds())))
}

func (p *program) showImport(result importJSON, failure error) error {
	err := failure
	switch {
	case failure != nil && result.DryRun:
		err = fmt.Errorf("the dry run ended early: %w", failure)
	case failure != nil && result.Added+result.Changed > 0:
		err = &coded{fmt.Errorf("the import ended early; what came before is stored: import the same file again, and it goes on from there: %w", failure), exitPartly, false}
	case failure != nil:
		err = fmt.Errorf("the import ended early, and has stored nothing: %w", failure)
	case result.Failed > 0 && result.DryRun:
		err = &coded{fmt.Errorf("%s can't be taken", count(result.Failed, "line")), exitProblems, false}
	case result.Failed > 0:
		err = &coded{fmt.Errorf("%s could not be taken; mend them and import the file again", count(result.Failed, "line")), exitPartly, false}
	}
	if done, writeErr := p.out.document(result); done {
		return errors.Join(writeErr, err)
	}
	for i, r := range result.Refused {
		if i == shownRefused {
			p.out.note("and %s more: --json lists them", thousands(result.Failed-shownRefused))
			break
		}
		file := ""
		if r.File != "" {
			file = strings.Map(printable, r.File) + ", "
		}
		p.out.note("%sline %d: %s: %s", file, r.Line, strings.Map(printable, dash(r.Email)), strings.Map(printable, r.Reason))
	}
	would := ""
	if result.DryRun {
		would = "would be: "
	}
	p.out.line("%s%s: %s added, %s changed, %s unchanged, %s kept as on record, %s refused", would, count(result.Rows, "row"),
		thousands(result.Added), thousands(result.Changed), thousands(result.Unchanged), thousands(result.Kept), thousands(result.Failed))
	return err
}
