package newslettertest

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/scaledbydesign/insights/newsletter"
	"github.com/scaledbydesign/insights/subscribers"
)

var planningTests = []test{
	{"a new reader starts with exactly the newest of their categories", startWith},
	{"readers who sign up before the first insights start with the newest, too", startEarly},
	{"a reader who comes back keeps what they received behind them", comesBack},
	{"a category chosen later starts at now", chosenLater},
	{"groups are readers with the same categories and position", groups},
	{"readers with emails on their way are busy", busyReaders},
	{"rows are written in chunks, each reader once", chunks},
	{"readers who left during planning get nothing", leftMeanwhile},
	{"a digest in planning can be discarded", discarding},
	{"an abandoned planning is discarded by the next", abandoned},
	{"a slot belongs to one digest", slotIsUnique},
	{"two planners of one slot at once", twoPlanners},
}

var slotTests = []test{
	{"a schedule starts when it is first seen", sinceFirstSeen},
	{"a recorded slot does not change", slotStays},
}

// unread is what a plan for one reader would carry.
func (w *world) unread(name string) string {
	w.Helper()
	d, err := w.planner.Plan(w.Context(), w.lib, newsletter.Request{Only: w.reader(name).ID, DryRun: true})
	w.check(err)
	if len(d.Variants) == 0 {
		return ""
	}
	return carried(d, 1)
}

func (w *world) wantUnread(name, want string) {
	w.Helper()
	if got := w.unread(name); got != want {
		w.Errorf("%s has %q unread, want %q", name, got, want)
	}
}

func startWith(w *world) {
	w.publish("engineering", "e1", "e2", "e3")
	w.publish("leadership", "l1", "l2")
	w.publish("architecture", "a1")
	w.publish("engineering", "e4")
	w.join("engineering", "one")
	w.join("engineering leadership", "two")
	w.join("architecture", "few")
	w.registry.StartWith = 0
	w.join("engineering", "none")
	w.registry.StartWith = 100
	w.join("engineering leadership architecture", "all")
	w.wantUnread("one", "e4 e3 e2")
	w.wantUnread("two", "e4 l2 l1")
	w.wantUnread("few", "a1")
	w.wantUnread("none", "")
	w.wantUnread("all", "e4 a1 l2 l1 e3 e2 e1")
	w.publish("engineering", "e5")
	w.wantUnread("none", "e5")
	w.wantUnread("few", "a1")
	w.wantUnread("one", "e5 e4 e3 e2")
}

func startEarly(w *world) {
	w.join("engineering", "early")
	w.join("leadership", "elsewhere")
	w.registry.StartWith = 0
	w.join("engineering", "none")
	for i := range 5 {
		w.write(fmt.Sprint("e", i+1), "engineering", time.Now().Add(time.Duration(i-10)*time.Hour))
	}
	w.number()
	w.wantUnread("early", "e5 e4 e3")
	w.wantUnread("elsewhere", "")
	w.wantUnread("none", "")
	w.publish("leadership", "l1", "l2", "l3", "l4")
	w.publish("engineering", "e6")
	w.wantUnread("early", "e6 e5 e4 e3")
	w.wantUnread("elsewhere", "l4 l3 l2 l1")
	w.wantUnread("none", "e6")
}

func comesBack(w *world) {
	w.publish("engineering", "e1", "e2", "e3")
	w.join("engineering", "ada")
	var s server
	w.plan(newsletter.Request{})
	w.send(&s, time.Minute)
	w.publish("engineering", "e4")
	w.leave("ada")
	w.publish("engineering", "e5")
	_, err := w.store.Edit(w.Context(), address("ada"), func(sub *subscribers.Subscriber) (subscribers.Change, error) {
		sub.Status = subscribers.Confirmed
		return subscribers.Change{StartWith: 3}, nil
	})
	w.check(err)
	w.wantUnread("ada", "e5 e4")
}

