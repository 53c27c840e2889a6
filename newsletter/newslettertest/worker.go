package newslettertest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/scaledbydesign/insights/newsletter"
	"github.com/scaledbydesign/insights/subscribers"
)

var workerTests = []test{
	{"each reader gets their own email, once", sendsEach},
	{"two workers share the work", twoWorkers},
	{"what is deferred is retried, later and later", backsOff},
	{"what is deferred past its deadline has failed", deadline},
	{"what is refused has failed and stays unread", refused},
	{"a connection lost before the dot is tried again on a new one", notSent},
	{"no answer after the dot, by policy", noAnswer},
	{"when stopped, it finishes what is in flight and releases the rest", stopsGracefully},
	{"what outlives the grace is uncertain", outlivesGrace},
	{"one whose successor goes on finishes what is in flight in peace", successor},
	{"single emails go before digests", messagesFirst},
	{"a pause takes effect at once", pauseTakesEffect},
	{"a digest that can't be rendered sends nothing", cantRender},
	{"only the email that can't be composed fails", cantCompose},
	{"sent again after a restart, the bytes are the same", sameBytes},
	{"idle connections are closed", idleSessions},
	{"confirmation emails carry their current link", confirmationLinks},
}

func sendsEach(w *world) {
	w.readers(30)
	d := w.plan(newsletter.Request{})
	var s server
	worker := w.worker(&s)
	var done []int64
	worker.OnDone = func(id int64) { done = append(done, id) }
	stop := w.start(worker)
	time.Sleep(time.Minute)
	stop()
	seen := make(map[string]bool)
	for _, m := range s.received() {
		if seen[m.MessageID] || seen[m.To] {
			w.Errorf("a second email to %s, or a second %s", m.To, m.MessageID)
		}
		seen[m.MessageID], seen[m.To] = true, true
		sub := w.reader(strings.TrimSuffix(m.To, "@example.com"))
		for _, p := range []subscribers.Purpose{subscribers.UnsubscribeToken, subscribers.PreferencesToken} {
			if token := w.registry.Token(p, sub); strings.Count(m.Text, token) != 1 || strings.Count(m.HTML, token) != 1 {
				w.Errorf("the email to %s lacks its %s link:\n%s", m.To, p, m.Text)
			}
		}
		if strings.Contains(m.bytes, "Tokenzq7") || strings.Contains(m.bytes, newsletter.PlaceholderAddress) || strings.Contains(m.bytes, newsletter.PlaceholderSince) { // not "zq7" alone: a random id may hold it
			w.Errorf("a placeholder was left:\n%s", m.bytes)
		}
	}
	w.wantState(d.ID, newsletter.DigestDone)
	if len(seen) != 60 || w.digest(d.ID).Counts[newsletter.Sent] != 30 || !slices.Equal(done, []int64{d.ID}) {
		w.Errorf("%d emails, counts %v, done %v", len(seen)/2, w.digest(d.ID).Counts, done)
	}
	if n := s.connections(); n != 0 {
		w.Errorf("%d connections were left open", n)
	}
}

func twoWorkers(w *world) {
	w.readers(80)
	d := w.plan(newsletter.Request{})
	s := server{takes: time.Second}
	one, two := w.start(w.worker(&s)), w.start(w.worker(&s))
	time.Sleep(2 * time.Minute)
	one()
	two()
	if n := len(s.received()); n != 80 {
		w.Errorf("%d emails to 80 readers", n)
	}
	w.wantState(d.ID, newsletter.DigestDone)
}

// wantTries checks that attempt n came in [from[n], to[n]] seconds after the first.
func (w *world) wantTries(got []time.Duration, bounds ...[2]int) {
	w.Helper()
	if len(got) != len(bounds) {
		w.Errorf("tried %d times, want %d: %v", len(got), len(bounds), got)
		return
	}
	for i, b := range bounds {
		if s := int(got[i] / time.Second); s < b[0] || s > b[1] {
			w.Errorf("attempt %d came after %v, want %d to %d s", i+1, got[i], b[0], b[1])
		}
	}
}

