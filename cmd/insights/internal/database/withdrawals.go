package database

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/scaledbydesign/insights/newsletter"
)

// withdrawals returns the numbered insights that are withdrawn, by number.
func withdrawals(ctx context.Context, q querier) (map[int64]newsletter.Withdrawal, error) {
	all := make(map[int64]newsletter.Withdrawal)
	err := each(ctx, q, func(rows *sql.Rows) error {
		var seq int64
		var w newsletter.Withdrawal
		err := rows.Scan(&seq, instant(&w.Since), &w.How)
		all[seq] = w
		return err
	}, "SELECT seq, withdrawn_at, withdrawn_how FROM insights WHERE seq IS NOT NULL AND withdrawn_at > 0")
	return all, err
}

// noteWithdrawn notes with digests which of their insights are withdrawn now, so that an
// email of a digest without any needs no look at insights.
func noteWithdrawn(ctx context.Context, tx *sql.Tx, digests string, args ...any) error {
	gone, err := withdrawals(ctx, tx)
	if err != nil {
		return err
	}
	if err := skipTakenDown(ctx, tx, gone); err != nil {
		return err
	}
	notes := make(map[int64]string)
	err = each(ctx, tx, func(rows *sql.Rows) error {
		var id int64
		var items, was string
		if err := rows.Scan(&id, &items, &was); err != nil {
			return err
		}
		var carried []newsletter.Item
		if err := json.Unmarshal([]byte(items), &carried); err != nil {
			return fmt.Errorf("read the insights of digest %d: %w", id, err)
		}
		var seqs []int64
		for _, item := range carried {
			if gone[item.Seq].Is() {
				seqs = append(seqs, item.Seq)
			}
		}
		note := ""
		if len(seqs) > 0 {
			text, err := json.Marshal(seqs)
			if err != nil {
				return err
			}
			note = string(text)
		}
		if note != was {
			notes[id] = note
		}
		return nil
	}, "SELECT id, items, withdrawn FROM digests WHERE "+digests, args...)
	if err != nil {
		return err
	}
	for id, note := range notes {
		if _, err := tx.ExecContext(ctx, "UPDATE digests SET withdrawn = ?2 WHERE id = ?1", id, note); err != nil {
			return err
		}
		if err := decideAgain(ctx, tx, "digest_id = ?2", id); err != nil {
			return err
		}
	}
	return nil
}

// decideAgain ends the wait of emails that wait for an insight to be back, or to be gone.
func decideAgain(ctx context.Context, tx *sql.Tx, where string, args ...any) error {
	_, err := tx.ExecContext(ctx, "UPDATE deliveries SET next_at = 0 WHERE state = 'pending' AND next_at > 0 AND reason = ?1 AND "+where, append([]any{string(newsletter.ReasonWithdrawing)}, args...)...)
	return err
}

// Withdraw implements newsletter.WithdrawalStore.
func (db *DB) Withdraw(ctx context.Context, insightID string) (changed bool, err error) {
	err = db.write(ctx, func(tx *sql.Tx) error {
		if err := lockFor(ctx, tx, "insights"); err != nil {
			return err
		}
		var was newsletter.Withdrawal
		err := tx.QueryRowContext(ctx, "SELECT withdrawn_at, withdrawn_how FROM insights WHERE id = ?1", insightID).Scan(instant(&was.Since), &was.How)
		if errors.Is(err, sql.ErrNoRows) {
			return newsletter.ErrUnknownInsight
		}
		if changed = err == nil && was.How == newsletter.WithdrawnFromFolder; !changed {
			return err
		}
		_, err = tx.ExecContext(ctx, "UPDATE insights SET withdrawn_at = ?2, withdrawn_how = ?3 WHERE id = ?1", insightID, now(), int(newsletter.WithdrawnByStaff))
		if err != nil {
			return err
		}
		const active = "state IN ('planned', 'approved', 'sending', 'paused')"
		if err := noteWithdrawn(ctx, tx, active); err != nil {
			return err
		}
		return decideAgain(ctx, tx, "digest_id IN (SELECT id FROM digests WHERE "+active+")")
	})
	return changed && err == nil, err
}

// Withdrawals implements newsletter.WithdrawalStore.
func (db *DB) Withdrawals(ctx context.Context) (all []newsletter.Withdrawn, err error) {
	err = each(ctx, db.reader, func(rows *sql.Rows) error {
		var w newsletter.Withdrawn
		err := rows.Scan(&w.InsightID, &w.Slug, &w.Email, instant(&w.Since), &w.How)
		all = append(all, w)
		return err
	}, "SELECT id, slug, email, withdrawn_at, withdrawn_how FROM insights WHERE withdrawn_at > 0 ORDER BY id")
	return all, explain(err)
}

// LookAgain implements newsletter.OutboxStore.
func (db *DB) LookAgain(ctx context.Context, digest int64) (changed bool, err error) {
	err = db.write(ctx, func(tx *sql.Tx) error {
		changed = false
		if err := lockDigest(ctx, tx, digest); err != nil {
			return err
		}
		found, err := bareDigests(ctx, tx, "d.id = ?1", digest)
		if err != nil || len(found) == 0 {
			return err
		}
		gone, err := withdrawals(ctx, tx)
		if err != nil {
			return err
		}
		if changed = found[0].NeedsAnotherLook(gone, fromMillis(now())); !changed {
			return nil
		}
		_, err = tx.ExecContext(ctx, "UPDATE digests SET state = 'planned', approved_at = 0, reason = ?2 WHERE id = ?1", digest, string(newsletter.ReasonLookAgain))
		return err
	})
	return changed && err == nil, err
}
