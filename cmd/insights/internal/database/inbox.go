package database

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/scaledbydesign/insights/newsletter"
)

// InboxMail is a mail that was sent in development.
type InboxMail struct {
	ID        int64
	At        time.Time
	Recipient string
	Message   []byte // as it would have been sent; only its start in a list
}

// Inbox is the transport of development: it keeps mails instead of sending them.
func (db *DB) Inbox() newsletter.Transport { return inbox{db} }

type inbox struct{ db *DB }

func (i inbox) Open(context.Context) (newsletter.Session, error) { return i, nil }
func (i inbox) Close() error                                     { return nil }

func (i inbox) Send(ctx context.Context, e newsletter.Envelope, message []byte) newsletter.Outcome {
	err := i.db.write(ctx, func(tx *sql.Tx) error {
		var id int64
		err := tx.QueryRowContext(ctx, "INSERT INTO inbox (at, recipient, message) VALUES (?1, ?2, ?3) RETURNING id", now(), e.To, message).Scan(&id)
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, "DELETE FROM inbox WHERE id <= ?1", id-inboxKeeps)
		return err
	})
	if err != nil {
		return newsletter.Outcome{Kind: newsletter.NotSent, Text: err.Error()}
	}
	return newsletter.Outcome{Kind: newsletter.Accepted, Code: 250, Status: "2.0.0", Text: "kept in the inbox"}
}

// InboxMails lists the newest messages first.
func (db *DB) InboxMails(ctx context.Context) ([]InboxMail, error) {
	var mails []InboxMail
	err := each(ctx, db.reader, func(rows *sql.Rows) error {
		var m InboxMail
		var at int64
		err := rows.Scan(&m.ID, &at, &m.Recipient, &m.Message)
		m.At = fromMillis(at)
		mails = append(mails, m)
		return err
	}, "SELECT id, at, recipient, substr(message, 1, 4096) FROM inbox ORDER BY id DESC LIMIT ?1", inboxShows)
	return mails, explain(err)
}

// InboxMail is one mail whole. ok is false for an unknown one.
func (db *DB) InboxMail(ctx context.Context, id int64) (m InboxMail, ok bool, err error) {
	err = db.reader.QueryRowContext(ctx, "SELECT id, at, recipient, message FROM inbox WHERE id = ?1", id).Scan(&m.ID, instant(&m.At), &m.Recipient, &m.Message)
	if errors.Is(err, sql.ErrNoRows) {
		return m, false, nil
	}
	return m, err == nil, explain(err)
}
