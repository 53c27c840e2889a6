package newsletter

import (
	"context"
	"time"

	"github.com/scaledbydesign/insights/subscribers"
)

// ExplainStore provides the facts for explanations.
type ExplainStore interface {
	// PositionOf returns how far a subscriber has received insights, by category.
	PositionOf(ctx context.Context, subscriber int64) (Position, error)
	// CarriedTo returns every digest email to one subscriber with what it carried, oldest
	// digest first.
	CarriedTo(ctx context.Context, subscriber int64) ([]Carried, error)
	// Sequence returns every numbered insight that is not withdrawn, by number.
	Sequence(ctx context.Context) ([]Numbered, error)
	// FirstSeen returns when each insight that is not numbered yet was first seen.
	FirstSeen(ctx context.Context) (map[string]time.Time, error)
}

// Load fills an Explainer, whose Grace and Zone are set, for a reader. Next becomes the
// first slot after now of the schedules for the reader's cadence.
func (e *Explainer) Load(ctx context.Context, store ExplainStore, reader subscribers.Subscriber, schedules []Schedule, now time.Time) (err error) {
	e.Reader, e.Next = reader, NextSlot(schedules, reader.Cadence, now)
	if e.Position, err = store.PositionOf(ctx, reader.ID); err != nil {
		return err
	}
	if e.Carried, err = store.CarriedTo(ctx, reader.ID); err != nil {
		return err
	}
	sequence, err := store.Sequence(ctx)
	if err != nil {
		return err
	}
	e.Sequence = make(map[string]Numbered, len(sequence))
	for _, numbered := range sequence {
		e.Sequence[numbered.InsightID] = numbered
	}
	e.FirstSeen, err = store.FirstSeen(ctx)
	return err
}

// NextSlot returns the first slot after t of the schedules for a cadence, or nil if
// there is none, as for instant.
func NextSlot(schedules []Schedule, cadence subscribers.Cadence, t time.Time) *Slot {
	var next *Slot
	for i := range schedules {
		if slot, ok := schedules[i].Next(t); ok && schedules[i].Cadence == cadence && (next == nil || slot.Due.Before(next.Due)) {
			next = &slot
		}
	}
	return next
}
