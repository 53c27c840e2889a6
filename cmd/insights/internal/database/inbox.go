package database

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/scaledbydesign/insights/newsletter"
)

// InboxMessage is a message that was sent in development.
type InboxMessage struct {
	ID        int64
	At        time.Time
	Recipient string
	Message   []byte // as it would have been sent; truncated in a list
}

// Inbox returns the transport of development, which stores messages instead of sending
// them.
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

// InboxMessages lists the newest messages first.
func (db *DB) InboxMessages(ctx context.Context) ([]InboxMessage, error) {
	var messages []InboxMessage
	err := each(ctx, db.reader, func(rows *sql.Rows) error {
		var m InboxMessage
		err := rows.Scan(&m.ID, instant(&m.At), &m.Recipient, &m.Message)
		messages = append(messages, m)
		return err
	}, "SELECT id, at, recipient, substr(message, 1, 4096) FROM inbox ORDER BY id DESC LIMIT ?1", inboxShows)
	return messages, explain(err)
}

// InboxMessage returns one complete message. ok is false if it is unknown.
func (db *DB) InboxMessage(ctx context.Context, id int64) (m InboxMessage, ok bool, err error) {
	err = db.reader.QueryRowContext(ctx, "SELECT id, at, recipient, message FROM inbox WHERE id = ?1", id).Scan(&m.ID, instant(&m.At), &m.Recipient, &m.Message)
	if errors.Is(err, sql.ErrNoRows) {
		return m, false, nil
	}
	return m, err == nil, explain(err)
}
