package database

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// A batch is one statement for any number of rows of values, which its text reads as
// a table v: `UPDATE … FROM v`, `INSERT … SELECT … FROM v`, `SELECT … FROM v JOIN …`.
//
// On PostgreSQL each column of v is an array, so the text is the same for any number of
// rows, and each batch costs one round trip. SQLite runs inside the process, where
// statements are cheap and tables of values expensive: it runs an UPDATE row by row, with
// values in place of v's columns, and everything else in groups of a few sizes, so that
// few statements are prepared.
type batch struct {
	columns []column
	key     int    // of an UPDATE: how many of the first columns, integers, identify a row
	fixed   int    // parameters before the rows': ?1 to ?fixed
	text    string // of the statement; of an UPDATE, with a line that ends in FROM v

	mu    sync.Mutex
	texts map[int]string // by number of rows; 0 = arrays
}

// column is a column of the table v.
type column struct {
	name string
	kind string // integer or text, as PostgreSQL names it
}

const (
	integer = "BIGINT"
	text    = "TEXT"
)

// columnsOf makes columns from their names, each followed by its kind.
func columnsOf(namesAndKinds ...string) (columns []column) {
	for i := 0; i < len(namesAndKinds); i += 2 {
		columns = append(columns, column{namesAndKinds[i], namesAndKinds[i+1]})
	}
	return columns
}

// arrays is the key of texts for PostgreSQL.
const arrays = 0

func (b *batch) statement(rows int) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.texts == nil {
		b.texts = make(map[int]string)
	}
	s, ok := b.texts[rows]
	if !ok {
		s = b.compose(rows)
		b.texts[rows] = s
	}
	return s
}

func (b *batch) compose(rows int) string {
	names := make([]string, len(b.columns))
	for i, c := range b.columns {
		names[i] = c.name
	}
	parameter := func(i int) string { return "?" + strconv.Itoa(b.fixed+i+1) }
	var values string
	switch {
	case rows == arrays:
		lists := make([]string, len(names))
		for i, c := range b.columns {
			lists[i] = "CAST(" + parameter(i) + " AS " + c.kind + "[])"
		}
		values = "SELECT * FROM unnest(" + strings.Join(lists, ", ") + ")"
	case rows == 1 && b.key > 0:
		parameter = func(i int) string { return "CAST(?" + strconv.Itoa(b.fixed+i+1) + " AS " + b.columns[i].kind + ")" }
		order := make([]int, len(names)) // the longest name first: one may begin with another
		for i := range order {
			order[i] = i
		}
		slices.SortStableFunc(order, func(i, j int) int { return len(names[j]) - len(names[i]) })
		s := strings.Replace(b.text, " FROM v\n", "\n", 1)
		for _, i := range order {
			s = strings.ReplaceAll(s, "v."+names[i], parameter(i))
		}
		return s
	default:
		tuples := make([]string, rows)
		for row := range tuples {
			list := make([]string, len(names))
			for i := range list {
				list[i] = parameter(row*len(names) + i)
			}
			tuples[row] = "(" + strings.Join(list, ", ") + ")"
		}
		values = "VALUES " + strings.Join(tuples, ", ")
	}
	if into, ok := strings.CutSuffix(b.text, "SELECT * FROM v"); ok && rows != arrays {
		return into + values
	}
	s := "WITH v (" + strings.Join(names, ", ") + ") AS (" + values + ") " + b.text
	if b.key > 0 {
		s += " RETURNING v." + strings.Join(names[:b.key], ", v.")
	}
	return s
}

