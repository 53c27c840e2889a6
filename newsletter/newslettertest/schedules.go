package newslettertest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/scaledbydesign/insights/newsletter"
	"github.com/scaledbydesign/insights/subscribers"
)

// scheduleTests are about slots in unusual times.
var scheduleTests = []test{
	{"a failing slot is replaced, and counts as the last one only when it has ended", failingSlot},
	{"a recorded time is not due again in another zone", zoneChange},
	{"a schedule whose times change starts from now", otherTimes},
	{"a plan that fails is recorded, and given up when it is late", planGivenUp},
	{"a plan that fails ends with the next slot, which carries everything", planOvertaken},
	{"a slot whose plan fails was not missed", planFailsUnlessMissed},
	{"a plan that waits for approval does not count: the next carries all of it", approvedLate},
	{"every slot of a long absence is recorded", longAbsence},
	{"too few new insights for anybody is a reason of its own", tooFew},
	{"the instant cadence: what appears together comes together", instantTogether},
	{"the instant cadence: insights edited or withdrawn within their grace", instantEdited},
}

func otherTimes(w *world) {
	w.publish("engineering", "e1")
	w.join("engineering", "ada")
	schedule := weekly()
	w.until("2000-01-03 08:00:00")
	stop := w.schedule(0, schedule)
	w.until("2000-01-03 10:00:10")
	stop()
	w.wantSlots("2000-01-03T09:00 planned")
	w.until("2000-01-05 12:00:00") // a Wednesday
	schedule.Cron = "0 9 * * 2"    // Tuesdays: yesterday's was not due
	stop = w.schedule(0, schedule)
	time.Sleep(time.Hour)
	stop()
	w.wantSlots("2000-01-03T09:00 planned")
	w.until("2000-01-11 09:30:00") // with the same times, the next one was missed
	stop = w.schedule(0, schedule)
	time.Sleep(time.Minute)
	stop()
	w.wantSlots("2000-01-03T09:00 planned, 2000-01-11T09:00 skipped") // nothing new
}

func failingSlot(w *world) {
	start := time.Now()
	since := func(want time.Time) {
		w.Helper()
		if got, err := w.store.Since(w.Context(), "weekly", start); err != nil || !got.Equal(want) {
			w.Errorf("since %v, want %v, %v", got, want, err)
		}
	}
	since(start)
	record := func(key string, due time.Time, outcome newsletter.SlotOutcome, reason newsletter.Reason) {
		w.Helper()
		w.check(w.store.RecordSlots(w.Context(), newsletter.SlotRecord{Schedule: "weekly", Key: key, Due: due, Outcome: outcome, Reason: reason, At: time.Now()}))
	}
	want := func(key string, outcome newsletter.SlotOutcome, reason newsletter.Reason) {
		w.Helper()
		r, ok, err := w.store.Slot(w.Context(), "weekly", key)
		if err != nil || !ok || r.Outcome != outcome || r.Reason != reason {
			w.Errorf("%s is %+v, %v; want %s, %q", key, r, err, outcome, reason)
		}
	}
	due := start.Add(time.Hour)
	record("a", due, newsletter.SlotFailing, "disk full")
	record("a", due.Add(time.Minute), newsletter.SlotFailing, "disk broken")
	want("a", newsletter.SlotFailing, "disk broken")
	since(start)
	if r, _, err := w.store.Slot(w.Context(), "weekly", "a"); err != nil || !r.Due.Equal(due) {
		w.Errorf("due %v, want %v, %v", r.Due, due, err)
	}
	record("b", due, newsletter.SlotFailing, "disk full")
	record("c", due, newsletter.SlotFailing, "disk full")
	record("a", due, newsletter.SlotMissed, "another is due")
	record("b", due, newsletter.SlotLate, "a day late")
	record("c", due, newsletter.SlotSkipped, "nothing new")
	for range 2 {
		want("a", newsletter.SlotFailed, "disk broken; another is due")
		want("b", newsletter.SlotFailed, "disk full; a day late")
		want("c", newsletter.SlotSkipped, "nothing new")
		since(due)
		record("a", due, newsletter.SlotFailing, "no")
		record("b", due, newsletter.SlotMissed, "no")
		record("c", due, newsletter.SlotFailing, "no")
	}
}

// counting counts the plans that are begun.
type counting struct {
	newsletter.PlanStore
	begun int
}

func (c *counting) Begin(ctx context.Context, d newsletter.Digest) (int64, error) {
	c.begun++
	return c.PlanStore.Begin(ctx, d)
}

