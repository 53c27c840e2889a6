package database

import (
	"context"
	"database/sql"
	"time"

	"github.com/scaledbydesign/insights/newsletter"
)

// Number implements newsletter.LibraryStore.
func (db *DB) Number(ctx context.Context, visible []newsletter.Visible, how newsletter.Numbering) (numbered int, next time.Time, err error) {
	// Most calls find nothing to do: find that out without a write.
	known, err := knownInsights(ctx, db.reader)
	if err != nil {
		return 0, time.Time{}, explain(err)
	}
	if r, err := newsletter.Renumber(known, visible, how, fromMillis(now())); err == nil && r.Empty() {
		return 0, r.Next, nil
	}
	err = db.write(ctx, func(tx *sql.Tx) error {
		if err := lockFor(ctx, tx, "insights"); err != nil {
			return err
		}
		known, err := knownInsights(ctx, tx)
		if err != nil {
			return err
		}
		at := now()
		r, err := newsletter.Renumber(known, visible, how, fromMillis(at))
		numbered, next = len(r.Number), r.Next
		if err != nil {
			return err
		}
		return renumber(ctx, tx, r, at)
	})
	return numbered, next, err
}

// Known implements newsletter.PresenceStore.
func (db *DB) Known(ctx context.Context) (map[string]newsletter.Known, error) {
	known, err := knownInsights(ctx, db.reader)
	return known, explain(err)
}

func knownInsights(ctx context.Context, q querier) (map[string]newsletter.Known, error) {
	known := make(map[string]newsletter.Known)
	err := each(ctx, q, func(rows *sql.Rows) error {
		var id string
		var k newsletter.Known
		var seq sql.NullInt64
		err := rows.Scan(&id, &k.Category, &k.Slug, &k.Email, &seq, instant(&k.FirstSeen), instant(&k.Withdrawal.Since), &k.Withdrawal.How)
		k.Seq = seq.Int64
		known[id] = k
		return err
	}, "SELECT id, category, slug, email, seq, first_seen_at, withdrawn_at, withdrawn_how FROM insights")
	return known, err
}

// renumber stores what a library changes. The category of an insight is frozen with
// its number.
func renumber(ctx context.Context, tx *sql.Tx, r newsletter.Renumbering, at int64) error {
	for _, v := range r.Add {
		withdrawn := int64(0)
		if !v.Email {
			withdrawn = at
		}
		_, err := tx.ExecContext(ctx, "INSERT INTO insights (id, category, slug, email, first_seen_at, withdrawn_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
			v.InsightID, v.Category, v.Slug, oneIf(v.Email), at, withdrawn)
		if err != nil {
			return err
		}
	}
	for _, v := range r.Update {
		_, err := tx.ExecContext(ctx, `INSERT INTO former_slugs (slug, insight_id) SELECT slug, id FROM insights WHERE id = ?1 AND slug <> '' AND slug <> ?2
			ON CONFLICT (slug) DO UPDATE SET insight_id = excluded.insight_id`, v.InsightID, v.Slug)
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `UPDATE insights SET email = ?2, slug = ?3, returns = returns + CASE WHEN CAST(?2 AS BIGINT) = 1 AND withdrawn_at > 0 AND seq IS NOT NULL THEN 1 ELSE 0 END, category = CASE WHEN seq IS NULL THEN ?4 ELSE category END,
			withdrawn_at = CASE CAST(?2 AS BIGINT) WHEN 1 THEN 0 ELSE withdrawn_at END, withdrawn_how = CASE CAST(?2 AS BIGINT) WHEN 1 THEN 0 ELSE withdrawn_how END WHERE id = ?1`,
			v.InsightID, oneIf(v.Email), v.Slug, v.Category)
		if err != nil {
			return err
		}
	}
	for _, gone := range r.Withdraw {
		if _, err := tx.ExecContext(ctx, "UPDATE insights SET withdrawn_at = ?2, withdrawn_how = 0 WHERE id = ?1", gone.InsightID, millis(gone.Since)); err != nil {
			return err
		}
	}
	for _, id := range r.Away {
		if _, err := tx.ExecContext(ctx, "UPDATE insights SET withdrawn_how = ?2 WHERE id = ?1", id, int(newsletter.WithdrawnAndAway)); err != nil {
			return err
		}
	}
	if err := number(ctx, tx, r); err != nil {
		return err
	}
	return noteWithdrawn(ctx, tx, "state IN ('planned', 'approved', 'sending', 'paused')")
}

