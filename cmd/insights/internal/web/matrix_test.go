package web_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/http"
	"net/mail"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"

	"github.com/scaledbydesign/insights/cmd/insights/internal/database"
	"github.com/scaledbydesign/insights/cmd/insights/internal/database/databasetest"
	"github.com/scaledbydesign/insights/cmd/insights/internal/web"
	"github.com/scaledbydesign/insights/newsletter"
	"github.com/scaledbydesign/insights/newsletter/smtp"
	"github.com/scaledbydesign/insights/subscribers"
	"github.com/scaledbydesign/insights/templates"
)

// The situations in which a link is followed, but for two that go with each of them: a
// stranger follows it to whom the email was forwarded, who must not see the address, and a
// scanner, which must change nothing.
const (
	fresh = iota
	lapsed
	afterLeaving
	afterMoving
	afterErasing
	situations
)

// link is one link of an email: a row of the matrix.
type link struct {
	email string // that carries it, as matrixEmails names it
	kind  string // the first part of its path
	name  string // in the documentation
	// lapses is how long after the email it has lapsed. For links that never do, it is just
	// long.
	lapses time.Duration
	cells  [situations]cell
}

// cell is what a link may do in one situation.
type cell struct {
	says      string // in the documentation
	get, post int    // the status of the page, and of its button; 0 = there is none
	then      string // what is on record of the reader after the button was pressed
	leads     string // the kinds of links with tokens on the pages
}

// What is on record, as world.record writes it.
const (
	asWas  = "confirmed weekly"
	none   = "nobody"
	left   = "unsubscribed weekly"
	moved  = "confirmed weekly, moved"
	asked  = "pending weekly"
	no     = "suppressed weekly"
	fewer  = "confirmed monthly"
	leaves = "unsubscribed weekly, moved"
)

const ever = 10 * 365 * 24 * time.Hour

var (
	unsubscribes = [situations]cell{
		{"Ends all emails at once, or has fewer sent. The page that answers the button can take it back, for one hour, once.", 200, 200, left, "undo"},
		{"Never lapses.", 200, 200, left, "undo"},
		{"Says that they are unsubscribed. It can't take that back.", 200, 200, left, ""},
		{"Ends the emails to the new address.", 200, 200, leaves, "undo"},
		{"Says that they are unsubscribed.", 200, 200, none, ""},
	}
	byEmail = [situations]cell{
		{"Ends all emails at once.", 0, 0, left, ""},
		{"Never lapses.", 0, 0, left, ""},
		{"Changes nothing.", 0, 0, left, ""},
		{"Ends the emails to the new address.", 0, 0, leaves, ""},
		{"Changes nothing.", 0, 0, none, ""},
	}
	prefers = [situations]cell{
		{"Shows and changes how often they get email and about what, and pauses it. Has a link to their data sent to their mailbox.", 200, 200, fewer, "preferences unsubscribe"},
		{"Leads to the form for a fresh link.", 410, 410, asWas, ""},
		{"Leads to the form for a fresh link.", 410, 410, left, ""},
		{"Leads to the form for a fresh link.", 410, 410, moved, ""},
		{"Leads to the form for a fresh link.", 410, 410, none, ""},
	}
	nobodys = [situations]cell{
		{"Opens nothing.", 404, 404, none, ""}, {"Opens nothing.", 404, 404, none, ""}, {"Opens nothing.", 404, 404, none, ""}, {"Opens nothing.", 404, 404, none, ""}, {"Opens nothing.", 404, 404, none, ""},
	}
)

const (
	unsubscribeName = "Unsubscribe (`/unsubscribe/`), in every digest, also one sent again, and where an address is subscribed already or was left"
	mailtoName      = "Unsubscribe by email (`unsubscribe+…@`), in the header of digests"
	preferencesName = "Preferences (`/preferences/`), in every digest, also one sent again, and where an address is subscribed already: 60 days, from the date of the email"
	testName        = "Links for readers in a test email"
)

