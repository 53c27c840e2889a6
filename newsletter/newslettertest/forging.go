package newslettertest

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base32"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/scaledbydesign/insights/newsletter"
	"github.com/scaledbydesign/insights/subscribers"
)

// forgingTests are about reports that strangers make.
var forgingTests = []test{
	{"a complaint forged from a forwarded email", forgedComplaint},
	{"a complaint with a Message-ID alone", complaintByMessageID},
	{"a Message-ID stays at every attempt", messageIDStays},
	{"many reports of one email", manyReports},
	{"a bounce from before a sign-up", bounceBeforeSignUp},
}

// abuseReport is a complaint (RFC 5965). more are header lines of the email it is about.
func abuseReport(kind, more string) string {
	return strings.ReplaceAll(fmt.Sprintf(`From: fbl@mailbox.example
To: abuse@example.com
Subject: complaint about message
Content-Type: multipart/report; report-type=feedback-report; boundary="b"
MIME-Version: 1.0

--b
Content-Type: text/plain

This is an abuse report.

--b
Content-Type: message/feedback-report

Feedback-Type: %s
User-Agent: SomeGenerator/1.0
Version: 1

--b
Content-Type: text/rfc822-headers

%sSubject: Weekly digest

--b--
`, kind, more), "\n", "\r\n")
}

// guessed are Message-IDs as anybody can make them of what an email shows: as an older
// version did, and with an empty key.
func guessed(unit, reader string) (all []string) {
	text := []byte(unit + "\x00" + reader)
	sum := sha256.Sum256(text)
	mac := hmac.New(sha256.New, nil)
	mac.Write(text)
	for _, sum := range [][]byte{sum[:10], mac.Sum(nil)[:10]} {
		all = append(all, strings.ToLower(base32.StdEncoding.EncodeToString(sum))+"."+unit+"@example.com")
	}
	return all
}

func forgedComplaint(w *world) {
	w.join("engineering", "ada")
	d := w.sent("e1")
	r := w.feedback()
	r.Complaints = "abuse@bounces.example.com"
	// Who was forwarded the text has the links of the reader, and their public id with them.
	id, err := w.registry.Keys.PublicID(w.registry.Token(subscribers.UnsubscribeToken, w.reader("ada")))
	w.check(err)
	var reports []string
	for _, guess := range guessed(d.UID, id) {
		reports = append(reports, abuseReport("abuse", "Message-ID: <"+guess+">\n"),
			abuseReport("fraud", "Message-ID: <"+guess+">\nReturn-Path: <bounce+aaaaa.aaaaa@bounces.example.com>\n"),
			unnamed("5.1.1", unknownUser, "Message-ID: <"+guess+">\n"))
	}
	for _, message := range reports {
		if did, err := r.HandleMessage(w.Context(), []string{r.Complaints}, strings.NewReader(message)); !errors.Is(err, newsletter.ErrNotOurs) {
			w.Errorf("did %q, %v", did, err)
		}
	}
	w.judge()
	w.wantStatus("ada", subscribers.Confirmed)
	if all := collect(w, w.store.Suppressions(w.Context())); len(all) != 0 {
		w.Errorf("suppressed: %+v", all)
	}
}

func complaintByMessageID(w *world) {
	w.join("engineering", "ada", "ben", "eve")
	d := w.sent("e1")
	r := w.feedback()
	r.Complaints = "abuse@bounces.example.com"
	of := func(name string) string { return "Message-ID: <" + w.delivery(d.ID, name).MessageID + ">\n" }
	// The whole email may have been forwarded, header and all.
	w.receive(r, r.Complaints, abuseReport("abuse", of("ada")))
	w.wantStatus("ada", subscribers.Unsubscribed)
	w.edit("eve", func(s *subscribers.Subscriber) { s.Address, _ = subscribers.ParseAddress("moved@example.com") })
	w.receive(r, r.Complaints, abuseReport("abuse", of("moved")))
	w.wantStatus("moved", subscribers.Unsubscribed)
	for _, s := range collect(w, w.store.Suppressions(w.Context())) {
		if s.Status == subscribers.Suppressed {
			w.Errorf("suppressed without a return path: %+v", s)
		}
	}
	// Their provider adds the return path, also to what it reports.
	w.receive(r, r.Complaints, abuseReport("abuse", of("ben")+"Return-Path: <"+w.path(d.ID, "ben")+">\n"))
	w.wantStatus("ben", subscribers.Suppressed)
	// A return path is no proof of an email that never went out.
	w.join("engineering", "fay")
	waiting := w.plan(newsletter.Request{})
	w.receive(r, w.path(waiting.ID, "fay"), abuseReport("abuse", ""))
	w.wantStatus("fay", subscribers.Unsubscribed)
}

