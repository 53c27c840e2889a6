package lists

import (
	"context"
	"errors"
	"io"
	"iter"

	"github.com/scaledbydesign/insights/subscribers"
)

// Import imports lists, in transactions of many rows. Its fields are set once.
type Import struct {
	Registry *subscribers.Registry
	Basis    string // the ground on which they may be mailed
	DryRun   bool   // store nothing
	// Refused, when set, is told of each row that can't be taken, by the part of a file
	// that it is in.
	Refused func(part string, row Row, reason error)
	// Stored, when set, is called after each transaction.
	Stored func(Counts)

	Counts Counts
}

// Counts is what an import did.
type Counts struct {
	Rows      int // without the header
	Added     int
	Changed   int
	Unchanged int
	Kept      int // what is on record holds against the file
	Failed    int // could not be taken
	Pending   int // among those added
}

// importChunk is how many rows are stored in one transaction.
const importChunk = 20_000

// Import imports a part of a file, "" if it is the only one. Rows are read while those
// before them are stored. After an error what was stored before stays: rows that were
// not stored are not counted.
func (r *Import) Run(ctx context.Context, part string, list *Reader) error {
	for rows := range ahead(func() (someRows, bool) { return r.readSome(list) }) {
		r.Counts.Rows += rows.count
		for _, row := range rows.refused {
			r.Counts.Failed++
			if r.Refused != nil {
				r.Refused(part, row.Row, row.reason)
			}
		}
		if err := errors.Join(r.store(ctx, rows.taken), rows.err); err != nil {
			return err
		}
	}
	return nil
}

// store stores rows, all of them or none.
func (r *Import) store(ctx context.Context, rows []subscribers.Imported) error {
	if len(rows) == 0 {
		return nil
	}
	outcomes, err := r.Registry.Import(ctx, rows, r.DryRun)
	if err != nil && ctx.Err() != nil {
		err = errors.New("interrupted")
	}
	if err != nil {
		r.Counts.Rows -= len(rows) // they are as if never read
		return err
	}
	for i, outcome := range outcomes {
		switch outcome {
		case subscribers.Added:
			r.Counts.Added++
			if rows[i].Status == subscribers.Pending {
				r.Counts.Pending++
			}
		case subscribers.Changed:
			r.Counts.Changed++
		case subscribers.Unchanged:
			r.Counts.Unchanged++
		case subscribers.Kept:
			r.Counts.Kept++
		}
	}
	if r.Stored != nil {
		r.Stored(r.Counts)
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
	Row
	reason error
}

func (r *Import) readSome(list *Reader) (rows someRows, more bool) {
	for len(rows.taken) < importChunk && len(rows.refused) < importChunk {
		row, err := list.Read()
		if errors.Is(err, io.EOF) {
			return rows, false
		}
		if fatal, ok := errors.AsType[*Error](err); ok {
			rows.err = fatal
			return rows, false
		}
		rows.count++
		if err == nil {
			row.Basis = r.Basis
			row.Imported, err = r.Registry.Check(row.Imported)
		}
		if err != nil {
			rows.refused = append(rows.refused, refusedRow{row, err})
			continue
		}
		rows.taken = append(rows.taken, row.Imported)
	}
	return rows, true
}

// ahead is a sequence whose next value is read while the one before is used. It ends
// only after what reads them has.
func ahead[T any](read func() (value T, more bool)) iter.Seq[T] {
	return func(yield func(T) bool) {
		next, enough, ended := make(chan T), make(chan struct{}), make(chan struct{})
		go func() {
			defer close(ended)
			defer close(next)
			for more := true; more; {
				var v T
				v, more = read()
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
