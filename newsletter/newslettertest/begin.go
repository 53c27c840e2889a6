package newslettertest

import (
	"strings"
	"time"

	"github.com/scaledbydesign/insights/newsletter"
	"github.com/scaledbydesign/insights/subscribers"
)

// Begin looks at what has changed since an email was planned: the last moment at which
// it can still be held back.
var decisionTests = []test{
	{"a reader who left gets nothing", readerLeft},
	{"a reader who paused gets nothing", readerPaused},
	{"insights of a category given up are not sent", categoryGivenUp},
	{"a category chosen since is not lost", categoryChosen},
	{"what was received meanwhile is not sent again", receivedMeanwhile},
	{"an email waits for the one it was planned after", waitsForEarlier},
	{"an email planned after one that failed is skipped", earlierFailed},
	{"an email moves readers no further than it carries", otherScopeFails},
	{"three emails in a row, the first fails", chainFails},
	{"an email waits while another in flight carries the same", sameInFlight},
	{"what an email in doubt carries is not sent with another digest", sameUncertain},
	{"the others wait for the one in doubt", oneInDoubt},
	{"an erased reader gets nothing", readerErased},
}

// step claims what is due of a digest for one reader and begins it.
func (w *world) step(digest int64) (newsletter.Task, newsletter.Action) {
	w.Helper()
	w.attach("w", newsletter.Resend)
	tasks := w.claim("w", digest, 5)
	if len(tasks) != 1 {
		w.Fatalf("claimed %d emails of digest %d", len(tasks), digest)
	}
	return tasks[0], w.begin("w", tasks[0])
}

// arrive sends the digest's only email.
func (w *world) arrive(digest int64, want string) {
	w.Helper()
	t, action := w.step(digest)
	if action != newsletter.ActionSend { // planned again with what is left
		t, action = w.step(digest)
	}
	if action != newsletter.ActionSend {
		w.Fatal("not begun")
	}
	if got := carried(w.digest(digest), t.Variant); got != want {
		w.Errorf("digest %d carries %q, want %q", digest, got, want)
	}
	w.finish("w", t, newsletter.Result{State: newsletter.Sent})
}

// drop expects that the digest's only email is not sent.
func (w *world) drop(digest int64, state newsletter.DeliveryState, reason string) {
	w.Helper()
	if _, action := w.step(digest); action == newsletter.ActionSend {
		w.Errorf("digest %d: an email was sent", digest)
	}
	w.wantDelivery(digest, "ada", state, reason)
}

// overlap plans two digests before either is approved, so that both carry the
// same, and starts them.
func (w *world) overlap(first, second newsletter.Request) (a, b newsletter.Digest) {
	w.Helper()
	var err error
	a, err = w.planner.Plan(w.Context(), w.lib, first)
	w.check(err)
	b, err = w.planner.Plan(w.Context(), w.lib, second)
	w.check(err)
	for _, id := range []int64{a.ID, b.ID} {
		_, err = w.store.Approve(w.Context(), id)
		w.check(err)
		w.check(w.store.Start(w.Context(), id))
	}
	return a, b
}

func readerLeft(w *world) {
	w.publish("engineering", "e1")
	w.join("engineering", "ada")
	d := w.sending()
	w.leave("ada")
	w.drop(d.ID, newsletter.Skipped, "unsubscribed")
}

func readerPaused(w *world) {
	w.publish("engineering", "e1")
	w.join("engineering", "ada")
	d := w.sending()
	w.edit("ada", func(s *subscribers.Subscriber) { s.PausedUntil = time.Now().Add(time.Hour) })
	w.drop(d.ID, newsletter.Skipped, "paused")
	time.Sleep(time.Hour)
	w.wantUnread("ada", "e1")
}

func categoryGivenUp(w *world) {
	w.publish("engineering", "e1")
	w.publish("leadership", "l1")
	w.join("engineering leadership", "ada")
	d := w.sending()
	w.choose("ada", "engineering")
	w.arrive(d.ID, "e1")
	got := w.digest(d.ID)
	w.wantPlanned(got, "e1 ×1, l1 e1 ×0")

	w.publish("leadership", "l2")
	w.publish("engineering", "e2")
	d = w.sending()
	w.choose("ada", "leadership")
	w.drop(d.ID, newsletter.Skipped, "no longer chosen")
}

func categoryChosen(w *world) {
	w.publish("engineering", "e1")
	w.publish("leadership", "l1")
	w.join("engineering", "ada")
	d := w.sending()
	w.choose("ada", "engineering leadership")
	w.arrive(d.ID, "e1")
	w.wantUnread("ada", "") // leadership started at now
	w.publish("leadership", "l2")
	w.wantUnread("ada", "l2")
}

func receivedMeanwhile(w *world) {
	w.publish("engineering", "e1")
	w.publish("leadership", "l1")
	w.join("engineering leadership", "ada")
	a, b := w.overlap(newsletter.Request{Category: "engineering"}, newsletter.Request{})
	w.arrive(a.ID, "e1")
	w.arrive(b.ID, "l1")
	w.wantUnread("ada", "")
	w.publish("engineering", "e2")
	a, b = w.overlap(newsletter.Request{Category: "engineering"}, newsletter.Request{})
	w.arrive(b.ID, "e2")
	w.drop(a.ID, newsletter.Skipped, "already received")
}

