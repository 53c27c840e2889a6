package database

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"sync"
)

// storedTogether are the numbers of rows of one INSERT in SQLite, so that few
// statements are prepared.
var storedTogether = []int{100, 10, 1}

// insertRows passes each value by itself.
func (s *sqlite) insertRows(ctx context.Context, tx *sql.Tx, into string, width int, values []any) error {
	for len(values) > 0 {
		rows := groupSize(storedTogether, len(values)/width)
		group := values[:rows*width]
		values = values[len(group):]
		if _, err := tx.ExecContext(ctx, into+tuples(shape{rows, width}), group...); err != nil {
			return err
		}
	}
	return nil
}

// insertRows passes each column as an array: to read thousands of parameters takes
// longer than to store what they say.
func (p *postgres) insertRows(ctx context.Context, tx *sql.Tx, into string, width int, values []any) error {
	columns, kinds := make([]any, width), make([]string, width)
	for c := range width {
		kind := text
		switch values[c].(type) {
		case string:
			columns[c] = columnOf[string](values, c, width)
		case int64:
			columns[c], kind = columnOf[int64](values, c, width), integer
		default:
			return fmt.Errorf("insert a %T", values[c])
		}
		kinds[c] = fmt.Sprintf("CAST(?%d AS %s[])", c+1, kind)
	}
	_, err := tx.ExecContext(ctx, into+"SELECT * FROM unnest("+strings.Join(kinds, ", ")+")", columns...)
	return err
}

// columnOf is every width-th of the values, from the one at first.
func columnOf[T any](values []any, first, width int) []T {
	column := make([]T, 0, len(values)/width)
	for i := first; i < len(values); i += width {
		column = append(column, values[i].(T))
	}
	return column
}

// shape is that of the rows of a statement.
type shape struct{ rows, width int }

var tupleTexts sync.Map // of shapes

// tuples is "VALUES (?1, ?2), (?3, ?4)".
func tuples(s shape) string {
	if text, ok := tupleTexts.Load(s); ok {
		return text.(string)
	}
	list := make([]string, s.rows)
	for i := range list {
		list[i] = "(" + tuple(i*s.width, s.width) + ")"
	}
	text := "VALUES " + strings.Join(list, ", ")
	tupleTexts.Store(s, text)
	return text
}
