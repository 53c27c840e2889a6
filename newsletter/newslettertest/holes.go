package newslettertest

import (
	"errors"
	"strings"
	"sync/atomic"
	"testing/fstest"
	"time"

	"github.com/scaledbydesign/insights/content"
	"github.com/scaledbydesign/insights/newsletter"
	"github.com/scaledbydesign/insights/subscribers"
)

var holeTests = []test{
	{"an insight that was away at a plan comes with the next", awayAtPlan},
	{"an insight that was a draft, in the future or without emails comes later", hiddenAtPlan},
	{"a file that is faulty from the start is not withdrawn, and comes later", faultyAtPlan},
	{"a hole is of one category", holeOfCategory},
	{"a reader who joins while an insight is away gets it", joinsWhileAway},
	{"an insight withdrawn after planning is left out", withdrawnAfterPlanning},
	{"an insight that is back within a minute is sent", backWithinAMinute},
	{"an insight that is back at once is not waited for", backBeforeItCounts},
	{"staff withdraw at once", withdrawnByStaff},
	{"a digest of nothing but withdrawn insights sends nothing", allWithdrawn},
	{"a digest that staff approved is looked at again", lookedAtAgain},
	{"a retry leaves out what is withdrawn", retriedWithout},
	{"what came back is unread again", cameBack},
	{"the copy that a forwarder could not deliver is not lost", forwardedCopy},
	{"a bounce that is faster than the outcome", fastBounce},
	{"an email that came back late does not undo a later one", lateBounce},
	{"an email is sent again, as a message of its own", sentAgain},
	{"what can't be sent again", notSentAgain},
	{"an instant digest goes out when an insight is back", instantReturn},
	{"an instant digest goes out again when what it left out is back", instantLeftOut},
	{"an email that came back after it was sent again", sentAgainCameBack},
}

// change rewrites the front matter of an insight's file, and numbers what is visible.
func (w *world) change(name, from, to string) {
	w.Helper()
	file := w.files[name+".md"]
	text := strings.Replace(string(file.Data), from, to, 1)
	if text == string(file.Data) {
		w.Fatalf("%s does not contain %q", name, from)
	}
	w.files[name+".md"] = &fstest.MapFile{Data: []byte(text)}
	w.load()
	w.number()
}

func (w *world) hide(name string)   { w.Helper(); w.change(name, "\nid:", "\ndraft: true\nid:") }
func (w *world) unhide(name string) { w.Helper(); w.change(name, "\ndraft: true", "") }

func (w *world) deliver(req newsletter.Request, want string) newsletter.Digest {
	w.Helper()
	d := w.plan(req)
	w.wantPlanned(d, want)
	var s server
	w.send(&s, 3*time.Minute)
	return d
}

// wantStanding checks what staff are told about an insight and a reader.
func (w *world) wantStanding(reader, insight string, want newsletter.Standing, words string) {
	w.Helper()
	e := newsletter.Explainer{Zone: time.UTC}
	w.check(e.Load(w.Context(), w.store, w.reader(reader), nil, time.Now()))
	all := append(e.AddMissing(w.lib), w.lib.All()...)
	for _, in := range all {
		if in.ID != id(insight) {
			continue
		}
		if got := e.Explain(in, time.Now()); got.Standing != want || !strings.Contains(got.Reason, words) {
			w.Errorf("%s of %s: %s, %q; want %s, …%s…", insight, reader, got.Standing, got.Reason, want, words)
		}
		return
	}
	w.Errorf("nothing is known of %s", insight)
}

func awayAtPlan(w *world) {
	w.publish("engineering", "e1")
	w.join("engineering", "ada", "ben")
	w.deliver(newsletter.Request{}, "e1 ×2")
	w.publish("engineering", "e2")
	file := w.files["e2.md"]
	delete(w.files, "e2.md")
	w.load()
	w.number()
	w.wantUnread("ada", "")
	w.publish("engineering", "e3")
	w.deliver(newsletter.Request{}, "e3 ×2")
	w.wantStanding("ada", "e2", newsletter.StandingHidden, "comes with a digest once it is back")
	w.files["e2.md"] = file
	w.load()
	w.number()
	w.wantStanding("ada", "e2", newsletter.StandingIncluded, "was not on the site when an earlier digest was planned")
	w.publish("engineering", "e4")
	w.deliver(newsletter.Request{}, "e4 e2 ×2")
	w.wantUnread("ada", "")
	w.wantStanding("ada", "e2", newsletter.StandingReceived, "")
}

