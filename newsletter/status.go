package newsletter

import (
	"context"
	"time"

	"github.com/scaledbydesign/insights/subscribers"
)

// Status is an overview of sending.
type Status struct {
	Held       Reason // why sending is held; "" = it is not
	HeldSince  time.Time
	Troubles   []Trouble // of workers that can't send now
	Overdue    []Overdue
	Unfinished []Digest // being sent, paused, or waiting for approval
	Readers    map[subscribers.Status]int
	Outbox     map[DeliveryState]int
	Bounces    map[string]int // by class, since BouncesWithin
	Refusals   RefusalSums
	Marks      map[Mark]int // accepted emails that came back or drew a complaint since then
	LastSlots  []SlotRecord // newest first
}

// BouncesWithin is how far back a status counts bounces.
const BouncesWithin = 30 * 24 * time.Hour

// StatusStore provides a Status. None of its methods reads every reader or every email.
type StatusStore interface {
	OverdueStore
	// Slots returns the newest slots first.
	Slots(ctx context.Context, limit int) ([]SlotRecord, error)
	// Held returns why sending is held, "" if it is not, and since when.
	Held(ctx context.Context) (reason Reason, since time.Time, err error)
	// Troubles returns why running workers can't send now.
	Troubles(ctx context.Context) ([]Trouble, error)
	// Unfinished lists the digests that are being sent or are paused, and each schedule's
	// newest one if it waits for approval; newest first.
	Unfinished(ctx context.Context) ([]Digest, error)
	// Glance returns the same as DigestStore.Digest, without reading every delivery.
	Glance(ctx context.Context, digest int64) (Digest, error)
	// NextTry returns when the first deferred email of a digest is tried again; zero = none
	// is deferred.
	NextTry(ctx context.Context, digest int64) (time.Time, error)
	// Behind counts the emails of a digest that are pending because another one to the same
	// reader, which is before them, waits itself: it is deferred, or its digest is paused.
	Behind(ctx context.Context, digest int64) (int, error)
	// Unsent counts the digests that are being sent, and the emails that wait, including
	// single ones.
	Unsent(ctx context.Context) (digests, emails int, err error)
	// Outbox counts emails by state: those of unfinished digests, and all single ones.
	Outbox(ctx context.Context) (map[DeliveryState]int, error)
	// Readers counts subscribers by status.
	Readers(ctx context.Context) (map[subscribers.Status]int, error)
	// BouncedSince counts bounces since a time, by class, and complaints.
	BouncedSince(ctx context.Context, since time.Time) (map[string]int, error)
	// Refusals counts the refusals that are to be judged, and those in doubt since a time.
	Refusals(ctx context.Context, since time.Time) (RefusalSums, error)
	// MarkedSince counts accepted emails of digests by what came of them since a time.
	MarkedSince(ctx context.Context, since time.Time) (map[Mark]int, error)
	// Sending reports whether any process is sending.
	Sending(ctx context.Context) (bool, error)
}

// slotsShown is how many of the last slots a Status contains.
const slotsShown = 8

// LoadStatus loads a Status.
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
	if s.Marks, err = store.MarkedSince(ctx, now.Add(-BouncesWithin)); err != nil {
		return s, err
	}
	if s.Refusals, err = store.Refusals(ctx, now.Add(-DoubtsWithin)); err != nil {
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
