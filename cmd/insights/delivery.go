package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/scaledbydesign/insights/newsletter"
)

func (p *program) deliveryCommand() *cobra.Command {
	return noun("delivery", "Each mail on its way", p.deliveryListCommand())
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

// deliveryID names a mail: "12.345" of a digest, "m7" alone.
func deliveryID(r newsletter.Ref) string {
	if r.Message != 0 {
		return fmt.Sprintf("m%d", r.Message)
	}
	return fmt.Sprintf("%d.%d", r.Digest, r.Subscriber)
}

func deliveryDocument(d newsletter.Delivery) deliveryJSON {
	document := deliveryJSON{
		ID: deliveryID(d.Ref), Kind: string(d.Kind), Email: d.Email, State: string(d.State), Attempts: d.Attempts, Reason: d.Reason,
		UpdatedAt: stamp(d.UpdatedAt), UncertainAt: stamp(d.UncertainAt),
	}
	if d.Ref.Digest != 0 {
		document.Digest = &d.Ref.Digest
	}
	if d.MessageID != "" {
		document.MessageID = "<" + d.MessageID + ">"
	}
	if d.State == newsletter.Deferred || d.State == newsletter.Waiting {
		document.NextAttempt = stamp(d.NextAt)
	}
	return document
}

func (p *program) deliveryListCommand() *cobra.Command {
	var digest int64
	var state, email string
	cmd := &cobra.Command{
		Use: "list", Short: "List mails with what became of each", Args: cobra.NoArgs,
		Long: "List mails with what became of each: deliveries of digests and single mails.\n--state uncertain also lists those that were sent again since.",
		RunE: func(cmd *cobra.Command, args []string) error {
			filter := newsletter.DeliveryFilter{Digest: digest, State: newsletter.DeliveryState(state)}
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
			return p.withNewsroom(cmd.Context(), func(n *newsroom) error {
				documents := []deliveryJSON{}
				var rows [][]string
				for d, err := range n.db.Deliveries(cmd.Context(), filter) {
					if err != nil {
						return err
					}
					document := deliveryDocument(d)
					documents = append(documents, document)
					rows = append(rows, []string{document.ID, document.Kind, d.Email, document.State, fmt.Sprint(d.Attempts), moment(d.UpdatedAt, n.config.zone()), dash(d.Reason)})
				}
				if done, err := p.out.document(documents); done {
					return err
				}
				if len(rows) == 0 {
					p.out.line("no mail matches")
					return nil
				}
				p.out.table([]string{"ID", "KIND", "EMAIL", "STATE", "TRIES", "SINCE", "REASON"}, rows)
				return nil
			})
		},
	}
	cmd.Flags().Int64Var(&digest, "digest", 0, "only of this digest (its `id`)")
	cmd.Flags().StringVar(&state, "state", "", "only in this `state`: "+stateNames())
	cmd.Flags().StringVar(&email, "email", "", "only to this `address`")
	return cmd
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