func hiddenAtPlan(w *world) {
	w.publish("engineering", "e0")
	w.join("engineering", "ada")
	w.deliver(newsletter.Request{}, "e0 ×1")
	w.publish("engineering", "e1", "e2", "e3", "e4")
	w.hide("e1")
	w.change("e2", "\nid:", "\nemail: false\nid:")
	later := time.Now().Add(48 * time.Hour).UTC().Format(time.RFC3339)
	day := w.lib.All()[0].Date.UTC().Format(time.RFC3339)
	w.change("e3", day, later)
	w.deliver(newsletter.Request{}, "e4 ×1")
	w.unhide("e1")
	w.wantUnread("ada", "e1")
	w.change("e2", "\nemail: false", "")
	w.wantUnread("ada", "e2 e1")
	time.Sleep(49 * time.Hour)
	w.load()
	w.number()
	w.deliver(newsletter.Request{}, "e3 e2 e1 ×1")
	w.wantUnread("ada", "")
}

func faultyAtPlan(w *world) {
	w.publish("engineering", "e0")
	w.join("engineering", "ada")
	w.deliver(newsletter.Request{}, "e0 ×1")
	w.publish("engineering", "e1", "e2")
	good := w.files["e1.md"]
	for _, broken := range []string{strings.Replace(string(good.Data), "title:", "titel:", 1), "---\ntitle: [\n---\n"} {
		w.files["e1.md"] = &fstest.MapFile{Data: []byte(broken)}
		lib, err := content.Load(w.files, content.Options{Categories: categories}) // as after a restart
		w.check(err)
		w.lib = lib
		_, _, err = w.store.Number(w.Context(), newsletter.VisibleIn(w.lib), newsletter.NumberingOf(w.lib, 0, true))
		w.check(err)
		w.wantSequence("1=e0 2=e1 3=e2")
		w.wantUnread("ada", "e2")
	}
	w.deliver(newsletter.Request{}, "e2 ×1")
	w.files["e1.md"] = good
	w.load()
	w.number()
	w.deliver(newsletter.Request{}, "e1 ×1")
}

func holeOfCategory(w *world) {
	w.publish("engineering", "e0")
	w.join("engineering leadership", "ada")
	w.join("leadership", "ben")
	w.deliver(newsletter.Request{}, "e0 ×1")
	w.publish("engineering", "e1")
	w.publish("leadership", "l1", "l2")
	w.hide("e1")
	w.hide("l1")
	w.deliver(newsletter.Request{Category: "leadership"}, "l2 ×2")
	w.unhide("e1")
	w.unhide("l1")
	w.deliver(newsletter.Request{}, "l1 e1 ×1, l1 ×1")
}

func joinsWhileAway(w *world) {
	w.publish("engineering", "e1", "e2", "e3", "e4", "e5")
	w.hide("e3")
	w.join("engineering", "ada")
	w.deliver(newsletter.Request{}, "e5 e4 e2 ×1")
	w.unhide("e3")
	w.deliver(newsletter.Request{}, "e3 ×1")
	w.wantUnread("ada", "")
}

func withdrawnAfterPlanning(w *world) {
	w.publish("engineering", "e1", "e2")
	w.join("engineering", "ada", "ben")
	w.plan(newsletter.Request{})
	w.hide("e2")
	var s server
	stop := w.start(w.worker(&s))
	time.Sleep(50 * time.Second)
	if got := s.received(); len(got) > 0 {
		w.Errorf("sent while it may be back: %v", got)
	}
	w.wantDelivery(1, "ada", newsletter.Pending, "not on the site")
	time.Sleep(15 * time.Second)
	stop()
	for _, name := range []string{"ada", "ben"} {
		if got := s.to(name); got != "e1" {
			w.Errorf("%s received %q", name, got)
		}
	}
	if subject := s.received()[0].Subject; subject != "Insight e1" {
		w.Errorf("subject %q", subject)
	}
	w.wantState(1, newsletter.DigestDone)
	w.unhide("e2")
	w.deliver(newsletter.Request{}, "e2 ×2")
}

func backWithinAMinute(w *world) {
	w.publish("engineering", "e1", "e2")
	w.join("engineering", "ada")
	w.plan(newsletter.Request{})
	w.hide("e2")
	var s server
	stop := w.start(w.worker(&s))
	time.Sleep(30 * time.Second)
	w.unhide("e2")
	time.Sleep(35 * time.Second)
	stop()
	if got := s.to("ada"); got != "e2 e1" {
		w.Errorf("received %q", got)
	}
}

