package app

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"net/mail"

	"github.com/scaledbydesign/insights/cmd/insights/internal/database"
	"github.com/scaledbydesign/insights/cmd/insights/internal/inbound"
	"github.com/scaledbydesign/insights/newsletter"
	"github.com/scaledbydesign/insights/newsletter/rfc5322"
	"github.com/scaledbydesign/insights/templates"
)

// openInbound opens the listener and the maildir for bounces.
func (d *Daemon) openInbound(_ context.Context, p *Publication) (err error) {
	c := &p.Config
	domain, as := cmp.Or(c.Mail.BounceDomain, newsletter.DomainOf(c.Mail.From)), ""
	if !d.has(newsletter.RoleSend) {
		return nil
	}
	if c.Bounces.Listen != "" {
		as = c.Bounces.Listen + " " + domain
	}
	d.inbound, err = d.listen(func(before *Daemon) **kept { return &before.inbound }, as, func() (server, error) {
		return inbound.Listen(c.Bounces.Listen, domain, d.app.Feedback, d.log)
	})
	if err != nil {
		return unusable(err)
	}
	if d.inbound != nil {
		d.inbound.server.(*inbound.Server).Deliver(d.app.Feedback)
	}
	if c.Bounces.Maildir != "" {
		d.maildir = &inbound.Maildir{Path: c.Bounces.Maildir, Receiver: d.app.Feedback, Log: d.log}
		if err := d.maildir.Check(); err != nil {
			return unusable(fmt.Errorf("bounces.maildir: %w", err))
		}
	}
	return nil
}

// Ingest processes one bounced message, as newsletter.Feedback.HandleMessage does. If to is
// empty, the recipient is read from the header.
func (a *App) Ingest(ctx context.Context, to []string, in io.Reader) (did string, err error) {
	if err := a.CanLink(ctx); err != nil {
		return "", err
	}
	raw, err := io.ReadAll(io.LimitReader(in, newsletter.MaxInbound+1))
	if err != nil {
		return "", err
	}
	if len(to) == 0 {
		if message, err := mail.ReadMessage(bytes.NewReader(raw)); err == nil {
			to = inbound.Delivered(message.Header)
		}
	}
	return a.Feedback.HandleMessage(ctx, to, bytes.NewReader(raw))
}

// inbox shows the emails that development keeps.
type inbox struct{ db *database.DB }

func (i inbox) Messages(ctx context.Context) ([]templates.InboxMessage, error) {
	mails, err := i.db.InboxMessages(ctx)
	if err != nil {
		return nil, err
	}
	messages := make([]templates.InboxMessage, len(mails))
	for n, m := range mails {
		header, _ := rfc5322.ParseHeader(m.Message)
		messages[n] = templates.InboxMessage{ID: m.ID, To: m.Recipient, At: m.At, Subject: rfc5322.DecodeHeader(header.Get("Subject"))}
	}
	return messages, nil
}

func (i inbox) Message(ctx context.Context, id int64) ([]byte, error) {
	m, ok, err := i.db.InboxMessage(ctx, id)
	if err == nil && !ok {
		err = fmt.Errorf("email %d: %w", id, newsletter.ErrNotFound)
	}
	return m.Message, err
}
