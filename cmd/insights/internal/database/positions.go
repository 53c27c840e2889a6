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

// received moves a reader's position from base to target; if it has changed meanwhile,
// by the same step from where it is.
func received(ctx context.Context, tx *sql.Tx, subscriber, base, target int64) error {
	n, err := affected(tx.ExecContext(ctx, "UPDATE subscribers SET position_id = ?3 WHERE id = ?1 AND position_id = ?2", subscriber, base, target))
	if err != nil || n == 1 {
		return err
	}
	from, err := position(ctx, tx, base)
	if err != nil {
		return err
	}
	to, err := position(ctx, tx, target)
	if err != nil {
		return err
	}
	return movePosition(ctx, tx, subscriber, func(is newsletter.Position) newsletter.Position { return is.Apply(from, to) })
}

// movePosition changes a reader's position, if they are not erased.
func movePosition(ctx context.Context, tx *sql.Tx, subscriber int64, move func(newsletter.Position) newsletter.Position) error {
	var current int64
	err := tx.QueryRowContext(ctx, "SELECT position_id FROM subscribers WHERE id = ?1 /*pg FOR UPDATE */", subscriber).Scan(&current)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	if err != nil {
		return err
	}
	is, err := position(ctx, tx, current)
	if err != nil {
		return err
	}
	moved, err := intern(ctx, tx, move(is))
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, "UPDATE subscribers SET position_id = ?2 WHERE id = ?1", subscriber, moved)
	return err
}

// lose makes holes of what an email of a digest carried: its reader does not have it.
func lose(ctx context.Context, tx *sql.Tx, digest int64, variant int, subscriber int64) error {
	items, err := itemsOf(ctx, tx, digest, variant)
	if err != nil {
		return err
	}
	return movePosition(ctx, tx, subscriber, func(is newsletter.Position) newsletter.Position {
		for _, item := range items {
			is = is.Lose(item.Category, item.Seq)
		}
		return is
	})
}

// receive fills the holes that an email of a digest, sent once more, brings its reader.
func receive(ctx context.Context, tx *sql.Tx, digest int64, variant int, subscriber int64) error {
	items, err := itemsOf(ctx, tx, digest, variant)
	if err != nil {
		return err
	}
	return movePosition(ctx, tx, subscriber, func(is newsletter.Position) newsletter.Position {
		for _, item := range items {
			is = is.Receive(item.Category, item.Seq)
		}
		return is
	})
}

// itemsOf returns what a variant of a digest carries.
func itemsOf(ctx context.Context, q querier, digest int64, variant int) ([]newsletter.Item, error) {
	found, err := bareDigests(ctx, q, "d.id = ?1", digest)
	if err != nil || len(found) == 0 {
		return nil, err
	}
	v, err := scanVariant(q.QueryRowContext(ctx, "SELECT number, seqs, readers FROM variants WHERE digest_id = ?1 AND number = ?2", digest, variant).Scan)
	return found[0].ItemsOf(v), err
}

// startPosition is newsletter.StartPosition for the stored insights.
func startPosition(ctx context.Context, tx *sql.Tx, categories []string, n int) (newsletter.Position, error) {
	head, err := headOf(ctx, tx)
	if err != nil {
		return nil, err
	}
	numbered, err := sequence(ctx, tx, "ORDER BY seq DESC")
	return newsletter.StartPosition(numbered, head, categories, n), err
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
