package newslettertest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/scaledbydesign/insights/newsletter"
	"github.com/scaledbydesign/insights/newsletter/bounce"
	"github.com/scaledbydesign/insights/subscribers"
)

var feedbackTests = []test{
	{"a hard bounce suppresses exactly one reader", hardBounce},
	{"a forged bounce suppresses nobody", forgedBounce},
	{"bounces with nothing but the Message-ID", bounceByMessageID},
	{"Message-IDs of an older version", formerMessageIDs},
	{"soft bounces suppress when they continue", softBounces},
	{"an email that arrives between soft bounces", softBounceBetween},
	{"bounces from before a suppression was lifted", bouncesOfBefore},
	{"a block suppresses nobody, and many pause the digest", blockedEmails},
	{"a block of the last emails of a digest", blockedLast},
	{"a complaint ends all emails", complaint},
	{"an unsubscribe email", unsubscribeByEmail},
	{"an unsubscribe email whose address changed its case", unsubscribeInAnyCase},
	{"messages to staff", messagesToStaff},
	{"one message for several addresses", severalAddresses},
	{"a store that fails for one of several", oneAddressFails},
	{"a message that is too large", tooLargeMessage},
	{"a refusal in our own session counts the same", refusedInSession},
	{"a bounce from an address that was changed since", movedAddress},
	{"a relay's report counts the same, once", relayReports},
	{"no text is kept of an erased reader's bounce", bounceOfErased},
}

func (w *world) feedback() *newsletter.Feedback {
	return &newsletter.Feedback{Store: w.store, Registry: w.registry, Log: w.log, Pause: w.store.PauseRefused}
}

// judge judges what is due after another day.
func (w *world) judge() {
	w.Helper()
	time.Sleep(25 * time.Hour)
	w.judgeNow()
}

func (w *world) judgeNow() {
	w.Helper()
	w.check(w.newJudge().Once(w.Context()))
}

func (w *world) newJudge() *newsletter.Judge {
	return &newsletter.Judge{Store: w.store, Registry: w.registry, Judgement: newsletter.DefaultJudgement(), Log: w.log}
}

// path is the return path of an email.
func (w *world) path(digest int64, name string) string {
	writer := w.writer()
	writer.Identity.BounceDomain = "bounces.example.com"
	return writer.ReturnPath(newsletter.Ref{Digest: digest, Subscriber: w.reader(name).ID})
}

// unsubscribeAddress returns the address that unsubscribes a reader.
func (w *world) unsubscribeAddress(name string) string {
	return "unsubscribe+" + w.registry.Keys.InAddress(subscribers.UnsubscribeToken, w.reader(name).PublicID, "") + "@bounces.example.com"
}

// notification is a bounce as servers write it (RFC 3464). It names somebody else than a
// reader.
func notification(status, diagnostic, more string) string {
	return strings.ReplaceAll(fmt.Sprintf(`From: MAILER-DAEMON@mx.example.net
To: bounces@example.com
Subject: Undelivered Mail Returned to Sender
Date: %s
Content-Type: multipart/report; report-type=delivery-status; boundary="b"
MIME-Version: 1.0

--b
Content-Type: text/plain

Your mail could not be delivered.

--b
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example.net

Final-Recipient: rfc822; somebody@example.com
Action: failed
Status: %s
Diagnostic-Code: smtp; %s

--b
Content-Type: text/rfc822-headers

%sSubject: Weekly digest

--b--
`, time.Now().Format(time.RFC1123Z), status, diagnostic, more), "\n", "\r\n")
}

// unnamed is a notification that names nobody, so that it is about whom the email was to.
func unnamed(status, diagnostic, more string) string {
	return strings.Replace(notification(status, diagnostic, more), "Final-Recipient: rfc822; somebody@example.com\r\n", "", 1)
}

const unknownUser = "550 5.1.1 <somebody@example.com>: Recipient address rejected: User unknown"

