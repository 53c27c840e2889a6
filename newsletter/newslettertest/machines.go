package newslettertest

import (
	"bytes"
	"context"
	"maps"
	"strings"
	"sync"
	"sync/atomic"
	"testing/fstest"
	"time"

	"github.com/scaledbydesign/insights/content"
	"github.com/scaledbydesign/insights/newsletter"
	"github.com/scaledbydesign/insights/subscribers"
)

// machineTests are about daemons on several machines, each with a folder of its own.
var machineTests = []test{
	{"a slot is planned from the newer folder, also if the older one looks first", rollingSlot},
	{"a daemon with an older folder plans when the newer one does not", olderAlone},
	{"the instant cadence: each insight once, in any order of the machines", rollingInstant},
	{"an insight is withdrawn when the last machine has lost it", goneFromAll},
	{"an insight is back when every machine shows it", backOnAll},
	{"what staff withdrew stays so until every machine has lost it", takenDownOnAll},
	{"a restart of the newest machine withdraws nothing and loses no slot", newestRestarts},
	{"a machine with a faulty file is behind", faultyMachine},
	{"a machine with older texts that restarts is not the newer one", olderRestarts},
	{"one daemon plans a slot", onePlanner},
	{"a planner that dies leaves the slot to another", plannerDies},
	{"a planner that was held up does not finish what another has taken over", plannerHeldUp},
	{"who has only begun to look believes old reports", afterOutage},
}

// machine is a daemon with its own folder.
type machine struct {
	w        *world
	presence *newsletter.Presence
	planner  *newsletter.Planner
	lib      atomic.Pointer[content.Library]
	changed  atomic.Pointer[chan struct{}]
	cancel   context.CancelFunc
	parts    sync.WaitGroup
	frozen   atomic.Bool // reports nothing
}

// machine is one whose folder is the world's present one.
func (w *world) machine(name string) *machine {
	m := &machine{w: w, planner: w.planner, presence: &newsletter.Presence{Store: w.store, ID: name, Host: name, Started: time.Now()}}
	changed := make(chan struct{})
	m.changed.Store(&changed)
	m.update()
	return m
}

// update makes the machine's folder the world's present one.
func (m *machine) update() {
	m.w.Helper()
	m.show(maps.Clone(m.w.files))
}

// without removes insights from the machine's folder.
func (m *machine) without(names ...string) {
	m.w.Helper()
	files := maps.Clone(m.w.files)
	for _, name := range names {
		delete(files, name+".md")
	}
	m.show(files)
}

func (m *machine) show(files fstest.MapFS) {
	m.w.Helper()
	lib, err := content.Load(files, content.Options{Categories: categories, Withheld: m.w.withheld()})
	m.w.check(err)
	m.lib.Store(lib)
	next := make(chan struct{})
	close(*m.changed.Swap(&next))
}

// run runs the machine until stop, which ends it in order, or kill, which does not.
func (m *machine) run(schedules ...newsletter.Schedule) *machine {
	ctx, cancel := context.WithCancel(m.w.Context())
	m.cancel = cancel
	s := &newsletter.Scheduler{Planner: m.planner, Slots: m.w.store, Schedules: schedules, Presence: m.presence, Log: m.w.log,
		Library: m.lib.Load, Changed: func() <-chan struct{} { return *m.changed.Load() }}
	m.parts.Go(func() {
		if err := s.Run(ctx); err != nil {
			m.w.Errorf("scheduler: %v", err)
		}
	})
	m.parts.Go(func() {
		for ctx.Err() == nil {
			changed := *m.changed.Load()
			if !m.frozen.Load() {
				if _, err := m.presence.Look(ctx, m.lib.Load()); err != nil && ctx.Err() == nil {
					m.w.Errorf("look: %v", err)
				}
			}
			select {
			case <-ctx.Done():
			case <-changed:
			case <-time.After(newsletter.ReportEvery):
			}
		}
	})
	return m
}

func (m *machine) kill() {
	m.cancel()
	m.parts.Wait()
}

func (m *machine) stop() {
	m.w.Helper()
	m.kill()
	m.w.check(m.presence.End(context.WithoutCancel(m.w.Context())))
}

// appear adds an insight to the world's folder, which machines have when they update.
func (w *world) appear(name string) { w.write(name, "engineering", time.Now().Add(-time.Hour)) }

