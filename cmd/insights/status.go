package main

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/scaledbydesign/insights/cmd/insights/internal/app"
	"github.com/scaledbydesign/insights/cmd/insights/internal/console"
	"github.com/scaledbydesign/insights/feeds/websub"
	"github.com/scaledbydesign/insights/newsletter"
	"github.com/scaledbydesign/insights/subscribers"
)

func statusCommand(p *program) *cobra.Command {
	var watch bool
	cmd := &cobra.Command{
		Use: "status", Short: "Show the current state: schedules, outbox, readers", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if watch && p.out.JSON {
				return usageError("--watch never ends, so its output can't be one JSON document: remove --json")
			}
			return p.withApp(func(ctx context.Context, a *app.App, args []string) error {
				for {
					if err := status(ctx, p.out, a); err != nil || !watch {
						return err
					}
					select {
					case <-ctx.Done():
						return nil
					case <-time.After(2 * time.Second):
						p.out.Clear()
					}
				}
			})(cmd, args)
		},
	}
	cmd.Flags().BoolVar(&watch, "watch", false, "refresh every two seconds")
	return cmd
}

func status(ctx context.Context, out *console.Console, a *app.App) error {
	s, err := loadStatus(ctx, a, time.Now())
	if err != nil {
		return err
	}
	zone := a.Config.Zone()
	state := "no daemon is running"
	if s.Running {
		state = "running"
	}
	out.Line("%s, %s, %s", state, s.Database, console.Dash(string(s.Use)))
	showDaemons(out, s.Daemons, zone)
	showAlarms(out, s, zone)
	s.SignUps.show(out, zone)
	s.Content.show(out)
	for _, note := range s.Notes {
		out.Item("NOTE", note)
	}
	out.Item("readers", tally(s.status.Readers, subscribers.Statuses[:]))
	out.Item("outbox", tally(s.status.Outbox, newsletter.DeliveryStates[:]))
	if s.status.Outbox[newsletter.Uncertain] > 0 {
		out.Item("", "list the uncertain ones: insights delivery list --state uncertain")
	}
	if came := s.Bounces; came["hard"]+came["soft"]+came["blocked"]+came["complaint"] > 0 {
		out.Item("bounces", fmt.Sprintf("%s hard, %s soft, %s blocked, %s in 30 days: insights bounce list", console.Thousands(came["hard"]), console.Thousands(came["soft"]), console.Thousands(came["blocked"]), console.Count(came["complaint"], "complaint")))
	}
	if n := s.Bounces["other"]; n > 0 {
		out.Item("", console.Count(n, "message")+" to postmaster or abuse: insights bounce list --class other")
	}
	if m := s.status.Marks; m[newsletter.Bounced]+m[newsletter.Complained] > 0 {
		out.Item("returned", fmt.Sprintf("%s accepted in 30 days came back, %s: insights delivery list --bounced", console.Count(m[newsletter.Bounced], "email"), console.Count(m[newsletter.Complained], "complaint")))
		if m[newsletter.Complained] > 0 {
			out.Item("", "list the complaints: insights delivery list --complained")
		}
	}
	if r := s.Refusals; r.Waiting > 0 {
		out.Item("refusals", fmt.Sprintf("%s to be judged, the first on %s", console.Thousands(r.Waiting), console.Moment(*r.Next, zone)))
	}
	if s.Hub != nil {
		out.Item("hub", fmt.Sprintf("%s, %s unverified, %s behind", console.Count(s.Hub.Subscriptions, "push subscription"), console.Thousands(s.Hub.Requests), console.Thousands(s.Hub.Behind)))
	}
	for _, d := range s.Unfinished {
		if d.State == string(newsletter.DigestApproved) || d.State == string(newsletter.DigestSending) {
			out.Item("digest", fmt.Sprintf("%d is %s: %s", d.ID, d.State, countsLine(d.digest)))
		}
	}
	out.Line("")
	_, next := nextSlots(&a.Config, time.Now())
	out.Table([]string{"SCHEDULE", "CADENCE", "NEXT"}, next)
	showSlots(out, s.LastSlots, zone)
	return out.Document(s)
}

