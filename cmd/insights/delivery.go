package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/scaledbydesign/insights/cmd/insights/internal/app"
	"github.com/scaledbydesign/insights/cmd/insights/internal/console"
	"github.com/scaledbydesign/insights/newsletter"
)

func deliveryCommand(p *program) *cobra.Command {
	return noun("delivery", "Look up individual emails", deliveryListCommand(p), deliveryShowCommand(p), deliveryResendCommand(p))
}

type deliveryJSON struct {
	ID          string     `json:"id"`
	Digest      *int64     `json:"digest"`
	Kind        string     `json:"kind"`
	Email       string     `json:"email"`
	State       string     `json:"state"`
	Attempts    int        `json:"attempts"`
	Reason      string     `json:"reason"`
	MessageID   string     `json:"message_id"`
	NextAttempt *time.Time `json:"next_attempt_at"`
	UpdatedAt   *time.Time `json:"updated_at"`
	UncertainAt *time.Time `json:"uncertain_at"`
	Mark        string     `json:"mark"` // bounced, complained; "" = none
	MarkedAt    *time.Time `json:"marked_at"`
	Said        string     `json:"said"` // by the bounce or complaint
}

func deliveryDocument(d newsletter.Delivery) deliveryJSON {
	document := deliveryJSON{
		ID: d.Ref.String(), Kind: string(d.Kind), Email: d.Email, State: string(d.State), Attempts: d.Attempts, Reason: string(d.Reason),
		UpdatedAt: console.Stamp(d.UpdatedAt), UncertainAt: console.Stamp(d.UncertainAt),
		Mark: string(d.Mark), MarkedAt: console.Stamp(d.MarkedAt), Said: d.Said,
	}
	if d.Ref.Digest != 0 {
		document.Digest = &d.Ref.Digest
	}
	if d.MessageID != "" {
		document.MessageID = "<" + d.MessageID + ">"
	}
	if d.State == newsletter.Deferred || d.State == newsletter.Pending {
		document.NextAttempt = console.Stamp(d.NextAt)
	}
	return document
}

func deliveryListCommand(p *program) *cobra.Command {
	var digest int64
	var state, email string
	var limit int
	var bounced, complained bool
	cmd := &cobra.Command{
		Use: "list", Short: "List emails and their states", Args: cobra.NoArgs,
		Long: `List emails and their states: digest deliveries and single emails.
--state uncertain also lists those that were resent since. --bounced and
--complained list those that were accepted and came back, or drew a complaint.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			filter := newsletter.DeliveryFilter{Digest: digest, State: newsletter.DeliveryState(state)}
			switch {
			case bounced && complained:
				return usageError("--bounced and --complained exclude each other")
			case bounced:
				filter.Mark = newsletter.Bounced
			case complained:
				filter.Mark = newsletter.Complained
			}
			if digest < 0 {
				return usageError("--digest can't be negative")
			}
			limit, err := p.limitOf(cmd, limit)
			if err != nil {
				return err
			}
			if state != "" && !slices.Contains(newsletter.DeliveryStates[:], filter.State) {
				return usageError("unknown state %q: one of %s", state, stateNames())
			}
			if email != "" {
				a, err := parseAddress(email)
				if err != nil {
					return err
				}
				filter.Email = a.Key()
			}
			return p.withApp(func(ctx context.Context, a *app.App, _ []string) error {
				return deliveryList(a.Config.Zone()).write(p.out, a.Digests.Deliveries(ctx, filter), limit)
			})(cmd, args)
		},
	}
	cmd.Flags().Int64Var(&digest, "digest", 0, "only from this digest (its `id`)")
	cmd.Flags().StringVar(&state, "state", "", "only in this `state`: "+stateNames())
	cmd.Flags().StringVar(&email, "email", "", "only to this `address`")
	cmd.Flags().BoolVar(&bounced, "bounced", false, "only those that were accepted and came back")
	cmd.Flags().BoolVar(&complained, "complained", false, "only those reported as spam")
	limitFlag(cmd, &limit)
	return cmd
}

// deliveryList lists emails.
func deliveryList(zone *time.Location) long[newsletter.Delivery] {
	return long[newsletter.Delivery]{
		header:   []string{"ID", "KIND", "EMAIL", "STATE", "TRIES", "SINCE", "REASON"},
		document: func(d newsletter.Delivery) any { return deliveryDocument(d) },
		row: func(d newsletter.Delivery) []string {
			return []string{d.Ref.String(), string(d.Kind), d.Email, stateAndMark(d), fmt.Sprint(d.Attempts), console.Moment(latest(d.UpdatedAt, d.MarkedAt), zone), console.Dash(cmp.Or(d.Said, string(d.Reason)))}
		},
		none: "no emails match", more: "--limit 0 lists all; --state and --digest narrow the list",
	}
}

// stateAndMark is "sent" or "sent, bounced".
func stateAndMark(d newsletter.Delivery) string {
	if d.Mark == "" {
		return string(d.State)
	}
	return string(d.State) + ", " + string(d.Mark)
}

func latest(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

func stateNames() string {
	var names []string
	for _, s := range newsletter.DeliveryStates {
		names = append(names, string(s))
	}
	return strings.Join(names, ", ")
}

func deliveryShowCommand(p *program) *cobra.Command {
	return &cobra.Command{
		Use: "show ID", Short: "Show one email: its state, the reason, and what happens next", Args: cobra.ExactArgs(1),
		Long: `Show one email: a digest delivery (12.345) or a single email (m7), with its id
as shown by: insights delivery list.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			ref, err := newsletter.ParseRef(args[0])
			if err != nil {
				return usageError("%q is not the id of an email: write 12.345 or m7, as shown by: insights delivery list", args[0])
			}
			return p.withApp(func(ctx context.Context, a *app.App, _ []string) error { return showDelivery(ctx, p.out, a, ref) })(cmd, args)
		},
	}
}

