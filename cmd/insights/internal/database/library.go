package database

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"time"

	"github.com/scaledbydesign/insights/newsletter"
)

type knownInsight struct {
	seq       int64 // 0 = not numbered yet
	firstSeen int64
	withdrawn bool
	category  string
	slug      string // "" = not recorded: it was numbered by an older version
	email     bool
}

// Number implements newsletter.LibraryStore.
func (db *DB) Number(ctx context.Context, visible []newsletter.Visible, how newsletter.Numbering) (numbered int, next time.Time, err error) {
	// Most calls find nothing to do: see that without a write.
	known, err := knownInsights(ctx, db.reader)
	if err != nil {
		return 0, time.Time{}, explain(err)
	}
	if work, next := numberingDue(known, visible, how, now()); !work {
		return 0, next, nil
	}
	err = db.write(ctx, func(tx *sql.Tx) error {
		numbered, next = 0, time.Time{}
		if err := lockTable(ctx, tx, "insights"); err != nil {
			return err
		}
		known, err := knownInsights(ctx, tx)
		if err != nil {
			return err
		}
		numbered, next, err = number(ctx, tx, known, visible, how)
		return err
	})
	return numbered, next, err
}

func knownInsights(ctx context.Context, q querier) (map[string]knownInsight, error) {
	known := make(map[string]knownInsight)
	err := each(ctx, q, func(rows *sql.Rows) error {
		var id string
		var k knownInsight
		var seq sql.NullInt64
		if err := rows.Scan(&id, &k.category, &k.slug, &k.email, &seq, &k.firstSeen, &k.withdrawn); err != nil {
			return err
		}
		k.seq = seq.Int64
		known[id] = k
		return nil
	}, "SELECT id, category, slug, email, seq, first_seen_at, withdrawn_at > 0 FROM insights")
	return known, err
}

// numberingDue reports whether number would change anything, and when the next
// grace ends.
func numberingDue(known map[string]knownInsight, visible []newsletter.Visible, how newsletter.Numbering, at int64) (work bool, next time.Time) {
	seen := make(map[string]bool, len(visible))
	for _, v := range visible {
		seen[v.InsightID] = true
		k, ok := known[v.InsightID]
		if !ok || k.withdrawn || k.email != v.Email || k.slug != v.Slug {
			return true, next
		}
		if k.seq == 0 {
			due := k.firstSeen + how.Grace.Milliseconds()
			if due <= at {
				return true, next
			}
			if t := fromMillis(due); next.IsZero() || t.Before(next) {
				next = t
			}
		}
	}
	for id, k := range known {
		if !k.withdrawn && !seen[id] {
			return true, next
		}
	}
	return false, next
}

func number(ctx context.Context, tx *sql.Tx, known map[string]knownInsight, visible []newsletter.Visible, how newsletter.Numbering) (numbered int, next time.Time, err error) {
	at := now()
	first := len(known) == 0
	seen := make(map[string]bool, len(visible))
	for _, v := range visible {
		seen[v.InsightID] = true
	}
	for id, k := range known {
		if k.withdrawn || seen[id] {
			continue
		}
		if !how.Authority {
			return 0, next, fmt.Errorf("insight %s is missing here: %w", id, newsletter.ErrOtherLibrary)
		}
		if _, err := tx.ExecContext(ctx, "UPDATE insights SET withdrawn_at = ?2 WHERE id = ?1", id, at); err != nil {
			return 0, next, err
		}
	}
	var due []newsletter.Visible
	for _, v := range visible {
		k, ok := known[v.InsightID]
		switch {
		case !ok:
			_, err = tx.ExecContext(ctx, "INSERT INTO insights (id, category, slug, email, first_seen_at) VALUES (?1, ?2, ?3, ?4, ?5)", v.InsightID, v.Category, v.Slug, oneIf(v.Email), at)
			k.firstSeen = at
		case k.seq == 0:
			_, err = tx.ExecContext(ctx, "UPDATE insights SET withdrawn_at = 0, email = ?2, slug = ?3, category = ?4 WHERE id = ?1", v.InsightID, oneIf(v.Email), v.Slug, v.Category)
		case k.withdrawn || k.email != v.Email || k.slug != v.Slug:
			_, err = tx.ExecContext(ctx, "UPDATE insights SET withdrawn_at = 0, email = ?2, slug = ?3 WHERE id = ?1", v.InsightID, oneIf(v.Email), v.Slug)
		}
		if err != nil {
			return 0, next, err
		}
		if k.seq > 0 {
			continue
		}
		ready := k.firstSeen + how.Grace.Milliseconds()
		if first || ready <= at {
			due = append(due, v)
		} else if t := fromMillis(ready); next.IsZero() || t.Before(next) {
			next = t
		}
	}
	if err := giveNumbers(ctx, tx, due); err != nil {
		return 0, next, err
	}
	if first && len(due) > 0 {
		err = startEarly(ctx, tx)
	}
	return len(due), next, err
}

// giveNumbers numbers the oldest first, so that the newest have the highest.
func giveNumbers(ctx context.Context, tx *sql.Tx, due []newsletter.Visible) error {
	slices.SortFunc(due, newsletter.ByAppearance)
	head, err := headOf(ctx, tx)
	if err != nil {
		return err
	}
	for _, v := range due {
		head++
		if _, err := tx.ExecContext(ctx, "UPDATE insights SET seq = ?2 WHERE id = ?1", v.InsightID, head); err != nil {
			return err
		}
	}
	_, err = tx.ExecContext(ctx, "UPDATE counters SET value = ?1 WHERE name = 'sequence'", head)
	return err
}

// Sequence implements newsletter.LibraryStore.
func (db *DB) Sequence(ctx context.Context) ([]newsletter.Numbered, error) {
	var all []newsletter.Numbered
	err := each(ctx, db.reader, func(rows *sql.Rows) error {
		var n newsletter.Numbered
		if err := rows.Scan(&n.InsightID, &n.Seq, &n.Category, &n.Email); err != nil {
			return err
		}
		all = append(all, n)
		return nil
	}, "SELECT id, seq, category, email FROM insights WHERE seq IS NOT NULL AND withdrawn_at = 0 ORDER BY seq")
	return all, explain(err)
}

// InsightIDs returns the ids of the insights that are or were known, by the slug
// under which each was last seen, in the order in which they appeared.
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
