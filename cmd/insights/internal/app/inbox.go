package app

import (
	"bytes"
	"context"
	"fmt"
	"mime"
	"net/mail"

	"github.com/scaledbydesign/insights/cmd/insights/internal/database"
	"github.com/scaledbydesign/insights/cmd/insights/internal/web"
	"github.com/scaledbydesign/insights/newsletter"
)

// inbox shows the mails that development keeps.
type inbox struct{ db *database.DB }

func (i inbox) Messages(ctx context.Context) ([]web.InboxMessage, error) {
	mails, err := i.db.InboxMails(ctx)
	if err != nil {
		return nil, err
	}
	messages := make([]web.InboxMessage, len(mails))
	for n, m := range mails {
		messages[n] = web.InboxMessage{ID: m.ID, To: m.Recipient, At: m.At, Subject: subjectOf(m.Message)}
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

// subjectOf reads the subject from the start of a message.
func subjectOf(message []byte) string {
	m, err := mail.ReadMessage(bytes.NewReader(message))
	if err != nil {
		return ""
	}
	subject, err := new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject"))
	if err != nil {
		return m.Header.Get("Subject")
	}
	return subject
}