func backsOff(w *world) {
	w.readers(1)
	d := w.plan(newsletter.Request{})
	s := server{answer: func(_ string, n int) newsletter.Outcome {
		if n < 5 {
			return later
		}
		return accepted
	}}
	w.send(&s, 10*time.Minute)
	w.wantTries(s.triesTo("reader0"), [2]int{0, 0}, [2]int{10, 16}, [2]int{30, 47}, [2]int{70, 108}, [2]int{150, 230})
	w.wantState(d.ID, newsletter.DigestDone)
	if row := w.delivery(d.ID, "reader0"); row.Attempts != 5 || row.State != newsletter.Sent {
		w.Errorf("%+v", row)
	}
}

func deadline(w *world) {
	w.readers(1)
	d := w.plan(newsletter.Request{})
	s := server{answer: func(string, int) newsletter.Outcome { return later }}
	worker := w.worker(&s)
	worker.Retry = newsletter.Retry{First: time.Second, Most: 4 * time.Second, Deadline: 30 * time.Second}
	stop := w.start(worker)
	time.Sleep(time.Minute)
	stop()
	tries := s.triesTo("reader0")
	if last := tries[len(tries)-1]; len(tries) < 6 || last > 30*time.Second || last < 20*time.Second {
		w.Errorf("tried at %v", tries)
	}
	w.wantDelivery(d.ID, "reader0", newsletter.Failed, fmt.Sprintf("given up after %d attempts: 451 4.7.1 greylisted", len(tries)))
	w.wantState(d.ID, newsletter.DigestDone)
	w.wantUnread("reader0", "e1")
}

func refused(w *world) {
	w.readers(3)
	d := w.plan(newsletter.Request{})
	s := server{answer: func(to string, n int) newsletter.Outcome {
		if to == address("reader1") {
			return never
		}
		return accepted
	}}
	w.send(&s, time.Minute)
	w.wantDelivery(d.ID, "reader1", newsletter.Failed, "550 5.1.1 no such user")
	w.wantUnread("reader1", "e1")
	w.wantUnread("reader0", "")
	w.wantState(d.ID, newsletter.DigestDone)
}

func notSent(w *world) {
	w.readers(1)
	d := w.plan(newsletter.Request{})
	s := server{answer: func(_ string, n int) newsletter.Outcome {
		if n == 1 {
			return busy
		}
		return accepted
	}}
	w.send(&s, time.Minute)
	w.wantTries(s.triesTo("reader0"), [2]int{0, 0}, [2]int{10, 16})
	if row := w.delivery(d.ID, "reader0"); row.State != newsletter.Sent || !row.UncertainAt.IsZero() || s.opened < 2 {
		w.Errorf("%+v, %d connections", row, s.opened)
	}
}

func noAnswer(w *world) {
	for _, policy := range []newsletter.OnUncertain{newsletter.Resend, newsletter.Hold, newsletter.Skip} {
		for _, lost := range []bool{false, true} {
			name := fmt.Sprintf("%s-%v", policy, lost)
			w.publish("engineering", "e-"+name)
			w.join("engineering", name)
			d := w.plan(newsletter.Request{Only: w.reader(name).ID})
			s := server{lost: func(string) bool { return lost }, answer: func(_ string, n int) newsletter.Outcome {
				if n == 1 {
					return silence
				}
				return accepted
			}}
			worker := w.worker(&s)
			worker.OnUncertain = policy
			stop := w.start(worker)
			time.Sleep(time.Minute)
			stop()
			row := w.delivery(d.ID, name)
			emails := s.received()
			switch {
			case row.UncertainAt.IsZero():
				w.Errorf("%s: not listed as uncertain: %+v", name, row)
			case policy == newsletter.Resend && (row.State != newsletter.Sent || len(s.triesTo(name)) != 2):
				w.Errorf("%s: %+v", name, row)
			case policy == newsletter.Resend && !lost && emails[0].bytes != emails[1].bytes:
				w.Errorf("%s: sent again with other bytes", name)
			case policy != newsletter.Resend && (row.State != newsletter.Uncertain || len(s.triesTo(name)) != 1):
				w.Errorf("%s: %+v", name, row)
			}
			w.wantState(d.ID, newsletter.DigestDone)
			w.wantUnread(name, "")
		}
	}
}