// backBeforeItCounts is a file that was a draft for a few seconds: what waited for it goes on
// at once.
func backBeforeItCounts(w *world) {
	w.publish("engineering", "e1", "e2")
	w.join("engineering", "ada")
	w.plan(newsletter.Request{})
	w.hide("e2")
	var s server
	stop := w.start(w.worker(&s))
	defer stop()
	time.Sleep(5 * time.Second)
	w.wantDelivery(1, "ada", newsletter.Pending, "not on the site")
	w.unhide("e2")
	time.Sleep(5 * time.Second)
	if got := s.to("ada"); got != "e2 e1" {
		w.Errorf("received %q", got)
	}
}

func withdrawnByStaff(w *world) {
	w.publish("engineering", "e1", "e2")
	w.join("engineering", "ada")
	w.plan(newsletter.Request{})
	changed, err := w.store.Withdraw(w.Context(), id("e2"))
	again, errAgain := w.store.Withdraw(w.Context(), id("e2"))
	_, errUnknown := w.store.Withdraw(w.Context(), id("e9"))
	if !changed || again || err != nil || errAgain != nil || errUnknown != newsletter.ErrUnknownInsight {
		w.Errorf("withdrew %v %v, again %v %v, unknown %v", changed, err, again, errAgain, errUnknown)
	}
	w.number() // its file is still there
	var s server
	w.send(&s, 10*time.Second)
	if got := s.to("ada"); got != "e1" {
		w.Errorf("received %q", got)
	}
	w.wantUnread("ada", "")
	w.wantStanding("ada", "e2", newsletter.StandingHidden, "withdrawn")
	file := w.files["e2.md"]
	delete(w.files, "e2.md")
	w.load()
	w.number()
	w.files["e2.md"] = file
	w.load()
	w.number()
	w.deliver(newsletter.Request{}, "e2 ×1")
}

func allWithdrawn(w *world) {
	w.publish("engineering", "e1")
	w.join("engineering", "ada")
	d := w.plan(newsletter.Request{})
	w.hide("e1")
	var s server
	w.send(&s, 70*time.Second)
	w.wantDelivery(d.ID, "ada", newsletter.Skipped, "withdrawn from the site")
	w.wantState(d.ID, newsletter.DigestDone)
	w.unhide("e1")
	w.deliver(newsletter.Request{}, "e1 ×1")
}

func lookedAtAgain(w *world) {
	w.publish("engineering", "e1", "e2")
	w.join("engineering", "ada")
	time.Sleep(time.Second)
	slot := newsletter.Slot{Schedule: "weekly", Key: "2000-01-03T09:00", Due: time.Now()}
	d, err := w.planner.Plan(w.Context(), w.lib, newsletter.Request{Slot: &slot})
	w.check(err)
	time.Sleep(time.Second)
	_, err = w.store.Approve(w.Context(), d.ID)
	w.check(err)
	w.hide("e2")
	var s server
	w.send(&s, 70*time.Second)
	w.wantState(d.ID, newsletter.DigestPlanned)
	if got := w.digest(d.ID); len(got.Withdrawn) != 1 || got.Reason != newsletter.ReasonLookAgain || len(s.received()) > 0 {
		w.Errorf("withdrawn %v, reason %q, sent %v", got.Withdrawn, got.Reason, s.received())
	}
	_, err = w.store.Approve(w.Context(), d.ID)
	w.check(err)
	w.send(&s, 10*time.Second)
	if got := s.to("ada"); got != "e1" {
		w.Errorf("received %q", got)
	}
}

func retriedWithout(w *world) {
	w.publish("engineering", "e1", "e2")
	w.join("engineering", "ada")
	d := w.plan(newsletter.Request{})
	s := server{answer: func(string, int) newsletter.Outcome {
		return newsletter.Outcome{Kind: newsletter.Permanent, Code: 554, Status: "5.6.0", Text: "not today"}
	}}
	w.send(&s, 10*time.Second)
	w.wantDelivery(d.ID, "ada", newsletter.Failed, "")
	w.hide("e1")
	time.Sleep(2 * time.Minute)
	_, err := w.store.Retry(w.Context(), d.ID, true, false)
	w.check(err)
	var well server
	w.send(&well, 10*time.Second)
	if got := well.to("ada"); got != "e2" {
		w.Errorf("received %q", got)
	}
	w.unhide("e1")
	w.wantUnread("ada", "e1")
}

// naming is a notification that names a reader's address.
func naming(name, status string) string {
	return strings.ReplaceAll(notification(status, "452 "+status+" mailbox full", ""), "somebody@example.com", address(name))
}