func (w *world) receive(r *newsletter.Feedback, to, message string) string {
	w.Helper()
	did, err := r.HandleMessage(w.Context(), []string{to}, strings.NewReader(message))
	w.check(err)
	return did
}

func (w *world) wantStatus(name string, want subscribers.Status) {
	w.Helper()
	if got := w.reader(name); got.Status != want {
		w.Errorf("%s is %s (%s), want %s", name, got.Status, got.Reason, want)
	}
}

// sent plans a digest of one more insight and sends it.
func (w *world) sent(insight string) newsletter.Digest {
	w.Helper()
	w.publish("engineering", insight)
	d := w.plan(newsletter.Request{})
	var s server
	w.send(&s, 10*time.Second)
	return d
}

func hardBounce(w *world) {
	w.join("engineering", "ada", "ben")
	d := w.sent("e1")
	r := w.feedback()
	path := w.path(d.ID, "ada")
	if !r.Takes(path) || !r.Takes(strings.ToUpper(path)) || r.Takes("bounce+aaaaa.aaaaa@bounces.example.com") || r.Takes("news@example.com") {
		w.Error("it takes addresses that it did not make")
	}
	for range 2 {
		did := w.receive(r, strings.ToUpper(path), unnamed("5.1.1", unknownUser, ""))
		if !strings.Contains(did, "bounce") {
			w.Errorf("did %q", did)
		}
	}
	w.wantStatus("ada", subscribers.Confirmed)
	w.judge()
	w.wantStatus("ada", subscribers.Suppressed)
	w.wantStatus("ben", subscribers.Confirmed)
	if reason := w.reader("ada").Reason; !strings.Contains(reason, "User unknown") || strings.Contains(reason, "@") {
		w.Errorf("reason %q", reason)
	}
	all := collect(w, w.store.Bounces(w.Context(), newsletter.BounceFilter{}))
	if len(all) != 1 || all[0].Class != bounce.Hard || all[0].Code != 550 || all[0].Status != "5.1.1" || all[0].Email != address("ada") {
		w.Errorf("recorded: %+v", all)
	}
}

func forgedBounce(w *world) {
	w.join("engineering", "ada")
	d := w.sent("e1")
	r := w.feedback()
	path := w.path(d.ID, "ada")
	at := strings.IndexByte(path, '@')
	for _, forged := range []string{
		path[:at-1] + "a" + path[at:], path[:at-4] + path[at:], strings.Replace(path, "bounce+", "bounce+a", 1), "bounce+@x", "bounce+.@x", "unsubscribe+x@x", strings.Repeat("a", 1000),
	} {
		if forged == path {
			continue
		}
		_, err := r.HandleMessage(w.Context(), []string{forged}, strings.NewReader(unnamed("5.1.1", unknownUser, "")))
		if !errors.Is(err, newsletter.ErrNotOurs) || r.Takes(forged) {
			w.Errorf("%s: %v", forged, err)
		}
	}
	w.wantStatus("ada", subscribers.Confirmed)
}

// bounceByMessageID: what has nothing but that may be written by anybody to whom an email was
// forwarded, so it takes several emails before it suppresses.
func bounceByMessageID(w *world) {
	w.join("engineering", "ada", "ben")
	r := w.feedback()
	bounces := func(id string) {
		w.Helper()
		w.receive(r, "bounces@example.com", unnamed("5.1.1", unknownUser, "Message-ID: <"+id+">\n"))
	}
	for i := range newsletter.DefaultJudgement().Digests {
		w.wantStatus("ada", subscribers.Confirmed)
		d := w.sent(fmt.Sprint("e", i))
		bounces(w.delivery(d.ID, "ada").MessageID)
		w.judge()
		time.Sleep(6 * 24 * time.Hour)
	}
	w.wantStatus("ada", subscribers.Suppressed)
	w.wantStatus("ben", subscribers.Confirmed)

	// The same email comes back by its return path, too.
	d := w.sent("last")
	bounces(w.delivery(d.ID, "ben").MessageID)
	w.receive(r, w.path(d.ID, "ben"), unnamed("5.1.1", unknownUser, "X-N: 1\n"))
	w.judge()
	w.wantStatus("ben", subscribers.Suppressed)
	_, err := r.HandleMessage(w.Context(), nil, strings.NewReader(unnamed("5.1.1", unknownUser, "Message-ID: <x.y@example.com>\n")))
	if !errors.Is(err, newsletter.ErrNotOurs) {
		w.Errorf("a Message-ID of nobody: %v", err)
	}
}

