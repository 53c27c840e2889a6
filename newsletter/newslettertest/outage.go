package newslettertest

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/scaledbydesign/insights/newsletter"
	"github.com/scaledbydesign/insights/subscribers"
)

// What fails around a worker: the mail server, or its store.
var outageTests = []test{
	{"an unreachable server costs no attempt", unreachable},
	{"a digest that an unreachable server held up for too long is paused", unreachableForLong},
	{"a single email that could not be sent in time has failed", overdueMessage},
	{"a store that fails for a while loses nothing", storeFails},
	{"a claim whose answer was lost is released", claimLost},
	{"results share transactions", groupCommit},
}

func unreachable(w *world) {
	w.readers(5)
	d := w.plan(newsletter.Request{})
	var s server
	s.setDown(errors.New("connection refused"))
	stop := w.start(w.worker(&s))
	time.Sleep(10 * time.Minute)
	row := w.delivery(d.ID, "reader0")
	if row.Attempts != 0 || row.State.Terminal() {
		w.Errorf("%+v", row)
	}
	s.setDown(nil)
	time.Sleep(3 * time.Minute)
	stop()
	if n := len(s.received()); n != 5 {
		w.Errorf("%d emails to 5 readers", n)
	}
	if row := w.delivery(d.ID, "reader0"); row.Attempts != 1 {
		w.Errorf("%+v", row)
	}
	w.wantState(d.ID, newsletter.DigestDone)
}

func unreachableForLong(w *world) {
	w.readers(5)
	schedule := weekly()
	schedule.LateBy = 10 * time.Minute
	slot, _ := schedule.Next(time.Now())
	d := w.plan(newsletter.Request{Slot: &slot})
	var s server
	s.setDown(errors.New("connection refused"))
	worker := w.worker(&s)
	worker.Schedules = []newsletter.Schedule{schedule}
	stop := w.start(worker)
	time.Sleep(8 * time.Minute)
	w.wantState(d.ID, newsletter.DigestSending)
	time.Sleep(5 * time.Minute)
	w.wantState(d.ID, newsletter.DigestPaused)
	if got := w.digest(d.ID); !strings.HasPrefix(string(got.Reason), "nothing was sent for 1") {
		w.Errorf("reason %q", got.Reason)
	}
	s.setDown(nil)
	time.Sleep(5 * time.Minute)
	if n := len(s.received()); n > 0 {
		w.Errorf("%d emails of a paused digest", n)
	}
	_, _, err := w.store.Resume(w.Context(), d.ID, false)
	w.check(err)
	time.Sleep(5 * time.Minute)
	stop()
	if n := len(s.received()); n != 5 {
		w.Errorf("%d emails to 5 readers", n)
	}
	w.wantState(d.ID, newsletter.DigestDone)
}

func overdueMessage(w *world) {
	signUp := func(names ...string) {
		for _, name := range names {
			w.check(w.registry.SignUp(w.Context(), subscribers.SignUp{Address: parsed(address(name)), Source: "form", Preferences: subscribers.Preferences{Cadence: subscribers.Weekly, Categories: []string{"engineering"}}}))
		}
	}
	signUp("ada", "ben", "cleo")
	var s server
	s.setDown(errors.New("connection refused"))
	worker := w.worker(&s)
	worker.Retry.Deadline = 10 * time.Minute
	stop := w.start(worker)
	time.Sleep(11 * time.Minute)
	signUp("dora")
	s.setDown(nil)
	time.Sleep(5 * time.Minute)
	stop()
	if emails := s.received(); len(emails) != 1 || emails[0].To != address("dora") {
		w.Errorf("%+v", emails)
	}
	failed := collect(w, w.store.Deliveries(w.Context(), newsletter.DeliveryFilter{State: newsletter.Failed}))
	if len(failed) != 3 || !strings.Contains(string(failed[0].Reason), "its deadline was") || failed[0].Attempts != 0 {
		w.Errorf("%+v", failed)
	}
}

// flaky is a store whose Record is slow, and fails while broken is set. The answers to
// its first claims are lost.
type flaky struct {
	newsletter.OutboxStore
	takes       time.Duration
	lostAnswers int // of claims

	mu      sync.Mutex
	broken  error
	commits int
	stored  int // begins and results
}

func (s *flaky) Record(ctx context.Context, worker string, entries []newsletter.Entry) ([]newsletter.Action, error) {
	time.Sleep(s.takes)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.broken != nil {
		return nil, s.broken
	}
	s.commits++
	for _, e := range entries {
		if e.Begin != nil {
			s.stored++
		}
		if e.Result != nil {
			s.stored++
		}
	}
	return s.OutboxStore.Record(ctx, worker, entries)
}

func (s *flaky) set(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.broken = err
}

func storeFails(w *world) {
	w.readers(40)
	d := w.plan(newsletter.Request{})
	s := server{takes: time.Second}
	store := &flaky{OutboxStore: w.store}
	worker := w.worker(&s)
	worker.Store = store
	stop := w.start(worker)
	for _, outage := range []time.Duration{3 * time.Second, 5 * time.Minute} {
		time.Sleep(5500 * time.Millisecond)
		store.set(errors.New("the disk is full"))
		time.Sleep(outage)
		store.set(nil)
	}
	time.Sleep(5 * time.Minute)
	stop()
	received := make(map[string]bool) // by message: a repeat has the same id
	for _, m := range s.received() {
		received[m.MessageID] = true
	}
	if len(received) != 40 || len(s.received()) > 42 {
		w.Errorf("%d messages to 40 readers, %d with repeats", len(received), len(s.received()))
	}
	w.wantState(d.ID, newsletter.DigestDone)
}

func (s *flaky) ClaimDeliveries(ctx context.Context, worker string, digest int64, limit int) ([]newsletter.Task, error) {
	tasks, err := s.OutboxStore.ClaimDeliveries(ctx, worker, digest, limit)
	if s.lostAnswers > 0 && len(tasks) > 0 {
		s.lostAnswers--
		return nil, errors.New("the connection was lost")
	}
	return tasks, err
}

func claimLost(w *world) {
	w.readers(60)
	d := w.plan(newsletter.Request{})
	var s server
	worker := w.worker(&s)
	worker.Store = &flaky{OutboxStore: w.store, lostAnswers: 2}
	stop := w.start(worker)
	time.Sleep(time.Minute)
	if n := len(s.received()); n != 60 {
		w.Errorf("%d emails to 60 readers", n)
	}
	w.wantState(d.ID, newsletter.DigestDone)
	stop()
}

func groupCommit(w *world) {
	w.readers(60)
	w.plan(newsletter.Request{})
	s := server{takes: time.Millisecond}
	store := &flaky{OutboxStore: w.store, takes: 50 * time.Millisecond}
	worker := w.worker(&s)
	worker.Store, worker.Connections = store, 20
	stop := w.start(worker)
	time.Sleep(time.Minute)
	stop()
	if len(s.received()) != 60 || store.stored != 120 || store.commits > 30 {
		w.Errorf("%d emails, %d begins and results in %d transactions", len(s.received()), store.stored, store.commits)
	}
}
