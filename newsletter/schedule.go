package newsletter

import (
	"fmt"
	"iter"
	"time"

	"github.com/scaledbydesign/insights/subscribers"
)

// Schedule says when digests are planned automatically for the readers of one cadence.
type Schedule struct {
	Name     string
	Cadence  subscribers.Cadence
	Cron     string         // five fields; ignored for the instant cadence
	Zone     *time.Location // in which Cron is read
	MinItems int
	MaxItems int
	Missed   Missed        // what happens to a slot that passed while no daemon ran
	LateBy   time.Duration // a slot later than this is recorded, not sent; 0 = 24 hours
	Approve  bool          // true: staff approve each digest before it is sent
}

// Missed says what happens to a slot that passed while no daemon ran.
type Missed string

const (
	MissedSend Missed = "send" // the newest slot is planned, if not too late
	MissedSkip Missed = "skip"
)

// Slot is one occurrence of a schedule: a wall-clock time, not an instant. A time that
// occurs twice, because clocks go back, is due only the first time. One that never
// occurs, because they go forward, is due as much later as they jumped; if another slot
// is due at that instant, the two are one, with the earlier key. When the zone of a
// schedule changes, a time whose key is recorded is not due again.
type Slot struct {
	Schedule string
	// Key is the wall time without offset, or "seq:N" for the instant cadence.
	Key string
	Due time.Time
}

func (s *Slot) record(planner string, outcome SlotOutcome, reason Reason) SlotRecord {
	return SlotRecord{Schedule: s.Schedule, Key: s.Key, Due: s.Due, Outcome: outcome, Reason: reason, Planner: planner, At: time.Now()}
}

// Check reports what is wrong with a schedule's definition.
func (s *Schedule) Check() error {
	if s.Cadence == subscribers.Instant {
		return nil
	}
	if err := checkCron(s.Cron); err != nil {
		return fmt.Errorf("schedule %q: cron %q: %w", s.Name, s.Cron, err)
	}
	return nil
}

// times identifies when slots are due, so that a change is noticed.
func (s *Schedule) times() string {
	if s.Cadence == subscribers.Instant {
		return string(s.Cadence)
	}
	return s.Cron + " " + s.zone().String()
}

// Next returns the first slot after t. ok is false for the instant cadence and for a
// cron line that never matches.
func (s *Schedule) Next(t time.Time) (slot Slot, ok bool) {
	if s.Cadence == subscribers.Instant {
		return Slot{}, false
	}
	line, err := parseCron(s.Cron)
	if err != nil {
		return Slot{}, false
	}
	zone := s.zone()
	// The line is evaluated without a zone, so that each wall time occurs once a
	// day, whatever the zone's clocks do.
	var until time.Time
	for wall := line.Next(lastWall(t, zone)); !wall.IsZero() && (!ok || wall.Before(until)); wall = line.Next(wall) {
		due := fromWall(wall, zone)
		if due.After(t) && (!ok || due.Before(slot.Due)) {
			slot, ok = Slot{Schedule: s.Name, Key: wall.Format(wallTime), Due: due}, true
			// If clocks skip it, a slot at the time they show instead may be due first.
			until = onWall(due, zone)
		}
	}
	return slot, ok
}

// wallTime is the form of a slot's key.
const wallTime = "2006-01-02T15:04"

// onWall returns what a wall clock shows at t, as if it were UTC.
func onWall(t time.Time, zone *time.Location) time.Time {
	_, offset := t.In(zone).Zone()
	return t.UTC().Add(time.Duration(offset) * time.Second)
}

// lastWall returns the wall time after which slots may be due after t: what clocks
// show, or would have shown while times that they just skipped are still due.
func lastWall(t time.Time, zone *time.Location) time.Time {
	wall := onWall(t, zone)
	if start, _ := t.In(zone).ZoneBounds(); !start.IsZero() {
		changed := t.Sub(start)
		if before := onWall(start.Add(-time.Second), zone).Add(time.Second + changed); changed < wall.Sub(before) {
			return before
		}
	}
	return wall
}

// fromWall returns when a slot at this wall time is due: see Slot.
func fromWall(wall time.Time, zone *time.Location) time.Time {
	var skipped time.Time
	// No zone is more than 14 hours from UTC, so this is an offset from before.
	for at := wall.Add(-26 * time.Hour).In(zone); ; {
		_, offset := at.Zone()
		start, end := at.ZoneBounds()
		due := wall.Add(-time.Duration(offset) * time.Second).In(zone)
		switch {
		case !end.IsZero() && !due.Before(end):
			skipped, at = due, end
		case !start.IsZero() && due.Before(start):
			return skipped
		default:
			return due
		}
	}
}

// Due lists the slots in (after, now], oldest first.
func (s *Schedule) Due(after, now time.Time) iter.Seq[Slot] {
	return func(yield func(Slot) bool) {
		for slot, ok := s.Next(after); ok && !slot.Due.After(now) && yield(slot); {
			slot, ok = s.Next(slot.Due)
		}
	}
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

// Restarts reports whether a schedule starts from now because its recorded times,
// before, have changed to times. "" = not recorded, by an older version.
func Restarts(before, times string) bool { return before != "" && before != times }
