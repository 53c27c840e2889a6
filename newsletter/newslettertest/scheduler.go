package newslettertest

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/scaledbydesign/insights/newsletter"
	"github.com/scaledbydesign/insights/subscribers"
)

var schedulerTests = []test{
	{"Monday at nine stays Monday at nine when clocks change", mondays},
	{"the first start fires nothing", firstStart},
	{"two schedulers plan a slot once, and a restart not again", oneSlotOnce},
	{"a slot missed while no daemon ran", missedSlot},
	{"a slot with nothing new is recorded", nothingNewSlot},
	{"staff approve if the schedule says so", approval},
	{"the instant cadence: once for each new insight, after its grace", instant},
	{"a plan that fails is tried again", planFails},
}

func weekly() newsletter.Schedule {
	zone, err := time.LoadLocation("America/New_York")
	if err != nil {
		panic(err)
	}
	return newsletter.Schedule{Name: "weekly", Cadence: subscribers.Weekly, Cron: "0 9 * * 1", Zone: zone, Missed: newsletter.MissedSend}
}

func (w *world) schedule(grace time.Duration, schedules ...newsletter.Schedule) (stop func()) {
	ctx, cancel := context.WithCancel(w.Context())
	done := make(chan error, 1)
	w.schedulers++
	presence := &newsletter.Presence{Store: w.store, ID: fmt.Sprint("scheduler", w.schedulers), Started: time.Now()}
	s := &newsletter.Scheduler{Planner: w.planner, Slots: w.store, Schedules: schedules, Presence: presence, Grace: grace, Log: w.log,
		Library: w.library}
	go func() { done <- s.Run(ctx) }()
	return func() {
		w.Helper()
		cancel()
		if err := <-done; err != nil {
			w.Errorf("scheduler: %v", err)
		}
		w.check(presence.End(context.WithoutCancel(w.Context())))
	}
}

// until sleeps to a time in New York.
func (w *world) until(text string) {
	w.Helper()
	at, err := time.ParseInLocation("2006-01-02 15:04:05", text, weekly().Zone)
	w.check(err)
	if wait := time.Until(at); wait < 0 {
		w.Fatalf("it is %v already", time.Now())
	} else {
		time.Sleep(wait)
	}
}

// slots returns the recorded slots, oldest first, as "2000-04-03T09:00 planned".
func (w *world) slots() string {
	w.Helper()
	all, err := w.store.Slots(w.Context(), 100)
	w.check(err)
	text := ""
	for _, r := range all {
		text = strings.TrimSpace(r.Key+" "+string(r.Outcome)) + ", " + text
	}
	return strings.TrimSuffix(text, ", ")
}

func (w *world) wantSlots(want string) {
	w.Helper()
	if got := w.slots(); got != want {
		w.Errorf("slots %q, want %q", got, want)
	}
}

func mondays(w *world) {
	w.publish("engineering", "e1")
	w.join("engineering", "ada")
	for _, night := range []struct{ before, early, after, name string }{
		{"2000-04-02 01:30:00", "2000-04-03 08:59:59", "2000-04-03 09:00:01", "e2"}, // clocks go forward
		{"2000-10-29 00:30:00", "2000-10-30 08:59:59", "2000-10-30 09:00:01", "e3"}, // clocks go back
	} {
		w.until(night.before)
		before := w.slots()
		// As if nothing had been due before.
		w.check(w.store.RecordSlots(w.Context(), newsletter.SlotRecord{Schedule: "weekly", Key: "start" + night.name, Due: time.Now(), Outcome: newsletter.SlotMissed, At: time.Now()}))
		stop := w.schedule(0, weekly())
		w.until(night.early)
		if got := w.slots(); strings.Contains(strings.TrimPrefix(got, before), "planned") {
			w.Errorf("planned too early: %s", got)
		}
		w.until(night.after)
		stop()
		if got := w.slots(); !strings.HasSuffix(got, night.after[:10]+"T09:00 planned") {
			w.Errorf("not planned on time: %s", got)
		}
		var s server
		w.send(&s, 5*time.Second)
		if s.to("ada") == "" {
			w.Error("nothing was sent")
		}
		w.publish("engineering", night.name)
	}
}

func firstStart(w *world) {
	w.publish("engineering", "e1")
	w.join("engineering", "ada")
	w.until("2000-01-03 09:00:30") // half a minute after it would have been due
	stop := w.schedule(0, weekly())
	time.Sleep(time.Hour)
	stop()
	w.wantSlots("")
}

func oneSlotOnce(w *world) {
	w.publish("engineering", "e1")
	w.join("engineering", "ada")
	w.until("2000-01-03 08:50:00")
	one, two := w.schedule(0, weekly()), w.schedule(0, weekly())
	w.until("2000-01-03 09:05:00")
	one()
	two()
	w.wantSlots("2000-01-03T09:00 planned")
	again := w.schedule(0, weekly())
	time.Sleep(10 * time.Minute)
	again()
	w.wantSlots("2000-01-03T09:00 planned")
	if all, err := w.store.Digests(w.Context(), 9); err != nil || len(all) != 1 || all[0].State != newsletter.DigestApproved {
		w.Errorf("%+v, %v", all, err)
	}
}

