package web_test

import (
	"context"
	"errors"
	"iter"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/scaledbydesign/insights/cmd/insights/internal/web"
	"github.com/scaledbydesign/insights/newsletter"
	"github.com/scaledbydesign/insights/subscribers"
)

func TestWhoLeavesCanTakeItBackForAnHour(t *testing.T) {
	f := newFixture(t, library(), nil)
	synctest.Test(t, func(t *testing.T) {
		_, token, _ := f.reader(t, "ada@example.com", subscribed)
		path := "/unsubscribe/" + token
		if page := bodyOf(t, f.get(path)); strings.Contains(page, "/undo/") || !strings.Contains(page, path+"/less") {
			t.Error("the page offers to undo what was not done, or no less")
		}
		leave := func() string {
			t.Helper()
			page := bodyOf(t, f.post(path, nil))
			undo, _ := firstForm(t, page)
			if !strings.HasPrefix(undo, "/undo/") || strings.Contains(page, "/less") {
				t.Error("the page does not offer to take it back")
			}
			return undo
		}
		undo := leave()
		if page := bodyOf(t, f.get(path)); strings.Contains(page, "/undo/") {
			t.Error("an old email leads to where a no is taken back")
		}
		wantStatus(t, f.get(undo), http.StatusMethodNotAllowed)
		undone := f.post(undo, nil)
		wantStatus(t, undone, http.StatusOK)
		if strings.Contains(bodyOf(t, undone), "/preferences/") {
			t.Error("a link to unsubscribe leads to the preferences")
		}
		if f.status(t, "ada@example.com") != subscribed {
			t.Error("they are not subscribed again")
		}
		wantStatus(t, f.post(undo, nil), http.StatusOK) // pressed twice
		undo = leave()
		if page := bodyOf(t, f.get(path)); !strings.Contains(page, "Stay unsubscribed") {
			t.Error("nobody can make final what somebody else can take back")
		}
		if page := bodyOf(t, f.post(path, nil)); strings.Contains(page, "/undo/") || strings.Contains(page, "Stay unsubscribed") {
			t.Error("who had left can take it back")
		}
		wantStatus(t, f.post(undo, nil), http.StatusGone)
		f.reader(t, "ada@example.com", subscribed)
		undo = leave()
		time.Sleep(time.Hour)
		wantStatus(t, f.post(undo, nil), http.StatusGone)
		if f.status(t, "ada@example.com") != gone {
			t.Error("a no was taken back")
		}
	})
}

// After an erasure, or in a backup of before they signed up, nobody is known by the token.
func TestWhoIsUnknownUnsubscribesAllTheSame(t *testing.T) {
	f := newFixture(t, library(), nil)
	_, token, preferences := f.reader(t, "ada@example.com", subscribed)
	clear(f.store.byKey)
	path := "/unsubscribe/" + token
	wantStatus(t, f.post(path, url.Values{"List-Unsubscribe": {"One-Click"}}), http.StatusOK)
	for _, r := range []*http.Response{f.get(path), f.post(path, nil)} {
		wantStatus(t, r, http.StatusOK)
		if page := bodyOf(t, r); !strings.Contains(page, "You get no more digests") || strings.Contains(page, "/undo") {
			t.Errorf("who is unknown is told %s", page)
		}
	}
	wantStatus(t, f.post(path+"/less", url.Values{"instead": {"monthly"}}), http.StatusGone)
	wantStatus(t, f.get("/unsubscribe/"+preferences), http.StatusNotFound)
	if len(f.store.byKey) != 0 {
		t.Errorf("somebody came back: %+v", f.store.byKey)
	}
}