// update runs a batch that is an UPDATE for rows, whose values args appends. It calls
// unchanged, if it is not nil, with each row that had nothing to update.
func update[R any](ctx context.Context, db *DB, tx *sql.Tx, b *batch, fixed []any, rows []R, args func([]any, R) []any, unchanged func(R) error) error {
	if len(rows) == 0 {
		return nil
	}
	if db.engine.oneWriter() || len(rows) == 1 {
		values := make([]any, len(fixed), len(fixed)+len(b.columns))
		copy(values, fixed)
		for _, row := range rows {
			n, err := affected(tx.ExecContext(ctx, b.statement(1), args(values, row)...))
			if err == nil && n == 0 && unchanged != nil {
				err = unchanged(row)
			}
			if err != nil {
				return err
			}
		}
		return nil
	}
	flat := make([]any, 0, len(rows)*len(b.columns))
	for _, row := range rows {
		flat = args(flat, row)
	}
	keyOf := func(row int) (key [3]int64) {
		for i, value := range flat[row*len(b.columns):][:b.key] {
			key[i] = asInt64(value)
		}
		return key
	}
	changed := make(map[[3]int64]bool, len(rows))
	values, err := b.asArrays(fixed, flat)
	if err != nil {
		return err
	}
	err = each(ctx, tx, func(found *sql.Rows) error {
		var key [3]int64
		into := []any{&key[0], &key[1], &key[2]}
		err := found.Scan(into[:b.key]...)
		changed[key] = true
		return err
	}, b.statement(arrays), values...)
	for i := 0; err == nil && unchanged != nil && i < len(rows); i++ {
		if !changed[keyOf(i)] {
			err = unchanged(rows[i])
		}
	}
	return err
}

// store runs any other batch that writes rows, whose values args appends.
func store[R any](ctx context.Context, db *DB, tx *sql.Tx, b *batch, fixed []any, rows []R, args func([]any, R) []any) error {
	for len(rows) > 0 {
		n := len(rows)
		if db.engine.oneWriter() {
			n = groupSize(exact, n)
		}
		statement, values, err := bind(db, b, fixed, rows[:n], args)
		if err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, statement, values...); err != nil {
			return err
		}
		rows = rows[n:]
	}
	return nil
}

// find runs a batch that is a query for rows, whose values args appends. An incomplete
// group is filled up with the zero row, which matches nothing.
func find[R any](ctx context.Context, db *DB, q querier, b *batch, fixed []any, rows []R, args func([]any, R) []any, scan func(*sql.Rows) error) error {
	for len(rows) > 0 {
		group := rows
		if db.engine.oneWriter() {
			group = rows[:min(len(rows), atLeast[len(atLeast)-1])]
			size := atLeast[slices.IndexFunc(atLeast, func(size int) bool { return size >= len(group) })]
			group = append(slices.Clone(group), make([]R, size-len(group))...)
		}
		statement, values, err := bind(db, b, fixed, group, args)
		if err == nil {
			err = each(ctx, q, scan, statement, values...)
		}
		if err != nil {
			return err
		}
		rows = rows[min(len(rows), len(group)):]
	}
	return nil
}

// bind returns the statement for rows, and its arguments.
func bind[R any](db *DB, b *batch, fixed []any, rows []R, args func([]any, R) []any) (statement string, values []any, err error) {
	values = make([]any, 0, len(fixed)+len(rows)*len(b.columns))
	if db.engine.oneWriter() {
		values = append(values, fixed...)
	}
	for _, row := range rows {
		values = args(values, row)
	}
	if db.engine.oneWriter() {
		return b.statement(len(rows)), values, nil
	}
	values, err = b.asArrays(fixed, values)
	return b.statement(arrays), values, err
}

// asArrays returns the arguments of a statement for PostgreSQL: the fixed ones, and an
// array for each column of the rows in values. Parsing thousands of parameters would
// take it longer than storing them.
func (b *batch) asArrays(fixed, values []any) ([]any, error) {
	args := slices.Clone(fixed)
	rows, width := len(values)/len(b.columns), len(b.columns)
	for c, column := range b.columns {
		switch column.kind {
		case integer:
			list := make([]int64, rows)
			for row := range list {
				list[row] = asInt64(values[row*width+c])
			}
			args = append(args, list)
		case text:
			list := make([]string, rows)
			for row := range list {
				s, ok := values[row*width+c].(string)
				if !ok {
					return nil, fmt.Errorf("column %s holds a %T", column.name, values[row*width+c])
				}
				list[row] = s
			}
			args = append(args, list)
		}
	}
	return args, nil
}

// asInt64 converts a value of an integer column.
func asInt64(value any) int64 {
	switch n := value.(type) {
	case int64:
		return n
	case int:
		return int64(n)
	}
	return 0
}
