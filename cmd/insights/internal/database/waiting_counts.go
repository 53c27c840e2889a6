package database

import (
	"context"
	"database/sql"
	"time"

	"github.com/scaledbydesign/insights/subscribers"
)

// count counts an attempt for its networks, which moves their other sign-ups back.
func (k *asking) count(ctx context.Context, tx *sql.Tx, d subscribers.Decision) error {
	if k.by.Client == "" {
		return nil
	}
	counted := make(map[string]bool)
	for _, n := range []struct {
		name  string
		asked subscribers.Asked
	}{{k.by.Client, d.Network}, {k.by.Wide, d.Wide}, {k.by.Around, d.Around}} {
		if counted[n.name] {
			continue
		}
		counted[n.name] = true
		_, err := tx.ExecContext(ctx, `INSERT INTO sign_up_networks (name, hour, asked, before, earlier, waiting) VALUES (?1, ?2, ?3, ?4, ?5, 0)
			ON CONFLICT (name) DO UPDATE SET hour = excluded.hour, asked = excluded.asked, before = excluded.before, earlier = excluded.earlier`,
			n.name, n.asked.Hour, int64(n.asked.Now), int64(n.asked.Before), int64(n.asked.Earlier))
		if err != nil {
			return err
		}
	}
	// A lower place than before is left to Rerank: of one Around many wait.
	for _, move := range []struct {
		statement, name string
		place           int
	}{
		{"UPDATE waiting SET asked = ?2 WHERE network = ?1 AND asked <> ?2", k.by.Client, d.Rank.Network},
		{"UPDATE waiting SET wide_asked = ?2 WHERE wide = ?1 AND wide_asked <> ?2", k.by.Wide, d.Rank.Wide},
		{"UPDATE waiting SET around_asked = ?2 WHERE around = ?1 AND around_asked < ?2", k.by.Around, d.Rank.Around},
	} {
		if _, err := tx.ExecContext(ctx, move.statement, move.name, move.place); err != nil {
			return err
		}
	}
	return nil
}

// reserveBoth sets up to when each shared limit is reserved.
func (k *asking) reserveBoth(ctx context.Context, tx *sql.Tx, d subscribers.Decision) error {
	if err := reserve(ctx, tx, k.all, d.All); err != nil {
		return err
	}
	return reserve(ctx, tx, k.domain, d.Domain)
}

// reserve sets up to when what a domain may have is reserved.
func reserve(ctx context.Context, tx *sql.Tx, domain string, until time.Time) error {
	_, err := tx.ExecContext(ctx, "INSERT INTO sign_up_domains (domain, reserved, waiting) VALUES (?1, ?2, 0) ON CONFLICT (domain) DO UPDATE SET reserved = excluded.reserved", domain, millis(until))
	return err
}

// countMailbox counts what is let through to a mailbox.
func countMailbox(ctx context.Context, tx *sql.Tx, inbox, address string, a subscribers.Attempt) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO sign_up_mailboxes (inbox, address, since, count, last) VALUES (?1, ?2, ?3, 1, ?3)
		ON CONFLICT (inbox, address) DO UPDATE SET last = excluded.last,
			count = CASE WHEN sign_up_mailboxes.since > ?4 THEN sign_up_mailboxes.count + 1 ELSE 1 END,
			since = CASE WHEN sign_up_mailboxes.since > ?4 THEN sign_up_mailboxes.since ELSE excluded.since END`, inbox, address, millis(a.At), millis(a.MailboxSince()))
	return err
}

// nowWaiting counts that more sign-ups wait, or fewer.
func nowWaiting(ctx context.Context, tx *sql.Tx, by subscribers.Asker, domain string, more int) error {
	if _, err := tx.ExecContext(ctx, "UPDATE sign_up_networks SET waiting = waiting + ?2 WHERE name = ?1", by.Client, more); err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, "UPDATE sign_up_networks SET crowd = crowd + ?2 WHERE name = ?1", by.Around, more); err != nil {
		return err
	}
	_, err := tx.ExecContext(ctx, `INSERT INTO sign_up_domains (domain, reserved, waiting) VALUES (?1, 0, ?2), ('', 0, ?2)
		ON CONFLICT (domain) DO UPDATE SET waiting = sign_up_domains.waiting + ?2`, domain, more)
	return err
}