func chosenLater(w *world) {
	w.publish("engineering", "e1")
	w.publish("leadership", "l1", "l2")
	w.join("engineering", "ada")
	w.wantUnread("ada", "e1")
	w.choose("ada", "engineering leadership")
	w.wantUnread("ada", "e1")
	w.publish("leadership", "l3")
	w.wantUnread("ada", "l3 e1")
	w.choose("ada", "leadership")
	w.wantUnread("ada", "l3")
	w.publish("engineering", "e2")
	w.choose("ada", "engineering leadership") // e1 and e2 came while it was not chosen, or were given up
	w.wantUnread("ada", "l3")
}

func groups(w *world) {
	w.publish("engineering", "e1", "e2")
	w.join("engineering", "a", "b")
	w.join("engineering leadership", "c")
	w.joinAs(subscribers.Daily, "engineering", "daily")
	w.join("engineering", "pausing", "gone", "pending")
	w.edit("pausing", func(s *subscribers.Subscriber) { s.PausedUntil = time.Now().Add(time.Hour) })
	w.edit("pending", func(s *subscribers.Subscriber) { s.Status = subscribers.Pending })
	w.leave("gone")
	sizes := func(a newsletter.Audience) string {
		all, err := w.store.Groups(w.Context(), a)
		w.check(err)
		text := ""
		for _, g := range all {
			text += fmt.Sprintf("%v ×%d at %s; ", g.Categories, g.Readers, g.Position)
		}
		return text
	}
	for audience, want := range map[newsletter.Audience]string{
		{}:                                "[engineering] ×3 at engineering=0; [engineering leadership] ×1 at engineering=0 leadership=0; ",
		{Cadence: subscribers.Daily}:      "[engineering] ×1 at engineering=0; ",
		{Cadence: subscribers.Monthly}:    "",
		{Subscriber: w.reader("c").ID}:    "[engineering leadership] ×1 at engineering=0 leadership=0; ",
		{Subscriber: w.reader("gone").ID}: "",
	} {
		if got := sizes(audience); got != want {
			w.Errorf("%+v: %q, want %q", audience, got, want)
		}
	}
	time.Sleep(time.Hour)
	if got := sizes(newsletter.Audience{Subscriber: w.reader("pausing").ID}); got == "" {
		w.Error("a pause did not end at its time")
	}
}

func busyReaders(w *world) {
	w.publish("engineering", "e1")
	w.join("engineering", "ada", "ben")
	busy := func() string {
		text := ""
		for _, b := range collect(w, w.store.BusyReaders(w.Context(), newsletter.Audience{})) {
			text += fmt.Sprintf("%s→%s ", b.Position, b.Then)
		}
		return text
	}
	d, err := w.planner.Plan(w.Context(), w.lib, newsletter.Request{Only: w.reader("ada").ID})
	w.check(err)
	if got := busy(); got != "" {
		w.Errorf("a digest nobody approved keeps readers busy: %s", got)
	}
	w.wantUnread("ada", "e1")
	_, err = w.store.Approve(w.Context(), d.ID)
	w.check(err)
	if got := busy(); got != "engineering=0→engineering=1 " {
		w.Errorf("busy: %s", got)
	}
	w.wantUnread("ada", "")
	w.publish("engineering", "e2")
	w.wantUnread("ada", "e2")
	w.plan(newsletter.Request{Only: w.reader("ada").ID})
	if got := busy(); got != "engineering=0→engineering=2 " {
		w.Errorf("one reader with two emails on their way: %s", got)
	}
	w.wantUnread("ada", "")
	w.wantPlanned(w.plan(newsletter.Request{}), "e2 e1 ×1") // ben
}

func chunks(w *world) {
	w.publish("engineering", "e1")
	w.publish("leadership", "l1")
	for i := range 23 {
		w.join([]string{"engineering", "leadership", "engineering leadership"}[i%3], fmt.Sprintf("reader%d", i))
	}
	d := w.plan(newsletter.Request{})
	w.wantPlanned(d, "e1 ×8, l1 e1 ×7, l1 ×8")
	seen := make(map[string]bool)
	for _, row := range collect(w, w.store.Deliveries(w.Context(), newsletter.DeliveryFilter{Digest: d.ID})) {
		if seen[row.Email] || row.State != newsletter.Pending {
			w.Errorf("%+v", row)
		}
		seen[row.Email] = true
	}
	if len(seen) != 23 || d.Readers != 23 {
		w.Errorf("%d deliveries, %d readers", len(seen), d.Readers)
	}
}

