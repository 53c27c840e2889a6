package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/scaledbydesign/insights/newsletter"
)

func (p *program) deliveryShowCommand() *cobra.Command {
	return &cobra.Command{
		Use: "show ID", Short: "Show one mail: where it stands, why, and what comes next", Args: cobra.ExactArgs(1),
		Long: "Show one mail: a delivery of a digest (12.345) or a single mail (m7), as\ninsights delivery list names them.",
		RunE: func(cmd *cobra.Command, args []string) error {
			ref, err := parseRef(args[0])
			if err != nil {
				return err
			}
			return p.withNewsroom(cmd.Context(), func(n *newsroom) error { return p.showDelivery(cmd.Context(), n, ref) })
		},
	}
}

// parseRef reads what newsletter.Ref.String wrote.
func parseRef(word string) (ref newsletter.Ref, err error) {
	bad := usageError("%q is no mail: write 12.345 or m7, as in: insights delivery list", word)
	if strings.Trim(word, "m.0123456789") != "" { // signs, which ParseInt reads
		return ref, bad
	}
	if number, ok := strings.CutPrefix(word, "m"); ok {
		if ref.Message, err = strconv.ParseInt(number, 10, 64); err != nil || ref.Message <= 0 {
			return ref, bad
		}
		return ref, nil
	}
	digest, subscriber, ok := strings.Cut(word, ".")
	ref.Digest, err = strconv.ParseInt(digest, 10, 64)
	if !ok || err != nil || ref.Digest <= 0 {
		return ref, bad
	}
	if ref.Subscriber, err = strconv.ParseInt(subscriber, 10, 64); err != nil || ref.Subscriber <= 0 {
		return ref, bad
	}
	return ref, nil
}

// deliveryShownJSON is one mail with what it carries.
type deliveryShownJSON struct {
	deliveryJSON
	Code     int      `json:"code"` // of the last SMTP reply, 0 = none
	Subject  string   `json:"subject"`
	Variant  int      `json:"variant"`
	Insights []string `json:"insights"` // slugs
	Next     string   `json:"next"`     // what happens to it
}

func (p *program) showDelivery(ctx context.Context, n *newsroom, ref newsletter.Ref) error {
	d, err := n.db.Delivery(ctx, ref)
	if errors.Is(err, newsletter.ErrNotFound) {
		return fmt.Errorf("there is no mail %s; see: insights delivery list", ref)
	}
	if err != nil {
		return err
	}
	document := deliveryShownJSON{deliveryJSON: deliveryDocument(d), Code: d.Code, Variant: d.Variant, Insights: []string{}}
	var digest newsletter.Digest
	if ref.Digest != 0 {
		if digest, err = n.db.Digest(ctx, ref.Digest); err != nil {
			return err
		}
		for _, v := range digest.Variants {
			if v.Number != d.Variant {
				continue
			}
			items := digest.ItemsOf(v)
			document.Subject = newsletter.SubjectFor(items, digest.Subject)
			for _, item := range items {
				document.Insights = append(document.Insights, item.Slug)
			}
		}
	}
	held, _, err := n.db.Held(ctx)
	if err != nil {
		return err
	}
	zone := n.config.zone()
	document.Next = whatComes(d, digest, string(held), zone)
	if done, err := p.out.document(document); done {
		return err
	}
	p.out.line("mail       %s, %s", ref, d.Kind)
	p.out.line("to         %s", d.Email)
	if ref.Digest != 0 {
		p.out.line("digest     %d, %s; variant %d", digest.ID, digest.State, d.Variant)
		p.out.line("subject    %s", document.Subject)
		for _, slug := range document.Insights {
			p.out.line("  carries  %s", slug)
		}
	}
	p.out.line("state      %s since %s, %s", d.State, moment(d.UpdatedAt, zone), count(d.Attempts, "attempt"))
	p.out.line("reason     %s", dash(string(d.Reason)))
	p.out.line("message    %s", dash(document.MessageID))
	if !d.UncertainAt.IsZero() {
		p.out.line("uncertain  %s: no answer came, so it may have arrived", moment(d.UncertainAt, zone))
	}
	p.out.line("next       %s", document.Next)
	return nil
}

// whatComes says what happens to a mail from here, by itself or by staff.
func whatComes(d newsletter.Delivery, digest newsletter.Digest, held string, zone *time.Location) string {
	waits := ""
	switch {
	case held != "":
		waits = "nothing while sending is held: insights digest release"
	case d.Ref.Digest != 0 && digest.State == newsletter.DigestPlanned:
		waits = fmt.Sprintf("it waits for: insights digest send %d", digest.ID)
	case d.Ref.Digest != 0 && digest.State == newsletter.DigestPaused:
		waits = fmt.Sprintf("nothing while the digest is paused: insights digest resume %d", digest.ID)
	}
	switch d.State {
	case newsletter.Pending, newsletter.Deferred:
		switch {
		case waits != "":
			return waits
		case d.NextAt.After(time.Now()):
			return "it is tried " + moment(d.NextAt, zone)
		}
		return "it is sent when its turn comes"
	case newsletter.Claimed:
		return "it is about to be sent"
	case newsletter.Sending:
		return "its answer is awaited"
	case newsletter.Sent:
		return "nothing: it was accepted by the mail server"
	case newsletter.Skipped:
		return "nothing; what it carried and is still wanted comes with the next digest"
	case newsletter.Failed:
		if d.Ref.Digest == 0 {
			return "nothing"
		}
		return fmt.Sprintf("nothing by itself; what it carried comes with the next digest, or: insights digest retry %d --failed", d.Ref.Digest)
	}
	if d.Ref.Digest == 0 {
		return "nothing: nobody knows whether it arrived"
	}
	return fmt.Sprintf("nothing by itself: nobody knows whether it arrived; to send it again: insights digest retry %d --uncertain", d.Ref.Digest)
}
