package database

import (
	"context"
	"database/sql"

	"github.com/scaledbydesign/insights/newsletter"
)

// markMessage makes a claimed single mail `sending` if its reader still is in
// the state that asked for it.
func markMessage(ctx context.Context, tx *sql.Tx, worker string, m newsletter.Begin, at int64) (newsletter.Action, error) {
	n, err := affected(tx.ExecContext(ctx, `UPDATE messages SET state = 'sending', attempts = attempts + 1, message_id = ?3, updated_at = ?4
		WHERE id = ?1 AND owner = ?2 AND state = 'claimed' AND NOT `+held+` AND (kind = 'test'
			OR EXISTS (SELECT 1 FROM subscribers s WHERE s.id = messages.subscriber_id
				AND (s.status = CASE messages.kind WHEN 'confirm' THEN 'pending' ELSE 'confirmed' END
					OR messages.kind = 'confirm' AND s.status = 'confirmed' AND s.new_email <> '')))`,
		m.Ref.Message, worker, m.MessageID, at))
	if err != nil {
		return newsletter.ActionDrop, err
	}
	if n == 1 {
		return newsletter.ActionSend, nil
	}
	n, err = affected(tx.ExecContext(ctx, `UPDATE messages SET state = CASE WHEN `+held+` THEN 'pending' ELSE 'skipped' END, owner = '',
		reason = CASE WHEN `+held+` THEN reason ELSE 'no longer needed' END, updated_at = ?3 WHERE id = ?1 AND owner = ?2 AND state = 'claimed'`,
		m.Ref.Message, worker, at))
	if err != nil || n == 1 {
		return newsletter.ActionDrop, err
	}
	return markedBefore(ctx, tx, "messages WHERE id = ?1 AND owner = ?2 AND state = 'sending'", m.Ref.Message, worker)
}

func settleMessage(ctx context.Context, tx *sql.Tx, worker string, s newsletter.Result, at int64) error {
	_, err := tx.ExecContext(ctx, `UPDATE messages SET state = ?3, owner = '', next_at = ?4, code = ?5, reason = ?6, updated_at = ?7,
			uncertain_at = CASE CAST(?8 AS BIGINT) WHEN 1 THEN ?7 ELSE uncertain_at END
		WHERE id = ?1 AND owner = ?2 AND state IN ('claimed', 'sending')`,
		s.Ref.Message, worker, string(s.State), millis(s.NextAt), s.Code, s.Reason, at, oneIf(s.Uncertain))
	return err
}
