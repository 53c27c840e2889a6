package newslettertest

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/scaledbydesign/insights/newsletter"
	"github.com/scaledbydesign/insights/subscribers"
)

var outboxTests = []test{
	{"many claimants, each email once", eachClaimedOnce},
	{"what is not due is not claimed", notDue},
	{"only approved digests are ready", ready},
	{"a worker whose emails were taken over is fenced", fenced},
	{"workers that were silent together are not dead", backTogether},
	{"detaching releases what was not started", detaching},
	{"what a dead worker left in flight, by policy", recovery},
	{"what a worker left in flight is found after it detached", leftInFlight},
	{"a digest is done when all deliveries are terminal", finishing},
	{"the first body is kept", bodies},
	{"pause, resume, cancel", pausing},
	{"a cancelled digest retries nothing", cancelledInFlight},
	{"a digest that can't be rendered skips all", failingDigest},
	{"sent moves the position, to the maximum of both", positionAfterSent},
}

// sending plans for all weekly readers and starts the digest.
func (w *world) sending() newsletter.Digest {
	w.Helper()
	d := w.plan(newsletter.Request{})
	w.check(w.store.Start(w.Context(), d.ID))
	return d
}

func (w *world) attach(worker string, policy newsletter.OnUncertain) newsletter.Recovered {
	w.Helper()
	r, err := w.store.Attach(w.Context(), worker, 15*time.Second, policy)
	w.check(err)
	return r
}

// settle attaches a worker again and again, as it beats, until it is sure of who is dead.
func (w *world) settle(worker string, policy newsletter.OnUncertain) (all newsletter.Recovered) {
	w.Helper()
	for range 9 {
		r := w.attach(worker, policy)
		all.Claimed += r.Claimed
		all.Uncertain += r.Uncertain
		time.Sleep(2 * time.Second)
	}
	return all
}

func (w *world) claim(worker string, digest int64, limit int) []newsletter.Task {
	w.Helper()
	tasks, err := w.store.ClaimDeliveries(w.Context(), worker, digest, limit)
	w.check(err)
	return tasks
}

func (w *world) record(worker string, e newsletter.Entry) newsletter.Action {
	w.Helper()
	actions, err := w.store.Record(w.Context(), worker, []newsletter.Entry{e})
	w.check(err)
	return actions[0]
}

func (w *world) begin(worker string, t newsletter.Task) newsletter.Action {
	w.Helper()
	return w.record(worker, newsletter.Entry{Begin: &newsletter.Begin{Ref: t.Ref, To: t.Subscriber.Address.String(), MessageID: fmt.Sprint("m", t.Ref)}})
}

func (w *world) finish(worker string, t newsletter.Task, s newsletter.Result) {
	w.Helper()
	s.Ref, s.Change = t.Ref, t.Change
	s.Received = s.State == newsletter.Sent
	w.record(worker, newsletter.Entry{Result: &s})
}

// readers publishes one insight and lets n readers want it.
func (w *world) readers(n int) {
	w.Helper()
	w.publish("engineering", "e1")
	for i := range n {
		w.join("engineering", fmt.Sprintf("reader%d", i))
	}
}

func eachClaimedOnce(w *world) {
	w.readers(60)
	d := w.sending()
	var mu sync.Mutex
	claims := make(map[int64]string)
	var all sync.WaitGroup
	for i := range 8 {
		worker := fmt.Sprintf("worker%d", i)
		w.attach(worker, newsletter.Resend)
		all.Go(func() {
			for {
				tasks, err := w.store.ClaimDeliveries(w.Context(), worker, d.ID, 5)
				if err != nil {
					w.Error(err)
				}
				if len(tasks) == 0 {
					return
				}
				mu.Lock()
				for _, t := range tasks {
					if claims[t.Ref.Subscriber] != "" {
						w.Errorf("subscriber %d is claimed by %s and %s", t.Ref.Subscriber, claims[t.Ref.Subscriber], worker)
					}
					claims[t.Ref.Subscriber] = worker
				}
				mu.Unlock()
			}
		})
	}
	all.Wait()
	if n := w.digest(d.ID).Counts[newsletter.Claimed]; n != 60 || len(claims) != 60 {
		w.Errorf("%d claimed, %d claims", n, len(claims))
	}
}