// formerMessageIDs: emails that an older version sent are found, by their digest.
func formerMessageIDs(w *world) {
	w.join("engineering", "ada")
	w.publish("engineering", "e1")
	d := w.plan(newsletter.Request{})
	w.attach("w1", newsletter.Resend)
	w.check(w.store.Start(w.Context(), d.ID))
	t := w.claim("w1", d.ID, 1)[0]
	former := "abcdefghijklmnop." + d.UID + "@example.com"
	w.record("w1", newsletter.Entry{Begin: &newsletter.Begin{Ref: t.Ref, To: t.Subscriber.Address.String(), MessageID: former}})
	w.finish("w1", t, newsletter.Result{State: newsletter.Sent})
	w.check(w.store.Detach(w.Context(), "w1"))
	ref, err := w.store.ByMessageID(w.Context(), former)
	if err != nil || ref != t.Ref {
		w.Errorf("found %+v, %v", ref, err)
	}
	time.Sleep(31 * 24 * time.Hour)
	if _, err := w.store.ByMessageID(w.Context(), former); !errors.Is(err, newsletter.ErrNotFound) {
		w.Errorf("a month later: %v", err)
	}
}

func softBounces(w *world) {
	w.join("engineering", "ada")
	r := w.feedback()
	for i := range 6 {
		w.wantStatus("ada", subscribers.Confirmed)
		d := w.sent(fmt.Sprint("e", i))
		for range 2 { // two for one email count once
			w.receive(r, w.path(d.ID, "ada"), unnamed("4.2.2", "452 4.2.2 mailbox full", fmt.Sprintf("X-N: %d\n", time.Now().UnixNano())))
			time.Sleep(time.Minute)
		}
		if i == 5 {
			break
		}
		time.Sleep(3 * 24 * time.Hour)
	}
	w.wantStatus("ada", subscribers.Suppressed)
}

// bouncesOfBefore: those from before staff lifted a suppression are neither recorded
// again nor counted.
func bouncesOfBefore(w *world) {
	w.join("engineering", "ada", "ben")
	r := w.feedback()
	lift := func(name string) {
		w.Helper()
		w.wantStatus(name, subscribers.Suppressed)
		a, _ := subscribers.ParseAddress(address(name))
		_, err := w.registry.Lift(w.Context(), a, "staff")
		w.check(err)
		time.Sleep(time.Minute)
	}
	d := w.sent("e0")
	hard := unnamed("5.1.1", unknownUser, "")
	w.receive(r, w.path(d.ID, "ben"), hard)
	w.judge()
	lift("ben")
	w.receive(r, w.path(d.ID, "ben"), hard)
	w.judge()
	w.wantStatus("ben", subscribers.Confirmed)

	full := func(d newsletter.Digest) {
		w.receive(r, w.path(d.ID, "ada"), unnamed("4.2.2", "452 4.2.2 mailbox full", ""))
	}
	for i := range 6 {
		if i > 0 {
			d = w.sent(fmt.Sprint("e", i))
		}
		full(d)
		time.Sleep(3 * 24 * time.Hour)
	}
	lift("ada")
	full(w.sent("e6"))
	w.wantStatus("ada", subscribers.Confirmed)
}

