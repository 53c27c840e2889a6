package newslettertest

import (
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/scaledbydesign/insights/newsletter"
	"github.com/scaledbydesign/insights/newsletter/bounce"
	"github.com/scaledbydesign/insights/subscribers"
)

var judgingTests = []test{
	{"an outage suppresses nobody, and its emails go out again once", outage},
	{"a dead address among living ones is suppressed", oneDead},
	{"a reader under judgement gets no digest, but staff reach them", underJudgement},
	{"the third digest in doubt suppresses", thirdDoubt},
	{"an email that arrives between doubts", doubtBetween},
	{"a lone refusal soon after one in doubt", stillInDoubt},
	{"what came back counts when it was sent, and is not sent again", cameBackInDoubt},
	{"a refusal that no longer counts", superseded},
	{"a past deadline leaves it to the next digest", pastDeadline},
	{"two judges at once", twoJudges},
	{"the refusal of a sign-up needs no judgement", signUpRefused},
	{"too many refusals pause the digest, until staff count them", refusalsPause},
	{"resuming sends again what was blocked", resumeBlocked},
	{"a digest that stays paused ends", staysPaused},
	{"a retry includes those whose suppression was removed", retryLifted},
	{"nothing is kept of an erased reader's refusal", erasedRefusal},
}

// refusing is a server that refuses some addresses for good.
func refusing(refuses func(to string) bool) *server {
	return &server{answer: func(to string, n int) newsletter.Outcome {
		if refuses(to) {
			return newsletter.Outcome{Kind: newsletter.Permanent, Code: 550, Status: "5.1.1", Text: "no such user", Stage: bounce.RcptStage}
		}
		return accepted
	}}
}

// sendJudged sends what is due, and hears what servers say.
func (w *world) sendJudged(s *server, d time.Duration) *newsletter.Feedback {
	w.Helper()
	r := w.feedback()
	worker := w.worker(s)
	worker.Feedback = r
	stop := w.start(worker)
	time.Sleep(d)
	stop()
	return r
}

func everybody(string) bool { return true }
func nobody(string) bool    { return false }

func (w *world) refusals() []newsletter.Refusal {
	w.Helper()
	due, err := w.store.DueRefusals(w.Context(), time.Now().Add(48*time.Hour))
	w.check(err)
	return due
}

func outage(w *world) {
	w.readers(12)
	d := w.plan(newsletter.Request{})
	w.sendJudged(refusing(everybody), time.Minute)
	w.wantCounts(d.ID, map[newsletter.DeliveryState]int{newsletter.Failed: 12})
	w.judge()
	w.wantStatus("reader1", subscribers.Confirmed)
	w.wantCounts(d.ID, map[newsletter.DeliveryState]int{newsletter.Pending: 12})
	if due := w.refusals(); len(due) > 0 {
		w.Errorf("they are judged again: %+v", due)
	}
	w.sendJudged(refusing(func(to string) bool { return to == address("reader1") }), time.Minute)
	w.wantCounts(d.ID, map[newsletter.DeliveryState]int{newsletter.Sent: 11, newsletter.Failed: 1})
	w.wantState(d.ID, newsletter.DigestDone)
	if due := w.refusals(); len(due) > 0 {
		w.Errorf("the second refusal is judged: %+v", due)
	}
	w.judge()
	w.wantStatus("reader1", subscribers.Confirmed)
	w.wantCounts(d.ID, map[newsletter.DeliveryState]int{newsletter.Sent: 11, newsletter.Failed: 1})
}

// wantCounts compares the states that are not empty.
func (w *world) wantCounts(digest int64, want map[newsletter.DeliveryState]int) {
	w.Helper()
	for state, n := range w.digest(digest).Counts {
		if n != want[state] {
			w.Errorf("%d are %s, want %d", n, state, want[state])
		}
	}
}

