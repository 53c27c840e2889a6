package newsletter

import (
	"context"
	"fmt"
	"time"
)

// Overdue is a slot that is due and has not been planned.
type Overdue struct {
	Schedule *Schedule
	Slot     Slot
	Reason   Reason // why planning it failed, if it was tried
}

// overdueAfter is how long after its due time a slot counts as overdue.
const overdueAfter = time.Minute

// Overdue returns the schedule's oldest slot that is overdue at now. since is when its
// newest recorded slot was due, or when the schedule started; zero means that no daemon
// has seen it yet. recorded looks up a slot by its key; its error is returned unchanged.
func (s *Schedule) Overdue(since, now time.Time, recorded func(key string) (r SlotRecord, ok bool, err error)) (Overdue, bool, error) {
	if since.IsZero() {
		return Overdue{}, false, nil
	}
	for slot := range s.Due(since, now.Add(-overdueAfter)) {
		r, known, err := recorded(slot.Key)
		if err != nil {
			return Overdue{}, false, err
		}
		if known && !r.Outcome.Open() {
			continue // recorded in the schedule's former time zone
		}
		return Overdue{s, slot, r.Reason}, true, nil
	}
	return Overdue{}, false, nil
}

// OverdueStore provides what is known about slots.
type OverdueStore interface {
	// LastSlot returns the due time of the schedule's newest recorded slot that is not
	// open, or when the schedule started, whichever is later; zero if it was never
	// seen.
	LastSlot(ctx context.Context, schedule string) (time.Time, error)
	// Slot returns one slot; ok is false when it is not recorded.
	Slot(ctx context.Context, schedule, key string) (r SlotRecord, ok bool, err error)
}

// LoadOverdue lists each schedule's oldest slot that is overdue.
func LoadOverdue(ctx context.Context, store OverdueStore, schedules []Schedule, now time.Time) ([]Overdue, error) {
	var all []Overdue
	for i := range schedules {
		s := &schedules[i]
		since, err := store.LastSlot(ctx, s.Name)
		if err != nil {
			return nil, fmt.Errorf("read slots: %w", err)
		}
		overdue, ok, err := s.Overdue(since, now, func(key string) (SlotRecord, bool, error) { return store.Slot(ctx, s.Name, key) })
		if err != nil {
			return nil, fmt.Errorf("read slots: %w", err)
		}
		if ok {
			all = append(all, overdue)
		}
	}
	return all, nil
}
