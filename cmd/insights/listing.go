package main

import (
	"iter"

	"github.com/spf13/cobra"

	"github.com/scaledbydesign/insights/cmd/insights/internal/console"
)

// page is how many rows a person looks at, and how many are laid out together.
const page = 1000

// long is a list that may have a million rows, which are written as they are read.
type long[T any] struct {
	header   []string
	document func(T) any // under --json
	row      func(T) []string
	none     string // said when there are none
	more     string // said when there are more than were to be shown
}

// limitFlag adds --limit to the command of a long list.
func limitFlag(cmd *cobra.Command, limit *int) {
	cmd.Flags().IntVar(limit, "limit", 0, "show at most this `number`; 0 = all (default: all, or 1000 on a terminal)")
}

// limitOf is how many rows to show: a person at a terminal who names no number looks at a
// page of them.
func (p *program) limitOf(cmd *cobra.Command, limit int) (int, error) {
	if limit < 0 {
		return 0, usageError("--limit can't be negative")
	}
	if !cmd.Flags().Changed("limit") && !p.out.JSON && p.out.Width() > 0 {
		return page, nil
	}
	return limit, nil
}

// write writes up to so many values, 0 = all.
func (l long[T]) write(out *console.Console, values iter.Seq2[T, error], limit int) error {
	list, header := out.List(), l.header
	var rows [][]string
	shown, more := 0, false
	for v, err := range values {
		if err != nil {
			return err
		}
		if more = limit > 0 && shown == limit; more {
			break
		}
		shown++
		if list.Add(l.document(v)) {
			continue
		}
		rows = append(rows, l.row(v))
		if len(rows) == page {
			out.Table(header, rows)
			header, rows = nil, nil
		}
	}
	if done, err := list.End(); done {
		return err
	}
	if shown == 0 {
		out.Line("%s", l.none)
		return nil
	}
	if len(rows) > 0 {
		out.Table(header, rows)
	}
	if more {
		out.Note("there are more: %s", l.more)
	}
	return nil
}

// byName makes counts into a JSON object.
func byName[K ~string](counts map[K]int) map[string]int {
	named := make(map[string]int, len(counts))
	for k, n := range counts {
		named[string(k)] = n
	}
	return named
}
