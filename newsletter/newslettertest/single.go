package newslettertest

import (
	"strings"
	"time"

	"github.com/scaledbydesign/insights/newsletter"
	"github.com/scaledbydesign/insights/subscribers"
)

// singleTests are about single emails.
var singleTests = []test{
	{"a single email is queued once", singleOnce},
	{"what strangers ask for goes out at a random time", singleSpread},
	{"each confirmation has choices of its own", confirmationsApart},
	{"a single email that is no longer needed is skipped", singleNotNeeded},
	{"a single email that is claimed when sending is held waits too", singleHeld},
}

func singleOnce(w *world) {
	w.join("engineering", "ada")
	a := parsed(address("ada"))
	w.check(w.registry.SendLink(w.Context(), a, subscribers.Asker{}))
	asked := time.Now()
	time.Sleep(time.Hour)
	w.check(w.registry.SendLink(w.Context(), a, subscribers.Asker{}))
	w.attach("w1", newsletter.Resend)
	claim := func() []newsletter.Task {
		tasks, err := w.store.ClaimMessages(w.Context(), "w1", false, 5)
		w.check(err)
		return tasks
	}
	tasks := claim()
	if len(tasks) != 1 {
		w.Fatalf("%d emails are queued for two requests", len(tasks))
	}
	t := tasks[0]
	if t.Kind != newsletter.LinkEmail || t.To != address("ada") || t.Subscriber.ID != w.reader("ada").ID || !t.Created.After(asked) {
		w.Errorf("claimed %+v", t)
	}
	// A request while an email is being sent asks for another.
	w.check(w.registry.SendLink(w.Context(), a, subscribers.Asker{}))
	if more := claim(); len(more) != 1 {
		w.Errorf("claimed %+v", more)
	}
	if w.begin("w1", t) != newsletter.ActionSend {
		w.Error("not begun")
	}
	w.finish("w1", t, newsletter.Result{State: newsletter.Sent})
	row := collect(w, w.store.Deliveries(w.Context(), newsletter.DeliveryFilter{Email: address("ada"), State: newsletter.Sent}))
	if len(row) != 1 || row[0].Kind != newsletter.LinkEmail || row[0].Attempts != 1 {
		w.Errorf("listed %+v", row)
	}
}

// singleSpread: the pace of sending must not tell whether another email went out before.
func singleSpread(w *world) {
	w.join("engineering", "ada")
	w.registry.Spread = 10 * time.Second
	w.attach("w1", newsletter.Resend)
	waits := make(map[time.Duration]bool)
	for i := range 8 {
		time.Sleep(time.Hour)
		switch i % 2 {
		case 0:
			w.check(w.registry.SendLink(w.Context(), parsed(address("ada")), subscribers.Asker{}))
		case 1:
			w.check(w.registry.SignUp(w.Context(), subscribers.SignUp{Address: parsed(address("ben")), Source: "form", Preferences: subscribers.Preferences{Cadence: subscribers.Weekly, Categories: []string{"engineering"}}}))
		}
		asked := time.Now()
		for claimed := 0; claimed == 0; {
			if due, err := w.store.NextDue(w.Context()); err != nil || due.Before(asked) || due.Sub(asked) > w.registry.Spread {
				w.Fatalf("due %v after it was asked for, %v", due.Sub(asked), err)
			}
			tasks, err := w.store.ClaimMessages(w.Context(), "w1", false, 5)
			w.check(err)
			for _, t := range tasks {
				if !t.Turn {
					w.Errorf("%+v has no turn", t)
				}
			}
			if claimed = len(tasks); claimed == 0 {
				time.Sleep(time.Second)
			}
		}
		waits[time.Since(asked)] = true
	}
	if len(waits) < 3 {
		w.Errorf("they waited %v", waits)
	}
	// What staff ask for is held to the pace as all else: they may ask for much.
	_, _, err := w.registry.Add(w.Context(), subscribers.SignUp{Address: parsed(address("cyd")), Source: "staff", Preferences: subscribers.Preferences{Cadence: subscribers.Weekly, Categories: []string{"engineering"}}}, false, "")
	w.check(err)
	tasks, err := w.store.ClaimMessages(w.Context(), "w1", false, 5)
	w.check(err)
	if len(tasks) != 1 || tasks[0].Turn {
		w.Errorf("claimed %+v", tasks)
	}
}