func leftMeanwhile(w *world) {
	w.publish("engineering", "e1")
	w.publish("leadership", "l1")
	w.join("engineering", "ada", "ben")
	w.join("leadership", "eve")
	all, err := w.store.Groups(w.Context(), newsletter.Audience{})
	w.check(err)
	d := newsletter.Digest{UID: "u", CreatedAt: time.Now(), Variants: []newsletter.Variant{{Number: 1, Seqs: []int64{1}, Readers: 2}, {Number: 2, Seqs: []int64{2}, Readers: 1}}}
	d.ID, err = w.store.Begin(w.Context(), d)
	w.check(err)
	w.leave("ada")
	w.choose("eve", "engineering")
	var groups []newsletter.PlannedGroup
	for i, g := range all {
		groups = append(groups, newsletter.PlannedGroup{Key: g.Key, Variant: i + 1, Base: g.Position, Target: g.Position})
	}
	w.check(w.store.AddGroups(w.Context(), d.ID, newsletter.Audience{}, groups))
	d.State = newsletter.DigestPlanned
	frozen, err := w.store.Freeze(w.Context(), d, nil)
	w.check(err)
	if frozen.Readers != 1 || len(frozen.Variants) != 1 || frozen.Variants[0].Readers != 1 || frozen.State != newsletter.DigestPlanned || frozen.PlannedAt.IsZero() {
		w.Errorf("frozen: %+v", frozen)
	}
	w.wantDelivery(d.ID, "ben", newsletter.Pending, "")
}

func (w *world) beginPlanning(uid string) newsletter.Digest {
	w.Helper()
	d := newsletter.Digest{UID: uid, State: newsletter.DigestPlanned, CreatedAt: time.Now()}
	var err error
	d.ID, err = w.store.Begin(w.Context(), d)
	w.check(err)
	return d
}

func discarding(w *world) {
	d := w.beginPlanning("u1")
	all, err := w.store.Digests(w.Context(), 10)
	w.check(err)
	if len(all) != 0 {
		w.Errorf("a digest in planning is listed: %+v", all)
	}
	w.check(w.store.Discard(w.Context(), d.ID))
	if _, err := w.store.Digest(w.Context(), d.ID); !errors.Is(err, newsletter.ErrNotFound) {
		w.Errorf("discarded: %v", err)
	}
	if _, err := w.store.Freeze(w.Context(), d, nil); err == nil {
		w.Error("a discarded digest was frozen")
	}
	d = w.beginPlanning("u2")
	_, err = w.store.Freeze(w.Context(), d, nil)
	w.check(err)
	w.check(w.store.Discard(w.Context(), d.ID)) // too late: a frozen one stays
	w.wantState(d.ID, newsletter.DigestPlanned)
}

func abandoned(w *world) {
	w.publish("engineering", "e1")
	w.join("engineering", "ada")
	left := w.beginPlanning("left")
	time.Sleep(time.Minute)
	recent := w.beginPlanning("recent")
	time.Sleep(14*time.Minute + time.Second)
	w.wantPlanned(w.plan(newsletter.Request{}), "e1 ×1")
	if _, err := w.store.Digest(w.Context(), left.ID); !errors.Is(err, newsletter.ErrNotFound) {
		w.Errorf("abandoned 15 minutes ago: %v", err)
	}
	w.wantState(recent.ID, newsletter.DigestPlanning)
}

