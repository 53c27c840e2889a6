package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/scaledbydesign/insights/newsletter"
	"github.com/scaledbydesign/insights/subscribers"
)

func (p *program) statusCommand() *cobra.Command {
	var watch bool
	cmd := &cobra.Command{
		Use: "status", Short: "Show what is going on: slots, outbox, readers", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if watch && p.out.json {
				return usageError("--watch has no end, so it is no JSON document: leave out --json")
			}
			return p.withNewsroom(cmd.Context(), func(n *newsroom) error {
				for {
					if err := p.status(cmd.Context(), n); err != nil || !watch {
						return err
					}
					select {
					case <-cmd.Context().Done():
						return nil
					case <-time.After(2 * time.Second):
						p.out.clear()
					}
				}
			})
		},
	}
	cmd.Flags().BoolVar(&watch, "watch", false, "show it again every two seconds")
	return cmd
}

type slotJSON struct {
	Schedule string     `json:"schedule"`
	Slot     string     `json:"slot"`
	Due      *time.Time `json:"due"`
	Outcome  string     `json:"outcome"`
	Reason   string     `json:"reason"`
	Digest   *int64     `json:"digest"`
}

func (p *program) status(ctx context.Context, n *newsroom) error {
	outbox, err := n.db.Outbox(ctx)
	if err != nil {
		return err
	}
	readers, err := n.db.Readers(ctx)
	if err != nil {
		return err
	}
	records, err := n.db.Slots(ctx, 8)
	if err != nil {
		return err
	}
	use, err := n.db.Use(ctx)
	if err != nil {
		return err
	}
	zone := n.config.zone()
	next, nextRows := n.config.nextSlots(time.Now())
	slots := []slotJSON{}
	var slotRows [][]string
	for _, r := range records {
		slot := slotJSON{r.Schedule, r.Key, stamp(r.Due), string(r.Outcome), r.Reason, nil}
		what := string(r.Outcome)
		if r.Digest != 0 {
			slot.Digest = &r.Digest
			what = fmt.Sprintf("digest %d", r.Digest)
		}
		slots = append(slots, slot)
		slotRows = append(slotRows, []string{r.Schedule, moment(r.Due, zone), what, dash(r.Reason)})
	}
	hub, err := n.hubStatus(ctx)
	if err != nil {
		return err
	}
	running := n.running(ctx)
	document := map[string]any{
		"version": version, "database": n.db.String(), "use": use, "running": running, "next_slots": next, "last_slots": slots,
		"outbox": byName(outbox), "subscribers": byName(readers), "hub": hub,
	}
	if done, err := p.out.document(document); done {
		return err
	}
	state := "nothing is running"
	if running {
		state = "running"
	}
	p.out.line("%s, %s, %s", state, n.db, dash(string(use)))
	p.out.line("readers  %s", tally(readers, subscribers.Statuses[:]))
	p.out.line("outbox   %s", tally(outbox, newsletter.DeliveryStates[:]))
	if hub != nil {
		p.out.line("hub      %s, %s to be verified, %s behind", count(hub.Subscriptions, "push subscription"), thousands(hub.Requests), thousands(hub.Behind))
	}
	p.out.line("")
	p.out.table([]string{"SCHEDULE", "CADENCE", "NEXT"}, nextRows)
	if len(slotRows) > 0 {
		p.out.line("")
		p.out.table([]string{"SCHEDULE", "LAST SLOTS", "WHAT", "WHY"}, slotRows)
	}
	return nil
}

// byName gives every count a name that JSON can hold.
func byName[K ~string](counts map[K]int) map[string]int {
	named := make(map[string]int, len(counts))
	for k, n := range counts {
		named[string(k)] = n
	}
	return named
}

// tally is "3 confirmed, 1 pending", in the given order.
func tally[K ~string](counts map[K]int, order []K) string {
	var parts []string
	for _, k := range order {
		if counts[k] > 0 {
			parts = append(parts, thousands(counts[k])+" "+string(k))
		}
	}
	if len(parts) == 0 {
		return "none"
	}
	return strings.Join(parts, ", ")
}