func notDue(w *world) {
	w.readers(1)
	d := w.sending()
	w.attach("w1", newsletter.Resend)
	t := w.claim("w1", d.ID, 5)[0]
	if t.Kind != newsletter.DigestEmail || t.Attempts != 0 || t.To != "" || t.Subscriber.Address.String() != address("reader0") {
		w.Errorf("claimed %+v", t)
	}
	if w.begin("w1", t) != newsletter.ActionSend {
		w.Fatal("not begun")
	}
	w.edit("reader0", func(s *subscribers.Subscriber) { s.Address, _ = subscribers.ParseAddress("Reader0@example.com") })
	at := time.Now().Add(10 * time.Second)
	w.finish("w1", t, newsletter.Result{State: newsletter.Deferred, NextAt: at, Code: 451, Reason: "later"})
	w.wantDelivery(d.ID, "reader0", newsletter.Deferred, "later")
	if due, err := w.store.NextDue(w.Context()); err != nil || !due.Equal(at) {
		w.Errorf("next due %v, %v", due, err)
	}
	if again := w.claim("w1", d.ID, 5); len(again) != 0 {
		w.Errorf("claimed before its time: %+v", again)
	}
	time.Sleep(10 * time.Second)
	again := w.claim("w1", d.ID, 5)
	if len(again) != 1 || again[0].Attempts != 1 || again[0].To != address("reader0") {
		w.Fatalf("claimed %+v; the address is frozen by the first attempt", again)
	}
	row := w.delivery(d.ID, "reader0")
	if row.Attempts != 1 || row.MessageID == "" {
		w.Errorf("%+v", row)
	}
}

func ready(w *world) {
	w.readers(1)
	list := func() string {
		all, err := w.store.Ready(w.Context())
		w.check(err)
		text := ""
		for _, d := range all {
			text += fmt.Sprintf("%s %d %d; ", d.State, len(d.Variants), len(d.Items))
		}
		return text
	}
	d, err := w.planner.Plan(w.Context(), w.lib, newsletter.Request{})
	w.check(err)
	if got := list(); got != "" || len(w.claim("w1", d.ID, 5)) != 0 {
		w.Errorf("not approved, yet ready: %s", got)
	}
	for i := range 2 {
		changed, err := w.store.Approve(w.Context(), d.ID)
		w.check(err)
		if changed != (i == 0) {
			w.Errorf("approval %d changed: %v", i, changed)
		}
	}
	if got := list(); got != "approved 1 1; " {
		w.Errorf("ready: %q", got)
	}
	if tasks := w.claim("w1", d.ID, 5); len(tasks) != 0 {
		w.Error("claimed before it was started")
	}
	w.check(w.store.Start(w.Context(), d.ID))
	w.check(w.store.Start(w.Context(), d.ID))
	w.wantState(d.ID, newsletter.DigestSending)
	if _, err := w.store.Approve(w.Context(), d.ID+100); !errors.Is(err, newsletter.ErrNotFound) {
		w.Errorf("approve an unknown digest: %v", err)
	}
}

// backTogether: all workers were silent while the database was away, and the first that is
// back takes none for dead.
func backTogether(w *world) {
	w.readers(2)
	d := w.sending()
	for _, worker := range []string{"one", "two"} {
		w.attach(worker, newsletter.Resend)
		if tasks := w.claim(worker, d.ID, 1); len(tasks) != 1 || w.begin(worker, tasks[0]) != newsletter.ActionSend {
			w.Fatal("not begun")
		}
	}
	time.Sleep(time.Minute)
	for range 12 {
		for _, worker := range []string{"one", "two"} {
			if got := w.attach(worker, newsletter.Resend); got != (newsletter.Recovered{}) {
				w.Errorf("%s recovered %+v of a live worker", worker, got)
			}
			time.Sleep(time.Second)
		}
	}
}

