package newslettertest

import (
	"errors"
	"strings"

	"github.com/scaledbydesign/insights/newsletter"
	"github.com/scaledbydesign/insights/newsletter/bounce"
	"github.com/scaledbydesign/insights/subscribers"
)

// relayReports are a relay's reports on emails: by return path or Message-ID, with its
// own class or the server's answer, and each once.
func relayReports(w *world) {
	w.join("engineering", "ada", "ben", "cal", "dot", "eve")
	d := w.sent("e1")
	r := w.feedback()
	report := func(report newsletter.RelayReport) string {
		w.Helper()
		did, err := r.HandleWebhook(w.Context(), report)
		w.check(err)
		return did
	}
	hard := newsletter.RelayReport{ID: "msg_1", Type: "bounce", ReturnPath: w.path(d.ID, "ada"), Class: "hard", Text: "gone\n\x07away"}
	report(hard)
	report(hard)
	report(newsletter.RelayReport{ID: "msg_2", Type: "bounce", MessageID: "<" + w.delivery(d.ID, "ben").MessageID + ">", Code: 550, Status: "5.1.1", Text: unknownUser})
	report(newsletter.RelayReport{ID: "msg_3", Type: "bounce", ReturnPath: w.path(d.ID, "cal"), Status: "4.2.2"})
	report(newsletter.RelayReport{ID: "msg_4", Type: "complaint", ReturnPath: w.path(d.ID, "dot")})
	report(newsletter.RelayReport{ID: "msg_5", Type: "unsubscribe", ReturnPath: w.path(d.ID, "eve")})
	w.judge()
	for name, want := range map[string]subscribers.Status{
		"ada": subscribers.Suppressed, "ben": subscribers.Suppressed, "cal": subscribers.Confirmed, "dot": subscribers.Suppressed, "eve": subscribers.Unsubscribed,
	} {
		w.wantStatus(name, want)
	}
	if dot := w.reader("dot"); dot.Cause != subscribers.Complained {
		w.Errorf("a complaint is kept as %s", dot.Cause)
	}
	if all := collect(w, w.store.Bounces(w.Context(), newsletter.BounceFilter{})); len(all) != 4 || all[3].Class != bounce.Hard || all[3].Text != "gone \x07away" || all[1].Class != bounce.Soft || all[0].Class != bounce.None {
		w.Errorf("recorded: %+v", all)
	}
	for _, nobody := range []newsletter.RelayReport{
		{ID: "msg_6", Type: "bounce", Class: "hard"},
		{ID: "msg_7", Type: "bounce", Class: "hard", MessageID: "1.2@example.com"},
		{ID: "msg_8", Type: "bounce", Class: "hard", ReturnPath: "cal@example.com"},
	} {
		if _, err := r.HandleWebhook(w.Context(), nobody); !errors.Is(err, newsletter.ErrNotOurs) {
			w.Errorf("%+v: %v", nobody, err)
		}
	}
	for _, class := range []string{"", "dreadful"} {
		_, err := r.HandleWebhook(w.Context(), newsletter.RelayReport{ID: "msg_9", Type: "bounce", ReturnPath: w.path(d.ID, "cal"), Class: class})
		if !errors.Is(err, newsletter.ErrReport) {
			w.Errorf("a bounce of class %q: %v", class, err)
		}
	}
	if did := report(newsletter.RelayReport{ID: "msg_9", Type: "delivered", ReturnPath: w.path(d.ID, "cal"), Class: "hard"}); !strings.Contains(did, "nothing to do") {
		w.Errorf("of a report of another type: %s", did)
	}
	report(newsletter.RelayReport{ID: "msg_10", Type: "bounce", ReturnPath: w.path(d.ID, "cal"), Class: "hard", Text: "554 Your account is suspended"})
	if all := collect(w, w.store.Bounces(w.Context(), newsletter.BounceFilter{Class: "blocked"})); len(all) != 1 {
		w.Errorf("what is said of our account is recorded as %+v", all)
	}
	w.wantStatus("cal", subscribers.Confirmed)
}
