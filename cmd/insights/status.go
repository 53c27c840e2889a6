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
	held, heldSince, err := n.db.Held(ctx)
	if err != nil {
		return err
	}
	troubles, err := n.db.Troubles(ctx)
	if err != nil {
		return err
	}
	overdue, err := n.overdue(ctx, time.Now())
	if err != nil {
		return err
	}
	document := map[string]any{
		"version": version, "database": n.db.String(), "use": use, "running": running, "next_slots": next, "last_slots": slots,
		"outbox": byName(outbox), "subscribers": byName(readers), "hub": hub, "held": held, "held_since": stamp(heldSince), "overdue": overdue, "troubles": troubleDocuments(troubles),
	}
	if done, err := p.out.document(document); done {
		return err
	}
	state := "nothing is running"
	if running {
		state = "running"
	}
	p.out.line("%s, %s, %s", state, n.db, dash(string(use)))
	if held != "" {
		p.out.line("HELD     since %s: %s\n         look, then: insights digest release", moment(heldSince, zone), held)
	}
	for _, t := range troubles {
		p.out.line("TROUBLE  since %s: %s\n         tries again %s", moment(t.Since, zone), t.Reason, moment(t.Until, zone))
	}
	for _, s := range overdue {
		p.out.line("OVERDUE  %s, due %s", s.Schedule, moment(*s.Due, zone))
	}
	p.out.line("readers  %s", tally(readers, subscribers.Statuses[:]))
	p.out.line("outbox   %s", tally(outbox, newsletter.DeliveryStates[:]))
	if outbox[newsletter.Uncertain] > 0 {
		p.out.line("         which are uncertain: insights delivery list --state uncertain")
	}
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

type troubleJSON struct {
	Reason string     `json:"reason"`
	Since  *time.Time `json:"since"`
	Until  *time.Time `json:"until"`
}

func troubleDocuments(troubles []newsletter.Trouble) []troubleJSON {
	documents := []troubleJSON{}
	for _, t := range troubles {
		documents = append(documents, troubleJSON{t.Reason, stamp(t.Since), stamp(t.Until)})
	}
	return documents
}

// overdueAfter is how long after a slot was due it counts as overdue.
const overdueAfter = time.Minute

// overdue lists the slots that are due, and of which nothing is on record.
func (n *newsroom) overdue(ctx context.Context, now time.Time) ([]nextSlotJSON, error) {
	slots := []nextSlotJSON{}
	for _, schedule := range n.config.schedules() {
		since, err := n.db.LastSlot(ctx, schedule.Name)
		if err != nil {
			return nil, err
		}
		if since.IsZero() {
			continue // never seen: the next daemon begins with now
		}
		if slot, ok := schedule.Next(since); ok && now.Sub(slot.Due) > overdueAfter {
			slots = append(slots, nextSlotJSON{Schedule: schedule.Name, Cadence: string(schedule.Cadence), Slot: slot.Key, Due: stamp(slot.Due)})
		}
	}
	return slots, nil
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
