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
	Reason   Reason // why its plan failed, if anybody tried
}

// overdueAfter is how long after a slot was due it counts as overdue.
const overdueAfter = time.Minute

// Overdue is the schedule's oldest slot that is overdue at now. since is when its
// newest slot on record was due, or when it began; zero is a schedule that was never
// seen: the next daemon begins with now. recorded looks up a slot by its key; its error
// is returned as it is.
func (s *Schedule) Overdue(since, now time.Time, recorded func(key string) (r SlotRecord, ok bool, err error)) (Overdue, bool, error) {
	if since.IsZero() {
		return Overdue{}, false, nil
	}
	for slot := range s.Due(since, now.Add(-overdueAfter)) {
		r, known, err := recorded(slot.Key)
		if err != nil {
			return Overdue{}, false, err
		}
		if known && r.Outcome != SlotFailing {
			continue // by the clocks of a zone that the schedule had before
		}
		return Overdue{s, slot, r.Reason}, true, nil
	}
	return Overdue{}, false, nil
}

// OverdueStore is what overdue slots are told by.
type OverdueStore interface {
	// LastSlot returns the due time of the schedule's newest slot on record that is not
	// failing, or when the schedule began, whichever is later; zero for one that was
	// never seen.
	LastSlot(ctx context.Context, schedule string) (time.Time, error)
	// Slot returns one slot; ok is false when it is not on record.
	Slot(ctx context.Context, schedule, key string) (r SlotRecord, ok bool, err error)
}

// LoadOverdue lists, of each schedule, the oldest slot that is overdue.
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