func softBounceBetween(w *world) {
	w.join("engineering", "ada")
	r := w.feedback()
	for i := range 10 {
		d := w.sent(fmt.Sprint("e", i))
		if i%4 != 3 { // every fourth arrives
			w.receive(r, w.path(d.ID, "ada"), unnamed("4.2.2", "452 4.2.2 mailbox full", ""))
		}
		time.Sleep(4 * 24 * time.Hour)
	}
	w.wantStatus("ada", subscribers.Confirmed)
}

func blockedEmails(w *world) {
	w.readers(60)
	d := w.plan(newsletter.Request{})
	r := w.feedback()
	s := server{takes: time.Second, answer: func(to string, n int) newsletter.Outcome {
		if strings.HasPrefix(to, "reader3") || strings.HasPrefix(to, "reader4") { // 22 of them
			return newsletter.Outcome{Kind: newsletter.Permanent, Code: 550, Status: "5.7.1", Text: "blocked: your network is on a blocklist"}
		}
		return accepted
	}}
	worker := w.worker(&s)
	worker.Feedback = r
	stop := w.start(worker)
	time.Sleep(time.Minute)
	stop()
	got := w.digest(d.ID)
	if got.State != newsletter.DigestPaused || !strings.Contains(string(got.Reason), "were blocked") || !strings.Contains(string(got.Reason), "blocklist") {
		w.Errorf("the digest is %s: %s", got.State, got.Reason)
	}
	w.wantStatus("reader3", subscribers.Confirmed)
	if n := len(s.received()); n > 37 || s.tried() > 50 {
		w.Errorf("%d emails before it was stopped", n)
	}
}

// blockedLast: a digest is not done before it is known whether it pauses.
func blockedLast(w *world) {
	w.readers(12)
	d := w.plan(newsletter.Request{})
	s := server{answer: func(string, int) newsletter.Outcome {
		return newsletter.Outcome{Kind: newsletter.Permanent, Code: 552, Text: "Your account has been suspended"}
	}}
	worker := w.worker(&s)
	worker.Feedback = w.feedback()
	worker.Feedback.Store = slowly{w.store}
	worker.Connections = 12
	stop := w.start(worker)
	time.Sleep(time.Minute)
	stop()
	if got := w.digest(d.ID); got.State != newsletter.DigestPaused {
		w.Errorf("the digest is %s: %s", got.State, got.Reason)
	}
	changed, again, err := w.store.Resume(w.Context(), d.ID, false)
	w.check(err)
	if !changed || again != 12 {
		w.Errorf("resumed: %t, %d are sent again", changed, again)
	}
	w.send(&server{}, time.Minute)
	if got := w.digest(d.ID); got.State != newsletter.DigestDone || got.Counts[newsletter.Sent] != 12 {
		w.Errorf("the digest is %s: %v", got.State, got.Counts)
	}
}

// slowly takes a moment to record what is refused.
type slowly struct{ newsletter.FeedbackStore }

func (s slowly) RecordBounce(ctx context.Context, b newsletter.Bounce) (known, past, marked bool, err error) {
	time.Sleep(time.Second)
	return s.FeedbackStore.RecordBounce(ctx, b)
}

func complaint(w *world) {
	w.join("engineering", "ada", "ben")
	d := w.sent("e1")
	report := func(kind string) string { return abuseReport(kind, "") }
	r := w.feedback()
	r.Complaints = "abuse@bounces.example.com"
	if !r.Takes("Abuse@bounces.example.com") || r.Takes("abuse@example.com") || w.feedback().Takes("") {
		w.Error("it takes messages other than complaints")
	}
	w.receive(w.feedback(), w.path(d.ID, "ben"), report("not-spam"))
	w.wantStatus("ben", subscribers.Confirmed)
	w.receive(w.feedback(), w.path(d.ID, "ben"), report("opt-out"))
	w.wantStatus("ben", subscribers.Unsubscribed)
	w.receive(w.feedback(), w.path(d.ID, "ada"), report("abuse"))
	w.wantStatus("ada", subscribers.Suppressed)
	if sub := w.reader("ada"); sub.Cause != subscribers.Complained || sub.UnsubscribedAt.IsZero() {
		w.Errorf("%+v", sub)
	}
}

