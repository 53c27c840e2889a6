package newslettertest

import (
	"errors"
	"strings"
	"time"

	"github.com/scaledbydesign/insights/newsletter"
	"github.com/scaledbydesign/insights/subscribers"
)

var plannerTests = []test{
	{"readers with the same unread share a variant", planVariants},
	{"planning again plans nothing", planAgain},
	{"a new file is exactly the next plan", planNewFile},
	{"a plan without readers or news says why", planNothing},
	{"a dry run stores nothing, and has the same hash", planDryRun},
	{"few unread wait until there are enough", planMinItems},
	{"an email shows some in full and the rest as titles", planMaxItems},
	{"a digest of one category moves only that position", planCategory},
	{"another library plans nothing", planOtherLibrary},
	{"an insight kept out of emails is in no digest", planNoEmail},
	{"a change of cadence neither repeats nor drops", planCadenceChange},
	{"a pause neither repeats nor drops", planPause},
	{"what was skipped comes with the next digest", planSkippedAgain},
}

func planVariants(w *world) {
	w.publish("engineering", "e1", "e2")
	w.publish("leadership", "l1")
	w.join("engineering", "a", "b")
	w.join("leadership", "c")
	w.join("engineering leadership", "d")
	d := w.plan(newsletter.Request{})
	w.wantPlanned(d, "e2 e1 ×2, l1 e2 e1 ×1, l1 ×1")
	if d.State != newsletter.DigestApproved || d.ApprovedAt.IsZero() || d.Readers != 4 || names(d.Items) != "l1 e2 e1" || d.Cutoff != 3 || d.UID == "" || d.Hash == "" {
		w.Errorf("planned %+v", d)
	}
	w.digest(d.ID)
	item := d.Items[0]
	if item.Slug == "" || item.Title != "Insight l1" || item.Summary != "About l1." || item.CategoryName != "Leadership" || item.Date.IsZero() {
		w.Errorf("carries %+v", item)
	}
}

func planAgain(w *world) {
	w.publish("engineering", "e1")
	w.join("engineering", "ada")
	w.plan(newsletter.Request{})
	if d := w.plan(newsletter.Request{}); d.ID != 0 || d.Reason != newsletter.ReasonNothingNew {
		w.Errorf("planned again before it was sent: %+v", d)
	}
	var s server
	w.send(&s, time.Minute)
	if d := w.plan(newsletter.Request{}); d.ID != 0 || d.Reason != newsletter.ReasonNothingNew {
		w.Errorf("planned again after it was sent: %+v", d)
	}
	if got := s.to("ada"); got != "e1" {
		w.Errorf("received %q", got)
	}
}

func planNewFile(w *world) {
	w.publish("engineering", "e1", "e2")
	w.join("engineering", "ada", "ben")
	var s server
	w.plan(newsletter.Request{})
	w.send(&s, time.Minute)
	w.write("old", "engineering", time.Now().AddDate(-5, 0, 0)) // back-dated, and new
	w.number()
	w.wantPlanned(w.plan(newsletter.Request{}), "old ×2")
}

func planNothing(w *world) {
	want := func(reason newsletter.Reason) {
		w.Helper()
		if d := w.plan(newsletter.Request{}); d.ID != 0 || d.Readers != 0 || d.Reason != reason {
			w.Errorf("planned %+v, want %q", d, reason)
		}
	}
	want(newsletter.ReasonNoReaders)
	w.join("engineering", "ada")
	want(newsletter.ReasonNothingNew)
	w.publish("leadership", "l1")
	want(newsletter.ReasonNothingNew)
	if all, err := w.store.Digests(w.Context(), 9); err != nil || len(all) != 0 {
		w.Errorf("stored %v, %v", all, err)
	}
}

func planDryRun(w *world) {
	w.publish("engineering", "e1")
	w.join("engineering", "ada")
	dry, err := w.planner.Plan(w.Context(), w.lib, newsletter.Request{DryRun: true, Subject: "s"})
	w.check(err)
	if all, err := w.store.Digests(w.Context(), 9); err != nil || len(all) != 0 || dry.ID != 0 || dry.Readers != 1 {
		w.Errorf("a dry run stored %v, %v; %+v", all, err, dry)
	}
	if d := w.plan(newsletter.Request{Subject: "s"}); d.Hash != dry.Hash {
		w.Errorf("hash %s, dry run's %s", d.Hash, dry.Hash)
	}
	if other, err := w.planner.Plan(w.Context(), w.lib, newsletter.Request{DryRun: true, Subject: "other"}); err != nil || other.Hash == dry.Hash {
		w.Errorf("another plan has the same hash: %v", err)
	}
}