func stopsGracefully(w *world) {
	w.readers(6)
	d := w.plan(newsletter.Request{})
	s := server{takes: 20 * time.Second}
	stop := w.start(w.worker(&s)) // two connections
	time.Sleep(5 * time.Second)
	began := time.Now()
	stop()
	if took := time.Since(began); took != 15*time.Second {
		w.Errorf("stopped after %v", took)
	}
	if counts := w.digest(d.ID).Counts; counts[newsletter.Sent] != 2 || counts[newsletter.Pending] != 4 {
		w.Errorf("counts %v", counts)
	}
	s.takes = 0
	w.send(&s, time.Minute)
	if n := len(s.received()); n != 6 {
		w.Errorf("%d emails to 6 readers", n)
	}
	w.wantState(d.ID, newsletter.DigestDone)
}

func outlivesGrace(w *world) {
	w.readers(3)
	d := w.plan(newsletter.Request{})
	s := server{takes: time.Hour}
	worker := w.worker(&s)
	worker.OnUncertain = newsletter.Hold
	stop := w.start(worker)
	time.Sleep(time.Second)
	began := time.Now()
	stop()
	if took := time.Since(began); took != 30*time.Second {
		w.Errorf("stopped after %v", took)
	}
	if counts := w.digest(d.ID).Counts; counts[newsletter.Uncertain] != 2 || counts[newsletter.Pending] != 1 {
		w.Errorf("counts %v", counts)
	}
}

// successor is the worker after a reload: it sends at once what the one before has only
// claimed, while that one waits for slow answers, for much longer than its grace.
func successor(w *world) {
	w.readers(30)
	d := w.plan(newsletter.Request{})
	slow := server{takes: 8 * time.Minute}
	before := w.worker(&slow)
	stopping := make(chan struct{})
	before.Stopping, before.Grace = stopping, time.Second
	stopBefore := w.start(before)
	time.Sleep(10 * time.Second)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		stopBefore()
	}()
	var quick server
	stop := w.start(w.worker(&quick))
	time.Sleep(10 * time.Second)
	slow.mu.Lock()
	begun := len(slow.tries)
	slow.mu.Unlock()
	if begun == 0 || len(quick.received()) != 30-begun {
		w.Errorf("%d emails are in flight, and the successor sent %d", begun, len(quick.received()))
	}
	<-ended
	time.Sleep(time.Minute)
	stop()
	close(stopping)
	if got := w.digest(d.ID); got.Counts[newsletter.Sent] != 30 || got.State != newsletter.DigestDone || len(slow.received()) != begun || len(quick.received()) != 30-begun {
		w.Errorf("%s, %v; %d and %d received", got.State, got.Counts, len(slow.received()), len(quick.received()))
	}

	// When the process stops, its grace counts.
	w.publish("engineering", "later")
	d = w.plan(newsletter.Request{})
	stopping = make(chan struct{})
	hung := server{takes: time.Hour}
	before = w.worker(&hung)
	before.Stopping, before.Grace = stopping, time.Second
	stopBefore = w.start(before)
	time.Sleep(10 * time.Second)
	close(stopping)
	began := time.Now()
	stopBefore()
	if took := time.Since(began); took > 10*time.Second {
		w.Errorf("the end took %v", took)
	}
}

func messagesFirst(w *world) {
	w.readers(50)
	w.plan(newsletter.Request{})
	form := subscribers.SignUp{Address: parsed(address("new")), Source: "form", Preferences: subscribers.Preferences{Cadence: subscribers.Weekly, Categories: []string{"engineering"}}}
	w.check(w.registry.SignUp(w.Context(), form))
	s := server{takes: time.Second}
	worker := w.worker(&s)
	worker.Connections = 1
	stop := w.start(worker)
	time.Sleep(time.Minute)
	stop()
	if first := s.received()[0]; first.To != address("new") {
		w.Errorf("the first email went to %s", first.To)
	}
}

func pauseTakesEffect(w *world) {
	w.readers(40)
	d := w.plan(newsletter.Request{})
	s := server{takes: time.Second}
	stop := w.start(w.worker(&s)) // two emails a second
	time.Sleep(3500 * time.Millisecond)
	_, err := w.store.Pause(w.Context(), d.ID, "wait")
	w.check(err)
	time.Sleep(time.Minute)
	if n := len(s.received()); n != 8 {
		w.Errorf("%d emails were sent, 8 had been started", n)
	}
	w.wantState(d.ID, newsletter.DigestPaused)
	_, _, err = w.store.Resume(w.Context(), d.ID, false)
	w.check(err)
	time.Sleep(time.Minute)
	stop()
	if n := len(s.received()); n != 40 {
		w.Errorf("%d emails to 40 readers", n)
	}
	w.wantState(d.ID, newsletter.DigestDone)
}

