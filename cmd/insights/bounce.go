package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/mail"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/scaledbydesign/insights/cmd/insights/internal/inbound"
	"github.com/scaledbydesign/insights/newsletter"
)

func (p *program) bounceCommand() *cobra.Command {
	return noun("bounce", "Mails that came back", p.bounceListCommand(), p.bounceIngestCommand())
}

// bounceJSON is a bounce as programs see it.
type bounceJSON struct {
	ID       int64      `json:"id"`
	At       *time.Time `json:"at"`
	Delivery string     `json:"delivery"`
	Email    string     `json:"email"` // "" = forgotten
	Kind     string     `json:"kind"`
	Class    string     `json:"class"`
	Code     int        `json:"code"`
	Status   string     `json:"status"`
	Text     string     `json:"text"`
}

func (p *program) bounceListCommand() *cobra.Command {
	var limit int
	cmd := &cobra.Command{
		Use: "list", Short: "List bounces, refusals and complaints, the newest first", Args: cobra.NoArgs,
		Long: "List mails that came back, refusals by mail servers and complaints, the newest\nfirst. Hard: the address is dead. Soft: it may pass another time. Blocked: our\nsending is refused, the address is not at fault.",
		RunE: func(cmd *cobra.Command, args []string) error {
			if limit < 0 {
				return usageError("--limit is not negative")
			}
			return p.withNewsroom(cmd.Context(), func(n *newsroom) error {
				documents := []bounceJSON{}
				var rows [][]string
				more := false
				for b, err := range n.db.Bounces(cmd.Context()) {
					if err != nil {
						return err
					}
					if more = limit > 0 && len(documents) == limit; more {
						break
					}
					documents = append(documents, bounceJSON{b.ID, stamp(b.At), b.Ref.String(), b.Email, string(b.Kind), string(b.Class), b.Code, b.Status, b.Text})
					what := string(b.Class)
					if what == "" {
						what = string(b.Kind)
					}
					rows = append(rows, []string{moment(b.At, n.config.zone()), dash(b.Email), what, b.Status, b.Text})
				}
				if done, err := p.out.document(documents); done {
					return err
				}
				if len(rows) == 0 {
					p.out.line("nothing came back")
					return nil
				}
				p.out.table([]string{"WHEN", "WHO", "WHAT", "STATUS", "TEXT"}, rows)
				if more {
					p.out.note("there are more: --limit 0 lists all")
				}
				return nil
			})
		},
	}
	cmd.Flags().IntVar(&limit, "limit", 100, "so many at most; 0 = all")
	return cmd
}

func (p *program) bounceIngestCommand() *cobra.Command {
	var to []string
	cmd := &cobra.Command{
		Use: "ingest [FILE]", Short: "Take in one mail that came back", Args: cobra.MaximumNArgs(1),
		Long: `Take in one mail that came back, from FILE or standard input: a mail server can
pipe each mail to the bounce domain into it. In Postfix's master.cf:

  insights unix - n n - - pipe user=insights
    argv=/usr/local/bin/insights bounce ingest --to ${original_recipient}

Whom it was delivered for is read from its headers where --to is missing. It is
handled once, however often it is taken in; one that is larger than 1 MB, or
about none of our mails, is said to be so, and is no failure.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.withNewsroom(cmd.Context(), func(n *newsroom) error {
				in := p.stdin
				if len(args) == 1 && args[0] != "-" {
					file, err := os.Open(args[0])
					if err != nil {
						return fmt.Errorf("bounce ingest: %w", err)
					}
					defer file.Close()
					in = file
				}
				return p.ingest(cmd.Context(), n, in, to)
			})
		},
	}
	cmd.Flags().StringSliceVar(&to, "to", nil, "whom it was delivered for: the `address` it came back to")
	return cmd
}

func (p *program) ingest(ctx context.Context, n *newsroom, in io.Reader, to []string) error {
	raw, err := io.ReadAll(io.LimitReader(in, newsletter.MaxInbound+1))
	if err != nil {
		return fmt.Errorf("bounce ingest: %w", err)
	}
	if len(to) == 0 {
		if message, err := mail.ReadMessage(bytes.NewReader(raw)); err == nil {
			to = inbound.Delivered(message.Header)
		}
	}
	did, err := n.returns.HandleMessage(ctx, to, bytes.NewReader(raw))
	ours := err == nil
	switch {
	case errors.Is(err, newsletter.ErrNotOurs):
		did = err.Error()
	case errors.Is(err, newsletter.ErrTooLarge): // nor would it be taken the next time
		did = "left aside: " + err.Error()
	case err != nil:
		return fmt.Errorf("bounce ingest: %w", err)
	}
	if done, err := p.out.document(map[string]any{"ours": ours, "did": did}); done {
		return err
	}
	p.out.line("%s", did)
	return nil
}

// openReturns opens the ways by which mails come back to a daemon.
func (d *daemon) openReturns(c *Config) (err error) {
	d.returns.Log = d.log
	if c.Bounces.Listen != "" {
		domain := c.Mail.BounceDomain
		if domain == "" {
			domain = newsletter.DomainOf(c.Mail.From)
		}
		if d.inbound, err = inbound.Listen(c.Bounces.Listen, domain, d.returns, d.log); err != nil {
			return unusable(err)
		}
	}
	if c.Bounces.Maildir != "" {
		d.maildir = &inbound.Maildir{Path: c.Bounces.Maildir, Receiver: d.returns, Log: d.log}
		if err := d.maildir.Check(); err != nil {
			return unusable(fmt.Errorf("bounces.maildir: %w", err))
		}
	}
	return nil
}