func oneDead(w *world) {
	w.readers(30)
	d := w.plan(newsletter.Request{})
	w.sendJudged(refusing(func(to string) bool { return to == address("reader7") }), time.Minute)
	w.wantStatus("reader7", subscribers.Confirmed)
	w.judgeNow()
	w.wantStatus("reader7", subscribers.Confirmed) // not yet
	w.judge()
	w.wantStatus("reader7", subscribers.Suppressed)
	if reason := w.reader("reader7").Reason; !strings.Contains(reason, "5.1.1 no such user") || w.reader("reader7").Cause != subscribers.Bounced {
		w.Errorf("suppressed for %q", reason)
	}
	w.wantCounts(d.ID, map[newsletter.DeliveryState]int{newsletter.Sent: 29, newsletter.Failed: 1})
}

func underJudgement(w *world) {
	w.join("engineering", "ada", "ben")
	w.publish("engineering", "e1")
	first := w.plan(newsletter.Request{})
	s := refusing(func(to string) bool { return to == address("ada") })
	w.sendJudged(s, time.Minute)
	w.publish("engineering", "e2")
	next := w.plan(newsletter.Request{})
	if next.Readers != 1 {
		w.Errorf("%d readers get the next digest, want ben alone", next.Readers)
	}
	// Staff reach them.
	n, err := w.store.Retry(w.Context(), first.ID, true, false)
	w.check(err)
	ok := refusing(nobody)
	w.sendJudged(ok, time.Minute)
	if n != 1 || ok.to("ada") != "e1" {
		w.Errorf("retried %d, received %q", n, ok.to("ada"))
	}
	w.judge()
	w.wantStatus("ada", subscribers.Confirmed) // they received it since
	w.publish("engineering", "e3")
	if last := w.plan(newsletter.Request{}); last.Readers != 2 {
		w.Errorf("%d readers after it was judged", last.Readers)
	}
}

// doubted sends a digest that everybody refuses, and judges it.
func (w *world) doubted(insight string) newsletter.Digest {
	w.Helper()
	w.publish("engineering", insight)
	d := w.plan(newsletter.Request{})
	w.sendJudged(refusing(everybody), time.Minute)
	w.judge()
	w.sendJudged(refusing(everybody), time.Minute) // those that are pending once more
	return d
}

func thirdDoubt(w *world) {
	w.readers(12)
	for i := range 3 {
		w.wantStatus("reader1", subscribers.Confirmed)
		w.doubted(fmt.Sprint("d", i))
		time.Sleep(5 * day)
	}
	w.wantStatus("reader1", subscribers.Suppressed)
	if reason := w.reader("reader1").Reason; !strings.Contains(reason, "3 digests") {
		w.Errorf("suppressed for %q", reason)
	}
}

const day = 24 * time.Hour

// stillInDoubt: at the end of a provider's trouble one reader gets an email that nobody else
// there gets. That says no more than the refusal before, for some days.
func stillInDoubt(w *world) {
	w.readers(12)
	w.plan(newsletter.Request{})
	w.sendJudged(refusing(everybody), time.Minute)
	w.judge()
	w.sendJudged(refusing(func(to string) bool { return to == address("reader1") }), time.Minute)
	alone := func() {
		w.publish("engineering", fmt.Sprint("lone", time.Now().Unix()))
		w.plan(newsletter.Request{Only: w.reader("reader1").ID, Approved: true})
		w.sendJudged(refusing(everybody), time.Minute)
		w.judge()
	}
	time.Sleep(36 * time.Hour)
	alone()
	w.wantStatus("reader1", subscribers.Confirmed)
	w.sendJudged(refusing(everybody), time.Minute) // once more, as after each doubt
	time.Sleep(6 * 24 * time.Hour)
	alone()
	w.wantStatus("reader1", subscribers.Suppressed)
}

func doubtBetween(w *world) {
	w.readers(12)
	for i := range 6 {
		if i%2 == 1 {
			w.sent(fmt.Sprint("ok", i))
		} else {
			w.doubted(fmt.Sprint("d", i))
		}
		time.Sleep(5 * day)
	}
	w.wantStatus("reader1", subscribers.Confirmed)
}

func cameBackInDoubt(w *world) {
	w.readers(12)
	d := w.plan(newsletter.Request{})
	w.send(refusing(nobody), time.Minute)
	r := w.feedback()
	for i := range 12 { // hours later, in another order
		time.Sleep(time.Hour)
		w.receive(r, w.path(d.ID, fmt.Sprint("reader", 11-i)), unnamed("5.1.1", unknownUser, ""))
	}
	w.judge()
	w.wantStatus("reader1", subscribers.Confirmed)
	w.wantStatus("reader11", subscribers.Confirmed)
	w.wantCounts(d.ID, map[newsletter.DeliveryState]int{newsletter.Sent: 12})
	w.wantState(d.ID, newsletter.DigestDone)
}