// matrix names every link with a token in every email. Where an email gains one, add it
// here, and to security.md.
var matrix = []link{
	{"confirm", "confirm", "Confirm (`/confirm/`), in the email that answers a sign-up: 72 hours, from when it was queued", 72*time.Hour + time.Second, [situations]cell{
		{"Subscribes, with the choices that this email names. The first one that is used ends the others. The page that answers the button leads to their preferences.", 200, 200, asWas, "preferences"},
		{"Says that it has expired.", 410, 410, asked, ""},
		{"Says that it has expired.", 410, 410, left, ""},
		{"Says that it has expired.", 410, 410, moved, ""},
		{"Opens nothing.", 404, 404, none, ""},
	}},
	{"confirm", "decline", "Never write (`/decline/`), in the same email that answers a sign-up", ever, [situations]cell{
		{"Keeps all emails from this address, whoever enters it. A reader who has confirmed is unsubscribed instead.", 200, 200, no, ""},
		{"Never lapses, but addresses that nobody confirms are forgotten.", 200, 200, no, ""},
		{"Leads to the page that unsubscribes.", 303, 303, left, "unsubscribe"},
		{"Changes nothing.", 200, 200, moved, ""},
		{"Opens nothing.", 404, 404, none, ""},
	}},
	{"move", "confirm", "Confirm (`/confirm/`), in the email to a new address: 72 hours", 72*time.Hour + time.Second, [situations]cell{
		{"Has digests sent to the new address from then on; the old one is told.", 200, 200, moved, ""},
		{"Says that it has expired.", 410, 410, "confirmed weekly, wants to move", ""},
		{"Says that it has expired.", 410, 410, left, ""},
		{"Says that it has expired.", 410, 410, "confirmed weekly, moved elsewhere", ""},
		{"Opens nothing.", 404, 404, none, ""},
	}},
	{"move", "decline", "Never write (`/decline/`), in the same email to a new address", ever, [situations]cell{
		{"Keeps all emails from the new address, whoever enters it; the digests go on to the old one. A reader who has confirmed at the new one is unsubscribed instead.", 200, 200, asWas, ""},
		{"Never lapses.", 200, 200, asWas, ""},
		{"Works as before.", 200, 200, left, ""},
		{"Works as before.", 200, 200, "confirmed weekly, moved elsewhere", ""},
		{"Opens nothing.", 404, 404, none, ""},
	}},
	{"already", "unsubscribe", unsubscribeName, ever, unsubscribes},
	{"already", "preferences", preferencesName, 61 * 24 * time.Hour, prefers},
	{"moved", "unsubscribe", unsubscribeName, ever, func() [situations]cell {
		cells := unsubscribes
		cells[fresh].then, cells[lapsed].then, cells[afterLeaving].then = leaves, leaves, leaves
		cells[afterMoving].then = "unsubscribed weekly, moved elsewhere"
		return cells
	}()},
	{"moved", "moved", "Take it back (`/moved/`), in the email to the address that was left: a week", 8 * 24 * time.Hour, [situations]cell{
		{"Has an email sent to the mailbox that was left, whose address they enter, three times a day; its button moves the subscription there. Of another address nothing comes.", 200, 202, "confirmed weekly, moved, wants to move", "unsubscribe"},
		{"Opens nothing.", 404, 404, moved, ""},
		{"Says that it has expired.", 200, 410, leaves, "unsubscribe"},
		{"Works as before, so that no thief can move on.", 200, 202, "confirmed weekly, moved elsewhere, wants to move", "unsubscribe"},
		{"Opens nothing.", 404, 404, none, ""},
	}},
	{"link", "yours", "A fresh link (`/yours/`), sent to who asked for it by a form: one hour", time.Hour, [situations]cell{
		{"Shows all that is kept of them, erases it, moves the subscription to another address that confirms it, and leads to their preferences.", 200, 200, none, "preferences unsubscribe yours"},
		{"Leads to the form for a fresh link.", 410, 410, asWas, ""},
		{"Shows and erases what is kept of them.", 200, 200, none, "yours"},
		{"Leads to the form for a fresh link.", 410, 410, moved, ""},
		{"Leads to the form for a fresh link.", 410, 410, none, ""},
	}},
	{"digest", "unsubscribe", unsubscribeName, ever, unsubscribes},
	{"digest", "mailto", mailtoName, ever, byEmail},
	{"digest", "preferences", preferencesName, 61 * 24 * time.Hour, prefers},
	{"resend", "unsubscribe", unsubscribeName, ever, unsubscribes},
	{"resend", "mailto", mailtoName, ever, byEmail},
	{"resend", "preferences", preferencesName, 61 * 24 * time.Hour, prefers},
	{"test", "unsubscribe", testName, ever, nobodys},
	{"test", "preferences", testName, ever, nobodys},
}

// public are the kinds of links in emails that are the same for everybody.
var public = []string{"insights", "digests", ""}

