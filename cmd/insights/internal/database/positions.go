package database

import (
	"context"
	"database/sql"
	"errors"

	"github.com/scaledbydesign/insights/newsletter"
)

// Positions are interned: many readers share one.

func intern(ctx context.Context, tx *sql.Tx, p newsletter.Position) (id int64, err error) {
	vector := p.String()
	err = tx.QueryRowContext(ctx, "SELECT id FROM positions WHERE vector = ?1", vector).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		err = tx.QueryRowContext(ctx, `INSERT INTO positions (vector) VALUES (?1)
			ON CONFLICT (vector) DO UPDATE SET vector = excluded.vector RETURNING id`, vector).Scan(&id)
	}
	return id, err
}

func position(ctx context.Context, q querier, id int64) (newsletter.Position, error) {
	var vector string
	if err := q.QueryRowContext(ctx, "SELECT vector FROM positions WHERE id = ?1", id).Scan(&vector); err != nil {
		return nil, err
	}
	return newsletter.ParsePosition(vector)
}

// received moves a reader's position from base to target, or, if it has moved
// meanwhile, to the maximum of both.
func received(ctx context.Context, tx *sql.Tx, subscriber, base, target int64) error {
	n, err := affected(tx.ExecContext(ctx, "UPDATE subscribers SET position_id = ?3 WHERE id = ?1 AND position_id = ?2", subscriber, base, target))
	if err != nil || n == 1 {
		return err
	}
	var current int64
	err = tx.QueryRowContext(ctx, "SELECT position_id FROM subscribers WHERE id = ?1 /*pg FOR UPDATE */", subscriber).Scan(&current)
	if errors.Is(err, sql.ErrNoRows) {
		return nil // erased meanwhile
	}
	if err != nil {
		return err
	}
	is, err := position(ctx, tx, current)
	if err != nil {
		return err
	}
	to, err := position(ctx, tx, target)
	if err != nil {
		return err
	}
	merged, err := intern(ctx, tx, is.Merge(to))
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, "UPDATE subscribers SET position_id = ?2 WHERE id = ?1", subscriber, merged)
	return err
}

// startPosition is newsletter.StartPosition for the stored insights.
func startPosition(ctx context.Context, tx *sql.Tx, categories []string, n int) (newsletter.Position, error) {
	head, err := headOf(ctx, tx)
	if err != nil {
		return nil, err
	}
	var sequence []newsletter.Numbered
	err = each(ctx, tx, func(rows *sql.Rows) error {
		var in newsletter.Numbered
		err := rows.Scan(&in.InsightID, &in.Seq, &in.Category, &in.Email)
		sequence = append(sequence, in)
		return err
	}, "SELECT id, seq, category, email FROM insights WHERE seq IS NOT NULL AND withdrawn_at = 0 ORDER BY seq DESC")
	return newsletter.StartPosition(sequence, head, categories, n), err
}

// startLater records that a reader was confirmed before any insight was numbered, so
// that their first digest does not carry everything: startEarly sets their position. It
// reports whether there are numbered insights.
func startLater(ctx context.Context, tx *sql.Tx, subscriber int64, n int) (numbered bool, err error) {
	if numbered, err = numberedAlready(ctx, tx); numbered || err != nil {
		return numbered, err
	}
	_, err = tx.ExecContext(ctx, "UPDATE subscribers SET start_with = ?2 WHERE id = ?1", subscriber, n)
	return false, err
}

// numberedAlready reports whether there are numbered insights. The first are numbered
// either before this, and seen here, or after the transaction, and then startEarly sees
// its readers.
func numberedAlready(ctx context.Context, tx *sql.Tx) (bool, error) {
	var head int64
	err := tx.QueryRowContext(ctx, "SELECT value FROM counters WHERE name = 'sequence' /*pg FOR SHARE */").Scan(&head)
	return head > 0, err
}

// startEarly gives readers who were confirmed before the first insights the position of
// a new reader.
func startEarly(ctx context.Context, tx *sql.Tx) error {
	type group struct {
		mask, position int64
		startWith      int
	}
	var groups []group
	err := each(ctx, tx, func(rows *sql.Rows) error {
		var g group
		err := rows.Scan(&g.mask, &g.position, &g.startWith)
		groups = append(groups, g)
		return err
	}, "SELECT DISTINCT categories, position_id, start_with FROM subscribers WHERE start_with >= 0")
	if err != nil || len(groups) == 0 {
		return err
	}
	b, err := readBits(ctx, tx)
	if err != nil {
		return err
	}
	for _, g := range groups {
		start, err := startPosition(ctx, tx, b.slugs(g.mask), g.startWith)
		if err != nil {
			return err
		}
		was, err := position(ctx, tx, g.position)
		if err != nil {
			return err
		}
		to, err := intern(ctx, tx, was.Merge(start))
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, "UPDATE subscribers SET position_id = ?4, start_with = -1 WHERE start_with = ?3 AND start_with >= 0 AND categories = ?1 AND position_id = ?2",
			g.mask, g.position, g.startWith, to)
		if err != nil {
			return err
		}
	}
	return nil
}

// headOf returns the highest sequence number assigned so far.
func headOf(ctx context.Context, q querier) (head int64, err error) {
	err = q.QueryRowContext(ctx, "SELECT value FROM counters WHERE name = 'sequence'").Scan(&head)
	return head, err
}
