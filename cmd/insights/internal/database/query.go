package database

import (
	"context"
	"database/sql"
	"errors"
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
func stream[T any](ctx context.Context, q querier, scan func(*sql.Rows) (T, error), query string, args ...any) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		stopped := errors.New("the caller has seen enough")
		err := each(ctx, q, func(rows *sql.Rows) error {
			value, err := scan(rows)
			if err == nil && !yield(value, nil) {
				err = stopped
			}
			return err
		}, query, args...)
		if err != nil && err != stopped {
			yield(*new(T), explain(err))
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
