package main

import (
	"context"
	"time"

	"github.com/scaledbydesign/insights/cmd/insights/internal/database"
	"github.com/scaledbydesign/insights/feeds/websub"
	"github.com/scaledbydesign/insights/newsletter"
	"github.com/scaledbydesign/insights/subscribers"
)

// situation is how things stand, as programs read it.
type situation struct {
	Version     string            `json:"version"`
	Database    string            `json:"database"`
	Use         database.Use      `json:"use"`
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

	readers map[subscribers.Status]int
	outbox  map[newsletter.DeliveryState]int
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

// bouncesOf is how far back bounces are counted.
const bouncesOf = 30 * 24 * time.Hour

// situation asks the database how things stand. None of its queries reads every
// reader or every mail.
func (n *newsroom) situation(ctx context.Context, now time.Time) (s situation, err error) {
	s.Version, s.Database, s.Running = version, n.db.String(), n.running(ctx)
	s.NextSlots, _ = n.config.nextSlots(now)
	if s.Use, err = n.db.Use(ctx); err != nil {
		return s, err
	}
	held, since, err := n.db.Held(ctx)
	if err != nil {
		return s, err
	}
	s.Held, s.HeldSince = held, stamp(since)
	if s.outbox, err = n.db.Outbox(ctx); err != nil {
		return s, err
	}
	if s.readers, err = n.db.Readers(ctx); err != nil {
		return s, err
	}
	s.Outbox, s.Subscribers = byName(s.outbox), byName(s.readers)
	if s.Bounces, err = n.db.BouncedSince(ctx, now.Add(-bouncesOf)); err != nil {
		return s, err
	}
	if s.Hub, err = n.hubStatus(ctx); err != nil {
		return s, err
	}
	if s.Overdue, err = n.overdue(ctx, now); err != nil {
		return s, err
	}
	return s, n.fillLists(ctx, &s)
}

func (n *newsroom) fillLists(ctx context.Context, s *situation) error {
	s.Troubles, s.Unfinished, s.LastSlots = []troubleJSON{}, []unfinishedJSON{}, []slotJSON{}
	troubles, err := n.db.Troubles(ctx)
	if err != nil {
		return err
	}
	for _, t := range troubles {
		s.Troubles = append(s.Troubles, troubleJSON{t.Reason, stamp(t.Since), stamp(t.Until)})
	}
	digests, err := n.db.Unfinished(ctx)
	if err != nil {
		return err
	}
	for _, d := range digests {
		s.Unfinished = append(s.Unfinished, unfinishedJSON{d.ID, string(d.State), d.Reason, d.Schedule, d.Slot, d.Readers, byName(d.Counts), d})
	}
	slots, err := n.db.Slots(ctx, 8)
	if err != nil {
		return err
	}
	for _, r := range slots {
		slot := slotJSON{r.Schedule, r.Key, stamp(r.Due), string(r.Outcome), r.Reason, nil}
		if r.Digest != 0 {
			slot.Digest = &r.Digest
		}
		s.LastSlots = append(s.LastSlots, slot)
	}
	return nil
}

// overdueAfter is how long after a slot was due it counts as overdue.
const overdueAfter = time.Minute

// overdue is, of each schedule, the oldest slot that is due and not planned.
func (n *newsroom) overdue(ctx context.Context, now time.Time) ([]overdueJSON, error) {
	slots := []overdueJSON{}
	for _, schedule := range n.config.schedules() {
		since, err := n.db.LastSlot(ctx, schedule.Name)
		if err != nil {
			return nil, err
		}
		if since.IsZero() {
			continue // never seen: the next daemon begins with now
		}
		for slot := range schedule.Due(since, now.Add(-overdueAfter)) {
			r, known, err := n.db.Slot(ctx, schedule.Name, slot.Key)
			if err != nil {
				return nil, err
			}
			if known && r.Outcome != newsletter.SlotFailing {
				continue
			}
			slots = append(slots, overdueJSON{nextSlotJSON{Schedule: schedule.Name, Cadence: string(schedule.Cadence), Slot: slot.Key, Due: stamp(slot.Due)}, r.Reason})
			break
		}
	}
	return slots, nil
}