func rollingSlot(w *world) {
	w.publish("engineering", "e1")
	w.join("engineering", "ada")
	w.until("2000-01-03 08:58:00")
	older, newer := w.machine("older").run(weekly()), w.machine("newer").run(weekly())
	time.Sleep(30 * time.Second)
	w.appear("e2")
	newer.update()
	w.until("2000-01-03 09:00:30")
	w.wantSlots("2000-01-03T09:00 planned")
	w.until("2000-01-03 09:05:00")
	older.update()
	w.until("2000-01-03 09:10:00")
	older.stop()
	newer.stop()
	var s server
	w.send(&s, time.Minute)
	if got := s.to("ada"); got != "e2 e1" {
		w.Errorf("received %q", got)
	}
	w.wantSlots("2000-01-03T09:00 planned")
	w.wantSequence("1=e1 2=e2")
}

func olderAlone(w *world) {
	w.publish("engineering", "e1")
	w.join("engineering", "ada")
	w.until("2000-01-03 08:58:00")
	older, newer := w.machine("older").run(weekly()), w.machine("newer").run()
	w.appear("e2")
	newer.update()
	w.until("2000-01-03 09:00:50")
	w.wantSlots("")
	w.until("2000-01-03 09:01:10")
	w.wantSlots("2000-01-03T09:00 planned")
	older.stop()
	newer.stop()
	var s server
	w.send(&s, time.Minute)
	if got := s.to("ada"); got != "e1" {
		w.Errorf("received %q", got)
	}
}

func rollingInstant(w *world) {
	schedule := newsletter.Schedule{Name: "instant", Cadence: subscribers.Instant}
	w.publish("engineering", "e1")
	w.joinAs(subscribers.Instant, "engineering", "ada")
	var s server
	send := w.start(w.worker(&s))
	machines := []*machine{w.machine("a").run(schedule), w.machine("b").run(schedule), w.machine("c").run(schedule)}
	time.Sleep(time.Minute)
	for _, name := range []string{"e2", "e3", "e4"} {
		w.appear(name)
		for _, m := range machines {
			m.update()
			time.Sleep(10 * time.Second)
		}
		machines = append(machines[1:], machines[0])
	}
	time.Sleep(5 * time.Minute)
	for _, m := range machines {
		m.stop()
	}
	send()
	if got := s.to("ada"); got != "e1|e2|e3|e4" {
		w.Errorf("received %q", got)
	}
	w.wantSlots("seq:1 planned, seq:2 planned, seq:3 planned, seq:4 planned")
	w.wantReturns(0)
}

// wantReturns checks how often insights were withdrawn and came back.
func (w *world) wantReturns(want int) {
	w.Helper()
	all, err := w.store.Sequence(w.Context())
	w.check(err)
	got := 0
	for _, n := range all {
		got += n.Returns
	}
	if got != want {
		w.Errorf("%d returns, want %d", got, want)
	}
}

func goneFromAll(w *world) {
	w.publish("engineering", "e1", "e2")
	a, b := w.machine("a").run(), w.machine("b").run()
	time.Sleep(time.Minute)
	a.without("e1")
	time.Sleep(2 * time.Minute)
	w.wantSequence("1=e1 2=e2")
	b.without("e1")
	time.Sleep(40 * time.Second)
	w.wantSequence("2=e2")
	all, err := w.store.Withdrawals(w.Context())
	w.check(err)
	if len(all) != 1 || all[0].InEffect(time.Now()) || !all[0].InEffect(time.Now().Add(25*time.Second)) {
		w.Errorf("withdrawn %+v", all)
	}
	a.stop()
	b.stop()
}

func backOnAll(w *world) {
	w.publish("engineering", "e1", "e2")
	a, b := w.machine("a"), w.machine("b")
	a.without("e1")
	b.without("e1")
	a.run()
	b.run()
	time.Sleep(2 * time.Minute)
	w.wantSequence("2=e2")
	a.update() // it is newer, so the other is behind
	time.Sleep(time.Minute)
	w.wantSequence("1=e1 2=e2")
	b.update()
	time.Sleep(time.Minute)
	w.wantSequence("1=e1 2=e2")
	w.wantReturns(1)
	a.stop()
	b.stop()
}

