package newsletter

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/go-co-op/gocron/v2"

	"github.com/scaledbydesign/insights/content"
	"github.com/scaledbydesign/insights/subscribers"
)

// Scheduler plans a digest for each slot of its schedules. Any number of processes may
// run one on the same database: slots are unique by schedule and wall time, and one
// process plans each. Its fields are set once; Run is called once.
type Scheduler struct {
	Planner   *Planner
	Slots     SlotStore
	Schedules []Schedule
	Library   func() *content.Library
	Grace     time.Duration // edit grace of new insights
	Retry     Retry         // for the deadline of digests without a schedule
	// Presence, when set, tells what runs beside it: what others know better is left to
	// them, and only one plans a slot.
	Presence *Presence
	Log      *slog.Logger
	// Changed, when set, returns a channel that is closed at the next change of
	// the library, so that new insights are numbered at once.
	Changed func() <-chan struct{}

	defined int // how many of Schedules have been recorded
}

// every is how often the scheduler looks, in addition to the times of its slots.
const every = 30 * time.Second

// soon is when it looks again while the store fails.
const soon = 5 * time.Second

// Run numbers insights and plans due slots until ctx is done. gocron only wakes
// it: what is due is worked out from the recorded slots, so a missed tick or a
// restart changes nothing.
func (s *Scheduler) Run(ctx context.Context) error {
	cron, err := gocron.NewScheduler(gocron.WithLogger(gocron.NewLogger(gocron.LogLevelError)))
	if err != nil {
		return fmt.Errorf("start scheduler: %w", err)
	}
	wake := make(chan struct{}, 1)
	ring := gocron.NewTask(func() {
		select {
		case wake <- struct{}{}:
		default: // a tick is already waiting
		}
	})
	if _, err := cron.NewJob(gocron.DurationJob(every), ring); err != nil {
		return fmt.Errorf("start scheduler: %w", err)
	}
	for i := range s.Schedules {
		schedule := &s.Schedules[i]
		if err := schedule.Check(); err != nil {
			return err
		}
		if schedule.Cadence == subscribers.Instant {
			continue
		}
		line := "CRON_TZ=" + schedule.zone().String() + " " + cronLine(schedule.Cron)
		if _, err := cron.NewJob(gocron.CronJob(line, false), ring, gocron.WithName(schedule.Name)); err != nil {
			return fmt.Errorf("schedule %q: %w", schedule.Name, err)
		}
	}
	cron.Start()
	defer cron.Shutdown() // its jobs only wake the loop: nothing to wait for

	for {
		var changed <-chan struct{}
		if s.Changed != nil {
			changed = s.Changed()
		}
		again := s.tick(ctx)
		select {
		case <-ctx.Done():
			return nil
		case <-wake:
		case <-changed:
		case <-again:
		}
	}
}

// tick does what is due and returns a channel that fires when there may be more to do
// before anything changes (nil = nothing): an edit grace ends, what was left to others is
// not left any longer, or nothing could be done.
func (s *Scheduler) tick(ctx context.Context) <-chan time.Time {
	lib, peers, err := s.look(ctx)
	if err != nil {
		if ctx.Err() == nil {
			s.Log.ErrorContext(ctx, "cannot see what other daemons do", "error", err)
		}
		return time.After(soon)
	}
	how := NumberingOf(lib, s.Grace, true)
	how.Peers = peers
	numbered, next, err := s.Planner.Store.Number(ctx, VisibleIn(lib), how)
	if err != nil {
		if ctx.Err() == nil {
			s.Log.ErrorContext(ctx, "cannot number insights", "error", err)
		}
		return time.After(soon)
	}
	if numbered > 0 {
		s.Log.InfoContext(ctx, "insights numbered", "count", numbered)
	}
	if err := s.define(ctx); err != nil {
		if ctx.Err() == nil {
			s.Log.ErrorContext(ctx, "cannot record schedules", "error", err)
		}
		return time.After(soon)
	}
	if err := s.endPaused(ctx); err != nil && ctx.Err() == nil {
		s.Log.ErrorContext(ctx, "cannot end paused digests", "error", err)
	}
	for i := range s.Schedules {
		again, err := s.run(ctx, lib, peers, &s.Schedules[i])
		if err != nil && ctx.Err() == nil {
			s.Log.ErrorContext(ctx, "cannot run schedule", "schedule", s.Schedules[i].Name, "error", err)
		}
		if !again.IsZero() && (next.IsZero() || again.Before(next)) {
			next = again
		}
	}
	if next.IsZero() {
		return nil
	}
	return time.After(time.Until(next))
}

// look sees what runs beside this daemon, and returns the library that it shows by then: what
// is numbered meanwhile, as by a command, would be missing in an older one.
func (s *Scheduler) look(ctx context.Context) (lib *content.Library, peers *Peers, err error) {
	for now := s.Library(); now != lib && err == nil; now = s.Library() {
		if lib = now; s.Presence != nil {
			peers, err = s.Presence.Look(ctx, lib)
		}
	}
	return lib, peers, err
}

// planner names this daemon as the one that plans a slot.
func (s *Scheduler) planner() string {
	if s.Presence == nil {
		return ""
	}
	return s.Presence.ID
}