func planMinItems(w *world) {
	w.publish("architecture", "before")
	w.registry.StartWith = 0
	w.join("engineering", "one")
	w.join("engineering leadership", "two")
	w.publish("engineering", "e1")
	w.publish("leadership", "l1")
	w.wantPlanned(w.plan(newsletter.Request{MinItems: 2}), "l1 e1 ×1")
	w.publish("engineering", "e2")
	w.wantPlanned(w.plan(newsletter.Request{MinItems: 2}), "e2 e1 ×1")
}

func planMaxItems(w *world) {
	w.publish("engineering", "e1", "e2", "e3")
	w.join("engineering", "ada")
	d := w.plan(newsletter.Request{MaxItems: 2})
	shown := ""
	writer := w.writer()
	writer.Renderer = renderer{fail: func(e newsletter.DigestContent) error {
		shown = names(e.Items) + "|" + names(e.More)
		return nil
	}}
	_, err := writer.Render(d, d.Variants[0])
	w.check(err)
	if shown != "e3 e2|e1" {
		w.Errorf("shown %q", shown)
	}
	var s server
	w.send(&s, time.Minute)
	w.wantUnread("ada", "") // the titles count as received
}

func planCategory(w *world) {
	w.publish("engineering", "e1")
	w.publish("leadership", "l1")
	w.join("engineering leadership", "ada")
	w.join("leadership", "ben")
	d := w.plan(newsletter.Request{Category: "engineering", Intro: "hello"})
	w.wantPlanned(d, "e1 ×1")
	var s server
	w.send(&s, time.Minute)
	w.wantPlanned(w.plan(newsletter.Request{}), "l1 ×2")
}

func planOtherLibrary(w *world) {
	w.publish("engineering", "e1", "e2")
	w.join("engineering", "ada")
	delete(w.files, "e1.md")
	w.load()
	if _, err := w.planner.Plan(w.Context(), w.lib, newsletter.Request{}); !errors.Is(err, newsletter.ErrOtherLibrary) {
		w.Errorf("planned from a library that lacks one: %v", err)
	}
	w.number() // the site's own library: it is withdrawn
	w.wantPlanned(w.plan(newsletter.Request{}), "e2 ×1")
}

func planNoEmail(w *world) {
	w.publish("engineering", "e1")
	w.write("quiet", "engineering", time.Now().Add(-time.Hour))
	text := string(w.files["quiet.md"].Data)
	w.files["quiet.md"].Data = []byte(strings.Replace(text, "title:", "email: false\ntitle:", 1))
	w.load()
	w.number()
	w.join("engineering", "ada")
	w.wantPlanned(w.plan(newsletter.Request{}), "e1 ×1")
}

func planCadenceChange(w *world) {
	w.publish("engineering", "e1")
	w.join("engineering", "ada")
	var s server
	w.plan(newsletter.Request{Cadence: subscribers.Weekly})
	w.edit("ada", func(s *subscribers.Subscriber) { s.Cadence = subscribers.Daily })
	if d := w.plan(newsletter.Request{Cadence: subscribers.Daily}); d.ID != 0 {
		w.Errorf("planned twice: %+v", d)
	}
	w.publish("engineering", "e2")
	w.plan(newsletter.Request{Cadence: subscribers.Daily})
	w.plan(newsletter.Request{Cadence: subscribers.Weekly})
	w.send(&s, 5*time.Minute)
	if got := s.to("ada"); got != "e1|e2" {
		w.Errorf("received %q", got)
	}
}

func planPause(w *world) {
	w.publish("engineering", "e1")
	w.join("engineering", "ada")
	w.edit("ada", func(s *subscribers.Subscriber) { s.PausedUntil = time.Now().Add(time.Hour) })
	if d := w.plan(newsletter.Request{}); d.ID != 0 {
		w.Errorf("planned for a paused reader: %+v", d)
	}
	w.publish("engineering", "e2")
	time.Sleep(time.Hour)
	w.wantPlanned(w.plan(newsletter.Request{}), "e2 e1 ×1")
}

func planSkippedAgain(w *world) {
	w.publish("engineering", "e1")
	w.join("engineering", "ada")
	d := w.plan(newsletter.Request{})
	if _, err := w.store.Cancel(w.Context(), d.ID); err != nil {
		w.Error(err)
	}
	w.wantPlanned(w.plan(newsletter.Request{}), "e1 ×1")
}