func fenced(w *world) {
	w.readers(3)
	d := w.sending()
	w.attach("slow", newsletter.Hold)
	tasks := w.claim("slow", d.ID, 3)
	if w.begin("slow", tasks[0]) != newsletter.ActionSend {
		w.Fatal("not begun")
	}
	if got := w.settle("quick", newsletter.Hold); got != (newsletter.Recovered{Claimed: 2, Uncertain: 1}) {
		w.Errorf("recovered %+v", got)
	}
	if w.begin("slow", tasks[1]) != newsletter.ActionDrop {
		w.Error("a worker whose emails were taken over may send")
	}
	if late := w.claim("slow", d.ID, 3); len(late) > 0 {
		w.Errorf("a dead worker claimed %+v", late)
	}
	again := w.claim("quick", d.ID, 3)
	if len(again) != 2 || w.begin("slow", tasks[1]) != newsletter.ActionDrop || w.begin("quick", again[0]) != newsletter.ActionSend {
		w.Errorf("claimed again: %+v", again)
	}
	w.finish("slow", tasks[0], newsletter.Result{State: newsletter.Sent})
	w.finish("slow", again[0], newsletter.Result{State: newsletter.Failed, Reason: "by a stranger"})
	counts := w.digest(d.ID).Counts
	if counts[newsletter.Uncertain] != 1 || counts[newsletter.Sending] != 1 || counts[newsletter.Claimed] != 1 {
		w.Errorf("counts %v", counts)
	}
	if w.begin("quick", again[0]) != newsletter.ActionSend {
		w.Error("a Begin that is repeated because its answer was lost is refused")
	}
	if w.begin("slow", again[0]) != newsletter.ActionDrop {
		w.Error("an email was started by two")
	}
}

func detaching(w *world) {
	w.readers(3)
	d := w.sending()
	w.attach("w1", newsletter.Resend)
	tasks := w.claim("w1", d.ID, 3)
	w.begin("w1", tasks[0])
	w.finish("w1", tasks[0], newsletter.Result{State: newsletter.Sent})
	w.check(w.store.Detach(w.Context(), "w1"))
	counts := w.digest(d.ID).Counts
	if counts[newsletter.Sent] != 1 || counts[newsletter.Pending] != 2 {
		w.Errorf("counts %v", counts)
	}
	if row := w.delivery(d.ID, "reader1"); row.Attempts != 0 {
		w.Errorf("an email that was not started counts as tried: %+v", row)
	}
	w.attach("w2", newsletter.Resend)
	if again := w.claim("w2", d.ID, 3); len(again) != 2 {
		w.Errorf("claimed %d", len(again))
	}
}

func recovery(w *world) {
	for _, policy := range []newsletter.OnUncertain{newsletter.Resend, newsletter.Hold, newsletter.Skip} {
		name := "reader-" + string(policy)
		w.publish("engineering", "e-"+string(policy))
		w.join("engineering", name)
		d := w.plan(newsletter.Request{Only: w.reader(name).ID})
		w.check(w.store.Start(w.Context(), d.ID))
		w.attach("dies", policy)
		tasks := w.claim("dies", d.ID, 5)
		if len(tasks) != 1 || w.begin("dies", tasks[0]) != newsletter.ActionSend {
			w.Fatal("not begun")
		}
		time.Sleep(10 * time.Second)
		if got := w.attach("heir-"+string(policy), policy); got != (newsletter.Recovered{}) {
			w.Errorf("recovered %+v of a live worker", got)
		}
		if got := w.settle("heir-"+string(policy), policy); got.Uncertain != 1 {
			w.Errorf("%s: recovered %+v", policy, got)
		}
		row := w.delivery(d.ID, name)
		if row.UncertainAt.IsZero() {
			w.Errorf("%s: not listed as uncertain: %+v", policy, row)
		}
		var listed int
		for range w.store.Deliveries(w.Context(), newsletter.DeliveryFilter{Digest: d.ID, State: newsletter.Uncertain}) {
			listed++
		}
		if listed != 1 {
			w.Errorf("%s: %d uncertain emails are listed", policy, listed)
		}
		again := w.claim("heir-"+string(policy), d.ID, 5)
		if policy == newsletter.Resend {
			if row.State != newsletter.Deferred || len(again) != 1 || w.begin("heir-resend", again[0]) != newsletter.ActionSend {
				w.Errorf("resend: %+v, claimed %d", row, len(again))
			}
			w.finish("heir-resend", again[0], newsletter.Result{State: newsletter.Sent})
			w.wantUnread(name, "")
		} else {
			if row.State != newsletter.Uncertain || len(again) != 0 {
				w.Errorf("%s: %+v, claimed %d", policy, row, len(again))
			}
			w.wantUnread(name, "") // not planned again: it may have arrived
		}
		if done, err := w.store.Finish(w.Context(), d.ID); err != nil || !done {
			w.Errorf("%s: finished %v, %v", policy, done, err)
		}
		w.check(w.store.Detach(w.Context(), "heir-"+string(policy)))
	}
}

