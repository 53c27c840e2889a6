package main

import (
	"cmp"
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

func (p *program) status(ctx context.Context, n *newsroom) error {
	s, err := n.situation(ctx, time.Now())
	if err != nil {
		return err
	}
	if done, err := p.out.document(s); done {
		return err
	}
	zone := n.config.zone()
	state := "nothing is running"
	if s.Running {
		state = "running"
	}
	p.out.line("%s, %s, %s", state, s.Database, dash(string(s.Use)))
	p.showAlarms(s, zone)
	p.out.item("readers", tally(s.readers, subscribers.Statuses[:]))
	p.out.item("outbox", tally(s.outbox, newsletter.DeliveryStates[:]))
	if s.outbox[newsletter.Uncertain] > 0 {
		p.out.item("", "which are uncertain: insights delivery list --state uncertain")
	}
	if came := s.Bounces; came["hard"]+came["soft"]+came["blocked"]+came["complaint"] > 0 {
		p.out.item("bounces", fmt.Sprintf("%s hard, %s soft, %s blocked, %s in 30 days: insights bounce list", thousands(came["hard"]), thousands(came["soft"]), thousands(came["blocked"]), count(came["complaint"], "complaint")))
	}
	if s.Hub != nil {
		p.out.item("hub", fmt.Sprintf("%s, %s to be verified, %s behind", count(s.Hub.Subscriptions, "push subscription"), thousands(s.Hub.Requests), thousands(s.Hub.Behind)))
	}
	for _, d := range s.Unfinished {
		if d.State == string(newsletter.DigestApproved) || d.State == string(newsletter.DigestSending) {
			p.out.item("digest", fmt.Sprintf("%d is %s: %s", d.ID, d.State, countsLine(d.digest)))
		}
	}
	p.out.line("")
	_, next := n.config.nextSlots(time.Now())
	p.out.table([]string{"SCHEDULE", "CADENCE", "NEXT"}, next)
	p.showSlots(s.LastSlots, zone)
	return nil
}

// showAlarms says what needs somebody, and what they can do.
func (p *program) showAlarms(s situation, zone *time.Location) {
	if s.Held != "" {
		p.out.item("HELD", fmt.Sprintf("since %s: %s", moment(*s.HeldSince, zone), s.Held))
		p.out.item("", "look, then: insights digest release")
	}
	for _, t := range s.Troubles {
		p.out.item("TROUBLE", fmt.Sprintf("since %s: %s", moment(*t.Since, zone), t.Reason))
		p.out.item("", "tries again "+moment(*t.Until, zone))
	}
	for _, o := range s.Overdue {
		why := "start insights serve, which plans it"
		switch {
		case o.Reason != "":
			why = "its plan failed and is tried again: " + o.Reason
		case s.Running:
			why = "what is running has not planned it; see its log"
		}
		p.out.item("OVERDUE", fmt.Sprintf("%s since %s", o.Schedule, moment(*o.Due, zone)))
		p.out.item("", why)
	}
	for _, d := range s.Unfinished {
		switch newsletter.DigestState(d.State) {
		case newsletter.DigestPaused:
			p.out.item("PAUSED", fmt.Sprintf("digest %d: %s", d.ID, cmp.Or(d.Reason, countsLine(d.digest))))
			if !strings.Contains(d.Reason, "digest resume") {
				p.out.item("", fmt.Sprintf("look, then: insights digest resume %d", d.ID))
			}
		case newsletter.DigestPlanned:
			p.out.item("APPROVE", fmt.Sprintf("digest %d of %s, %s: %s", d.ID, d.Schedule, d.Slot, count(d.Readers, "reader")))
			p.out.item("", fmt.Sprintf("look, then: insights digest send %d", d.ID))
		}
	}
}

func (p *program) showSlots(slots []slotJSON, zone *time.Location) {
	var rows [][]string
	for _, slot := range slots {
		what := slot.Outcome
		if slot.Digest != nil {
			what = fmt.Sprintf("digest %d", *slot.Digest)
		}
		rows = append(rows, []string{slot.Schedule, moment(*slot.Due, zone), what, dash(slot.Reason)})
	}
	if len(rows) > 0 {
		p.out.line("")
		p.out.table([]string{"SCHEDULE", "LAST SLOTS", "WHAT", "WHY"}, rows)
	}
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