// matrixEmails lists the emails of the matrix, each with the template that it is made of.
var matrixEmails = map[string]string{"confirm": "confirm", "move": "confirm", "already": "already", "moved": "moved", "link": "link", "digest": "digest", "resend": "digest", "test": "digest"}

func TestEveryLinkOfEveryEmailDoesWhatTheMatrixSays(t *testing.T) {
	for situation, name := range []string{"fresh", "lapsed", "after leaving", "after moving", "after erasing"} {
		t.Run(name, func(t *testing.T) {
			dir := databasetest.SQLite(t)
			synctest.Test(t, func(t *testing.T) {
				w := newReaders(t, dir)
				w.sendAll()
				w.wantLinks()
				slices.SortStableFunc(w.links, func(a, b link) int { return int(a.lapses.Seconds() - b.lapses.Seconds()) })
				for _, l := range w.links {
					w.follow(l, situation)
				}
			})
		})
	}
}

// readers is a site with a reader for each link of the matrix, all real but the relay.
type readers struct {
	*fixture
	t        *testing.T
	db       *database.DB
	registry *subscribers.Registry
	writer   *newsletter.Writer
	feedback *newsletter.Feedback
	sentAt   time.Time // all emails, at the latest
	links    []link    // still to be followed

	mu    sync.Mutex
	mails map[string][]letter // by recipient
}

// letter is an email as it was sent, with its links.
type letter struct {
	links []string
	moves bool // it speaks of a new address
}

func newReaders(t *testing.T, url string) *readers {
	db, err := database.Open(url, true)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	if _, err := db.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	files := fstest.MapFS{"1999-12-01-first.md": {Data: []byte("---\nid: tag:example.com,1999:first\ntitle: First\nsummary: Words.\ncategory: Architecture\ndate: 1999-12-01\n---\n\nWords.\n")}}
	w := &readers{t: t, db: db, links: slices.Clone(matrix), mails: make(map[string][]letter)}
	w.fixture = newFixture(t, files, func(c *web.Config) {
		c.Registry.Store, c.Registry.StartWith, c.Mails, c.Archive = db, 1, db, db
	})
	w.registry = w.config.Registry
	emails, err := templates.NewEmails(w.config.Site, nil)
	if err != nil {
		t.Fatal(err)
	}
	w.writer = &newsletter.Writer{Renderer: emails, Registry: w.registry, Identity: newsletter.Identity{BaseURL: base, From: "news@insights.example", BounceDomain: "bounces.insights.example", UnsubscribeByEmail: true}}
	w.feedback = &newsletter.Feedback{Store: db, Registry: w.registry, Log: slog.New(slog.DiscardHandler), Domain: "bounces.insights.example"}
	return w
}