// showAlarms lists what needs attention, and what to do about it.
func showAlarms(out *console.Console, s statusJSON, zone *time.Location) {
	if s.Held != "" {
		out.Item("HELD", fmt.Sprintf("since %s: %s", console.Moment(*s.HeldSince, zone), s.Held))
		out.Item("", "check it, then run: insights digest release")
	}
	for _, t := range s.Troubles {
		out.Item("TROUBLE", fmt.Sprintf("since %s: %s", console.Moment(*t.Since, zone), t.Reason))
		out.Item("", "next attempt at "+console.Moment(*t.Until, zone))
	}
	for _, o := range s.Overdue {
		why := "start insights serve: it plans it"
		switch {
		case o.Reason != "":
			why = "planning failed and will be retried: " + o.Reason
		case s.Running:
			why = "the running daemon has not planned it; see its log"
		}
		out.Item("OVERDUE", fmt.Sprintf("%s since %s", o.Schedule, console.Moment(*o.Due, zone)))
		out.Item("", why)
	}
	if r := s.Refusals; r.InDoubt > 0 {
		out.Item("IN DOUBT", fmt.Sprintf("%s in 7 days, of readers who stay subscribed: %s", console.Count(r.InDoubt, "refusal"), r.Why))
		out.Item("", "see: insights bounce list --class hard")
	}
	for _, d := range s.Unfinished {
		switch newsletter.DigestState(d.State) {
		case newsletter.DigestPaused:
			out.Item("PAUSED", fmt.Sprintf("digest %d: %s", d.ID, cmp.Or(d.Reason, countsLine(d.digest))))
			if !strings.Contains(d.Reason, "digest resume") {
				out.Item("", fmt.Sprintf("check it, then run: insights digest resume %d", d.ID))
			}
		case newsletter.DigestPlanned:
			out.Item("APPROVE", fmt.Sprintf("digest %d of %s, %s: %s", d.ID, d.Schedule, d.Slot, console.Count(d.Readers, "reader")))
			out.Item("", fmt.Sprintf("check it, then run: insights digest send %d", d.ID))
		}
	}
}

func showSlots(out *console.Console, slots []slotJSON, zone *time.Location) {
	var rows [][]string
	for _, slot := range slots {
		what := slot.Outcome
		if slot.Digest != nil {
			what = fmt.Sprintf("digest %d", *slot.Digest)
		}
		rows = append(rows, []string{slot.Schedule, console.Moment(*slot.Due, zone), what, console.Dash(slot.Reason)})
	}
	if len(rows) > 0 {
		out.Line("")
		out.Table([]string{"SCHEDULE", "LAST SLOTS", "WHAT", "WHY"}, rows)
	}
}

// tally is "3 confirmed, 1 pending", in the given order.
func tally[K ~string](counts map[K]int, order []K) string {
	var parts []string
	for _, k := range order {
		if counts[k] > 0 {
			parts = append(parts, console.Thousands(counts[k])+" "+string(k))
		}
	}
	if len(parts) == 0 {
		return "none"
	}
	return strings.Join(parts, ", ")
}

// statusJSON is the status as programs read it.
type statusJSON struct {
	Version     string            `json:"version"`
	Database    string            `json:"database"`
	Use         app.Use           `json:"use"`
	Running     bool              `json:"running"`
	Daemons     []daemonJSON      `json:"daemons"`
	Held        string            `json:"held"` // why nothing is sent; "" = it is not held
	HeldSince   *time.Time        `json:"held_since"`
	Troubles    []troubleJSON     `json:"troubles"`
	Overdue     []overdueJSON     `json:"overdue"`
	Unfinished  []unfinishedJSON  `json:"unfinished"`
	Subscribers map[string]int    `json:"subscribers"`
	Outbox      map[string]int    `json:"outbox"`
	Bounces     map[string]int    `json:"bounces"` // of the last 30 days
	Marks       map[string]int    `json:"marks"`   // accepted emails that came back or drew a complaint in the last 30 days
	Refusals    refusalsJSON      `json:"refusals"`
	SignUps     signUpsJSON       `json:"sign_ups"`
	Hub         *websub.HubStatus `json:"hub"`
	Content     contentStatus     `json:"content"`
	Notes       []string          `json:"notes"` // what somebody should attend to
	NextSlots   []nextSlotJSON    `json:"next_slots"`
	LastSlots   []slotJSON        `json:"last_slots"`

	status newsletter.Status
}