func TestLessMailIsOfferedInsteadOfNone(t *testing.T) {
	f := newFixture(t, library(), nil)
	_, token, _ := f.reader(t, "ada@example.com", subscribed)
	path := "/unsubscribe/" + token
	page := bodyOf(t, f.get(path))
	if action, form := firstForm(t, page); action != path || len(form) != 0 {
		t.Errorf("the first form is %s with %v", action, form)
	}
	if strings.Contains(page, `value="weekly"`) || !strings.Contains(page, `value="monthly"`) || !strings.Contains(page, `value="pause"`) {
		t.Error("a weekly reader is offered other than monthly and a pause")
	}
	r := f.post(path+"/less", url.Values{"instead": {"monthly"}})
	wantStatus(t, r, http.StatusOK)
	if strings.Contains(bodyOf(t, r), "/preferences/") {
		t.Error("a link to unsubscribe leads to the preferences")
	}
	if sub := f.store.byKey["ada@example.com"]; sub.Cadence != subscribers.Monthly || sub.Status != subscribed {
		t.Errorf("%+v", sub)
	}
	wantStatus(t, f.post(path+"/less", url.Values{"instead": {"pause"}}), http.StatusOK)
	if sub := f.store.byKey["ada@example.com"]; time.Until(sub.PausedUntil).Round(time.Hour) != 30*24*time.Hour {
		t.Errorf("paused until %v", sub.PausedUntil)
	}
	for _, bad := range []string{"", "instant", "daily", "never"} {
		wantStatus(t, f.post(path+"/less", url.Values{"instead": {bad}}), http.StatusBadRequest)
	}
}

func TestWhoNeverConfirmedCanHaveUsNeverWrite(t *testing.T) {
	f := newFixture(t, library(), nil)
	confirm, _, _ := f.reader(t, "ada@example.com", subscribers.Pending)
	path := "/decline/" + f.config.Registry.Token(subscribers.DeclineToken, f.store.byKey["ada@example.com"])
	page := bodyOf(t, f.get(path))
	if action, form := firstForm(t, page); action != path || len(form) != 0 || strings.Contains(page, "ada@") {
		t.Errorf("the first form is %s with %v", action, form)
	}
	if f.status(t, "ada@example.com") != subscribers.Pending {
		t.Error("to look at it changes something")
	}
	for range 2 {
		wantStatus(t, f.post(path, nil), http.StatusOK)
	}
	wantStatus(t, f.get(path), http.StatusOK)
	if sub := f.store.byKey["ada@example.com"]; sub.Cause != subscribers.Declined {
		t.Errorf("%+v", sub)
	}
	if r := f.post("/confirm/"+confirm, nil); r.StatusCode < 400 {
		t.Errorf("the confirmation still works: %d", r.StatusCode)
	}
}

func TestReadersPauseGoOnAndSeeIt(t *testing.T) {
	f := newFixture(t, library(), nil)
	_, _, token := f.reader(t, "ada@example.com", subscribed)
	path := "/preferences/" + token
	for _, step := range []struct{ days, shown string }{{"90", "again from "}, {"0", "For 30 days"}} {
		page := bodyOf(t, f.post(path+"/pause", url.Values{"days": {step.days}}))
		if !strings.Contains(page, step.shown) || !strings.Contains(page, `role="status"`) {
			t.Errorf("after %s days the page lacks %q", step.days, step.shown)
		}
	}
	if sub := f.store.byKey["ada@example.com"]; !sub.PausedUntil.IsZero() {
		t.Errorf("still paused until %v", sub.PausedUntil)
	}
	wantStatus(t, f.post(path+"/pause", url.Values{"days": {"100000"}}), http.StatusBadRequest)
}