// endPaused ends digests that are still paused when the next one is due, before that one is
// planned: it carries what they did not.
func (s *Scheduler) endPaused(ctx context.Context) error {
	now := time.Now()
	ended, err := s.Slots.EndPaused(ctx, func(d Digest) bool { return !now.Before(d.PausedUntil(s.Schedules, s.Retry)) })
	for _, id := range ended {
		s.Log.WarnContext(ctx, "digest was paused until the next one was due; it has ended", "digest", id)
	}
	return err
}

// define records schedules that are new or whose times have changed: they start from
// now.
func (s *Scheduler) define(ctx context.Context) error {
	for ; s.defined < len(s.Schedules); s.defined++ {
		schedule := &s.Schedules[s.defined]
		changed, err := s.Slots.Define(ctx, schedule.Name, schedule.times(), time.Now())
		if err != nil {
			return fmt.Errorf("schedule %q: %w", schedule.Name, err)
		}
		if changed {
			s.Log.InfoContext(ctx, "schedule changed; starting from now", "schedule", schedule.Name, "times", schedule.times())
		}
	}
	return nil
}

// run plans the newest due slot of one schedule and records the others as missed. What it
// leaves to another daemon it looks at again, at a time that it returns; zero = nothing.
func (s *Scheduler) run(ctx context.Context, lib *content.Library, peers *Peers, schedule *Schedule) (again time.Time, err error) {
	now := time.Now()
	since, err := s.Slots.Since(ctx, schedule.Name, now)
	if err != nil {
		return time.Time{}, fmt.Errorf("read slots: %w", err)
	}
	if schedule.Cadence == subscribers.Instant {
		return s.runInstant(ctx, lib, peers, schedule, now)
	}
	var newest *Slot
	var passed []SlotRecord
	for slot := range schedule.Due(since, now) {
		if newest != nil {
			passed = append(passed, newest.record(s.planner(), SlotMissed, "a later slot was due as well"))
		}
		if len(passed) == recordedAtOnce {
			if err := s.Slots.RecordSlots(ctx, passed...); err != nil {
				return time.Time{}, fmt.Errorf("record slots: %w", err)
			}
			passed = passed[:0]
		}
		newest = &slot
	}
	if err := s.Slots.RecordSlots(ctx, passed...); err != nil {
		return time.Time{}, fmt.Errorf("record slots: %w", err)
	}
	switch {
	case newest == nil:
		return time.Time{}, nil
	case peers.Leaves(newest.Due, now):
		return peers.leavesUntil(newest.Due), nil
	}
	return s.runSlot(ctx, lib, schedule, *newest, now)
}

// recordedAtOnce bounds how many slots are recorded in one transaction.
const recordedAtOnce = 1000

// runSlot plans a slot that is due, unless it is on record or another daemon is at it. One
// whose plan failed is planned again at each tick until it is late.
func (s *Scheduler) runSlot(ctx context.Context, lib *content.Library, schedule *Schedule, slot Slot, now time.Time) (again time.Time, err error) {
	record, known, err := s.Slots.Slot(ctx, slot.Schedule, slot.Key)
	switch {
	case err != nil:
		return time.Time{}, fmt.Errorf("read slot %s: %w", slot.Key, err)
	case known && !record.Outcome.Open():
		return time.Time{}, nil
	case known:
		slot.Due = record.Due
	}
	late := now.Sub(slot.Due)
	switch {
	case late > schedule.lateBy():
		return time.Time{}, s.Slots.RecordSlots(ctx, slot.record(s.planner(), SlotLate, Reason(fmt.Sprintf("%s late; unread insights come with the next slot", late.Round(time.Minute)))))
	case late > 2*every && schedule.Missed == MissedSkip && !known:
		return time.Time{}, s.Slots.RecordSlots(ctx, slot.record(s.planner(), SlotMissed, "no daemon was running, and missed is skip"))
	}
	claimed, err := s.Slots.ClaimSlot(ctx, slot.record(s.planner(), SlotPlanning, ""))
	switch {
	case err != nil:
		return time.Time{}, fmt.Errorf("claim slot %s: %w", slot.Key, err)
	case !claimed: // should that daemon stop, it is this one's turn
		return now.Add(soon), nil
	}
	return time.Time{}, s.plan(ctx, lib, schedule, slot)
}

func (s *Scheduler) plan(ctx context.Context, lib *content.Library, schedule *Schedule, slot Slot) error {
	d, err := s.Planner.Plan(ctx, lib, Request{
		Cadence: schedule.Cadence, MinItems: schedule.MinItems, MaxItems: schedule.MaxItems,
		Approved: !schedule.Approve, Slot: &slot, Planner: s.planner(),
	})
	switch {
	case errors.Is(err, ErrSlotTaken):
		return nil
	case err != nil && ctx.Err() != nil:
		return err
	case err != nil:
		return errors.Join(fmt.Errorf("plan slot %s: %w", slot.Key, err), s.Slots.RecordSlots(ctx, slot.record(s.planner(), SlotFailing, Reason(err.Error()))))
	case d.ID == 0:
		return s.Slots.RecordSlots(ctx, slot.record(s.planner(), SlotSkipped, d.Reason))
	}
	return nil
}
