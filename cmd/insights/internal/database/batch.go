package database

import (
	"context"
	"database/sql"
	"strconv"
	"strings"
	"sync"
)

// A batch is a statement that does for several rows what it would do for one. Its
// rows stand in it as a table, `WITH v (columns) AS (VALUES …)`, which both engines
// take. Rows are passed in groups of a few sizes, so that few texts are prepared.
type batch struct {
	columns []column
	fixed   int    // parameters before the rows': ?1 to ?fixed
	rest    string // of the statement, after the table v

	mu    sync.Mutex
	texts map[int]string // by number of rows
}

// column is a column of the table v. PostgreSQL wants to know its type.
type column struct{ name, kind string }

const (
	integer = "BIGINT"
	text    = "TEXT"
)

// sizes are the numbers of rows that a statement is prepared for.
var sizes = [...]int{64, 16, 4, 1}

// statement is the text for a number of rows.
func (b *batch) statement(rows int) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	if text, ok := b.texts[rows]; ok {
		return text
	}
	var s strings.Builder
	s.WriteString("WITH v (")
	for i, c := range b.columns {
		if i > 0 {
			s.WriteString(", ")
		}
		s.WriteString(c.name)
	}
	s.WriteString(") AS (VALUES ")
	n := b.fixed
	for row := range rows {
		if row > 0 {
			s.WriteString(", ")
		}
		for i, c := range b.columns {
			n++
			s.WriteString([]string{"(", ", "}[min(i, 1)])
			if row == 0 { // the first row gives the columns their types
				s.WriteString("CAST(?" + strconv.Itoa(n) + " AS " + c.kind + ")")
			} else {
				s.WriteString("?" + strconv.Itoa(n))
			}
		}
		s.WriteString(")")
	}
	s.WriteString(") " + b.rest)
	if b.texts == nil {
		b.texts = make(map[int]string)
	}
	b.texts[rows] = s.String()
	return b.texts[rows]
}

// run runs the statement over rows, whose values args writes; scan reads what it
// returns.
func run[R any](ctx context.Context, tx *sql.Tx, b *batch, fixed []any, rows []R, args func(R, []any) []any, scan func(*sql.Rows) error) error {
	for len(rows) > 0 {
		size := sizes[len(sizes)-1]
		for _, s := range sizes {
			if len(rows) >= s {
				size = s
				break
			}
		}
		values := make([]any, len(fixed), len(fixed)+size*len(b.columns))
		copy(values, fixed)
		for _, row := range rows[:size] {
			values = args(row, values)
		}
		if err := each(ctx, tx, scan, b.statement(size), values...); err != nil {
			return err
		}
		rows = rows[size:]
	}
	return nil
}