func leftInFlight(w *world) {
	w.readers(1)
	d := w.sending()
	w.attach("w1", newsletter.Hold)
	w.attach("w2", newsletter.Hold)
	w.begin("w1", w.claim("w1", d.ID, 1)[0])
	w.check(w.store.Detach(w.Context(), "w1")) // its result could not be recorded
	if got := w.attach("w2", newsletter.Hold); got.Uncertain != 1 {
		w.Errorf("recovered %+v", got)
	}
	w.wantDelivery(d.ID, "reader0", newsletter.Uncertain, "")
}

func finishing(w *world) {
	w.readers(5)
	d := w.sending()
	w.attach("w1", newsletter.Hold)
	tasks := w.claim("w1", d.ID, 5)
	finish := func(want bool) {
		w.Helper()
		if done, err := w.store.Finish(w.Context(), d.ID); err != nil || done != want {
			w.Errorf("finished: %v, %v, want %v (%v)", done, err, want, w.digest(d.ID).Counts)
		}
	}
	finish(false)
	states := []newsletter.DeliveryState{newsletter.Sent, newsletter.Failed, newsletter.Uncertain, newsletter.Deferred}
	for i, state := range states {
		w.begin("w1", tasks[i])
		finish(false)
		w.finish("w1", tasks[i], newsletter.Result{State: state, NextAt: time.Now()})
	}
	finish(false)
	w.finish("w1", tasks[4], newsletter.Result{State: newsletter.Skipped, Reason: "no"})
	finish(false) // one is deferred
	again := w.claim("w1", d.ID, 5)
	w.begin("w1", again[0])
	w.finish("w1", again[0], newsletter.Result{State: newsletter.Sent})
	finish(true)
	finish(false) // it is only done once
	got := w.digest(d.ID)
	if got.State != newsletter.DigestDone || got.DoneAt.IsZero() || got.Counts[newsletter.Sent] != 2 || got.Counts[newsletter.Failed] != 1 || got.Counts[newsletter.Skipped] != 1 || got.Counts[newsletter.Uncertain] != 1 {
		w.Errorf("done: %+v", got)
	}
}

func bodies(w *world) {
	w.readers(1)
	d := w.sending()
	if _, ok, err := w.store.Body(w.Context(), d.ID, 1); ok || err != nil {
		w.Errorf("rendered before: %v, %v", ok, err)
	}
	first := newsletter.StoredBody{Body: newsletter.Body{Subject: "s", HTML: "<p>", Text: "t"}, Date: time.Now().Truncate(time.Second).UTC(), BaseURL: "https://a.example"}
	kept, err := w.store.SaveBody(w.Context(), d.ID, 1, first)
	if err != nil || kept != first {
		w.Errorf("kept %+v, %v", kept, err)
	}
	second := first
	second.Text, second.Date = "other", first.Date.Add(time.Hour)
	if kept, err = w.store.SaveBody(w.Context(), d.ID, 1, second); err != nil || kept != first {
		w.Errorf("the second was kept: %+v, %v", kept, err)
	}
	if got, ok, err := w.store.Body(w.Context(), d.ID, 1); !ok || err != nil || got != first {
		w.Errorf("read %+v, %v, %v", got, ok, err)
	}
	if v, err := w.store.Variant(w.Context(), d.ID, 1); err != nil || v.Number != 1 || len(v.Seqs) != 1 {
		w.Errorf("variant %+v, %v", v, err)
	}
}