func missedSlot(w *world) {
	w.publish("engineering", "e1")
	w.join("engineering", "ada")
	daily := weekly()
	daily.Name, daily.Cron, daily.Missed = "daily", "0 9 * * *", newsletter.MissedSkip
	late := weekly()
	late.Name, late.LateBy = "late", time.Hour
	w.until("2000-01-03 08:00:00")
	stop := w.schedule(0, weekly(), daily, late) // seen for the first time
	time.Sleep(time.Second)
	stop()
	w.until("2000-01-17 12:00:00")
	stop = w.schedule(0, weekly(), late)
	time.Sleep(2 * time.Minute)
	stop()
	// Of two that passed, the newest is sent, unless it is too late.
	w.wantSlots("2000-01-03T09:00 missed, 2000-01-03T09:00 missed, 2000-01-10T09:00 missed, 2000-01-10T09:00 missed, 2000-01-17T09:00 planned, 2000-01-17T09:00 late")
	stop = w.schedule(0, daily)
	time.Sleep(2 * time.Minute)
	stop()
	if got := w.slots(); strings.Count(got, "missed") != 4+15 || strings.Count(got, "planned") != 1 {
		w.Errorf("slots %s", got)
	}
}

func nothingNewSlot(w *world) {
	w.join("engineering", "ada")
	w.until("2000-01-03 08:59:00")
	stop := w.schedule(0, weekly())
	w.until("2000-01-03 09:01:10")
	stop()
	w.wantSlots("2000-01-03T09:00 skipped")
	slots, err := w.store.Slots(w.Context(), 1)
	w.check(err)
	if slots[0].Reason != newsletter.ReasonNothingNew {
		w.Errorf("reason %q", slots[0].Reason)
	}
}

func approval(w *world) {
	w.publish("engineering", "e1")
	w.join("engineering", "ada")
	schedule := weekly()
	schedule.Approve = true
	w.until("2000-01-03 08:59:00")
	stop := w.schedule(0, schedule)
	w.until("2000-01-03 09:01:00")
	stop()
	all, err := w.store.Digests(w.Context(), 9)
	w.check(err)
	if len(all) != 1 || all[0].State != newsletter.DigestPlanned {
		w.Fatalf("%+v", all)
	}
	var s server
	w.send(&s, time.Minute)
	if s.to("ada") != "" {
		w.Error("sent before anybody approved it")
	}
	_, err = w.store.Approve(w.Context(), all[0].ID)
	w.check(err)
	w.send(&s, time.Minute)
	if s.to("ada") != "e1" {
		w.Errorf("received %q", s.to("ada"))
	}
}

func instant(w *world) {
	schedule := newsletter.Schedule{Name: "instant", Cadence: subscribers.Instant}
	w.publish("engineering", "e1")
	w.joinAs(subscribers.Instant, "engineering", "ada")
	var s server
	one, two := w.schedule(10*time.Minute, schedule), w.schedule(10*time.Minute, schedule)
	send := w.start(w.worker(&s))
	time.Sleep(time.Minute)
	w.write("e2", "engineering", time.Now())
	w.load()
	time.Sleep(10*time.Minute - time.Second) // seen within the half minute
	before := s.to("ada")
	time.Sleep(time.Minute)
	if got := s.to("ada"); before != "e1" || got != "e1|e2" {
		w.Errorf("received %q within the grace, %q after it", before, got)
	}
	time.Sleep(10 * time.Minute)
	one()
	two()
	send()
	w.wantSlots("seq:1 planned, seq:2 planned")
}

func planFails(w *world) {
	w.publish("engineering", "e1")
	w.join("engineering", "ada")
	w.until("2000-01-03 08:59:00")
	planner := *w.planner
	w.planner = &newsletter.Planner{Store: &failing{PlanStore: w.store, until: time.Now().Add(3 * time.Minute)}, Log: w.log}
	stop := w.schedule(0, weekly())
	w.until("2000-01-03 09:03:00")
	stop()
	w.planner = &planner
	w.wantSlots("2000-01-03T09:00 planned")
	if all, err := w.store.Digests(w.Context(), 9); err != nil || len(all) != 1 || all[0].Readers != 1 {
		w.Errorf("%+v, %v", all, err)
	}
}

// failing is a store that can't write deliveries for a while.
type failing struct {
	newsletter.PlanStore
	until time.Time
}

func (f *failing) AddGroups(ctx context.Context, digest int64, a newsletter.Audience, groups []newsletter.PlannedGroup) error {
	if time.Now().Before(f.until) {
		return context.DeadlineExceeded
	}
	return f.PlanStore.AddGroups(ctx, digest, a, groups)
}