func TestReadersMoveToAnotherAddress(t *testing.T) {
	f := newFixture(t, library(), nil)
	synctest.Test(t, func(t *testing.T) {
		_, _, preferences := f.reader(t, "ada@example.com", subscribed)
		f.reader(t, "blocked@example.com", subscribers.Suppressed)
		token := f.fresh("ada@example.com")
		path := "/yours/" + token + "/address"
		var answers []string
		for _, to := range []string{"blocked@example.com", "new@example.com"} {
			began := time.Now()
			r := f.post(path, url.Values{"email": {to}})
			wantStatus(t, r, http.StatusAccepted)
			answers = append(answers, bodyOf(t, r)+time.Since(began).String())
		}
		if answers[0] != answers[1] {
			t.Error("the answers tell one address from another")
		}
		wantStatus(t, f.post(path, url.Values{"email": {"nonsense"}}), http.StatusUnprocessableEntity)
		sub := f.store.byKey["ada@example.com"]
		link := "/confirm/" + f.config.Registry.Token(subscribers.ConfirmToken, sub)
		if page := bodyOf(t, f.get(link)); !strings.Contains(page, "n…@example.com") || f.store.byKey["ada@example.com"].Address.String() != "ada@example.com" {
			t.Error("looking at the page moved them, or it does not say where to")
		} else if !strings.Contains(page, "Confirm your new address") || strings.Contains(page, "subscription") {
			t.Errorf("the page does not ask for a change of address: %s", page)
		}
		for range 2 {
			r := f.post(link, nil)
			wantStatus(t, r, http.StatusOK)
			if page := bodyOf(t, r); !strings.Contains(page, "n…@example.com</span> from now on") || strings.Contains(page, "You are subscribed") {
				t.Errorf("the page does not say that their address has changed: %s", page)
			}
		}
		if page := bodyOf(t, f.get(link)); !strings.Contains(page, "Your address is changed") {
			t.Errorf("the used link says otherwise: %s", page)
		}
		sub = f.store.byKey["new@example.com"]
		if sub.Address.String() != "new@example.com" || sub.Status != subscribed {
			t.Errorf("%+v", sub)
		}
		wantStatus(t, f.get("/preferences/"+preferences), http.StatusGone)
		wantStatus(t, f.get("/yours/"+token), http.StatusGone)

		back := "/moved/" + f.config.Registry.WayBack(sub, mailbox(t, "ada@example.com"), time.Now())
		if page := bodyOf(t, f.get(back)); strings.Contains(page, "new@example.com") || !strings.Contains(page, "n…@example.com") {
			t.Error("the mailbox that was left is not told where to, or too much")
		}
		wantStatus(t, f.post(back, url.Values{"email": {"nonsense"}}), http.StatusUnprocessableEntity)
		wantStatus(t, f.post(back, url.Values{"email": {"ada@example.com"}}), http.StatusAccepted)
		if sub := f.store.byKey["new@example.com"]; sub.Confirmations[0].To.String() != "ada@example.com" || sub.Confirmations[0].Back.IsZero() || sub.Address.String() != "new@example.com" {
			t.Errorf("called back: %+v", sub)
		}
		wantStatus(t, f.get("/moved/"+f.config.Registry.WayBack(sub, mailbox(t, "ada@example.com"), time.Now().AddDate(0, 0, -8))), http.StatusNotFound)
	})
}

// mails are what went to a reader.
type mails struct{}

func (mails) MailsOf(context.Context, int64) iter.Seq2[newsletter.Delivery, error] {
	return each(
		newsletter.Delivery{Kind: newsletter.DigestEmail, Ref: newsletter.Ref{Digest: 7}, State: newsletter.Sent, Email: "ada@example.com"},
		newsletter.Delivery{Kind: newsletter.DigestEmail, Ref: newsletter.Ref{Digest: 6}, State: newsletter.Sent, Email: "former@example.com"},
	)
}

func (mails) BouncesOf(context.Context, int64) iter.Seq2[newsletter.Bounce, error] {
	return each(newsletter.Bounce{Class: "soft", Text: "mailbox full"})
}

func each[T any](values ...T) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for _, value := range values {
			if !yield(value, nil) {
				return
			}
		}
	}
}

func TestReadersTakeAndEraseTheirData(t *testing.T) {
	f := newFixture(t, library(), func(c *web.Config) { c.Mails = mails{} })
	_, unsubscribe, preferences := f.reader(t, "ada@example.com", subscribed)
	path := "/yours/" + f.fresh("ada@example.com")
	wantStatus(t, f.post(path+"/address", url.Values{"email": {"new@example.com"}}), http.StatusAccepted)
	if page := bodyOf(t, f.get(path)); !strings.Contains(page, path+"/data") || !strings.Contains(page, path+"/erase") || !strings.Contains(page, path+"/address") || !strings.Contains(page, preferences) || strings.Contains(page, "ada@") {
		t.Errorf("the page is %s", page)
	}
	r := f.get(path + "/data")
	wantStatus(t, r, http.StatusOK)
	text := bodyOf(t, r)
	for _, part := range []string{`"digest":7`, `"state":"sent"`, `"asked_to_confirm":[{"email":"n…@example.com"`, `},{"email":"ada@example.com"`, `"text":"mailbox full"`,
		`"to":"ada@example.com"`, `"to":"f…@example.com"`, `"new_email":"n…@example.com"`} { // others may read other mailboxes
		if !strings.Contains(text, part) {
			t.Errorf("the data lacks %s: %s", part, text)
		}
	}
	if !strings.Contains(text, `"email":"ada@example.com"`) || !strings.HasPrefix(r.Header.Get("Content-Disposition"), "attachment") {
		t.Errorf("the data is %s", text)
	}
	// A link that was forwarded with a mail tells nobody's address.
	for _, token := range []string{unsubscribe, preferences} {
		wantStatus(t, f.get("/yours/"+token+"/data"), http.StatusGone)
		wantStatus(t, f.post("/yours/"+token+"/erase", nil), http.StatusGone)
		wantStatus(t, f.get("/preferences/"+token+"/data"), http.StatusNotFound)
		wantStatus(t, f.post("/preferences/"+token+"/erase", nil), http.StatusNotFound)
	}
	edits := f.store.edits
	if page := bodyOf(t, f.get(path+"/erase")); strings.Contains(page, "ada@example.com") || f.store.edits != edits {
		t.Error("looking at the page erased something, or it shows the address")
	}
	wantStatus(t, f.post(path+"/erase", nil), http.StatusOK)
	if _, err := f.store.ByKey(t.Context(), "ada@example.com"); err == nil {
		t.Error("they are still there")
	}
	wantStatus(t, f.get(path), http.StatusGone)
}

