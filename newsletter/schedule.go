package newsletter

import (
	"fmt"
	"time"

	"github.com/robfig/cron/v3"

	"github.com/scaledbydesign/insights/subscribers"
)

// Schedule makes digests by itself for the readers of one cadence.
type Schedule struct {
	Name     string
	Cadence  subscribers.Cadence
	Cron     string         // five fields; ignored for the instant cadence
	Zone     *time.Location // in which Cron is read
	MinItems int
	MaxItems int
	Missed   Missed        // what a slot is due that passed while nothing ran
	LateBy   time.Duration // a slot later than this is recorded, not sent; 0 = 24 hours
	Approve  bool          // true: staff approve each digest before it is sent
}

// Missed says what happens to a slot that passed while no daemon ran.
type Missed string

const (
	MissedSend Missed = "send" // the newest one is planned, if not too late
	MissedSkip Missed = "skip"
)

// Slot is one occurrence of a schedule.
type Slot struct {
	Schedule string
	// Key is the local wall time without offset, so that an hour that comes twice
	// is one slot; "seq:N" for the instant cadence.
	Key string
	Due time.Time
}

func (s *Slot) record(outcome SlotOutcome, reason string) SlotRecord {
	return SlotRecord{Schedule: s.Schedule, Key: s.Key, Due: s.Due, Outcome: outcome, Reason: reason, At: time.Now()}
}

// Check reports what is wrong with a schedule's definition.
func (s *Schedule) Check() error {
	if s.Cadence == subscribers.Instant {
		return nil
	}
	if _, err := cron.ParseStandard(s.Cron); err != nil {
		return fmt.Errorf("schedule %q: cron %q: %w; it has five fields, for example \"0 9 * * 1\"", s.Name, s.Cron, err)
	}
	return nil
}

// Next is the first slot after t. ok is false for the instant cadence and for a
// line that never comes true.
func (s *Schedule) Next(t time.Time) (slot Slot, ok bool) {
	if s.Cadence == subscribers.Instant {
		return Slot{}, false
	}
	line, err := cron.ParseStandard(s.Cron)
	if err != nil {
		return Slot{}, false
	}
	zone := s.zone()
	// The line is read on a clock without a zone, so that each wall time comes
	// once a day, whatever the zone's clocks do.
	for wall := line.Next(onWall(t, zone)); !wall.IsZero(); wall = line.Next(wall) {
		if due := fromWall(wall, zone); due.After(t) {
			return Slot{Schedule: s.Name, Key: wall.Format(wallTime), Due: due}, true
		}
	}
	return Slot{}, false
}

// wallTime is the form of a slot's key.
const wallTime = "2006-01-02T15:04"

// onWall is what a clock on the wall shows at t, written as if it were UTC.
func onWall(t time.Time, zone *time.Location) time.Time {
	_, offset := t.In(zone).Zone()
	return t.UTC().Add(time.Duration(offset) * time.Second)
}

// fromWall is when a clock on the wall shows this time: the first time if clocks
// go back and it comes twice, and as much later as clocks went forward if it
// never comes.
func fromWall(wall time.Time, zone *time.Location) time.Time {
	due := time.Date(wall.Year(), wall.Month(), wall.Day(), wall.Hour(), wall.Minute(), wall.Second(), 0, zone)
	_, before := due.Add(-3 * time.Hour).Zone() // the offset if clocks had not changed
	early := wall.Add(-time.Duration(before) * time.Second)
	if onWall(early, zone).Equal(wall) || !onWall(due, zone).Equal(wall) {
		return early.In(zone)
	}
	return due
}

// Due lists the slots in (after, now], oldest first. At most the newest thousand
// of a long absence are listed.
func (s *Schedule) Due(after, now time.Time) []Slot {
	var slots []Slot
	for slot, ok := s.Next(after); ok && !slot.Due.After(now); slot, ok = s.Next(slot.Due) {
		slots = append(slots, slot)
		if len(slots) > 1000 {
			slots = slots[1:]
		}
	}
	return slots
}

func (s *Schedule) zone() *time.Location {
	if s.Zone == nil {
		return time.UTC
	}
	return s.Zone
}

func (s *Schedule) lateBy() time.Duration {
	if s.LateBy > 0 {
		return s.LateBy
	}
	return 24 * time.Hour
}
