package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/scaledbydesign/insights/cmd/insights/internal/app"
	"github.com/scaledbydesign/insights/cmd/insights/internal/console"
	"github.com/scaledbydesign/insights/newsletter"
)

func bounceCommand(p *program) *cobra.Command {
	return noun("bounce", "List and process bounces and complaints", bounceListCommand(p), bounceIngestCommand(p))
}

type bounceJSON struct {
	ID       int64      `json:"id"`
	At       *time.Time `json:"at"`
	Delivery string     `json:"delivery"`
	Email    string     `json:"email"` // "" = erased
	Kind     string     `json:"kind"`
	Class    string     `json:"class"`
	Code     int        `json:"code"`
	Status   string     `json:"status"`
	Text     string     `json:"text"`
	JudgeAt  *time.Time `json:"judge_at"` // of a hard one: when it is judged, or was; null = it is not judged
	Verdict  string     `json:"verdict"`  // suppressed, in doubt, superseded; "" = not judged yet
	Why      string     `json:"why"`      // of the verdict
}

func bounceDocument(b newsletter.Bounce) bounceJSON {
	document := bounceJSON{ID: b.ID, At: console.Stamp(b.At), Delivery: b.Ref.String(), Email: b.Email, Kind: string(b.Kind), Class: string(b.Class), Code: b.Code, Status: b.Status, Text: b.Text}
	if r := b.Refusal; r != nil {
		document.JudgeAt, document.Verdict, document.Why = console.Stamp(r.Due), string(r.Verdict), string(r.Reason)
		if r.Verdict != newsletter.NotJudged {
			document.JudgeAt = console.Stamp(r.Judged)
		}
	}
	return document
}

func bounceListCommand(p *program) *cobra.Command {
	var limit int
	var email, class, since string
	var digest int64
	cmd := &cobra.Command{
		Use: "list", Short: "List bounces, refusals and complaints, newest first", Args: cobra.NoArgs,
		Long: `List bounces, refusals by mail servers and complaints, newest first.

  hard     the address is said to be dead: that is judged a day later, among
           what was sent around it
  soft     delivery may succeed another time
  blocked  the server refuses our email; the address is not at fault

Messages to postmaster or abuse at the bounce domain that are about no email of
ours are kept here, too, the newest 1,000: --class other lists them alone.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if limit < 0 {
				return usageError("--limit can't be negative")
			}
			f := newsletter.BounceFilter{Class: class, Digest: digest}
			switch class {
			case "", "hard", "soft", "blocked", "complaint", "other":
			default:
				return usageError("--class %q: write hard, soft, blocked, complaint or other", class)
			}
			if email != "" {
				who, err := parseAddress(email)
				if err != nil {
					return err
				}
				f.Email = who.Key()
			}
			return p.withApp(func(ctx context.Context, a *app.App, args []string) (err error) {
				if f.Since, err = parseSince(since, a.Config.Zone(), time.Now()); err != nil {
					return err
				}
				documents := []bounceJSON{}
				var rows [][]string
				more := false
				for b, err := range a.Bounces.Bounces(ctx, f) {
					if err != nil {
						return err
					}
					if more = limit > 0 && len(documents) == limit; more {
						break
					}
					documents = append(documents, bounceDocument(b))
					judged := ""
					if b.Refusal != nil {
						judged = b.Refusal.Says(a.Config.Zone())
					}
					rows = append(rows, []string{console.Moment(b.At, a.Config.Zone()), console.Dash(b.Email), cmp.Or(string(b.Class), string(b.Kind)), b.Status, b.Text, console.Dash(judged)})
				}
				if more && !p.out.JSON {
					defer p.out.Note("there are more: --limit 0 lists all")
				}
				return p.out.Listing(documents, []string{"WHEN", "WHO", "WHAT", "STATUS", "TEXT", "JUDGED"}, rows, "no bounces")
			})(cmd, args)
		},
	}
	cmd.Flags().StringVar(&email, "email", "", "only of emails to this `address`")
	cmd.Flags().StringVar(&class, "class", "", "only this `class`: hard, soft, blocked, complaint, other")
	cmd.Flags().Int64Var(&digest, "digest", 0, "only of this digest, by its `number`")
	cmd.Flags().StringVar(&since, "since", "", "only since this `time`: 2026-12-01, 2026-12-01 09:00, or how long ago: 24h")
	cmd.Flags().IntVar(&limit, "limit", 100, "show at most this `number`; 0 = all")
	return cmd
}

func bounceIngestCommand(p *program) *cobra.Command {
	var to []string
	cmd := &cobra.Command{
		Use: "ingest [FILE]", Short: "Process one bounced email", Args: cobra.MaximumNArgs(1),
		Long: `Process one bounced email from FILE or standard input. A mail server can pipe
every message for the bounce domain into it. In Postfix's master.cf:

  insights unix - n n - - pipe user=insights
    argv=/usr/local/bin/insights bounce ingest --to ${original_recipient}

Without --to, the recipient is read from the message's headers. A message is
processed once, however often it is ingested. One that is larger than 1 MB, or
unrelated to anything we sent, is reported but is not an error. If standard
input can't be processed now, the exit code is 75: mail servers try again later.`,
		RunE: later(p.withLinks(func(ctx context.Context, a *app.App, args []string) error {
			in, err := openInput(p.out, strings.Join(args, ""))
			if err != nil {
				return fmt.Errorf("bounce ingest: %w", err)
			}
			defer in.Close()
			did, err := a.Ingest(ctx, to, in)
			ours := err == nil
			switch {
			case errors.Is(err, newsletter.ErrNotOurs):
				did = err.Error()
			case errors.Is(err, newsletter.ErrTooLarge): // nor would it be taken the next time
				did = "skipped: " + err.Error()
			case err != nil:
				return fmt.Errorf("bounce ingest: %w", err)
			}
			return p.out.Result(map[string]any{"ours": ours, "did": did}, "%s", did)
		})),
	}
	cmd.Flags().StringSliceVar(&to, "to", nil, "the `address` it was delivered to")
	return cmd
}
