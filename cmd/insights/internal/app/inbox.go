package app

import (
	"context"
	"fmt"

	"github.com/scaledbydesign/insights/cmd/insights/internal/database"
	"github.com/scaledbydesign/insights/newsletter"
	"github.com/scaledbydesign/insights/newsletter/rfc5322"
	"github.com/scaledbydesign/insights/templates"
)

// inbox shows the mails that development keeps.
type inbox struct{ db *database.DB }

func (i inbox) Messages(ctx context.Context) ([]templates.InboxMessage, error) {
	mails, err := i.db.InboxMails(ctx)
	if err != nil {
		return nil, err
	}
	messages := make([]templates.InboxMessage, len(mails))
	for n, m := range mails {
		messages[n] = templates.InboxMessage{ID: m.ID, To: m.Recipient, At: m.At, Subject: subjectOf(m.Message)}
	}
	return messages, nil
}

func (i inbox) Message(ctx context.Context, id int64) ([]byte, error) {
	m, ok, err := i.db.InboxMail(ctx, id)
	if err == nil && !ok {
		err = fmt.Errorf("mail %d: %w", id, newsletter.ErrNotFound)
	}
	return m.Message, err
}

// subjectOf reads the subject of a message.
func subjectOf(message []byte) string {
	header, _ := rfc5322.ParseHeader(message)
	return rfc5322.DecodeHeader(header.Get("Subject"))
}