func unsubscribeByEmail(w *world) {
	w.join("engineering", "ada")
	to := w.unsubscribeAddress("ada")
	if local, _, _ := strings.Cut(to, "@"); len(local) > 64 {
		w.Errorf("%s has %d octets before the @", to, len(local))
	}
	r := w.feedback()
	if !r.Takes(to) {
		w.Error("it does not take its own address")
	}
	for range 2 {
		w.receive(r, to, "From: ada@example.com\r\nSubject: whatever\r\n\r\n")
	}
	w.wantStatus("ada", subscribers.Unsubscribed)
}

// unsubscribeInAnyCase is by addresses as mail servers may change them, and by one that an
// earlier version made.
func unsubscribeInAnyCase(w *world) {
	w.join("engineering", "ada", "ben", "cal", "dot")
	r := w.feedback()
	for name, to := range map[string]string{
		"ada": strings.ToLower(w.unsubscribeAddress("ada")),
		"ben": strings.ToUpper(w.unsubscribeAddress("ben")),
		"cal": "Unsubscribe+" + w.registry.Token(subscribers.UnsubscribeToken, w.reader("cal")) + "@bounces.example.com",
	} {
		if !r.Takes(to) {
			w.Errorf("%s is not taken", to)
		}
		w.receive(r, to, "From: "+name+"@example.com\r\n\r\n")
		w.wantStatus(name, subscribers.Unsubscribed)
	}
	w.wantStatus("dot", subscribers.Confirmed)
}

// messagesToStaff are kept where staff see them, unless they are about an email.
func messagesToStaff(w *world) {
	w.join("engineering", "ada")
	d := w.sent("e1")
	r := w.feedback()
	r.Domain = "bounces.example.com"
	for address, want := range map[string]bool{
		"postmaster@bounces.example.com": true, "Abuse@Bounces.Example.com": true, "postmaster": true,
		"postmaster@example.com": false, "abuse": false, "info@bounces.example.com": false, "": false,
	} {
		if r.Takes(address) != want {
			w.Errorf("takes %q: %v", address, !want)
		}
	}
	message := "From: Eve <eve@elsewhere.example>\r\nSubject: Stop this\r\n\r\nYour server floods us.\r\n"
	for range 2 {
		w.receive(r, "ABUSE@bounces.example.com", message)
	}
	w.receive(r, "postmaster", "no header at all")
	all := collect(w, w.store.Bounces(w.Context(), newsletter.BounceFilter{Class: "other"}))
	if len(all) != 2 || all[1].Text != "to abuse, from Eve <eve@elsewhere.example>: Stop this: Your server floods us." || all[1].Subscriber != 0 {
		w.Errorf("kept %+v", all)
	}
	// What is about an email counts as it does anywhere else.
	if _, err := r.HandleMessage(w.Context(), []string{"postmaster@bounces.example.com", w.path(d.ID, "ada")}, strings.NewReader(unnamed("5.1.1", unknownUser, ""))); err != nil {
		w.Error(err)
	}
	w.judge()
	w.wantStatus("ada", subscribers.Suppressed)
	if all := collect(w, w.store.Bounces(w.Context(), newsletter.BounceFilter{Class: "other"})); len(all) != 2 {
		w.Errorf("kept %d", len(all))
	}
	kept := 0
	for i := range 1000 { // of one hour
		did, err := r.HandleMessage(w.Context(), []string{"postmaster@bounces.example.com"}, strings.NewReader(fmt.Sprintf("Subject: %d\r\n\r\nbuy", i)))
		w.check(err)
		if !strings.Contains(did, "not kept") {
			kept++
		}
	}
	if all := collect(w, w.store.Bounces(w.Context(), newsletter.BounceFilter{Class: "other"})); kept > 200 || len(all) != 2+kept {
		w.Errorf("kept %d, said of %d", len(all), kept)
	}
	for i := range newsletter.MostStaffMail + 5 {
		time.Sleep(time.Minute)
		_, err := r.HandleMessage(w.Context(), []string{"postmaster@bounces.example.com"}, strings.NewReader(fmt.Sprintf("Subject: again %d\r\n\r\nbuy", i)))
		w.check(err)
	}
	if all := collect(w, w.store.Bounces(w.Context(), newsletter.BounceFilter{Class: "other"})); len(all) != newsletter.MostStaffMail {
		w.Errorf("kept %d", len(all))
	}
	_, err := r.HandleMessage(w.Context(), []string{"info@bounces.example.com"}, strings.NewReader(message))
	if !errors.Is(err, newsletter.ErrNotOurs) {
		w.Errorf("a message to nobody: %v", err)
	}
}