func takenDownOnAll(w *world) {
	w.publish("engineering", "e1", "e2")
	a, b := w.machine("a").run(), w.machine("b").run()
	time.Sleep(time.Minute)
	_, err := w.store.Withdraw(w.Context(), id("e1"))
	w.check(err)
	a.without("e1") // and b has it still
	b.update()
	time.Sleep(2 * time.Minute)
	a.update()
	time.Sleep(2 * time.Minute)
	w.wantSequence("2=e2")
	a.without("e1")
	b.without("e1")
	time.Sleep(2 * time.Minute)
	a.update()
	b.update()
	time.Sleep(2 * time.Minute)
	w.wantSequence("1=e1 2=e2")
	a.stop()
	b.stop()
}

// newestRestarts: while the only machine that is up to date restarts, a digest is going out, and a
// slot is due.
func newestRestarts(w *world) {
	w.publish("engineering", "e1")
	w.join("engineering", "ada")
	w.joinAs(subscribers.Instant, "engineering", "ben")
	schedules := []newsletter.Schedule{weekly(), {Name: "instant", Cadence: subscribers.Instant}}
	w.until("2000-01-03 08:55:00")
	older, newer := w.machine("older").run(schedules...), w.machine("newer").run(schedules...)
	w.appear("e2")
	newer.update()
	time.Sleep(4 * time.Minute) // e2 has long been lacking on the older one
	w.until("2000-01-03 08:59:50")
	newer.stop()
	w.until("2000-01-03 09:00:05")
	var s server
	send := w.start(w.worker(&s)) // of the instant digest
	w.until("2000-01-03 09:00:10")
	newer = w.machine("restarted").run(schedules...)
	w.until("2000-01-03 09:05:00")
	newer.stop()
	older.stop()
	send()
	if ada, ben := s.to("ada"), s.to("ben"); ada != "e2 e1" || !strings.HasSuffix(ben, "e2") && ben != "e2 e1" {
		w.Errorf("received %q and %q; slots %s", ada, ben, w.slots())
	}
	w.wantReturns(0)
}

// faultyMachine: a category is known to one machine only, and the other restarts.
func faultyMachine(w *world) {
	w.publish("engineering", "e1")
	w.join("engineering", "ada")
	w.until("2000-01-03 08:50:00")
	sound := w.machine("sound").run(weekly())
	w.appear("e2")
	sound.update()
	time.Sleep(5 * time.Minute)
	faulty := w.machine("faulty")
	files := maps.Clone(w.files)
	files["e2.md"] = &fstest.MapFile{Data: []byte(strings.Replace(string(files["e2.md"].Data), "category: engineering", "category: unknown", 1))}
	faulty.show(files)
	faulty.run(weekly())
	w.until("2000-01-03 09:05:00")
	sound.stop()
	faulty.stop()
	var s server
	w.send(&s, time.Minute)
	if got := s.to("ada"); got != "e2 e1" {
		w.Errorf("received %q", got)
	}
	w.wantReturns(0)
}

// olderRestarts: texts were corrected on one machine, and the other restarts.
func olderRestarts(w *world) {
	w.publish("engineering", "e1")
	older := w.machine("older").run()
	time.Sleep(time.Minute)
	before := w.files["e1.md"]
	w.files["e1.md"] = &fstest.MapFile{Data: append(bytes.Clone(before.Data), "Corrected.\n"...)}
	newer := w.machine("newer").run()
	time.Sleep(time.Minute)
	older.stop()
	w.files["e1.md"] = before
	older = w.machine("older, restarted").run()
	time.Sleep(time.Minute)
	if newer.presence.Behind() || !older.presence.Behind() {
		w.Errorf("behind: the newer %v, the older %v", newer.presence.Behind(), older.presence.Behind())
	}
	newer.stop()
	older.stop()
}

// heldUp counts plans that are begun, and holds them up.
type heldUp struct {
	newsletter.PlanStore
	begun atomic.Int32
	hold  time.Duration
}

func (s *heldUp) Begin(ctx context.Context, d newsletter.Digest) (int64, error) {
	s.begun.Add(1)
	return s.PlanStore.Begin(ctx, d)
}