func messageIDStays(w *world) {
	w.join("engineering", "ada")
	w.publish("engineering", "e1")
	d := w.plan(newsletter.Request{})
	w.attach("w1", newsletter.Resend)
	w.check(w.store.Start(w.Context(), d.ID))
	t := w.claim("w1", d.ID, 1)[0]
	// An older version made it.
	const old = "of-an-older-version@example.com"
	w.record("w1", newsletter.Entry{Begin: &newsletter.Begin{Ref: t.Ref, To: t.Subscriber.Address.String(), MessageID: old}})
	w.finish("w1", t, newsletter.Result{State: newsletter.Deferred, NextAt: time.Now()})
	w.check(w.store.Detach(w.Context(), "w1"))
	var s server
	w.send(&s, 10*time.Second)
	if len(s.emails) != 1 || s.emails[0].MessageID != old || w.delivery(d.ID, "ada").MessageID != old {
		w.Errorf("sent again as %+v", s.emails)
	}
	// And a single email.
	form := subscribers.SignUp{Address: parsed(address("ben")), Source: "form", Preferences: subscribers.Preferences{Cadence: subscribers.Weekly, Categories: []string{"engineering"}}}
	w.check(w.registry.SignUp(w.Context(), form))
	s = server{answer: func(_ string, n int) newsletter.Outcome {
		if n == 1 {
			return later
		}
		return accepted
	}}
	w.attach("w2", newsletter.Resend)
	single, err := w.store.ClaimMessages(w.Context(), "w2", false, 1)
	w.check(err)
	w.record("w2", newsletter.Entry{Begin: &newsletter.Begin{Ref: single[0].Ref, To: address("ben"), MessageID: old}})
	w.finish("w2", single[0], newsletter.Result{State: newsletter.Deferred, NextAt: time.Now()})
	w.check(w.store.Detach(w.Context(), "w2"))
	w.send(&s, time.Hour)
	if len(s.emails) != 1 || s.emails[0].MessageID != old {
		w.Errorf("sent again as %+v", s.emails)
	}
}

// manyReports: who has the return path of an email can make up reports of it without end.
func manyReports(w *world) {
	w.join("engineering", "ada", "ben")
	d := w.sent("e1")
	r := w.feedback()
	report := func(name, status string, i int) {
		w.receive(r, w.path(d.ID, name), unnamed(status, "452 "+status+" mailbox full", fmt.Sprintf("X-N: %d\n", i)))
		time.Sleep(time.Second)
	}
	report("ben", "4.2.2", 0)
	for i := range 3 * newsletter.MostReports {
		report("ada", "4.2.2", i)
	}
	w.wantStatus("ada", subscribers.Confirmed)
	for name, want := range map[string]int{"ada": newsletter.MostReports, "ben": 1} {
		kept, oldest := 0, time.Time{}
		for b, err := range w.store.BouncesOf(w.Context(), w.reader(name).ID) {
			w.check(err)
			if kept++; kept == 1 {
				oldest = b.At
			}
		}
		if kept != want || time.Since(oldest) < 3*newsletter.MostReports*time.Second {
			w.Errorf("%d reports of %s are kept, want %d and the first of all; the first kept is %v old", kept, name, want, time.Since(oldest))
		}
	}
}

// bounceBeforeSignUp: an old email that comes back, or is said to, doesn't keep somebody who
// signs up again from confirming.
func bounceBeforeSignUp(w *world) {
	w.join("engineering", "ada")
	d := w.sent("e1")
	path := w.path(d.ID, "ada")
	_, err := w.registry.Unsubscribe(w.Context(), w.registry.Token(subscribers.UnsubscribeToken, w.reader("ada")), "link")
	w.check(err)
	w.check(w.registry.SignUp(w.Context(), subscribers.SignUp{Address: parsed(address("ada")), Source: "form",
		Preferences: subscribers.Preferences{Cadence: subscribers.Weekly, Categories: []string{"engineering"}}}))
	w.wantStatus("ada", subscribers.Pending)
	w.receive(w.feedback(), path, unnamed("5.1.1", "550 5.1.1 no such user", ""))
	w.judge()
	w.wantStatus("ada", subscribers.Pending)
}