// severalAddresses is one message delivered to several of our addresses: each counts.
func severalAddresses(w *world) {
	w.join("engineering", "ada", "ben", "cal", "dot")
	d := w.sent("e1")
	r := w.feedback()
	to := []string{"unsubscribe+forged@bounces.example.com", w.unsubscribeAddress("ada"), w.unsubscribeAddress("ben"), w.path(d.ID, "cal"), w.path(d.ID, "dot")}
	_, err := r.HandleMessage(w.Context(), to, strings.NewReader(unnamed("5.1.1", unknownUser, "")))
	w.check(err)
	w.judge()
	for name, want := range map[string]subscribers.Status{
		"ada": subscribers.Unsubscribed, "ben": subscribers.Unsubscribed, "cal": subscribers.Suppressed, "dot": subscribers.Suppressed,
	} {
		w.wantStatus(name, want)
	}
	if all := collect(w, w.store.Bounces(w.Context(), newsletter.BounceFilter{})); len(all) != 2 {
		w.Errorf("recorded: %+v", all)
	}
	_, err = r.HandleMessage(w.Context(), to[:1], strings.NewReader(""))
	if !errors.Is(err, newsletter.ErrNotOurs) {
		w.Errorf("a forged token: %v", err)
	}
}

// oneAddressFails is a message for several addresses; the store fails for the first. That
// does not stop the others, and the message is kept.
func oneAddressFails(w *world) {
	w.join("engineering", "ada", "ben", "cal")
	d := w.sent("e1")
	r := w.feedback()
	r.Registry = &subscribers.Registry{Store: failsFor{w.registry.Store, address("ada")}, Keys: w.registry.Keys}
	to := []string{w.unsubscribeAddress("ada"), w.unsubscribeAddress("ben"), w.path(d.ID, "cal")}
	_, err := r.HandleMessage(w.Context(), to, strings.NewReader(unnamed("5.1.1", unknownUser, "")))
	if !errors.Is(err, errDisk) {
		w.Errorf("the store's error is %v", err)
	}
	w.wantStatus("ada", subscribers.Confirmed)
	w.wantStatus("ben", subscribers.Unsubscribed)
	w.judge()
	w.wantStatus("cal", subscribers.Suppressed)
}

var errDisk = errors.New("the disk is full")

// failsFor is a store that can't change one subscriber.
type failsFor struct {
	subscribers.Store
	key string
}

func (f failsFor) Edit(ctx context.Context, key string, change func(*subscribers.Subscriber) (subscribers.Change, error)) (subscribers.Subscriber, error) {
	if key == f.key {
		return subscribers.Subscriber{}, errDisk
	}
	return f.Store.Edit(ctx, key, change)
}

