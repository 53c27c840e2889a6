package newsletter

import (
	"context"
	"time"

	"github.com/scaledbydesign/insights/subscribers"
)

// Status is how sending stands.
type Status struct {
	Held       Reason // why nothing is sent; "" = it is not held
	HeldSince  time.Time
	Troubles   []Trouble // of workers that can't send just now
	Overdue    []Overdue
	Unfinished []Digest // being sent, paused, or waiting for approval
	Readers    map[subscribers.Status]int
	Outbox     map[DeliveryState]int
	Bounces    map[string]int // by class, since BouncesWithin
	LastSlots  []SlotRecord   // the newest first
}

// BouncesWithin is how far back a status counts bounces.
const BouncesWithin = 30 * 24 * time.Hour

// StatusStore says how sending stands. None of its methods reads every reader or every
// email.
type StatusStore interface {
	OverdueStore
	// Slots returns the newest slots first.
	Slots(ctx context.Context, limit int) ([]SlotRecord, error)
	// Held returns why sending is held, "" if it is not, and since when.
	Held(ctx context.Context) (reason Reason, since time.Time, err error)
	// Troubles are why workers that run can't send just now.
	Troubles(ctx context.Context) ([]Trouble, error)
	// Unfinished lists the digests that are being sent or are paused, and the newest of
	// each schedule if staff are to approve it; the newest first.
	Unfinished(ctx context.Context) ([]Digest, error)
	// Glance is DigestStore.Digest, counted without reading every delivery.
	Glance(ctx context.Context, digest int64) (Digest, error)
	// Unsent counts the digests that are being sent, and the emails that wait, single
	// ones among them.
	Unsent(ctx context.Context) (digests, emails int, err error)
	// Outbox counts emails by state: of digests that have not ended, and all single ones.
	Outbox(ctx context.Context) (map[DeliveryState]int, error)
	// Readers counts subscribers by status.
	Readers(ctx context.Context) (map[subscribers.Status]int, error)
	// BouncedSince counts what came back since a time: by class, and complaints.
	BouncedSince(ctx context.Context, since time.Time) (map[string]int, error)
	// Sending reports whether a process sends.
	Sending(ctx context.Context) (bool, error)
}

// slotsShown is how many of the last slots a status has.
const slotsShown = 8

// LoadStatus asks the store how sending stands.
func LoadStatus(ctx context.Context, store StatusStore, schedules []Schedule, now time.Time) (s Status, err error) {
	if s.Held, s.HeldSince, err = store.Held(ctx); err != nil {
		return s, err
	}
	if s.Outbox, err = store.Outbox(ctx); err != nil {
		return s, err
	}
	if s.Readers, err = store.Readers(ctx); err != nil {
		return s, err
	}
	if s.Bounces, err = store.BouncedSince(ctx, now.Add(-BouncesWithin)); err != nil {
		return s, err
	}
	if s.Overdue, err = LoadOverdue(ctx, store, schedules, now); err != nil {
		return s, err
	}
	if s.Troubles, err = store.Troubles(ctx); err != nil {
		return s, err
	}
	if s.Unfinished, err = store.Unfinished(ctx); err != nil {
		return s, err
	}
	s.LastSlots, err = store.Slots(ctx, slotsShown)
	return s, err
}