func TestTrustedSitesSignUpByScript(t *testing.T) {
	f := newFixture(t, library(), func(c *web.Config) { c.TrustedOrigins = []string{"https://www.example.com"} })
	synctest.Test(t, func(t *testing.T) {
		post := func(body, origin string) *http.Response {
			r := httptest.NewRequest(http.MethodPost, "/subscribe", strings.NewReader(body))
			r.Header.Set("Content-Type", "application/json")
			r.Header.Set("Origin", origin)
			r.Header.Set("Sec-Fetch-Site", "cross-site")
			return f.send(r)
		}
		const good = `{"email": "ada@example.com", "cadence": "monthly", "categories": ["architecture"]}`
		r := post(good, "https://www.example.com")
		wantStatus(t, r, http.StatusAccepted)
		if got := bodyOf(t, r); r.Header.Get("Access-Control-Allow-Origin") != "https://www.example.com" || got != `{"status":"If this address can be subscribed, we send it a link to confirm."}`+"\n" {
			t.Errorf("answered %q, %v", got, r.Header)
		}
		if sub := f.store.byKey["ada@example.com"]; sub.Status != pending || sub.Cadence != subscribers.Monthly || sub.Source != "https://www.example.com" {
			t.Errorf("%+v", sub)
		}
		r = post(`{"email": "", "categories": ["no"], "website": "x"}`, "https://www.example.com")
		wantStatus(t, r, http.StatusUnprocessableEntity)
		if got := bodyOf(t, r); !strings.Contains(got, `"field":"email"`) || !strings.Contains(got, `"field":"categories"`) {
			t.Errorf("answered %s", got)
		}
		wantStatus(t, post(`{"email": "ben@example.com", "cadence": "weekly"}`, "https://www.example.com"), http.StatusAccepted)
		if sub := f.store.byKey["ben@example.com"]; len(sub.Categories) != len(f.config.Site.Categories) {
			t.Errorf("without categories it is for %v", sub.Categories)
		}
		refused := func(body string, status int) {
			t.Helper()
			r := post(body, "https://www.example.com")
			wantStatus(t, r, status)
			wantHeader(t, r, "Access-Control-Allow-Origin", "https://www.example.com")
			wantHeader(t, r, "Vary", "Origin")
			wantHeader(t, r, "Content-Type", "application/json; charset=utf-8")
			if got := bodyOf(t, r); !strings.HasPrefix(got, `{"errors":[{"message":"`) || strings.Contains(got, "disk") {
				t.Errorf("a script is answered %s", got)
			}
		}
		for _, bad := range []string{"", "{", `{"email": 1}`, good + good, `[]`} {
			refused(bad, http.StatusBadRequest)
		}
		refused(`{"name": "`+strings.Repeat("x", 20_000)+`"}`, http.StatusRequestEntityTooLarge)
		f.store.err = errors.New("the disk is full")
		refused(good, http.StatusInternalServerError)
		f.store.err = nil
		f.config.Registry.Limits = subscribers.Limits{Client: 1}
		refused(good, http.StatusTooManyRequests)
		f.config.Registry.Limits = subscribers.Limits{All: 1, Waiting: 1}
		f.store.facts = subscribers.Facts{All: time.Now().Add(time.Hour), Waiting: 1, Most: 1}
		refused(good, http.StatusServiceUnavailable)
		f.store.facts, f.store.waiting = subscribers.Facts{}, 1
		if got := bodyOf(t, post(good, "https://www.example.com")); !strings.Contains(got, "this may take up to 2 hours.") {
			t.Errorf("answered %q", got)
		}
		f.config.Registry.Limits = subscribers.Limits{}
		wantStatus(t, post(good, "https://evil.example"), http.StatusForbidden)
		program := httptest.NewRequest(http.MethodPost, "/subscribe", strings.NewReader(good))
		program.Header.Set("Content-Type", "application/json")
		if r := f.send(program); r.StatusCode != http.StatusUnprocessableEntity || !strings.Contains(bodyOf(t, r), "trusted_origins") {
			t.Errorf("a program without an Origin: %d", r.StatusCode)
		}
		preflight := httptest.NewRequest(http.MethodOptions, "/subscribe", nil)
		for origin, want := range map[string]string{"https://www.example.com": "POST", "https://evil.example": ""} {
			preflight.Header.Set("Origin", origin)
			if r := f.send(preflight); r.StatusCode != http.StatusNoContent || r.Header.Get("Access-Control-Allow-Methods") != want {
				t.Errorf("%s may %q", origin, r.Header.Get("Access-Control-Allow-Methods"))
			}
		}
	})
}