func cantRender(w *world) {
	w.publish("engineering", "e1")
	w.publish("leadership", "l1")
	w.join("engineering", "ada")
	w.join("leadership", "ben")
	d := w.plan(newsletter.Request{})
	var s server
	worker := w.worker(&s)
	worker.Writer.Renderer = renderer{fail: func(e newsletter.DigestContent) error {
		if names(e.Items) == "l1" { // the second variant
			return errors.New("template: no such field")
		}
		return nil
	}}
	stop := w.start(worker)
	time.Sleep(time.Minute)
	stop()
	got := w.digest(d.ID)
	if got.State != newsletter.DigestFailed || !strings.Contains(string(got.Reason), "no such field") || len(s.received()) != 0 || got.Counts[newsletter.Skipped] != 2 {
		w.Errorf("%+v, %d emails", got, len(s.received()))
	}
	w.plan(newsletter.Request{}) // it is all still unread
	w.send(&s, time.Minute)
	if s.to("ada") != "e1" || s.to("ben") != "l1" {
		w.Errorf("received %q, %q", s.to("ada"), s.to("ben"))
	}
}

func cantCompose(w *world) {
	w.publish("engineering", "e1")
	w.join("engineering", "ada", "refused", "ben")
	d := w.plan(newsletter.Request{})
	var s server
	w.send(&s, time.Minute)
	w.wantDelivery(d.ID, "refused", newsletter.Failed, "can't be composed")
	if len(s.received()) != 2 {
		w.Errorf("%d emails", len(s.received()))
	}
	w.wantState(d.ID, newsletter.DigestDone)
}

func sameBytes(w *world) {
	w.readers(1)
	w.plan(newsletter.Request{Subject: "first"})
	s := server{answer: func(_ string, n int) newsletter.Outcome {
		if n == 1 {
			return silence
		}
		return accepted
	}}
	w.send(&s, 5*time.Second)
	time.Sleep(5 * time.Hour)
	worker := w.worker(&s) // as after an upgrade
	worker.Writer.Identity.BaseURL = "https://moved.example"
	worker.Writer.Renderer = renderer{fail: func(newsletter.DigestContent) error { return errors.New("rendered again") }}
	stop := w.start(worker)
	time.Sleep(time.Minute)
	stop()
	emails := s.received()
	if len(emails) != 2 || emails[0].bytes != emails[1].bytes {
		w.Errorf("%d emails:\n%+v", len(emails), emails)
	}
}

func idleSessions(w *world) {
	w.readers(1)
	w.plan(newsletter.Request{})
	var s server
	stop := w.start(w.worker(&s))
	time.Sleep(10 * time.Second)
	if n := s.connections(); n != 1 {
		w.Errorf("%d connections are open", n)
	}
	time.Sleep(30 * time.Second)
	if n := s.connections(); n != 0 {
		w.Errorf("%d idle connections are open", n)
	}
	stop()
}

func confirmationLinks(w *world) {
	form := subscribers.SignUp{Address: parsed(address("ada")), Source: "form", Preferences: subscribers.Preferences{Cadence: subscribers.Weekly, Categories: []string{"engineering"}}}
	w.check(w.registry.SignUp(w.Context(), form))
	var s server
	w.send(&s, 5*time.Second)
	w.check(w.registry.SignUp(w.Context(), form))
	w.send(&s, 5*time.Second)
	emails := s.received()
	if len(emails) != 2 {
		w.Fatalf("%d emails for two sign-ups", len(emails))
	}
	token := strings.TrimSpace(emails[1].Text[strings.LastIndexByte(emails[1].Text, '/')+1:])
	_, err := w.registry.Confirm(w.Context(), token, "")
	w.check(err)
	if emails[0].MessageID == emails[1].MessageID || emails[0].Text == emails[1].Text {
		w.Error("both emails are the same")
	}
	for _, h := range emails[0].Headers {
		if strings.HasPrefix(h.Name, "List-") {
			w.Errorf("a confirmation has %s", h.Name)
		}
	}
}