func waitsForEarlier(w *world) {
	w.publish("engineering", "e1")
	w.join("engineering", "ada")
	a := w.sending()
	w.publish("engineering", "e2")
	b := w.sending()
	w.wantPlanned(b, "e2 ×1")
	w.drop(b.ID, newsletter.Pending, "earlier email")
	w.arrive(a.ID, "e1")
	time.Sleep(time.Minute)
	w.arrive(b.ID, "e2")
	w.wantUnread("ada", "")
}

// refuse lets the server refuse a digest's only email for good.
func (w *world) refuse(digest int64) {
	w.Helper()
	t, action := w.step(digest)
	if action != newsletter.ActionSend {
		w.Fatal("not begun")
	}
	w.finish("w", t, newsletter.Result{State: newsletter.Failed, Code: 550})
}

func earlierFailed(w *world) {
	w.publish("engineering", "e1")
	w.join("engineering", "ada")
	a := w.sending()
	w.publish("engineering", "e2")
	b := w.sending()
	w.refuse(a.ID)
	w.drop(b.ID, newsletter.Skipped, "did not arrive")
	w.wantUnread("ada", "e2 e1")
}

// otherScopeFails: a digest of one category is still on its way while one of
// all categories is planned, which therefore leaves that category out.
func otherScopeFails(w *world) {
	w.join("engineering leadership", "ada")
	overlapping := func(engineering, leadership string) (a, b newsletter.Digest) {
		w.publish("engineering", engineering)
		w.publish("leadership", leadership)
		a = w.plan(newsletter.Request{Category: "engineering"})
		w.check(w.store.Start(w.Context(), a.ID))
		b = w.sending()
		w.wantPlanned(b, leadership+" ×1")
		return a, b
	}
	a, b := overlapping("e1", "l1")
	w.refuse(a.ID)
	w.arrive(b.ID, "l1")
	w.wantUnread("ada", "e1")
	w.arrive(w.sending().ID, "e1")
	a, b = overlapping("e2", "l2")
	w.arrive(b.ID, "l2")
	w.arrive(a.ID, "e2")
	w.wantUnread("ada", "")
}

func chainFails(w *world) {
	w.publish("engineering", "e1")
	w.join("engineering", "ada")
	a := w.sending()
	w.publish("engineering", "e2")
	b := w.sending()
	w.publish("engineering", "e3")
	c := w.sending()
	w.wantPlanned(c, "e3 ×1")
	w.refuse(a.ID)
	w.drop(c.ID, newsletter.Pending, "earlier email")
	w.drop(b.ID, newsletter.Skipped, "did not arrive")
	time.Sleep(time.Minute)
	w.drop(c.ID, newsletter.Skipped, "did not arrive")
	w.wantUnread("ada", "e3 e2 e1")
}

func sameInFlight(w *world) {
	w.publish("engineering", "e1")
	w.join("engineering", "ada")
	a, b := w.overlap(newsletter.Request{}, newsletter.Request{})
	t, action := w.step(a.ID)
	if action != newsletter.ActionSend {
		w.Fatal("not begun")
	}
	w.drop(b.ID, newsletter.Pending, "another email")
	w.finish("w", t, newsletter.Result{State: newsletter.Sent})
	time.Sleep(time.Minute)
	w.drop(b.ID, newsletter.Skipped, "already received")
}

func sameUncertain(w *world) {
	w.publish("engineering", "e1")
	w.publish("leadership", "l1")
	w.join("engineering leadership", "ada")
	a, b := w.overlap(newsletter.Request{Category: "engineering"}, newsletter.Request{})
	t, _ := w.step(a.ID)
	w.finish("w", t, newsletter.Result{State: newsletter.Uncertain, Uncertain: true})
	w.arrive(b.ID, "l1")
	w.publish("engineering", "e2")
	w.wantUnread("ada", "e2")
}

// oneInDoubt: while one email is in doubt the others wait for it, whichever was
// planned first, so that it can be sent again.
func oneInDoubt(w *world) {
	w.publish("engineering", "e1")
	w.publish("leadership", "l1")
	w.join("engineering leadership", "ada")
	a, b := w.overlap(newsletter.Request{Category: "engineering"}, newsletter.Request{Category: "leadership"})
	t, _ := w.step(b.ID)
	w.finish("w", t, newsletter.Result{State: newsletter.Deferred, NextAt: time.Now().Add(time.Minute), Uncertain: true})
	w.drop(a.ID, newsletter.Pending, "another email")
	time.Sleep(time.Minute)
	w.drop(a.ID, newsletter.Pending, "another email")
	w.arrive(b.ID, "l1")
	time.Sleep(time.Minute)
	w.arrive(a.ID, "e1")
	w.wantUnread("ada", "")
}

func readerErased(w *world) {
	w.attach("w", newsletter.Resend)
	t := newsletter.Task{Ref: newsletter.Ref{Digest: 77, Subscriber: 99}}
	if w.begin("w", t) != newsletter.ActionDrop {
		w.Error("an email that does not exist may be sent")
	}
	w.finish("w", t, newsletter.Result{State: newsletter.Sent})
	if strings.Contains(w.sequence(), "=") {
		w.Error("something was stored")
	}
}
