package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/scaledbydesign/insights/cmd/insights/internal/database"
	"github.com/scaledbydesign/insights/cmd/insights/internal/web"
	"github.com/scaledbydesign/insights/newsletter"
	"github.com/scaledbydesign/insights/newsletter/rfc5322"
)

func (p *program) devCommand() *cobra.Command {
	return &cobra.Command{
		Use: "dev", Short: "Try it out here: site, feeds, sign-up and an inbox page", Args: cobra.NoArgs,
		Long: `Serve the site on loopback with live reload, and keep every mail in an inbox
page instead of sending it. It needs no configuration: the insights are those
inside the binary unless content.dir is set, and the database is insights-dev.db
in this folder. Its links lead to the address it listens on.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := p.config()
			if err != nil {
				return err
			}
			if c.explicit["site.base_url"] != byVariable {
				c.Site.BaseURL = "http://" + c.Listen // the file's is for production
			}
			c.Limits = LimitsConfig{} // whoever tries it signs up again and again
			return p.daemon(cmd.Context(), &c, database.Development)
		},
	}
}

// welcome says on one screen where everything is.
func (p *program) welcome(d *daemon) {
	base := d.config.Site.BaseURL
	source := "inside the binary; for your own: INSIGHTS_CONTENT_DIR"
	if dir := d.config.Content.Dir; dir != "" {
		source = "reloaded when a file is saved, from\n            " + dir
	}
	n := len(d.live.Current().Insights())
	fmt.Fprintf(p.out.stderr, `
Insights %s is running.

  Site      %s/
  Feeds     %s/feeds
  Sign-up   %s/subscribe
  Inbox     %s/_inbox   (mails stay here; none is sent)

  Insights  %s, %s
  Database  %s

A first digest: sign up, confirm in the inbox, then in a second terminal here:

  insights digest plan --cadence weekly
  insights digest send 1

Not installed? Write: go run ./cmd/insights digest …     Ctrl-C stops it.

`, version, base, base, base, base, count(n, "insight"), source, strings.TrimPrefix(d.db.String(), "sqlite:"))
}

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

// subjectOf reads the subject of a message.
func subjectOf(message []byte) string {
	header, _ := rfc5322.ParseHeader(message)
	return rfc5322.DecodeHeader(header.Get("Subject"))
}
