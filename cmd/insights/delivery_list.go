package main

import (
	"context"
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
	return noun("delivery", "Each mail on its way", deliveryListCommand(p), deliveryShowCommand(p))
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
}

func deliveryDocument(d newsletter.Delivery) deliveryJSON {
	document := deliveryJSON{
		ID: d.Ref.String(), Kind: string(d.Kind), Email: d.Email, State: string(d.State), Attempts: d.Attempts, Reason: string(d.Reason),
		UpdatedAt: console.Stamp(d.UpdatedAt), UncertainAt: console.Stamp(d.UncertainAt),
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
	cmd := &cobra.Command{
		Use: "list", Short: "List mails with what became of each", Args: cobra.NoArgs,
		Long: "List mails with what became of each: deliveries of digests and single mails.\n--state uncertain also lists those that were sent again since.",
		RunE: func(cmd *cobra.Command, args []string) error {
			filter := newsletter.DeliveryFilter{Digest: digest, State: newsletter.DeliveryState(state)}
			if digest < 0 || limit < 0 {
				return usageError("--digest and --limit are not negative")
			}
			if state != "" && !knownState(filter.State) {
				return usageError("unknown state %q: one of %s", state, stateNames())
			}
			if email != "" {
				a, err := parseAddress(email)
				if err != nil {
					return err
				}
				filter.Email = a.Key()
			}
			if !cmd.Flags().Changed("limit") && !p.out.JSON && p.out.Width() > 0 {
				limit = page
			}
			return withApp(cmd.Context(), p, func(a *app.App) error { return listDeliveries(cmd.Context(), p.out, a, filter, limit) })
		},
	}
	cmd.Flags().Int64Var(&digest, "digest", 0, "only of this digest (its `id`)")
	cmd.Flags().StringVar(&state, "state", "", "only in this `state`: "+stateNames())
	cmd.Flags().StringVar(&email, "email", "", "only to this `address`")
	cmd.Flags().IntVar(&limit, "limit", 0, "at most this `number`, 0 = all (default: all, on a terminal 1000)")
	return cmd
}

// page is how many rows a person looks at, and how many are laid out together.
const page = 1000

// listDeliveries writes mails as they are read: there may be a million.
func listDeliveries(ctx context.Context, out *console.Console, a *app.App, filter newsletter.DeliveryFilter, limit int) error {
	list := out.List()
	header := []string{"ID", "KIND", "EMAIL", "STATE", "TRIES", "SINCE", "REASON"}
	var rows [][]string
	shown, more := 0, false
	for d, err := range a.Digests.Deliveries(ctx, filter) {
		if err != nil {
			return err
		}
		if more = limit > 0 && shown == limit; more {
			break
		}
		shown++
		document := deliveryDocument(d)
		if list.Add(document) {
			continue
		}
		rows = append(rows, []string{document.ID, document.Kind, d.Email, document.State, fmt.Sprint(d.Attempts), console.Moment(d.UpdatedAt, a.Config.Zone()), console.Dash(string(d.Reason))})
		if len(rows) == page {
			out.Table(header, rows)
			header, rows = nil, nil
		}
	}
	if done, err := list.End(); done {
		return err
	}
	if shown == 0 {
		out.Line("no mail matches")
		return nil
	}
	if len(rows) > 0 {
		out.Table(header, rows)
	}
	if more {
		out.Note("and more: --limit 0 lists all, --state and --digest choose")
	}
	return nil
}

func knownState(s newsletter.DeliveryState) bool {
	return slices.Contains(newsletter.DeliveryStates[:], s)
}

func stateNames() string {
	var names []string
	for _, s := range newsletter.DeliveryStates {
		names = append(names, string(s))
	}
	return strings.Join(names, ", ")
}