func zoneChange(w *world) {
	w.publish("engineering", "e1")
	w.join("engineering", "ada")
	plans := &counting{PlanStore: w.store}
	w.planner.Store = plans
	w.until("2000-01-03 08:59:00")
	stop := w.schedule(0, weekly())
	w.until("2000-01-03 09:01:00")
	stop()
	var s server
	w.send(&s, time.Minute)
	w.publish("engineering", "e2")
	west := weekly()
	var err error
	west.Zone, err = time.LoadLocation("America/Los_Angeles")
	w.check(err)
	w.until("2000-01-03 11:59:00")
	stop = w.schedule(0, west)
	w.until("2000-01-03 12:05:00") // past nine o'clock in the west
	stop()
	w.wantSlots("2000-01-03T09:00 planned")
	if plans.begun != 1 {
		w.Errorf("%d plans were begun for one slot", plans.begun)
	}
	w.until("2000-01-10 11:59:00")
	stop = w.schedule(0, west)
	w.until("2000-01-10 12:01:10")
	stop()
	w.wantSlots("2000-01-03T09:00 planned, 2000-01-10T09:00 planned")
	stop = w.schedule(0, weekly()) // and back again
	time.Sleep(time.Minute)
	stop()
	w.wantSlots("2000-01-03T09:00 planned, 2000-01-10T09:00 planned")
}

// wantReason checks the reason of the newest slot.
func (w *world) wantReason(parts ...string) {
	w.Helper()
	slots, err := w.store.Slots(w.Context(), 1)
	w.check(err)
	for _, part := range parts {
		if len(slots) == 0 || !strings.Contains(string(slots[0].Reason), part) {
			w.Errorf("slots %+v, want the reason %q", slots, part)
		}
	}
}

// broken makes plans fail for a while, from now on.
func (w *world) broken(d time.Duration) {
	w.planner = &newsletter.Planner{Store: &failing{PlanStore: w.store, until: time.Now().Add(d)}, Log: w.log}
}

func planGivenUp(w *world) {
	w.publish("engineering", "e1")
	w.join("engineering", "ada")
	w.until("2000-01-03 08:59:00")
	w.broken(2 * time.Hour)
	short := weekly()
	short.LateBy = 20 * time.Minute
	stop := w.schedule(0, short)
	w.until("2000-01-03 09:01:10")
	w.wantSlots("2000-01-03T09:00 failing")
	w.wantReason("write deliveries", context.DeadlineExceeded.Error())
	w.until("2000-01-03 09:19:10")
	w.wantSlots("2000-01-03T09:00 failing")
	w.until("2000-01-03 09:21:10")
	stop()
	w.wantSlots("2000-01-03T09:00 failed")
	w.wantReason(context.DeadlineExceeded.Error(), "late", "the next slot")
	w.until("2000-01-10 08:59:00")
	stop = w.schedule(0, short)
	w.until("2000-01-10 09:01:10")
	stop()
	w.wantSlots("2000-01-03T09:00 failed, 2000-01-10T09:00 planned")
	if all, err := w.store.Digests(w.Context(), 9); err != nil || len(all) != 1 {
		w.Errorf("%d digests are left, %v", len(all), err)
	}
}

func planOvertaken(w *world) {
	w.publish("engineering", "e1")
	w.joinAs(subscribers.Daily, "engineering", "ada")
	often := weekly()
	often.Name, often.Cadence, often.Cron = "often", subscribers.Daily, "*/5 9 * * *"
	w.until("2000-01-03 08:59:00")
	w.broken(7 * time.Minute)
	stop := w.schedule(0, often)
	w.until("2000-01-03 09:09:10")
	stop()
	w.wantSlots("2000-01-03T09:00 failed, 2000-01-03T09:05 planned")
	slots, err := w.store.Slots(w.Context(), 2)
	w.check(err)
	if reason := slots[1].Reason; !strings.Contains(string(reason), context.DeadlineExceeded.Error()) || !strings.Contains(string(reason), "a later slot") {
		w.Errorf("failed because of %q", reason)
	}
}

func planFailsUnlessMissed(w *world) {
	w.publish("engineering", "e1")
	w.join("engineering", "ada")
	skip := weekly()
	skip.Missed = newsletter.MissedSkip
	w.until("2000-01-03 08:59:00")
	w.broken(10 * time.Minute)
	stop := w.schedule(0, skip)
	w.until("2000-01-03 09:15:10")
	stop()
	w.wantSlots("2000-01-03T09:00 planned")
}

