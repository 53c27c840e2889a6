package database

import (
	"context"
	"database/sql"
	"iter"
)

// querier is a pool or a transaction.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}

// each runs scan on every row of a query.
func each(ctx context.Context, q querier, scan func(*sql.Rows) error, query string, args ...any) error {
	rows, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// stream yields what scan makes of every row of a query, and ends with the first error.
// The rows are read before the first is yielded: whoever takes them may be slow, such as
// a person who reads them page by page, and an open query keeps SQLite's WAL from being
// emptied. For those that may be many there is paged.
func stream[T any](ctx context.Context, q querier, scan func(*sql.Rows) (T, error), query string, args ...any) iter.Seq2[T, error] {
	return paged(ctx, q, scan, func(last *T) (string, []any, bool) { return query, args, last == nil })
}

// paged yields the rows of one query after the other, each read before its first row is
// yielded, as stream does. next is given the last row of the query before, nil at the
// start; more is false at the end.
func paged[T any](ctx context.Context, q querier, scan func(*sql.Rows) (T, error), next func(last *T) (query string, args []any, more bool)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var last *T
		for {
			query, args, more := next(last)
			if !more {
				return
			}
			var page []T
			err := each(ctx, q, func(rows *sql.Rows) error {
				value, err := scan(rows)
				if err == nil {
					page = append(page, value)
				}
				return err
			}, query, args...)
			for _, value := range page {
				if !yield(value, nil) {
					return
				}
			}
			switch {
			case err != nil:
				yield(*new(T), explain(err))
				return
			case len(page) == 0:
				return
			}
			last = &page[len(page)-1]
		}
	}
}

// failed yields an error alone.
func failed[T any](err error) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) { yield(*new(T), explain(err)) }
}

// affected is how many rows a statement changed.
func affected(result sql.Result, err error) (int64, error) {
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}