func pausing(w *world) {
	w.readers(3)
	d := w.sending()
	w.attach("w1", newsletter.Resend)
	tasks := w.claim("w1", d.ID, 2)
	w.begin("w1", tasks[0])
	do := func(name string, f func() (bool, error), want bool) {
		w.Helper()
		if changed, err := f(); err != nil || changed != want {
			w.Errorf("%s changed: %v, %v, want %v", name, changed, err, want)
		}
	}
	pause := func() (bool, error) { return w.store.Pause(w.Context(), d.ID, "a typo") }
	resume := func() (bool, error) {
		changed, _, err := w.store.Resume(w.Context(), d.ID, false)
		return changed, err
	}
	cancel := func() (bool, error) { return w.store.Cancel(w.Context(), d.ID) }
	do("pause", pause, true)
	do("pause again", pause, false)
	if got := w.digest(d.ID); got.Reason != "a typo" {
		w.Errorf("reason %q", got.Reason)
	}
	if len(w.claim("w1", d.ID, 5)) != 0 {
		w.Error("a paused digest was claimed")
	}
	if w.begin("w1", tasks[1]) == newsletter.ActionSend {
		w.Error("an email of a paused digest was started")
	}
	w.finish("w1", tasks[0], newsletter.Result{State: newsletter.Sent}) // what was in flight ends
	if counts := w.digest(d.ID).Counts; counts[newsletter.Sent] != 1 || counts[newsletter.Pending] != 2 {
		w.Errorf("paused: %v", counts)
	}
	do("resume", resume, true)
	do("resume again", resume, false)
	w.check(w.store.Start(w.Context(), d.ID))
	do("resume what is sent again", resume, false)
	if n := len(w.claim("w1", d.ID, 5)); n != 2 {
		w.Errorf("claimed %d after resuming", n)
	}
	do("cancel", cancel, true)
	do("cancel again", cancel, false)
	if counts := w.digest(d.ID).Counts; counts[newsletter.Sent] != 1 || counts[newsletter.Skipped] != 2 {
		w.Errorf("cancelled: %v", counts)
	}
	w.wantDelivery(d.ID, "reader1", newsletter.Skipped, "cancelled")
	w.wantUnread("reader1", "e1")
	w.wantUnread("reader0", "")
	for name, f := range map[string]func() (bool, error){"pause": pause, "resume": resume, "approve": func() (bool, error) { return w.store.Approve(w.Context(), d.ID) }} {
		if _, err := f(); !errors.Is(err, newsletter.ErrState) {
			w.Errorf("%s a cancelled digest: %v", name, err)
		}
	}
	if _, err := w.store.Pause(w.Context(), 999, ""); !errors.Is(err, newsletter.ErrNotFound) {
		w.Errorf("pause an unknown digest: %v", err)
	}
}

func cancelledInFlight(w *world) {
	w.readers(2)
	d := w.sending()
	w.attach("w1", newsletter.Resend)
	tasks := w.claim("w1", d.ID, 2)
	w.begin("w1", tasks[0])
	w.begin("w1", tasks[1])
	_, err := w.store.Cancel(w.Context(), d.ID)
	w.check(err)
	w.finish("w1", tasks[0], newsletter.Result{State: newsletter.Deferred, NextAt: time.Now()})
	if counts := w.digest(d.ID).Counts; counts[newsletter.Skipped] != 1 || counts[newsletter.Sending] != 1 {
		w.Errorf("finished after it was cancelled: %v", counts)
	}
	w.check(w.store.Detach(w.Context(), "w1"))
	w.attach("w2", newsletter.Resend)
	if counts := w.digest(d.ID).Counts; counts[newsletter.Skipped] != 2 {
		w.Errorf("cancelled: %v", counts)
	}
}

func failingDigest(w *world) {
	w.readers(2)
	d := w.sending()
	w.check(w.store.FailDigest(w.Context(), d.ID, "no template"))
	got := w.digest(d.ID)
	if got.State != newsletter.DigestFailed || got.Reason != "no template" || got.Counts[newsletter.Skipped] != 2 {
		w.Errorf("%+v", got)
	}
	w.wantUnread("reader0", "e1")
}

func positionAfterSent(w *world) {
	w.publish("architecture", "a0")
	w.publish("engineering", "e1")
	w.publish("leadership", "l1")
	w.join("engineering leadership", "ada")
	d := w.sending()
	w.attach("w1", newsletter.Resend)
	t := w.claim("w1", d.ID, 1)[0]
	w.begin("w1", t)
	// The reader's position moves while the email is in flight.
	w.choose("ada", "engineering leadership architecture")
	w.publish("engineering", "e2")
	w.finish("w1", t, newsletter.Result{State: newsletter.Sent, Code: 250})
	w.wantUnread("ada", "e2")
	w.publish("architecture", "a1")
	w.wantUnread("ada", "a1 e2")
	w.finish("w1", t, newsletter.Result{State: newsletter.Failed}) // a second result changes nothing
	w.wantDelivery(d.ID, "ada", newsletter.Sent, "")
}