func approvedLate(w *world) {
	for _, order := range [][]int{{0, 1}, {1, 0}, {1}} {
		name := fmt.Sprintf("ada%d%d", len(order), order[0])
		first := "first-" + name
		second := "second-" + name
		w.join("engineering", name)
		w.edit(name, func(s *subscribers.Subscriber) { s.Cadence = subscribers.Monthly })
		manual := weekly()
		manual.Name, manual.Cadence, manual.Cron, manual.Approve = name, subscribers.Monthly, "*/5 * * * *", true
		stop := w.schedule(0, manual)
		for _, name := range []string{first, second} {
			w.publish("engineering", name)
			time.Sleep(time.Until(time.Now().Truncate(5 * time.Minute).Add(5*time.Minute + time.Second)))
		}
		stop()
		all, err := w.store.Digests(w.Context(), 2)
		w.check(err)
		slices.Reverse(all) // the older one first
		if len(all) != 2 || all[0].State != newsletter.DigestPlanned || all[1].State != newsletter.DigestPlanned {
			w.Fatalf("%+v", all)
		}
		var s server
		for _, i := range order {
			_, err := w.store.Approve(w.Context(), all[i].ID)
			w.check(err)
			w.send(&s, time.Minute)
			w.wantState(all[i].ID, newsletter.DigestDone)
		}
		if got := s.to(name); strings.Count(got, first) != 1 || strings.Count(got, second) != 1 {
			w.Errorf("approved in the order %v: received %q", order, got)
		}
		w.leave(name)
		for _, d := range all {
			if w.digest(d.ID).State == newsletter.DigestPlanned {
				_, err := w.store.Cancel(w.Context(), d.ID)
				w.check(err)
			}
		}
	}
}

func longAbsence(w *world) {
	w.publish("engineering", "e1")
	w.join("engineering", "ada")
	often := weekly()
	often.Cron = "*/10 * * * *"
	w.until("2000-01-03 09:01:00")
	stop := w.schedule(0, often)
	time.Sleep(time.Second)
	stop()
	w.until("2000-01-20 09:01:00")
	stop = w.schedule(0, often)
	time.Sleep(time.Second)
	stop()
	slots, err := w.store.Slots(w.Context(), 5000)
	w.check(err)
	counts := make(map[newsletter.SlotOutcome]int)
	for _, r := range slots {
		counts[r.Outcome]++
	}
	if counts[newsletter.SlotMissed] != 17*24*6-1 || counts[newsletter.SlotPlanned] != 1 || slots[0].Outcome != newsletter.SlotPlanned {
		w.Errorf("%v, the newest %+v", counts, slots[0])
	}
}

func tooFew(w *world) {
	w.publish("engineering", "e1")
	w.join("engineering", "ada")
	least := weekly()
	least.MinItems = 2
	w.until("2000-01-03 08:59:00")
	stop := w.schedule(0, least)
	w.until("2000-01-03 09:01:10")
	stop()
	w.wantSlots("2000-01-03T09:00 skipped")
	w.wantReason(string(newsletter.ReasonTooFew))
	w.publish("engineering", "e2")
	w.until("2000-01-10 08:59:00")
	stop = w.schedule(0, least)
	w.until("2000-01-10 09:01:10")
	stop()
	w.wantSlots("2000-01-03T09:00 skipped, 2000-01-10T09:00 planned")
}

func instantTogether(w *world) {
	w.joinAs(subscribers.Instant, "engineering", "ada")
	stop := w.schedule(10*time.Minute, newsletter.Schedule{Name: "instant", Cadence: subscribers.Instant})
	w.publish("leadership", "l1")         // the first library has no grace
	time.Sleep(time.Minute + time.Second) // not when the scheduler looks
	w.write("e1", "engineering", time.Now())
	w.write("e2", "engineering", time.Now())
	time.Sleep(11 * time.Minute)
	stop()
	w.wantSlots("seq:1 skipped, seq:3 planned")
	all, err := w.store.Digests(w.Context(), 9)
	w.check(err)
	if len(all) != 1 || len(all[0].Items) != 2 {
		w.Errorf("%+v", all)
	}
}

func instantEdited(w *world) {
	w.joinAs(subscribers.Instant, "engineering", "ada")
	w.publish("leadership", "l1")
	stop := w.schedule(10*time.Minute, newsletter.Schedule{Name: "instant", Cadence: subscribers.Instant})
	time.Sleep(time.Minute + time.Second)
	w.write("draft", "engineering", time.Now())
	w.write("regretted", "engineering", time.Now())
	time.Sleep(9 * time.Minute)
	file := w.files["draft.md"]
	file.Data = []byte(strings.Replace(string(file.Data), "title: Insight draft", "title: Better title", 1))
	delete(w.files, "regretted.md")
	w.load()
	time.Sleep(15 * time.Minute)
	stop()
	all, err := w.store.Digests(w.Context(), 9)
	w.check(err)
	if len(all) != 1 || len(all[0].Items) != 1 || all[0].Items[0].Title != "Better title" {
		w.Errorf("%+v", all)
	}
	w.wantSlots("seq:1 skipped, seq:2 planned")
}
