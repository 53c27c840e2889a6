package newslettertest

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/scaledbydesign/insights/newsletter"
	"github.com/scaledbydesign/insights/subscribers"
)

var relayTests = []test{
	{"a server that breaks every session is probed with one email", breaksEverySession},
	{"a server that accepts few connections gets its emails over those", fewConnections},
	{"emails go out at the rate that was set", keepsRate},
	{"workers keep to one rate together", sharesRate},
	{"a slow domain does not hold up others", keepsDomainRate},
	{"asked to slow down, it does, and recovers", slowsDown},
	{"emails that take long leave connections to digests", slowOnesLeaveConnections},
	{"emails that are postponed again and again leave turns to digests", postponedLeaveTurns},
	{"what is deferred is given up when the next digest of its schedule is due", givesUpForTheNext},
	{"a digest goes out no sooner than it may, and is not overdue before", waitsForItsTime},
}

func breaksEverySession(w *world) {
	w.readers(60)
	d := w.plan(newsletter.Request{})
	up := time.Now().Add(3 * time.Minute)
	s := server{answer: func(string, int) newsletter.Outcome {
		if time.Now().Before(up) {
			return busy
		}
		return accepted
	}}
	stop := w.start(w.worker(&s))
	time.Sleep(3 * time.Minute)
	tries := s.tried()
	if tries > 60 {
		w.Errorf("%d emails were tried on a server that accepts none", tries)
	}
	time.Sleep(7 * time.Minute)
	stop()
	if n := len(s.received()); n != 60 {
		w.Errorf("%d emails to 60 readers", n)
	}
	w.wantState(d.ID, newsletter.DigestDone)
}

func fewConnections(w *world) {
	w.readers(100)
	d := w.plan(newsletter.Request{})
	s := server{takes: time.Second, maxConnections: 2}
	worker := w.worker(&s)
	worker.Connections = 8
	stop := w.start(worker)
	time.Sleep(75 * time.Second)
	stop()
	if n := len(s.received()); n != 100 { // two at a time take 50 s
		w.Errorf("%d emails to 100 readers", n)
	}
	w.wantState(d.ID, newsletter.DigestDone)
}

func keepsRate(w *world) {
	w.readers(30)
	w.plan(newsletter.Request{})
	var s server
	worker := w.worker(&s)
	worker.Connections, worker.Rate = 8, 0.5
	stop := w.start(worker)
	time.Sleep(20*time.Second + time.Millisecond)
	if n := len(s.received()); n < 10 || n > 11 {
		w.Errorf("%d emails in 20 s at one in two seconds", n)
	}
	time.Sleep(time.Minute)
	stop()
	if n := len(s.received()); n != 30 {
		w.Errorf("%d emails to 30 readers", n)
	}
}

func sharesRate(w *world) {
	w.readers(400)
	w.plan(newsletter.Request{})
	var s server
	var stops []func()
	for range 4 {
		worker := w.worker(&s)
		worker.Connections, worker.Rate = 2, 4
		stops = append(stops, w.start(worker))
	}
	time.Sleep(10 * time.Second) // until each knows of the others
	before := len(s.received())
	time.Sleep(50 * time.Second)
	if n := len(s.received()) - before; n < 190 || n > 205 {
		w.Errorf("four workers sent %d emails in 50 seconds, at 4 a second", n)
	}
	stops[0]()
	stops[1]()
	time.Sleep(5 * time.Second)
	before = len(s.received())
	time.Sleep(20 * time.Second)
	if n := len(s.received()) - before; n < 75 || n > 85 {
		w.Errorf("two workers sent %d emails in 20 seconds, at 4 a second", n)
	}
	stops[2]()
	stops[3]()
}

func keepsDomainRate(w *world) {
	w.publish("engineering", "e1")
	for i := range 20 {
		for _, domain := range []string{"slow.example", fmt.Sprintf("d%d.example", i)} {
			_, _, err := w.registry.Add(w.Context(), subscribers.SignUp{Address: parsed(fmt.Sprintf("r%d@%s", i, domain)), Source: "staff",
				Preferences: subscribers.Preferences{Cadence: subscribers.Weekly, Categories: []string{"engineering"}}}, true, "test")
			w.check(err)
		}
	}
	d := w.plan(newsletter.Request{})
	var s server
	worker := w.worker(&s)
	worker.PerDomain = 1
	stop := w.start(worker)
	time.Sleep(3 * time.Second)
	slow := 0
	for _, m := range s.received() {
		if strings.HasSuffix(m.To, "@slow.example") {
			slow++
		}
	}
	if all := len(s.received()); all-slow != 20 || slow < 2 || slow > 4 {
		w.Errorf("after 3 s %d emails to slow.example and %d to others", slow, all-slow)
	}
	time.Sleep(30 * time.Second)
	stop()
	if n := len(s.received()); n != 40 {
		w.Errorf("%d emails to 40 readers in 33 s", n)
	}
	w.wantState(d.ID, newsletter.DigestDone)
}

func (w *world) signUp(email string) {
	w.Helper()
	w.check(w.registry.SignUp(w.Context(), subscribers.SignUp{Address: parsed(email), Source: "form",
		Preferences: subscribers.Preferences{Cadence: subscribers.Weekly, Categories: []string{"engineering"}}}))
}