// number gives insights the next numbers.
func number(ctx context.Context, tx *sql.Tx, r newsletter.Renumbering) error {
	if len(r.Number) == 0 {
		return nil
	}
	head, err := headOf(ctx, tx)
	if err != nil {
		return err
	}
	for _, v := range r.Number {
		head++
		if _, err := tx.ExecContext(ctx, "UPDATE insights SET seq = ?2 WHERE id = ?1", v.InsightID, head); err != nil {
			return err
		}
	}
	if _, err := tx.ExecContext(ctx, "UPDATE counters SET value = ?1 WHERE name = 'sequence'", head); err != nil || !r.First {
		return err
	}
	return startEarly(ctx, tx)
}

// Sequence implements newsletter.LibraryStore.
func (db *DB) Sequence(ctx context.Context) ([]newsletter.Numbered, error) {
	all, err := sequence(ctx, db.reader, "ORDER BY seq")
	return all, explain(err)
}

func sequence(ctx context.Context, q querier, order string) (all []newsletter.Numbered, err error) {
	err = each(ctx, q, func(rows *sql.Rows) error {
		var n newsletter.Numbered
		err := rows.Scan(&n.InsightID, &n.Seq, &n.Category, &n.Slug, &n.Returns, instant(&n.Withdrawal.Since), &n.Withdrawal.How)
		all = append(all, n)
		return err
	}, "SELECT id, seq, category, slug, returns, withdrawn_at, withdrawn_how FROM insights WHERE seq IS NOT NULL "+order)
	return all, err
}

// InsightIDs returns the ids of all insights ever known, by the slug under which each
// was last seen, in the order in which they appeared.
func (db *DB) InsightIDs(ctx context.Context) (map[string][]string, error) {
	ids := make(map[string][]string)
	err := each(ctx, db.reader, func(rows *sql.Rows) error {
		var slug, id string
		err := rows.Scan(&slug, &id)
		ids[slug] = append(ids[slug], id)
		return err
	}, "SELECT slug, id FROM insights WHERE slug <> '' ORDER BY first_seen_at, id")
	return ids, explain(err)
}

// AtSlug implements newsletter.AddressStore.
func (db *DB) AtSlug(ctx context.Context, slug string) (holders []newsletter.Holder, err error) {
	err = each(ctx, db.reader, func(rows *sql.Rows) error {
		var h newsletter.Holder
		err := rows.Scan(&h.InsightID, instant(&h.Withdrawal.Since), &h.Withdrawal.How)
		holders = append(holders, h)
		return err
	}, `SELECT id, withdrawn_at, withdrawn_how FROM insights WHERE slug = ?1
		UNION ALL
		SELECT i.id, i.withdrawn_at, i.withdrawn_how FROM former_slugs f JOIN insights i ON i.id = f.insight_id WHERE f.slug = ?1 AND i.slug <> ?1`, slug)
	return holders, explain(err)
}

// FirstSeen implements newsletter.ExplainStore.
func (db *DB) FirstSeen(ctx context.Context) (map[string]time.Time, error) {
	seen := make(map[string]time.Time)
	err := each(ctx, db.reader, func(rows *sql.Rows) error {
		var id string
		var at int64
		err := rows.Scan(&id, &at)
		seen[id] = fromMillis(at)
		return err
	}, "SELECT id, first_seen_at FROM insights WHERE seq IS NULL")
	return seen, explain(err)
}