// refusalsJSON counts hard refusals that are to be judged, and those in doubt in 7 days.
type refusalsJSON struct {
	Waiting int        `json:"waiting"`
	Next    *time.Time `json:"next"`
	InDoubt int        `json:"in_doubt"`
	Why     string     `json:"why"` // of the latest in doubt
}

type slotJSON struct {
	Schedule string     `json:"schedule"`
	Slot     string     `json:"slot"`
	Due      *time.Time `json:"due"`
	Outcome  string     `json:"outcome"`
	Reason   string     `json:"reason"`
	Digest   *int64     `json:"digest"`
}

type troubleJSON struct {
	Reason string     `json:"reason"`
	Since  *time.Time `json:"since"`
	Until  *time.Time `json:"until"`
}

// overdueJSON is a slot that is due and has not been planned. Reason is why its plan
// failed, if anybody tried.
type overdueJSON struct {
	nextSlotJSON
	Reason string `json:"reason"`
}

// unfinishedJSON is a digest that is being sent, is paused or waits for approval.
type unfinishedJSON struct {
	ID       int64          `json:"id"`
	State    string         `json:"state"`
	Reason   string         `json:"reason"`
	Schedule string         `json:"schedule"`
	Slot     string         `json:"slot"`
	Readers  int            `json:"readers"`
	Counts   map[string]int `json:"counts"`

	digest newsletter.Digest
}

func loadStatus(ctx context.Context, a *app.App, now time.Time) (s statusJSON, err error) {
	if s.Use, err = a.Use(ctx); err != nil {
		return s, err
	}
	if s.status, err = newsletter.LoadStatus(ctx, a.Status, a.Config.Schedules(), now); err != nil {
		return s, err
	}
	if a.Hub != nil {
		hub, err := a.Hub.Status(ctx)
		if err != nil {
			return s, err
		}
		s.Hub = &hub
	}
	s.Version, s.Database, s.Running = app.Version, a.Database, a.Running(ctx)
	if s.Daemons, err = loadDaemons(ctx, a, now); err != nil {
		return s, err
	}
	s.Running = s.Running || len(s.Daemons) > 0
	s.Content = loadContentStatus(a)
	if s.SignUps, err = loadSignUps(ctx, a, now); err != nil {
		return s, err
	}
	if s.Notes, err = loadNotes(ctx, a); err != nil {
		return s, err
	}
	s.NextSlots, _ = nextSlots(&a.Config, now)
	s.fill()
	return s, nil
}

// fill sets what programs read from the status.
func (s *statusJSON) fill() {
	s.Held, s.HeldSince = string(s.status.Held), console.Stamp(s.status.HeldSince)
	s.Outbox, s.Subscribers, s.Bounces, s.Marks = byName(s.status.Outbox), byName(s.status.Readers), s.status.Bounces, byName(s.status.Marks)
	r := s.status.Refusals
	s.Refusals = refusalsJSON{r.Waiting, console.Stamp(r.Next), r.InDoubt, string(r.Why)}
	s.Troubles, s.Overdue, s.Unfinished, s.LastSlots = []troubleJSON{}, []overdueJSON{}, []unfinishedJSON{}, []slotJSON{}
	for _, t := range s.status.Troubles {
		s.Troubles = append(s.Troubles, troubleJSON{string(t.Reason), console.Stamp(t.Since), console.Stamp(t.Until)})
	}
	for _, o := range s.status.Overdue {
		slot := nextSlotJSON{Schedule: o.Schedule.Name, Cadence: string(o.Schedule.Cadence), Slot: o.Slot.Key, Due: console.Stamp(o.Slot.Due)}
		s.Overdue = append(s.Overdue, overdueJSON{slot, string(o.Reason)})
	}
	for _, d := range s.status.Unfinished {
		s.Unfinished = append(s.Unfinished, unfinishedJSON{d.ID, string(d.State), string(d.Reason), d.Schedule, d.Slot, d.Readers, byName(d.Counts), d})
	}
	for _, r := range s.status.LastSlots {
		slot := slotJSON{r.Schedule, r.Key, console.Stamp(r.Due), string(r.Outcome), string(r.Reason), nil}
		if r.Digest != 0 {
			slot.Digest = &r.Digest
		}
		s.LastSlots = append(s.LastSlots, slot)
	}
}