func superseded(w *world) {
	w.readers(30)
	d := w.plan(newsletter.Request{})
	w.send(refusing(nobody), time.Minute)
	r := w.feedback()
	for _, name := range []string{"reader1", "reader2"} {
		w.receive(r, w.path(d.ID, name), unnamed("5.1.1", unknownUser, ""))
	}
	time.Sleep(time.Hour)
	a, _ := subscribers.ParseAddress(address("reader1"))
	_, err := w.registry.Suppress(w.Context(), a, subscribers.BlockedHere, "by mistake", "staff")
	w.check(err)
	_, err = w.registry.Lift(w.Context(), a, "staff")
	w.check(err)
	w.judge()
	w.wantStatus("reader1", subscribers.Confirmed)
	w.wantStatus("reader2", subscribers.Suppressed)
}

func pastDeadline(w *world) {
	w.readers(12)
	d := w.plan(newsletter.Request{})
	w.sendJudged(refusing(everybody), time.Minute)
	time.Sleep(3 * day)
	w.judgeNow()
	w.wantStatus("reader1", subscribers.Confirmed)
	w.wantCounts(d.ID, map[newsletter.DeliveryState]int{newsletter.Failed: 12})
	if next := w.plan(newsletter.Request{}); next.Readers != 12 {
		w.Errorf("the next digest has %d readers", next.Readers)
	}
}

func twoJudges(w *world) {
	w.readers(30)
	w.plan(newsletter.Request{})
	w.sendJudged(refusing(func(to string) bool { return strings.HasSuffix(to, "1@example.com") }), time.Minute)
	time.Sleep(25 * time.Hour)
	var mu sync.Mutex
	total := make(map[newsletter.Verdict]int)
	var all sync.WaitGroup
	for range 3 {
		all.Go(func() {
			j := newsletter.Judge{Store: w.store, Registry: w.registry, Judgement: newsletter.DefaultJudgement(), Log: w.log}
			j.OnVerdicts = func(v newsletter.Verdict, n int) {
				mu.Lock()
				defer mu.Unlock()
				total[v] += n
			}
			if err := j.Once(w.Context()); err != nil {
				w.Error(err)
			}
		})
	}
	all.Wait()
	if total[newsletter.VerdictSuppressed] != 3 {
		w.Errorf("verdicts: %v", total)
	}
	w.wantStatus("reader21", subscribers.Suppressed)
}

func signUpRefused(w *world) {
	w.check(w.registry.SignUp(w.Context(), subscribers.SignUp{Address: parsed(address("ada")), Source: "form",
		Preferences: subscribers.Preferences{Cadence: subscribers.Weekly, Categories: []string{"engineering"}}}))
	w.sendJudged(refusing(everybody), time.Minute)
	w.wantStatus("ada", subscribers.Suppressed)
	if due := w.refusals(); len(due) > 0 {
		w.Errorf("it is to be judged: %+v", due)
	}
}

// readersAt adds readers at several domains.
func (w *world) readersAt(n, domains int) {
	w.Helper()
	for i := range n {
		_, _, err := w.registry.Add(w.Context(), subscribers.SignUp{Address: parsed(fmt.Sprintf("r%d@d%d.example", i, i%domains)), Source: "staff",
			Preferences: subscribers.Preferences{Cadence: subscribers.Weekly, Categories: []string{"engineering"}}}, true, "test")
		w.check(err)
	}
}

func refusalsPause(w *world) {
	w.readersAt(120, 8)
	w.publish("engineering", "e1")
	d := w.plan(newsletter.Request{})
	w.sendJudged(refusing(everybody), time.Minute)
	w.wantState(d.ID, newsletter.DigestPaused)
	failed := w.digest(d.ID).Counts[newsletter.Failed]
	if failed < 40 || failed > 60 || !strings.Contains(string(w.digest(d.ID).Reason), "messages were refused") {
		w.Errorf("it paused after %d: %s", failed, w.digest(d.ID).Reason)
	}
	_, again, err := w.store.Resume(w.Context(), d.ID, true)
	w.check(err)
	w.sendJudged(refusing(everybody), time.Minute)
	w.wantState(d.ID, newsletter.DigestDone)
	if again != 0 {
		w.Errorf("%d hard refusals are sent again", again)
	}
}

