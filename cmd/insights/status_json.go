package main

import (
	"context"
	"time"

	"github.com/scaledbydesign/insights/cmd/insights/internal/app"
	"github.com/scaledbydesign/insights/cmd/insights/internal/console"
	"github.com/scaledbydesign/insights/feeds/websub"
	"github.com/scaledbydesign/insights/newsletter"
)

// statusJSON is how things stand, as programs read it.
type statusJSON struct {
	Version     string            `json:"version"`
	Database    string            `json:"database"`
	Use         app.Use           `json:"use"`
	Running     bool              `json:"running"`
	Held        string            `json:"held"` // why nothing is sent; "" = it is not held
	HeldSince   *time.Time        `json:"held_since"`
	Troubles    []troubleJSON     `json:"troubles"`
	Overdue     []overdueJSON     `json:"overdue"`
	Unfinished  []unfinishedJSON  `json:"unfinished"`
	Subscribers map[string]int    `json:"subscribers"`
	Outbox      map[string]int    `json:"outbox"`
	Bounces     map[string]int    `json:"bounces"` // of the last 30 days
	Hub         *websub.HubStatus `json:"hub"`
	NextSlots   []nextSlotJSON    `json:"next_slots"`
	LastSlots   []slotJSON        `json:"last_slots"`

	status newsletter.Status
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
	s.NextSlots, _ = nextSlots(&a.Config, now)
	s.fill()
	return s, nil
}

// fill says of the status what programs read.
func (s *statusJSON) fill() {
	s.Held, s.HeldSince = string(s.status.Held), console.Stamp(s.status.HeldSince)
	s.Outbox, s.Subscribers, s.Bounces = byName(s.status.Outbox), byName(s.status.Readers), s.status.Bounces
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

// byName gives every count a name that JSON can hold.
func byName[K ~string](counts map[K]int) map[string]int {
	named := make(map[string]int, len(counts))
	for k, n := range counts {
		named[string(k)] = n
	}
	return named
}