func (s *heldUp) AddGroups(ctx context.Context, digest int64, a newsletter.Audience, groups []newsletter.PlannedGroup) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(s.hold):
	}
	return s.PlanStore.AddGroups(ctx, digest, a, groups)
}

// held is a machine whose plans are held up.
func (w *world) held(name string, hold time.Duration) (*machine, *heldUp) {
	store := &heldUp{PlanStore: w.store, hold: hold}
	m := w.machine(name)
	m.planner = &newsletter.Planner{Store: store, Log: w.log}
	return m, store
}

func onePlanner(w *world) {
	w.publish("engineering", "e1")
	w.join("engineering", "ada", "bob")
	w.until("2000-01-03 08:58:00")
	var begun []*heldUp
	var machines []*machine
	for _, name := range strings.Fields("a b c d") {
		m, store := w.held(name, 40*time.Second)
		machines, begun = append(machines, m.run(weekly())), append(begun, store)
	}
	w.until("2000-01-03 09:00:20")
	w.wantSlots("2000-01-03T09:00 planning")
	w.until("2000-01-03 09:10:00")
	w.wantSlots("2000-01-03T09:00 planned")
	total := int32(0)
	for i, m := range machines {
		m.stop()
		total += begun[i].begun.Load()
	}
	if total != 1 {
		w.Errorf("planned %d times", total)
	}
}

func plannerDies(w *world) {
	w.publish("engineering", "e1")
	w.join("engineering", "ada")
	w.until("2000-01-03 08:58:00")
	dies, _ := w.held("dies", time.Hour)
	dies.run(weekly())
	w.until("2000-01-03 09:00:05")
	w.wantSlots("2000-01-03T09:00 planning")
	other := w.machine("other").run(weekly())
	dies.kill()
	w.until("2000-01-03 09:00:15")
	w.wantSlots("2000-01-03T09:00 planning") // it may only be held up
	w.until("2000-01-03 09:01:00")
	w.wantSlots("2000-01-03T09:00 planned")
	other.stop()
	var s server
	w.send(&s, time.Minute)
	if got := s.to("ada"); got != "e1" {
		w.Errorf("received %q", got)
	}
	digests, err := w.store.Digests(w.Context(), 10)
	w.check(err)
	if len(digests) != 1 {
		w.Errorf("%d digests", len(digests))
	}
}

func plannerHeldUp(w *world) {
	w.publish("engineering", "e1")
	w.join("engineering", "ada")
	w.until("2000-01-03 08:58:00")
	slow, store := w.held("slow", 2*time.Minute)
	slow.run(weekly())
	other := w.machine("other").run()
	w.until("2000-01-03 09:00:05")
	slow.frozen.Store(true)
	other.stop()
	other = w.machine("third").run(weekly())
	w.until("2000-01-03 09:01:00")
	w.wantSlots("2000-01-03T09:00 planned")
	slow.frozen.Store(false)
	w.until("2000-01-03 09:05:00")
	slow.stop()
	other.stop()
	if n := store.begun.Load(); n != 1 {
		w.Errorf("it planned %d times", n)
	}
	var s server
	w.send(&s, time.Minute)
	if got := s.to("ada"); got != "e1" {
		w.Errorf("received %q", got)
	}
}

func afterOutage(w *world) {
	w.publish("engineering", "e1", "e2")
	a, b := w.machine("a"), w.machine("b")
	look := func(m *machine) *newsletter.Peers {
		w.Helper()
		p, err := m.presence.Look(w.Context(), m.lib.Load())
		w.check(err)
		return p
	}
	look(b)
	time.Sleep(time.Hour)
	a.without("e1")
	if p := look(a); len(p.Others) != 1 || !p.Behind() {
		w.Errorf("at first: %+v", p)
	}
	for range 4 {
		time.Sleep(5 * time.Second)
		look(a)
	}
	if p := look(a); len(p.Others) != 0 || !p.Behind() {
		w.Errorf("then: %+v", p)
	}
	for range 12 { // and the other may only be starting again
		time.Sleep(5 * time.Second)
		look(a)
	}
	if p := look(a); len(p.Others) != 0 || p.Behind() {
		w.Errorf("at last: %+v", p)
	}
	if reports, err := w.store.Reports(w.Context()); err != nil || len(reports) != 1 {
		w.Errorf("reports %+v, %v", reports, err)
	}
}