func resumeBlocked(w *world) {
	w.readers(30)
	d := w.plan(newsletter.Request{})
	closed := &server{answer: func(to string, n int) newsletter.Outcome {
		return newsletter.Outcome{Kind: newsletter.Permanent, Code: 550, Status: "5.7.1", Text: "Your account has been disabled", Stage: bounce.RcptStage}
	}}
	w.sendJudged(closed, time.Minute)
	w.wantState(d.ID, newsletter.DigestPaused)
	failed := w.digest(d.ID).Counts[newsletter.Failed]
	n, err := w.store.Blocked(w.Context(), d.ID)
	w.check(err)
	changed, again, err := w.store.Resume(w.Context(), d.ID, false)
	w.check(err)
	if !changed || again != failed || n != failed || failed < 11 {
		w.Errorf("%d failed, %d are blocked, %d are sent again", failed, n, again)
	}
	w.sendJudged(refusing(nobody), time.Minute)
	w.wantCounts(d.ID, map[newsletter.DeliveryState]int{newsletter.Sent: 30})
}

func staysPaused(w *world) {
	w.readers(3)
	d := w.plan(newsletter.Request{})
	_, err := w.store.Pause(w.Context(), d.ID, "a typo")
	w.check(err)
	end := func() []int64 {
		w.Helper()
		now := time.Now()
		ended, err := w.store.EndPaused(w.Context(), func(d newsletter.Digest) bool { return !now.Before(d.PausedUntil(nil, newsletter.Retry{})) })
		w.check(err)
		return ended
	}
	time.Sleep(71 * time.Hour)
	if ended := end(); len(ended) > 0 {
		w.Errorf("ended before its deadline: %v", ended)
	}
	time.Sleep(time.Hour)
	if ended := end(); len(ended) != 1 {
		w.Errorf("ended: %v", ended)
	}
	w.wantState(d.ID, newsletter.DigestDone)
	w.wantDelivery(d.ID, "reader1", newsletter.Skipped, "late")
	if next := w.plan(newsletter.Request{}); next.Readers != 3 {
		w.Errorf("the next digest has %d readers", next.Readers)
	}
	if ended := end(); len(ended) > 0 {
		w.Errorf("ended again: %v", ended)
	}
}

func retryLifted(w *world) {
	w.readers(30)
	d := w.plan(newsletter.Request{})
	a, _ := subscribers.ParseAddress(address("reader3"))
	_, err := w.registry.Suppress(w.Context(), a, subscribers.BlockedHere, "by mistake", "staff")
	w.check(err)
	w.sendJudged(refusing(nobody), time.Minute)
	w.wantDelivery(d.ID, "reader3", newsletter.Skipped, "suppressed")
	if n, err := w.store.Retriable(w.Context(), d.ID); err != nil || n != 0 {
		w.Errorf("%d can be retried, %v", n, err)
	}
	_, err = w.registry.Lift(w.Context(), a, "staff")
	w.check(err)
	if n, err := w.store.Retriable(w.Context(), d.ID); err != nil || n != 1 {
		w.Errorf("%d can be retried, %v", n, err)
	}
	n, err := w.store.Retry(w.Context(), d.ID, true, false)
	w.check(err)
	ok := refusing(nobody)
	w.sendJudged(ok, time.Minute)
	if n != 1 || ok.to("reader3") != "e1" {
		w.Errorf("retried %d, received %q", n, ok.to("reader3"))
	}
}

func erasedRefusal(w *world) {
	w.readers(30)
	w.plan(newsletter.Request{})
	w.sendJudged(refusing(func(to string) bool { return to == address("reader7") }), time.Minute)
	a, _ := subscribers.ParseAddress(address("reader7"))
	w.check(w.registry.Forget(w.Context(), a))
	if left := w.refusals(); len(left) > 0 {
		w.Errorf("left: %+v", left)
	}
	w.judge()
}