func TestAClientThatSignsUpTooOftenIsToldSo(t *testing.T) {
	f := newFixture(t, library(), func(c *web.Config) { c.Registry.Limits = subscribers.Limits{Client: 2} })
	synctest.Test(t, func(t *testing.T) {
		for i, want := range []int{http.StatusAccepted, http.StatusAccepted, http.StatusTooManyRequests} {
			wantStatus(t, f.post("/subscribe", f.filled(t, strings.Repeat("a", i+1)+"@example.com")), want)
		}
	})
}

// TestPagesSayWhatIsSo: nothing of an address that is not there, of a time that was not
// named, or of a digest that does not come.
func TestPagesSayWhatIsSo(t *testing.T) {
	for _, contact := range []string{"", "hello@insights.example"} {
		f := newFixture(t, library(), func(c *web.Config) { c.Site.Contact = contact })
		confirm, _, _ := f.reader(t, "blocked@example.com", subscribers.Suppressed)
		declined, _, _ := f.reader(t, "pending@example.com", pending)
		decline := "/decline/" + f.config.Registry.Token(subscribers.DeclineToken, f.store.byKey["pending@example.com"])
		pages := map[string]string{
			"suppressed": bodyOf(t, f.get("/confirm/"+confirm)), "decline": bodyOf(t, f.get(decline)), "declined": bodyOf(t, f.post(decline, nil)),
			"declined, confirm": bodyOf(t, f.get("/confirm/"+declined)),
		}
		for name, page := range pages {
			main, _, _ := strings.Cut(page, "</main>") // the footer has the address, too
			if said := strings.Contains(main, "write to us at hello@") || strings.Contains(main, "when you write to hello@"); said != (contact != "") || strings.Contains(main, "write to us.") || strings.Contains(main, "ask us") {
				t.Errorf("contact %q, %s: %s", contact, name, main)
			}
		}
	}
	f := newFixture(t, library(), nil)
	f.config.Registry.Limits = subscribers.Limits{All: 60, Waiting: 10}
	synctest.Test(t, func(t *testing.T) {
		_, _, preferences := f.reader(t, "ada@example.com", subscribed)
		path := "/preferences/" + preferences
		for days, want := range map[string]string{"30": "Saved. Nothing comes until ", "0": "Saved. Your next digest follows these choices."} {
			if page := bodyOf(t, f.post(path+"/pause", url.Values{"days": {days}})); !strings.Contains(page, want) {
				t.Errorf("%s days: %s", days, page)
			}
		}
		for _, test := range []struct {
			ahead int
			want  string
		}{{0, "Nothing there after a few minutes? Look in your spam folder"}, {3, "Nothing there by then? Look in your spam folder"}} {
			f.store.waiting = test.ahead
			r := f.post("/subscribe", f.filled(t, "new@example.com"))
			if page := bodyOf(t, r); !strings.Contains(page, test.want) || strings.Contains(page, "by then") != strings.Contains(page, "this may take up to") {
				t.Errorf("%d ahead: %s", test.ahead, page)
			}
		}
	})
}

func mailbox(t *testing.T, address string) subscribers.Address {
	t.Helper()
	a, err := subscribers.ParseAddress(address)
	if err != nil {
		t.Fatal(err)
	}
	return a
}