// confirmationsApart are two sign-ups of one address, perhaps by two people.
func confirmationsApart(w *world) {
	form := subscribers.SignUp{Address: parsed(address("ada")), Source: "form", Preferences: subscribers.Preferences{Cadence: subscribers.Weekly, Categories: []string{"engineering"}}}
	w.check(w.registry.SignUp(w.Context(), form))
	form.Cadence, form.Categories = subscribers.Instant, []string{"engineering", "leadership"}
	w.check(w.registry.SignUp(w.Context(), form))
	w.attach("w1", newsletter.Resend)
	tasks, err := w.store.ClaimMessages(w.Context(), "w1", false, 5)
	w.check(err)
	if len(tasks) != 2 {
		w.Fatalf("claimed %+v", tasks)
	}
	for i, want := range []string{"weekly: engineering", "instant: engineering, leadership"} {
		if got := tasks[i].Asks.String(); got != want || tasks[i].Asks.Nonce == "" {
			w.Errorf("email %d asks for %q", i, got)
		}
		message, err := w.writer().SingleMessage(tasks[i])
		w.check(err)
		link := w.registry.TokenOf(subscribers.ConfirmToken, tasks[i].Subscriber, tasks[i].Asks)
		if !strings.Contains(message.Text, link) {
			w.Errorf("email %d lacks its link: %s", i, message.Text)
		}
	}
	if w.begin("w1", tasks[0]) != newsletter.ActionSend {
		w.Error("not begun")
	}
	w.finish("w1", tasks[0], newsletter.Result{State: newsletter.Sent})
	_, err = w.registry.Confirm(w.Context(), w.registry.TokenOf(subscribers.ConfirmToken, tasks[0].Subscriber, tasks[0].Asks), "")
	w.check(err)
	if sub := w.reader("ada"); sub.Cadence != subscribers.Weekly {
		w.Errorf("confirmed %+v", sub)
	}
	if w.begin("w1", tasks[1]) == newsletter.ActionSend {
		w.Error("who has confirmed is asked again")
	}
}

func singleNotNeeded(w *world) {
	form := subscribers.SignUp{Address: parsed(address("ada")), Source: "form", Preferences: subscribers.Preferences{Cadence: subscribers.Weekly, Categories: []string{"engineering"}}}
	w.check(w.registry.SignUp(w.Context(), form))
	w.attach("w1", newsletter.Resend)
	tasks, err := w.store.ClaimMessages(w.Context(), "w1", false, 5)
	w.check(err)
	w.edit("ada", func(s *subscribers.Subscriber) { s.Status = subscribers.Suppressed })
	if w.begin("w1", tasks[0]) == newsletter.ActionSend {
		w.Error("a suppressed address gets an email")
	}
	rows := collect(w, w.store.Deliveries(w.Context(), newsletter.DeliveryFilter{Email: address("ada")}))
	if len(rows) != 1 || rows[0].State != newsletter.Skipped {
		w.Errorf("%+v", rows)
	}
}

func singleHeld(w *world) {
	form := subscribers.SignUp{Address: parsed(address("ada")), Source: "form", Preferences: subscribers.Preferences{Cadence: subscribers.Weekly, Categories: []string{"engineering"}}}
	w.check(w.registry.SignUp(w.Context(), form))
	w.attach("w1", newsletter.Resend)
	tasks, err := w.store.ClaimMessages(w.Context(), "w1", false, 5)
	w.check(err)
	w.check(w.store.Hold(w.Context(), "staff look"))
	if w.begin("w1", tasks[0]) == newsletter.ActionSend {
		w.Error("an email is sent while sending is held")
	}
	_, err = w.store.Release(w.Context())
	w.check(err)
	if tasks, err = w.store.ClaimMessages(w.Context(), "w1", false, 5); err != nil || len(tasks) != 1 || w.begin("w1", tasks[0]) != newsletter.ActionSend {
		w.Errorf("after the release: %+v, %v", tasks, err)
	}
}