func (w *readers) check(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// reader is the address of the one who has a link.
func (l link) reader() subscribers.Address {
	a, err := subscribers.ParseAddress(l.email + "-" + l.kind + "@example.com")
	if err != nil {
		panic(err)
	}
	return a
}

// other is an address of the same reader.
func (l link) other(name string) subscribers.Address {
	a, err := subscribers.ParseAddress(name + "-" + l.reader().String())
	if err != nil {
		panic(err)
	}
	return a
}

// sendAll brings every reader the email with their link. Digests come first, since every
// reader gets one.
func (w *readers) sendAll() {
	w.t.Helper()
	var digest newsletter.Digest
	for _, of := range []func(l link) bool{
		func(l link) bool { return l.email == "digest" || l.email == "resend" || l.email == "test" },
		func(l link) bool { return l.email != "digest" && l.email != "resend" && l.email != "test" },
	} {
		for _, l := range w.links {
			if of(l) && l.email != "test" {
				w.join(l)
			}
		}
		if digest.ID == 0 {
			digest = w.plan()
			w.deliver()
		}
		time.Sleep(2 * time.Hour) // nobody has confirmed just now
		for _, l := range w.links {
			if of(l) {
				w.cause(l, digest)
			}
		}
		w.deliver()
	}
	w.sentAt = time.Now()
}

func (w *readers) join(l link) {
	w.t.Helper()
	sign := subscribers.SignUp{Address: l.reader(), Source: "form", Preferences: subscribers.Preferences{Cadence: subscribers.Weekly, Categories: []string{"architecture"}}}
	if l.email == "confirm" {
		w.check(w.registry.SignUp(w.t.Context(), sign))
		return
	}
	_, _, err := w.registry.Add(w.t.Context(), sign, true, "a test")
	w.check(err)
}

func (w *readers) plan() newsletter.Digest {
	w.t.Helper()
	_, _, err := w.db.Number(w.t.Context(), newsletter.VisibleIn(w.library), newsletter.NumberingOf(w.library, 0, true))
	w.check(err)
	planner := newsletter.Planner{Store: w.db, Log: slog.New(slog.DiscardHandler)}
	d, err := planner.Plan(w.t.Context(), w.library, newsletter.Request{Cadence: subscribers.Weekly, Approved: true})
	w.check(err)
	if d.Readers == 0 {
		w.t.Fatalf("a digest to nobody: %+v", d)
	}
	return d
}

// cause has the email sent that carries a link.
func (w *readers) cause(l link, d newsletter.Digest) {
	w.t.Helper()
	ctx := w.t.Context()
	switch l.email {
	case "move", "moved":
		_, err := w.registry.Move(ctx, w.registry.Token(subscribers.FreshToken, w.of(l.reader())), l.other("new"), subscribers.Asker{})
		w.check(err)
		if l.email == "moved" {
			_, err := w.registry.Confirm(ctx, w.registry.Token(subscribers.ConfirmToken, w.of(l.reader())), "")
			w.check(err)
		}
	case "already":
		w.check(w.registry.SignUp(ctx, subscribers.SignUp{Address: l.reader(), Source: "form", Preferences: subscribers.Preferences{Cadence: subscribers.Weekly, Categories: []string{"architecture"}}}))
	case "link":
		w.check(w.registry.SendLink(ctx, l.reader(), subscribers.Asker{}))
	case "resend":
		w.mails[l.reader().String()] = nil // the first one
		_, err := w.db.QueueResend(ctx, newsletter.Ref{Digest: d.ID, Subscriber: w.of(l.reader()).ID})
		w.check(err)
	case "test":
		d, err := w.db.Digest(ctx, d.ID)
		w.check(err)
		body, err := w.writer.TestBody(d, d.Variants[0])
		w.check(err)
		_, err = newsletter.QueueTest(ctx, w.db, []subscribers.Address{l.reader()}, body)
		w.check(err)
	}
}

func (w *readers) of(a subscribers.Address) subscribers.Subscriber {
	w.t.Helper()
	sub, err := w.db.ByKey(w.t.Context(), a.Key())
	w.check(err)
	return sub
}

// deliver sends what waits.
func (w *readers) deliver() {
	w.t.Helper()
	ctx, stop := context.WithCancel(w.t.Context())
	worker := newsletter.Worker{Store: w.db, Writer: w.writer, Composer: smtp.Composer{}, Transport: w, Log: slog.New(slog.DiscardHandler)}
	done := make(chan error, 1)
	go func() { done <- worker.Run(ctx) }()
	time.Sleep(time.Minute)
	stop()
	w.check(<-done)
}

func (w *readers) Open(context.Context) (newsletter.Session, error) { return w, nil }
func (w *readers) Close() error                                     { return nil }

// Send takes an email as a relay does.
func (w *readers) Send(_ context.Context, e newsletter.Envelope, raw []byte) newsletter.Outcome {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.mails[e.To] = append(w.mails[e.To], letter{linksOf(w.t, raw), bytes.Contains(raw, []byte("\r\nSubject: Please confirm your new address"))})
	return newsletter.Outcome{Kind: newsletter.Accepted}
}

var aLink = regexp.MustCompile(`(?:https?|mailto):[^\s<>"]+`)

// linksOf lists the links of an email: of its header, its text and its HTML.
func linksOf(t *testing.T, raw []byte) (all []string) {
	message, err := mail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	for _, values := range message.Header {
		for _, value := range values {
			all = append(all, aLink.FindAllString(value, -1)...)
		}
	}
	_, params, err := mime.ParseMediaType(message.Header.Get("Content-Type"))
	if err != nil {
		t.Fatal(err)
	}
	parts := multipart.NewReader(message.Body, params["boundary"])
	for {
		part, err := parts.NextRawPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(quotedprintable.NewReader(part))
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(part.Header.Get("Content-Type"), "text/html") {
			for _, a := range elements(t, string(text), "") {
				if href := attribute(a, "href"); href != "" {
					all = append(all, href)
				}
			}
			continue
		}
		all = append(all, aLink.FindAllString(string(text), -1)...)
	}
	return all
}

// kindOf is the kind of a link of this site's; ok is false for one to elsewhere.
func kindOf(address string) (kind string, ok bool) {
	if strings.HasPrefix(address, "mailto:unsubscribe+") {
		return "mailto", true
	}
	path, ok := strings.CutPrefix(address, base+"/")
	kind, _, _ = strings.Cut(path, "/")
	return kind, ok
}

// sent is the last email to whom a link is, and the link in it.
func (w *readers) sent(l link) string {
	w.t.Helper()
	to := l.reader().String()
	if l.email == "move" {
		to = l.other("new").String()
	}
	mails := w.mails[to]
	if len(mails) == 0 {
		w.t.Fatalf("no %s email went to %s", l.email, to)
	}
	last := mails[len(mails)-1]
	if last.moves != (l.email == "move") {
		w.t.Errorf("the %s email speaks of a new address: %v", l.email, last.moves)
	}
	for _, address := range last.links {
		if kind, ok := kindOf(address); ok && kind == l.kind {
			return address
		}
	}
	w.t.Fatalf("the %s email has no link of the kind %q: %q", l.email, l.kind, mails[len(mails)-1].links)
	return ""
}

// wantLinks checks that the matrix names every link with a token, of every email there is.
func (w *readers) wantLinks() {
	w.t.Helper()
	named := make(map[string]bool)
	for _, l := range w.links {
		named[l.email+" "+l.kind] = true
	}
	for _, l := range w.links {
		to := l.reader().String()
		if l.email == "move" {
			to = l.other("new").String()
		}
		mails := w.mails[to]
		for _, address := range mails[len(mails)-1].links {
			if kind, ok := kindOf(address); ok && !named[l.email+" "+kind] && !slices.Contains(public, kind) {
				w.t.Errorf("the %s email has a link of the kind %q that the matrix does not name", l.email, kind)
			}
		}
	}
	sources, err := fs.Glob(os.DirFS("../../../../templates/email"), "*.txt.tmpl")
	w.check(err)
	for _, source := range sources {
		name := strings.TrimSuffix(source, ".txt.tmpl")
		made := slices.ContainsFunc(matrix, func(l link) bool { return matrixEmails[l.email] == name })
		if name != "layout" && !made {
			w.t.Errorf("the matrix names no link of the email %s", name)
		}
	}
}

// record is what is on record of a link's reader.
func (w *readers) record(l link) string {
	w.t.Helper()
	for _, at := range []struct {
		address subscribers.Address
		where   string
	}{{l.reader(), ""}, {l.other("new"), ", moved"}, {l.other("third"), ", moved elsewhere"}} {
		sub, err := w.db.ByKey(w.t.Context(), at.address.Key())
		if errors.Is(err, subscribers.ErrNotFound) {
			continue
		}
		w.check(err)
		text := string(sub.Status) + " " + string(sub.Cadence) + at.where
		if sub.Mailbox() != sub.Address || len(sub.Confirmations) > 0 && !sub.Confirmations[0].Back.IsZero() && !sub.Confirmations[0].Ended {
			text += ", wants to move"
		}
		return text
	}
	return none
}

// bring brings the reader of a link into a situation.
func (w *readers) bring(l link, situation int) {
	w.t.Helper()
	ctx := w.t.Context()
	now := func() subscribers.Subscriber {
		for _, a := range []subscribers.Address{l.reader(), l.other("new")} {
			if sub, err := w.db.ByKey(ctx, a.Key()); err == nil {
				return sub
			}
		}
		w.t.Fatalf("%s is nobody", l.reader())
		return subscribers.Subscriber{}
	}
	confirm := func() {
		_, err := w.registry.Confirm(ctx, w.registry.Token(subscribers.ConfirmToken, now()), "")
		w.check(err)
	}
	if l.email == "test" { // they are nobody
		return
	}
	switch situation {
	case lapsed:
		time.Sleep(time.Until(w.sentAt.Add(l.lapses + time.Hour)))
	case afterLeaving:
		if l.email == "confirm" {
			confirm()
		}
		_, err := w.registry.Unsubscribe(ctx, w.registry.Token(subscribers.UnsubscribeToken, now()), "one_click")
		w.check(err)
	case afterMoving:
		if l.email == "confirm" {
			confirm()
		}
		to := l.other("new")
		if l.email == "move" || l.email == "moved" { // they are on their way there, or there
			to = l.other("third")
		}
		_, err := w.registry.Move(ctx, w.registry.Token(subscribers.FreshToken, now()), to, subscribers.Asker{})
		w.check(err)
		confirm()
	case afterErasing:
		w.check(w.registry.Forget(ctx, now().Address))
	}
}

// follow follows a link in a situation: as a scanner does, as a stranger who looks, and as
// one who presses the button.
func (w *readers) follow(l link, situation int) {
	w.t.Helper()
	want := l.cells[situation]
	address := w.sent(l)
	w.bring(l, situation)
	fault := func(format string, args ...any) {
		w.t.Helper()
		w.t.Errorf("%s in a %s email: %s", l.kind, l.email, fmt.Sprintf(format, args...))
	}
	if l.kind == "mailto" {
		to, _, _ := strings.Cut(strings.TrimPrefix(address, "mailto:"), "?")
		if _, err := w.feedback.HandleMessage(w.t.Context(), []string{to}, strings.NewReader("From: a@example.com\r\nSubject: x\r\n\r\n")); err != nil {
			fault("%v", err)
		}
		if got := w.record(l); got != want.then {
			fault("%q, want %q", got, want.then)
		}
		return
	}
	path := strings.TrimPrefix(address, base)
	before := w.record(l)
	w.do(http.MethodHead, path)
	w.do(http.MethodOptions, path)
	page := w.get(path, "Sec-Purpose", "prefetch")
	if got := w.record(l); got != before {
		fault("to look made it %q of %q", got, before)
	}
	if page.StatusCode != want.get {
		fault("GET: status %d, want %d", page.StatusCode, want.get)
	}
	looked := bodyOf(w.t, page)
	button, form := path, url.Values{}
	switch l.kind {
	case "preferences":
		form = url.Values{"cadence": {"monthly"}, "category": {"architecture"}}
	case "moved":
		form = url.Values{"email": {l.reader().String()}}
	case "yours":
		button += "/erase"
		if data := w.get(path + "/data"); data.StatusCode != want.get {
			fault("data: status %d, want %d", data.StatusCode, want.get)
		}
		moving := w.post(path+"/address", url.Values{"email": {"x@"}}) // looked at, not done
		if mayMove := moving.StatusCode == http.StatusUnprocessableEntity; mayMove != (want.get == 200) {
			fault("another address: status %d", moving.StatusCode)
		}
	}
	pressed := w.post(button, form)
	if pressed.StatusCode != want.post {
		fault("POST: status %d, want %d", pressed.StatusCode, want.post)
	}
	if got := w.record(l); got != want.then {
		fault("%q, want %q", got, want.then)
	}
	done := bodyOf(w.t, pressed)
	for _, r := range []*http.Response{page, pressed} {
		if r.Header.Get("Cache-Control") != "no-store" || r.Header.Get("Referrer-Policy") != "no-referrer" {
			fault("an answer may be kept or passed on: %v", r.Header)
		}
		looked += r.Header.Get("Location") + `"`
	}
	// What a stranger sees and gets further to.
	if strings.Contains(looked+done, l.kind+"@example.com") {
		fault("a page shows the address")
	}
	leads := make(map[string]bool)
	for _, found := range regexp.MustCompile(`/(confirm|decline|unsubscribe|undo|preferences|moved|yours)/[^"/]+\.`).FindAllStringSubmatch(looked+done, -1) {
		if found[1] != l.kind || l.kind == "preferences" || l.kind == "yours" {
			leads[found[1]] = true
		}
	}
	if got := strings.Join(slices.Sorted(mapsKeys(leads)), " "); got != want.leads {
		fault("its pages lead to %q, want %q", got, want.leads)
	}
}

func mapsKeys(m map[string]bool) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

// TestTheMatrixIsDocumented compares security.md with the matrix.
func TestTheMatrixIsDocumented(t *testing.T) {
	page, err := os.ReadFile("../../docs/security.md")
	if err != nil {
		t.Fatal(err)
	}
	var said []string
	for _, l := range matrix {
		text := l.documented()
		if slices.Contains(said, text) {
			continue
		}
		said = append(said, text)
		if !strings.Contains(string(page), text) {
			t.Errorf("security.md lacks:\n%s", text)
		}
	}
	if n := strings.Count(string(page), "| When | What it does |"); n != len(said) {
		t.Errorf("security.md has %d tables of links, want %d", n, len(said))
	}
}

func (l link) documented() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s.\n\n| When | What it does |\n|---|---|\n", l.name)
	for i, when := range []string{"works", "lapsed", "after leaving", "after moving", "after erasing"} {
		fmt.Fprintf(&b, "| %s | %s |\n", when, l.cells[i].says)
	}
	return b.String()
}