// slowOnesLeaveConnections: strangers sign addresses up that a relay takes long to refuse.
func slowOnesLeaveConnections(w *world) {
	s := server{answer: func(to string, _ int) newsletter.Outcome {
		if strings.HasPrefix(to, "slow@") {
			time.Sleep(9 * time.Second)
			return newsletter.Outcome{Kind: newsletter.Temporary, Code: 450, Stage: newsletter.RcptStage, Text: "450 not now"}
		}
		return accepted
	}}
	s.takes = 100 * time.Millisecond
	worker := w.worker(&s)
	worker.Connections = 4
	stop := w.start(worker)
	w.readers(300)
	w.plan(newsletter.Request{})
	time.Sleep(2 * time.Second)
	for i := range 100 { // each is somebody else's
		w.signUp(fmt.Sprintf("slow@d%d.example", i))
	}
	time.Sleep(20 * time.Second)
	if n := len(s.received()); n != 300 {
		w.Errorf("%d of 300 emails of a digest", n)
	}
	time.Sleep(10 * time.Minute)
	if n := s.tried(); n < 400 {
		w.Errorf("of the others %d were tried", n-300)
	}
	stop()
}

// postponedLeaveTurns: strangers sign addresses up where the relay says "not now".
func postponedLeaveTurns(w *world) {
	for i := range 60 {
		w.signUp(fmt.Sprintf("later@d%d.example", i))
	}
	s := server{answer: func(to string, _ int) newsletter.Outcome {
		if strings.HasPrefix(to, "later@") {
			return newsletter.Outcome{Kind: newsletter.Temporary, Code: 450, Stage: newsletter.RcptStage, Text: "450 not now"}
		}
		return accepted
	}}
	worker := w.worker(&s)
	worker.Rate, worker.Retry = 2, newsletter.Retry{First: time.Second, Most: time.Second}
	stop := w.start(worker)
	time.Sleep(2 * time.Minute)
	w.readers(300)
	w.plan(newsletter.Request{})
	before := s.tried()
	time.Sleep(100 * time.Second)
	if n, tried := len(s.received()), s.tried()-before; n < tried*6/10 {
		w.Errorf("%d emails of the digest among %d tries", n, tried)
	}
	// Somebody who signs up now does not wait for either.
	w.signUp("new@example.com")
	time.Sleep(5 * time.Second)
	got := false
	for _, m := range s.received() {
		got = got || m.To == "new@example.com"
	}
	if !got {
		w.Error("a new sign-up waits for those that are postponed")
	}
	stop()
}

func slowsDown(w *world) {
	w.readers(400)
	d := w.plan(newsletter.Request{})
	quiet := time.Now().Add(30 * time.Second)
	var mu sync.Mutex
	var window time.Time
	count := 0
	s := server{takes: 100 * time.Millisecond}
	s.answer = func(string, int) newsletter.Outcome { // at most five a second at first
		mu.Lock()
		defer mu.Unlock()
		now := time.Now()
		if now.After(quiet) {
			return accepted
		}
		if now.Sub(window) >= time.Second {
			window, count = now, 0
		}
		if count++; count > 5 {
			return newsletter.Outcome{Kind: newsletter.Temporary, Code: 454, Text: "Throttling failure: Maximum sending rate exceeded", Slow: true}
		}
		return accepted
	}
	worker := w.worker(&s)
	worker.Connections = 4
	stop := w.start(worker)
	time.Sleep(30 * time.Second)
	tried, got := s.tried(), len(s.received())
	if refusals := tried - got; refusals > got/2 {
		w.Errorf("%d refusals for %d emails: it did not slow down", refusals, got)
	}
	time.Sleep(4 * time.Minute)
	stop()
	if n := len(s.received()); n != 400 {
		w.Errorf("%d emails to 400 readers", n)
	}
	w.wantState(d.ID, newsletter.DigestDone)
}

func givesUpForTheNext(w *world) {
	w.readers(1)
	often := newsletter.Schedule{Name: "often", Cadence: subscribers.Weekly, Cron: "*/10 * * * *"}
	slot, _ := often.Next(time.Now())
	d := w.plan(newsletter.Request{Slot: &slot})
	s := server{answer: func(string, int) newsletter.Outcome { return later }}
	worker := w.worker(&s)
	worker.Schedules = []newsletter.Schedule{often}
	approved := time.Now()
	stop := w.start(worker)
	time.Sleep(25 * time.Minute)
	stop()
	next, _ := often.Next(approved)
	tries := s.triesTo("reader0")
	last := s.tries[0].at.Add(tries[len(tries)-1])
	if last.After(next.Due) || next.Due.Sub(last) > 8*time.Minute {
		w.Errorf("last tried at %v; the next slot is due at %v", last, next.Due)
	}
	w.wantDelivery(d.ID, "reader0", newsletter.Failed, "given up after")
	w.wantUnread("reader0", "e1")
}

var errTooMany = errors.New("421 4.7.0 too many connections")

func waitsForItsTime(w *world) {
	w.readers(3)
	opens := time.Now().Add(20 * time.Minute)
	d := w.plan(newsletter.Request{NotBefore: opens})
	var s server
	for range 2 { // the second one finds it waiting, as after a restart
		stop := w.start(w.worker(&s))
		time.Sleep(5 * time.Minute)
		stop()
	}
	late, err := w.store.PauseLate(w.Context(), func(string) time.Duration { return time.Minute })
	if err != nil || len(late) > 0 {
		w.Errorf("digests %v are late before their time, %v", late, err)
	}
	w.wantState(d.ID, newsletter.DigestApproved)
	if n := len(s.received()); n > 0 {
		w.Errorf("%d emails before their time", n)
	}
	stop := w.start(w.worker(&s))
	time.Sleep(time.Until(opens) + time.Second)
	stop()
	if n := len(s.received()); n != 3 {
		w.Errorf("%d emails to 3 readers", n)
	}
	w.wantState(d.ID, newsletter.DigestDone)
}