func cameBack(w *world) {
	w.join("engineering leadership", "ada", "ben")
	first := w.sent("e1")
	r := w.feedback()
	for range 2 {
		w.receive(r, w.path(first.ID, "ada"), naming("ada", "5.2.2"))
	}
	d := w.delivery(first.ID, "ada")
	if d.State != newsletter.Sent || d.Mark != newsletter.Bounced || d.MarkedAt.IsZero() || !strings.Contains(d.Said, "mailbox full") {
		w.Errorf("marked %+v", d)
	}
	if other := w.delivery(first.ID, "ben"); other.Mark != "" || other.Said != "" {
		w.Errorf("another is marked %+v", other)
	}
	if marked := collect(w, w.store.Deliveries(w.Context(), newsletter.DeliveryFilter{Mark: newsletter.Bounced})); len(marked) != 1 || marked[0].Ref != d.Ref {
		w.Errorf("marked are %v", marked)
	}
	w.wantStanding("ada", "e1", newsletter.StandingCameBack, "comes again with their next digest")
	w.publish("leadership", "l2")
	w.deliver(newsletter.Request{}, "l2 e1 ×1, l2 ×1")
	w.wantUnread("ada", "")
	w.wantStanding("ada", "e1", newsletter.StandingReceived, "digest 2")
}

func forwardedCopy(w *world) {
	w.join("engineering", "ada")
	first := w.sent("e1")
	w.receive(w.feedback(), w.path(first.ID, "ada"), notification("5.2.2", "452 mailbox full", ""))
	if d := w.delivery(first.ID, "ada"); d.Mark != newsletter.Bounced {
		w.Errorf("marked %+v", d)
	}
	w.wantUnread("ada", "")
	w.wantStanding("ada", "e1", newsletter.StandingReceived, "a copy came back")
}

func fastBounce(w *world) {
	w.publish("engineering", "e1")
	w.join("engineering", "ada")
	d := w.plan(newsletter.Request{})
	r := w.feedback()
	s := server{answer: func(string, int) newsletter.Outcome { // it comes back before we are told that it was accepted
		w.receive(r, w.path(d.ID, "ada"), naming("ada", "5.2.2"))
		return accepted
	}}
	w.send(&s, 10*time.Second)
	w.wantDelivery(d.ID, "ada", newsletter.Sent, "")
	if got := w.delivery(d.ID, "ada"); got.Mark != newsletter.Bounced {
		w.Errorf("marked %q", got.Mark)
	}
	w.deliver(newsletter.Request{}, "e1 ×1")
}

func lateBounce(w *world) {
	w.join("engineering", "ada")
	first := w.sent("e1")
	r := w.feedback()
	w.receive(r, w.path(first.ID, "ada"), naming("ada", "5.2.2"))
	w.deliver(newsletter.Request{}, "e1 ×1")
	w.receive(r, w.path(first.ID, "ada"), naming("ada", "5.7.1"))
	w.wantUnread("ada", "")
}

func instantReturn(w *world) {
	w.publish("engineering", "e1")
	w.joinAs(subscribers.Instant, "engineering", "ada")
	var s server
	stopWorker := w.start(w.worker(&s))
	stop := w.schedule(0, newsletter.Schedule{Name: "now", Cadence: subscribers.Instant, Zone: time.UTC, Missed: newsletter.MissedSend})
	time.Sleep(75 * time.Second) // between two looks
	w.publish("engineering", "e2")
	w.hide("e2")
	w.publish("engineering", "e3")
	time.Sleep(time.Minute)
	w.unhide("e2")
	time.Sleep(time.Minute)
	for range 3 { // and no more slots than there were changes
		time.Sleep(time.Minute)
	}
	stop()
	stopWorker()
	if got := s.to("ada"); got != "e1|e3|e2" {
		w.Errorf("received %q", got)
	}
	if got := w.slots(); got != "seq:1 planned, seq:3-2 planned, seq:3+1 planned" {
		w.Errorf("slots %s", got)
	}
}

// instantLeftOut is an insight that was withdrawn after its own digest was planned, before
// everybody had it, and came back: twice.
func instantLeftOut(w *world) {
	w.publish("engineering", "e1")
	w.joinAs(subscribers.Instant, "engineering", "ada")
	var well atomic.Bool
	s := server{answer: func(string, int) newsletter.Outcome {
		if well.Load() {
			return accepted
		}
		return newsletter.Outcome{Kind: newsletter.Temporary, Code: 451}
	}}
	stopWorker := w.start(w.worker(&s))
	stop := w.schedule(0, newsletter.Schedule{Name: "now", Cadence: subscribers.Instant, Zone: time.UTC, Missed: newsletter.MissedSend})
	time.Sleep(75 * time.Second)
	for range 2 {
		w.hide("e1")
		time.Sleep(5 * time.Minute)
		w.unhide("e1")
		time.Sleep(time.Minute + time.Second)
	}
	well.Store(true)
	time.Sleep(15 * time.Minute)
	stop()
	stopWorker()
	if got := s.to("ada"); got != "e1" {
		w.Errorf("received %q; slots %s", got, w.slots())
	}
	w.wantUnread("ada", "")
}