func slotIsUnique(w *world) {
	w.publish("engineering", "e1")
	w.join("engineering", "ada")
	slot := &newsletter.Slot{Schedule: "weekly", Key: "2026-03-02T09:00", Due: time.Now()}
	d := w.plan(newsletter.Request{Slot: slot})
	if d.Schedule != "weekly" || d.Slot != slot.Key {
		w.Errorf("planned %+v", d)
	}
	again := w.beginPlanning("again")
	record := newsletter.SlotRecord{Schedule: "weekly", Key: slot.Key, Due: slot.Due, Outcome: newsletter.SlotPlanned, At: time.Now()}
	if _, err := w.store.Freeze(w.Context(), again, &record); !errors.Is(err, newsletter.ErrSlotTaken) {
		w.Errorf("freeze for a recorded slot: %v", err)
	}
	if _, err := w.store.Digest(w.Context(), again.ID); !errors.Is(err, newsletter.ErrNotFound) {
		w.Errorf("its digest was not discarded: %v", err)
	}
	slots, err := w.store.Slots(w.Context(), 10)
	w.check(err)
	if len(slots) != 1 || slots[0].Digest != d.ID || slots[0].Outcome != newsletter.SlotPlanned {
		w.Errorf("slots: %+v", slots)
	}
}

func twoPlanners(w *world) {
	w.publish("engineering", "e1")
	for i := range 12 {
		w.join("engineering", fmt.Sprintf("reader%d", i))
	}
	slot := newsletter.Slot{Schedule: "weekly", Key: "2026-03-02T09:00", Due: time.Now()}
	var all sync.WaitGroup
	results := make([]newsletter.Digest, 6)
	for i := range results {
		all.Go(func() {
			d, err := w.planner.Plan(w.Context(), w.lib, newsletter.Request{Approved: true, Slot: &slot})
			if err != nil && !errors.Is(err, newsletter.ErrSlotTaken) {
				w.Error(err)
			}
			results[i] = d
		})
	}
	all.Wait()
	digests, err := w.store.Digests(w.Context(), 10)
	w.check(err)
	if len(digests) != 1 || digests[0].Readers != 12 {
		w.Errorf("%d digests: %+v", len(digests), digests)
	}
	planned := 0
	for _, d := range results {
		if d.ID != 0 {
			planned++
		}
	}
	if planned != 1 {
		w.Errorf("%d planners say that they planned it", planned)
	}
}

func sinceFirstSeen(w *world) {
	first := time.Now()
	for range 3 {
		since, err := w.store.Since(w.Context(), "weekly", time.Now())
		w.check(err)
		if !since.Equal(first) {
			w.Errorf("since %v, want %v", since, first)
		}
		time.Sleep(time.Hour)
	}
	due := first.Add(30 * time.Minute)
	w.check(w.store.RecordSlots(w.Context(), newsletter.SlotRecord{Schedule: "weekly", Key: "k1", Due: due, Outcome: newsletter.SlotMissed, At: time.Now()}))
	w.check(w.store.RecordSlots(w.Context(), newsletter.SlotRecord{Schedule: "weekly", Key: "k0", Due: first, Outcome: newsletter.SlotMissed, At: time.Now()}))
	since, err := w.store.Since(w.Context(), "weekly", time.Now())
	w.check(err)
	if !since.Equal(due) {
		w.Errorf("since %v, want the newest slot's %v", since, due)
	}
	if since, err = w.store.Since(w.Context(), "daily", time.Now()); err != nil || !since.Equal(time.Now()) {
		w.Errorf("another schedule: since %v, %v", since, err)
	}
}

func slotStays(w *world) {
	at := time.Now()
	record := newsletter.SlotRecord{Schedule: "weekly", Key: "k", Due: at, Outcome: newsletter.SlotLate, Reason: "2 days late", At: at}
	w.check(w.store.RecordSlots(w.Context(), record))
	again := record
	again.Outcome, again.Reason = newsletter.SlotMissed, "no"
	w.check(w.store.RecordSlots(w.Context(), again))
	slots, err := w.store.Slots(w.Context(), 5)
	w.check(err)
	if len(slots) != 1 || slots[0].Outcome != newsletter.SlotLate || slots[0].Reason != "2 days late" || !slots[0].Due.Equal(at) {
		w.Errorf("slots: %+v", slots)
	}
	for key, want := range map[string]bool{"k": true, "other": false} {
		if r, ok, err := w.store.Slot(w.Context(), "weekly", key); err != nil || ok != want || ok && r != slots[0] {
			w.Errorf("%s is recorded: %v, %+v, %v", key, ok, r, err)
		}
	}
}
