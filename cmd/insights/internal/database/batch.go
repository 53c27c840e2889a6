package database

import (
	"context"
	"database/sql"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// A batch is an UPDATE that is made for several rows of values. It is written as if
// they stood in a table v: `UPDATE … FROM v WHERE …`. For one row, values stand in
// the place of v's columns. For several, v is a list of VALUES: that saves round
// trips to a server, while inside the process it would cost more than it saves,
// since SQLite makes a table of its own for each such statement, and one more for
// RETURNING.
type batch struct {
	columns []column
	key     int    // so many of the first columns tell rows apart; they are integers
	fixed   int    // parameters before the rows': ?1 to ?fixed
	text    string // of the statement, with a line that ends in FROM v
	many    bool   // several rows are worth a statement on every engine

	mu    sync.Mutex
	texts map[int]string // by number of rows
}

// column is a column of the table v, with the type that PostgreSQL wants to know.
type column struct{ name, kind string }

const (
	integer = "BIGINT"
	words   = "TEXT"
)

// Rows are passed in groups of a few sizes, so that few statements are prepared. A
// group that is not full is filled up with rows that are nobody's: their key is 0.
var (
	oneByOne = []int{1}
	inGroups = []int{1, 4, 16, 64}
)

// statement is the text for a number of rows.
func (b *batch) statement(rows int) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	if text, ok := b.texts[rows]; ok {
		return text
	}
	if b.texts == nil {
		b.texts = make(map[int]string)
	}
	b.texts[rows] = b.compose(rows)
	return b.texts[rows]
}

func (b *batch) compose(rows int) string {
	value := func(row, i int) string {
		p := "?" + strconv.Itoa(b.fixed+row*len(b.columns)+i+1)
		if row > 0 {
			return p
		}
		return "CAST(" + p + " AS " + b.columns[i].kind + ")" // the first row gives the columns their types
	}
	if rows == 1 {
		text := strings.Replace(b.text, " FROM v\n", "\n", 1)
		for i, c := range b.columns {
			text = strings.ReplaceAll(text, "v."+c.name, value(0, i))
		}
		return text
	}
	names := make([]string, len(b.columns))
	for i, c := range b.columns {
		names[i] = c.name
	}
	tuples := make([]string, rows)
	for row := range rows {
		values := make([]string, len(b.columns))
		for i := range b.columns {
			values[i] = value(row, i)
		}
		tuples[row] = "(" + strings.Join(values, ", ") + ")"
	}
	text := "WITH v (" + strings.Join(names, ", ") + ") AS (VALUES " + strings.Join(tuples, ", ") + ") " + b.text
	if b.key > 0 {
		text += " RETURNING v." + strings.Join(names[:b.key], ", v.")
	}
	return text
}

// run makes a batch for rows, whose values args appends, and calls unchanged, if it
// is not nil, with each row that had nothing to change.
func run[R any](ctx context.Context, db *DB, tx *sql.Tx, b *batch, fixed []any, rows []R, args func([]any, R) []any, unchanged func(R) error) error {
	sizes := db.engine.batchSizes()
	if b.many {
		sizes = inGroups
	}
	for len(rows) > 0 {
		size := sizes[len(sizes)-1]
		if i := slices.IndexFunc(sizes, func(size int) bool { return size >= len(rows) }); i >= 0 {
			size = sizes[i]
		}
		group := rows[:min(size, len(rows))]
		rows = rows[len(group):]
		values := make([]any, len(fixed), len(fixed)+size*len(b.columns))
		copy(values, fixed)
		for _, row := range group {
			values = args(values, row)
		}
		for range size - len(group) {
			var nobody R
			values = args(values, nobody)
		}
		if err := runGroup(ctx, tx, b, size, values, group, unchanged); err != nil {
			return err
		}
	}
	return nil
}

func runGroup[R any](ctx context.Context, tx *sql.Tx, b *batch, size int, values []any, rows []R, unchanged func(R) error) error {
	if size == 1 || b.key == 0 {
		n, err := affected(tx.ExecContext(ctx, b.statement(size), values...))
		if err == nil && n == 0 && size == 1 && unchanged != nil {
			err = unchanged(rows[0])
		}
		return err
	}
	changed := make(map[[2]int64]bool, len(rows))
	err := each(ctx, tx, func(found *sql.Rows) error {
		var key [2]int64
		into := []any{&key[0], &key[1]}
		err := found.Scan(into[:b.key]...)
		changed[key] = true
		return err
	}, b.statement(size), values...)
	if err != nil || unchanged == nil {
		return err
	}
	for i, row := range rows {
		var key [2]int64
		for k, value := range values[b.fixed+i*len(b.columns):][:b.key] {
			key[k], _ = value.(int64)
		}
		if !changed[key] {
			if err := unchanged(row); err != nil {
				return err
			}
		}
	}
	return nil
}
