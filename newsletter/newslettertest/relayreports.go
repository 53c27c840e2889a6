package newslettertest

import (
	"errors"

	"github.com/scaledbydesign/insights/newsletter"
	"github.com/scaledbydesign/insights/newsletter/bounce"
	"github.com/scaledbydesign/insights/subscribers"
)

// relayReports are what a relay says of mails: by return path or Message-ID, with a
// class of its own or the server's words, and each once.
func relayReports(w *world) {
	w.join("engineering", "ada", "ben", "cal", "dot", "eve")
	d := w.sent("e1")
	r := w.returns()
	report := func(report newsletter.RelayReport) string {
		w.Helper()
		did, err := r.Reported(w.Context(), report)
		w.check(err)
		return did
	}
	hard := newsletter.RelayReport{ID: "msg_1", Kind: bounce.Failure, ReturnPath: w.path(d.ID, "ada"), Class: bounce.Hard, Text: "gone\n\x07away"}
	report(hard)
	report(hard)
	report(newsletter.RelayReport{ID: "msg_2", Kind: bounce.Failure, MessageID: "<" + w.delivery(d.ID, "ben").MessageID + ">", Code: 550, Status: "5.1.1", Text: unknownUser})
	report(newsletter.RelayReport{ID: "msg_3", Kind: bounce.Failure, ReturnPath: w.path(d.ID, "cal"), Status: "4.2.2"})
	report(newsletter.RelayReport{ID: "msg_4", Kind: bounce.Complaint, ReturnPath: w.path(d.ID, "dot")})
	report(newsletter.RelayReport{ID: "msg_5", Kind: bounce.Unsubscribe, ReturnPath: w.path(d.ID, "eve")})
	for name, want := range map[string]subscribers.Status{
		"ada": subscribers.Suppressed, "ben": subscribers.Suppressed, "cal": subscribers.Confirmed, "dot": subscribers.Suppressed, "eve": subscribers.Unsubscribed,
	} {
		w.wantStatus(name, want)
	}
	if dot := w.reader("dot"); dot.Cause != subscribers.Complained {
		w.Errorf("a complaint is kept as %s", dot.Cause)
	}
	if all := collect(w, w.store.Bounces(w.Context())); len(all) != 4 || all[3].Class != bounce.Hard || all[3].Text != "gone \x07away" || all[1].Class != bounce.Soft || all[0].Class != bounce.None {
		w.Errorf("on record: %+v", all)
	}
	for _, nobody := range []newsletter.RelayReport{
		{ID: "msg_6", Kind: bounce.Failure, Class: bounce.Hard},
		{ID: "msg_7", Kind: bounce.Failure, Class: bounce.Hard, MessageID: "1.2@example.com"},
		{ID: "msg_8", Kind: bounce.Failure, Class: bounce.Hard, ReturnPath: "cal@example.com"},
	} {
		if _, err := r.Reported(w.Context(), nobody); !errors.Is(err, newsletter.ErrNotOurs) {
			w.Errorf("%+v: %v", nobody, err)
		}
	}
	_, err := r.Reported(w.Context(), newsletter.RelayReport{ID: "msg_9", Kind: bounce.Failure, ReturnPath: w.path(d.ID, "cal")})
	if !errors.Is(err, newsletter.ErrReport) {
		w.Errorf("a bounce of no class: %v", err)
	}
	w.wantStatus("cal", subscribers.Confirmed)
}
