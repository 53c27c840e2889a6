package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/scaledbydesign/insights/cmd/insights/internal/app"
	"github.com/scaledbydesign/insights/cmd/insights/internal/console"
	"github.com/scaledbydesign/insights/newsletter"
)

func deliveryShowCommand(p *program) *cobra.Command {
	return &cobra.Command{
		Use: "show ID", Short: "Show one mail: where it stands, why, and what comes next", Args: cobra.ExactArgs(1),
		Long: "Show one mail: a delivery of a digest (12.345) or a single mail (m7), as\ninsights delivery list names them.",
		RunE: func(cmd *cobra.Command, args []string) error {
			ref, err := newsletter.ParseRef(args[0])
			if err != nil {
				return usageError("%q is no mail: write 12.345 or m7, as in: insights delivery list", args[0])
			}
			return withApp(cmd.Context(), p, func(a *app.App) error { return showDelivery(cmd.Context(), p.out, a, ref) })
		},
	}
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

func showDelivery(ctx context.Context, out *console.Console, a *app.App, ref newsletter.Ref) error {
	d, err := a.Digests.Delivery(ctx, ref)
	if errors.Is(err, newsletter.ErrNotFound) {
		return fmt.Errorf("there is no mail %s; see: insights delivery list", ref)
	}
	if err != nil {
		return err
	}
	document := deliveryShownJSON{deliveryJSON: deliveryDocument(d), Code: d.Code, Variant: d.Variant, Insights: []string{}}
	var digest newsletter.Digest
	if ref.Digest != 0 {
		if digest, err = a.Digests.Digest(ctx, ref.Digest); err != nil {
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
	held, _, err := a.Digests.Held(ctx)
	if err != nil {
		return err
	}
	zone := a.Config.Zone()
	document.Next = next(d, d.Next(digest.State, held != "", time.Now()), zone)
	if done, err := out.Document(document); done {
		return err
	}
	out.Line("mail       %s, %s", ref, d.Kind)
	out.Line("to         %s", d.Email)
	if ref.Digest != 0 {
		out.Line("digest     %d, %s; variant %d", digest.ID, digest.State, d.Variant)
		out.Line("subject    %s", document.Subject)
		for _, slug := range document.Insights {
			out.Line("  carries  %s", slug)
		}
	}
	out.Line("state      %s since %s, %s", d.State, console.Moment(d.UpdatedAt, zone), console.Count(d.Attempts, "attempt"))
	out.Line("reason     %s", console.Dash(string(d.Reason)))
	out.Line("message    %s", console.Dash(document.MessageID))
	if !d.UncertainAt.IsZero() {
		out.Line("uncertain  %s: no answer came, so it may have arrived", console.Moment(d.UncertainAt, zone))
	}
	out.Line("next       %s", document.Next)
	return nil
}

// next says what happens to a mail from here, by itself or by staff.
func next(d newsletter.Delivery, step newsletter.NextStep, zone *time.Location) string {
	single := d.Ref.Digest == 0
	switch {
	case step == newsletter.NextAt:
		return "it is tried " + console.Moment(d.NextAt, zone)
	case step == newsletter.NextUnapproved:
		return fmt.Sprintf("it waits for: insights digest send %d", d.Ref.Digest)
	case step == newsletter.NextPaused:
		return fmt.Sprintf("nothing while the digest is paused: insights digest resume %d", d.Ref.Digest)
	case step == newsletter.NextFailed && single:
		return "nothing"
	case step == newsletter.NextFailed:
		return fmt.Sprintf("nothing by itself; what it carried comes with the next digest, or: insights digest retry %d --failed", d.Ref.Digest)
	case step == newsletter.NextUncertain && single:
		return "nothing: nobody knows whether it arrived"
	case step == newsletter.NextUncertain:
		return fmt.Sprintf("nothing by itself: nobody knows whether it arrived; to send it again: insights digest retry %d --uncertain", d.Ref.Digest)
	}
	return map[newsletter.NextStep]string{
		newsletter.NextHeld:    "nothing while sending is held: insights digest release",
		newsletter.NextSoon:    "it is sent when its turn comes",
		newsletter.NextSending: "it is about to be sent",
		newsletter.NextAnswer:  "its answer is awaited",
		newsletter.NextNone:    "nothing: it was accepted by the mail server",
		newsletter.NextSkipped: "nothing; what it carried and is still wanted comes with the next digest",
	}[step]
}