func sentAgain(w *world) {
	w.join("engineering", "ada", "ben")
	first := w.sent("e1")
	r := w.feedback()
	w.receive(r, w.path(first.ID, "ada"), naming("ada", "5.2.2"))
	d := w.delivery(first.ID, "ada")
	again, err := w.store.QueueResend(w.Context(), d.Ref)
	w.check(err)
	if _, err := w.store.QueueResend(w.Context(), d.Ref); !errors.Is(err, newsletter.ErrOnItsWay) {
		w.Errorf("twice: %v", err)
	}
	var s server
	w.send(&s, 10*time.Second)
	got := s.received()
	if len(got) != 1 || got[0].To != address("ada") || strings.Join(got[0].insights, " ") != "e1" || got[0].MessageID == d.MessageID || got[0].MessageID == "" {
		w.Fatalf("received %+v, first message %s", got, d.MessageID)
	}
	if e, err := w.store.Delivery(w.Context(), again); err != nil || e.State != newsletter.Sent || e.Kind != newsletter.ResendEmail {
		w.Errorf("%+v, %v", e, err)
	}
	w.wantUnread("ada", "") // it has arrived
	writer := w.writer()
	writer.Identity.BounceDomain = "bounces.example.com"
	w.receive(r, writer.ReturnPath(again), naming("ada", "5.2.2"))
	w.wantUnread("ada", "e1") // and came back, too
	if e, err := w.store.Delivery(w.Context(), again); err != nil || e.Mark != newsletter.Bounced {
		w.Errorf("%+v, %v", e, err)
	}
	w.wantUnread("ben", "")
}

// sentAgainCameBack is the bounce of a first copy after a second one was accepted.
func sentAgainCameBack(w *world) {
	w.join("engineering", "ada", "ben")
	first := w.sent("e1")
	r := w.feedback()
	ada := w.delivery(first.ID, "ada").Ref
	var s server
	for range 2 { // the second time of what has come back
		again, err := w.store.QueueResend(w.Context(), ada)
		w.check(err)
		w.wantStanding("ada", "e1", newsletter.StandingOnTheWay, "sent to them once more")
		w.send(&s, 10*time.Second)
		w.wantStanding("ada", "e1", newsletter.StandingReceived, "sent once more")
		w.receive(r, w.path(first.ID, "ada"), naming("ada", "5.2.2"))
		w.wantUnread("ada", "")
		w.wantStanding("ada", "e1", newsletter.StandingReceived, "sent once more")
		writer := w.writer()
		writer.Identity.BounceDomain = "bounces.example.com"
		w.receive(r, writer.ReturnPath(again), naming("ada", "5.2.2"))
		w.wantUnread("ada", "e1")
		w.wantStanding("ada", "e1", newsletter.StandingCameBack, "comes again")
	}
	w.wantUnread("ben", "")
	delete(w.files, "e1.md")
	w.load()
	w.number()
	w.wantStanding("ben", "e1", newsletter.StandingReceived, "its file is missing or faulty")
}

func notSentAgain(w *world) {
	w.publish("engineering", "e1", "e2")
	w.join("engineering", "ada", "ben")
	d := w.plan(newsletter.Request{})
	ada, ben := newsletter.Ref{Digest: d.ID, Subscriber: w.reader("ada").ID}, newsletter.Ref{Digest: d.ID, Subscriber: w.reader("ben").ID}
	try := func(ref newsletter.Ref, want error) {
		w.Helper()
		if _, err := w.store.QueueResend(w.Context(), ref); !errors.Is(err, want) {
			w.Errorf("%v, want %v", err, want)
		}
	}
	try(ada, newsletter.ErrNotAccepted)
	try(newsletter.Ref{Digest: 99, Subscriber: 1}, newsletter.ErrNotFound)
	var s server
	w.send(&s, 10*time.Second)
	w.leave("ben")
	try(ben, newsletter.ErrNotReader)
	_, err := w.store.QueueResend(w.Context(), ada)
	w.check(err)
	w.hide("e1") // while it waits
	w.send(&s, 10*time.Second)
	if got := s.to("ada"); got != "e2 e1" {
		w.Errorf("received %q", got)
	}
	try(ada, newsletter.ErrTakenDown)
}