func tooLargeMessage(w *world) {
	w.join("engineering", "ada")
	d := w.sent("e1")
	message := unnamed("5.1.1", unknownUser, "") + strings.Repeat("x", newsletter.MaxInbound)
	_, err := w.feedback().HandleMessage(w.Context(), []string{w.path(d.ID, "ada")}, strings.NewReader(message))
	if !errors.Is(err, newsletter.ErrTooLarge) || errors.Is(err, newsletter.ErrNotOurs) || !strings.Contains(err.Error(), "larger than 1 MB") {
		w.Errorf("a message of more than a megabyte: %v", err)
	}
	w.wantStatus("ada", subscribers.Confirmed)
}

func refusedInSession(w *world) {
	w.join("engineering", "ada", "ben", "cal")
	r := w.feedback()
	w.publish("engineering", "e1")
	d := w.plan(newsletter.Request{})
	s := server{answer: func(to string, n int) newsletter.Outcome {
		if to == address("ada") {
			return never
		}
		if to == address("cal") { // each time, until it is too late
			return newsletter.Outcome{Kind: newsletter.Temporary, Code: 452, Status: "4.2.2", Text: "452 4.2.2 mailbox full"}
		}
		return accepted
	}}
	worker := w.worker(&s)
	worker.Retry = newsletter.Retry{First: time.Second, Most: 4 * time.Second, Deadline: 30 * time.Second}
	worker.Feedback = r
	stop := w.start(worker)
	time.Sleep(time.Minute)
	stop()
	w.wantStatus("ada", subscribers.Confirmed)
	w.judge()
	w.wantStatus("ada", subscribers.Suppressed)
	w.wantStatus("ben", subscribers.Confirmed)
	w.wantStatus("cal", subscribers.Confirmed)
	w.wantDelivery(d.ID, "ada", newsletter.Failed, "550")
	w.wantDelivery(d.ID, "cal", newsletter.Failed, "452")
	var classes []bounce.Class
	for _, b := range collect(w, w.store.Bounces(w.Context(), newsletter.BounceFilter{})) {
		classes = append(classes, b.Class)
	}
	slices.Sort(classes)
	if !slices.Equal(classes, []bounce.Class{bounce.Hard, bounce.Soft}) {
		w.Errorf("recorded: %q", classes)
	}
}

func movedAddress(w *world) {
	w.join("engineering", "ada")
	d := w.sent("e1")
	path := w.path(d.ID, "ada")
	w.edit("ada", func(s *subscribers.Subscriber) { s.Address, _ = subscribers.ParseAddress("moved@example.com") })
	w.receive(w.feedback(), path, unnamed("5.1.1", unknownUser, ""))
	w.wantStatus("moved", subscribers.Confirmed)
	if all := collect(w, w.store.Bounces(w.Context(), newsletter.BounceFilter{})); len(all) != 1 || all[0].Subscriber != 0 || all[0].Text != "" {
		w.Errorf("recorded: %+v", all)
	}
	_, err := w.feedback().HandleWebhook(w.Context(), newsletter.RelayReport{ID: "msg_1", Type: "complaint", ReturnPath: path})
	w.check(err)
	w.wantStatus("moved", subscribers.Unsubscribed) // it was still their email
	suppressed := collect(w, w.store.Suppressions(w.Context()))
	if len(suppressed) != 1 || suppressed[0].Status != subscribers.Suppressed || suppressed[0].Cause != subscribers.Complained || suppressed[0].Email != "" {
		w.Errorf("suppressions: %+v", suppressed)
	}
}

func bounceOfErased(w *world) {
	w.join("engineering", "ada")
	d := w.sent("e1")
	path := w.path(d.ID, "ada")
	a, _ := subscribers.ParseAddress(address("ada"))
	w.check(w.registry.Forget(w.Context(), a))
	w.receive(w.feedback(), path, unnamed("5.1.1", unknownUser, ""))
	for _, b := range collect(w, w.store.Bounces(w.Context(), newsletter.BounceFilter{})) {
		if b.Text != "" || b.Email != "" || b.Subscriber != 0 {
			w.Errorf("recorded: %+v", b)
		}
	}
}
