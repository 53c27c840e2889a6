package newslettertest

import (
	"time"

	"github.com/scaledbydesign/insights/newsletter"
	"github.com/scaledbydesign/insights/subscribers"
)

// singleTests are about single emails.
var singleTests = []test{
	{"a single email is queued once", singleOnce},
	{"a single email that is no longer needed is skipped", singleNotNeeded},
	{"a single email that is claimed when sending is held waits too", singleHeld},
}

func singleOnce(w *world) {
	form := subscribers.SignUp{Address: parsed(address("ada")), Source: "form", Preferences: subscribers.Preferences{Cadence: subscribers.Weekly, Categories: []string{"engineering"}}}
	w.check(w.registry.SignUp(w.Context(), form))
	asked := time.Now()
	time.Sleep(time.Hour)
	w.check(w.registry.SignUp(w.Context(), form))
	w.attach("w1", newsletter.Resend)
	claim := func() []newsletter.Task {
		tasks, err := w.store.ClaimMessages(w.Context(), "w1", 5)
		w.check(err)
		return tasks
	}
	tasks := claim()
	if len(tasks) != 1 {
		w.Fatalf("%d emails are queued for two sign-ups", len(tasks))
	}
	t := tasks[0]
	if t.Kind != newsletter.ConfirmEmail || t.To != address("ada") || t.Subscriber.ID != w.reader("ada").ID || !t.Created.After(asked) {
		w.Errorf("claimed %+v", t)
	}
	// A sign-up while an email with the older link is being sent asks for another.
	w.check(w.registry.SignUp(w.Context(), form))
	if more := claim(); len(more) != 1 || more[0].Subscriber.Nonce == t.Subscriber.Nonce {
		w.Errorf("claimed %+v", more)
	}
	if w.begin("w1", t) != newsletter.ActionSend {
		w.Error("not begun")
	}
	w.finish("w1", t, newsletter.Result{State: newsletter.Sent})
	row := collect(w, w.store.Deliveries(w.Context(), newsletter.DeliveryFilter{Email: address("ada"), State: newsletter.Sent}))
	if len(row) != 1 || row[0].Kind != newsletter.ConfirmEmail || row[0].Attempts != 1 {
		w.Errorf("listed %+v", row)
	}
}

func singleNotNeeded(w *world) {
	form := subscribers.SignUp{Address: parsed(address("ada")), Source: "form", Preferences: subscribers.Preferences{Cadence: subscribers.Weekly, Categories: []string{"engineering"}}}
	w.check(w.registry.SignUp(w.Context(), form))
	w.attach("w1", newsletter.Resend)
	tasks, err := w.store.ClaimMessages(w.Context(), "w1", 5)
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
	tasks, err := w.store.ClaimMessages(w.Context(), "w1", 5)
	w.check(err)
	w.check(w.store.Hold(w.Context(), "staff look"))
	if w.begin("w1", tasks[0]) == newsletter.ActionSend {
		w.Error("an email is sent while sending is held")
	}
	_, err = w.store.Release(w.Context())
	w.check(err)
	if tasks, err = w.store.ClaimMessages(w.Context(), "w1", 5); err != nil || len(tasks) != 1 || w.begin("w1", tasks[0]) != newsletter.ActionSend {
		w.Errorf("after the release: %+v, %v", tasks, err)
	}
}