// deliveryShownJSON is one email with its insights.
type deliveryShownJSON struct {
	deliveryJSON
	Code     int      `json:"code"` // of the last SMTP reply, 0 = none
	Subject  string   `json:"subject"`
	Variant  int      `json:"variant"`
	Insights []string `json:"insights"` // slugs
	Next     string   `json:"next"`     // what happens to it
}

func findDelivery(ctx context.Context, a *app.App, ref newsletter.Ref) (newsletter.Delivery, error) {
	d, err := a.Digests.Delivery(ctx, ref)
	if errors.Is(err, newsletter.ErrNotFound) {
		err = fmt.Errorf("there is no email %s; see: insights delivery list", ref)
	}
	return d, err
}

func showDelivery(ctx context.Context, out *console.Console, a *app.App, ref newsletter.Ref) error {
	d, err := findDelivery(ctx, a, ref)
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
	out.Line("email      %s, %s", ref, d.Kind)
	out.Line("to         %s", d.Email)
	if ref.Digest != 0 {
		out.Line("digest     %d, %s; variant %d", digest.ID, digest.State, d.Variant)
		out.Line("subject    %s", document.Subject)
		for _, slug := range document.Insights {
			out.Line("  insight  %s", slug)
		}
	}
	out.Line("state      %s since %s, %s", d.State, console.Moment(d.UpdatedAt, zone), console.Count(d.Attempts, "attempt"))
	out.Line("reason     %s", console.Dash(string(d.Reason)))
	out.Line("message    %s", console.Dash(document.MessageID))
	if !d.UncertainAt.IsZero() {
		out.Line("uncertain  %s: the server did not reply, so it may have arrived", console.Moment(d.UncertainAt, zone))
	}
	switch d.Mark {
	case newsletter.Bounced:
		out.Line("came back  %s: %s", console.Moment(d.MarkedAt, zone), console.Dash(d.Said))
	case newsletter.Complained:
		out.Line("complaint  %s: %s", console.Moment(d.MarkedAt, zone), console.Dash(d.Said))
	}
	out.Line("next       %s", document.Next)
	return out.Document(document)
}

// next describes what happens to an email next, automatically or by staff.
func next(d newsletter.Delivery, step newsletter.NextStep, zone *time.Location) string {
	single := d.Ref.Digest == 0
	switch {
	case step == newsletter.NextAt:
		return "next attempt at " + console.Moment(d.NextAt, zone)
	case step == newsletter.NextUnapproved:
		return fmt.Sprintf("nothing until it is approved: insights digest send %d", d.Ref.Digest)
	case step == newsletter.NextPaused:
		return fmt.Sprintf("nothing while the digest is paused; to resume it: insights digest resume %d", d.Ref.Digest)
	case step == newsletter.NextFailed && single:
		return "nothing"
	case step == newsletter.NextFailed:
		return fmt.Sprintf("nothing more: its insights go into the next digest; to resend it: insights digest retry %d --failed", d.Ref.Digest)
	case step == newsletter.NextUncertain && single:
		return "nothing more: it may or may not have arrived"
	case step == newsletter.NextUncertain:
		return fmt.Sprintf("nothing more: it may or may not have arrived; to resend it: insights digest retry %d --uncertain", d.Ref.Digest)
	}
	return map[newsletter.NextStep]string{
		newsletter.NextHeld:    "nothing while sending is on hold; to release it: insights digest release",
		newsletter.NextSoon:    "it will be sent in its turn",
		newsletter.NextSending: "it is about to be sent",
		newsletter.NextAnswer:  "waiting for the reply of the mail server",
		newsletter.NextNone:    "nothing more: the mail server accepted it",
		newsletter.NextAgain:   "nothing more: it came back, and its insights go into the next digest; to send it again by itself: insights delivery resend " + d.Ref.String(),
		newsletter.NextSkipped: "nothing more: insights that are still wanted go into the next digest",
	}[step]
}
