package web_test

import (
	"context"
	"errors"
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

func TestWhoLeavesCanTakeItBackForADay(t *testing.T) {
	f := newFixture(t, library(), nil)
	synctest.Test(t, func(t *testing.T) {
		_, token, _ := f.reader(t, "ada@example.com", subscribed)
		sub := f.store.byKey["ada@example.com"]
		sub.ConfirmedAt = time.Now()
		f.store.byKey["ada@example.com"] = sub
		path := "/unsubscribe/" + token
		if page := bodyOf(t, f.get(path)); strings.Contains(page, "/undo") || !strings.Contains(page, path+"/less") {
			t.Error("the page offers to undo what was not done, or no less")
		}
		if page := bodyOf(t, f.post(path, nil)); !strings.Contains(page, path+"/undo") || strings.Contains(page, "/less") {
			t.Error("the page does not offer to take it back")
		}
		wantStatus(t, f.get(path+"/undo"), http.StatusMethodNotAllowed)
		undone := f.post(path+"/undo", nil)
		wantStatus(t, undone, http.StatusOK)
		if strings.Contains(bodyOf(t, undone), "/preferences/") {
			t.Error("a link to unsubscribe leads to the preferences")
		}
		if f.status(t, "ada@example.com") != subscribed {
			t.Error("they are not subscribed again")
		}
		f.post(path, nil)
		time.Sleep(25 * time.Hour)
		if page := bodyOf(t, f.get(path)); strings.Contains(page, "/undo") {
			t.Error("the page offers what is too late")
		}
		wantStatus(t, f.post(path+"/undo", nil), http.StatusGone)
	})
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
		_, _, token := f.reader(t, "ada@example.com", subscribed)
		f.reader(t, "blocked@example.com", subscribers.Suppressed)
		path := "/preferences/" + token + "/address"
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
		}
		wantStatus(t, f.post(link, nil), http.StatusOK)
		sub = f.store.byKey["new@example.com"]
		if sub.Address.String() != "new@example.com" || sub.Status != subscribed {
			t.Errorf("%+v", sub)
		}
		wantStatus(t, f.get("/preferences/"+token), http.StatusNotFound)

		back := "/moved/" + f.config.Registry.WayBack(sub, time.Now())
		if page := bodyOf(t, f.get(back)); strings.Contains(page, "new@example.com") || !strings.Contains(page, "n…@example.com") {
			t.Error("the mailbox that was left is not told where to, or too much")
		}
		wantStatus(t, f.post(back, url.Values{"email": {"nonsense"}}), http.StatusUnprocessableEntity)
		wantStatus(t, f.post(back, url.Values{"email": {"ada@example.com"}}), http.StatusAccepted)
		if sub := f.store.byKey["new@example.com"]; sub.NewAddress.String() != "ada@example.com" || sub.Address.String() != "new@example.com" {
			t.Errorf("called back: %+v", sub)
		}
		wantStatus(t, f.get("/moved/"+f.config.Registry.WayBack(sub, time.Now().AddDate(0, 0, -8))), http.StatusNotFound)
	})
}

// mails are what went to a reader.
type mails struct{}

func (mails) MailsOf(context.Context, int64) ([]newsletter.Delivery, error) {
	return []newsletter.Delivery{{Kind: newsletter.DigestEmail, Ref: newsletter.Ref{Digest: 7}, State: newsletter.Sent, Email: "ada@example.com"}}, nil
}

func (mails) BouncesOf(context.Context, int64) ([]newsletter.Bounce, error) {
	return []newsletter.Bounce{{Class: "soft", Text: "mailbox full"}}, nil
}

func TestReadersTakeAndEraseTheirData(t *testing.T) {
	f := newFixture(t, library(), func(c *web.Config) { c.Mails = mails{} })
	_, unsubscribe, token := f.reader(t, "ada@example.com", subscribed)
	path := "/preferences/" + token
	r := f.get(path + "/data")
	wantStatus(t, r, http.StatusOK)
	text := bodyOf(t, r)
	for _, part := range []string{`"digest":7`, `"state":"sent"`, `"text":"mailbox full"`} {
		if !strings.Contains(text, part) {
			t.Errorf("the data lacks %s: %s", part, text)
		}
	}
	if !strings.Contains(text, `"email":"ada@example.com"`) || !strings.HasPrefix(r.Header.Get("Content-Disposition"), "attachment") {
		t.Errorf("the data is %s", text)
	}
	// A link that was forwarded with a mail tells nobody's address.
	wantStatus(t, f.get("/preferences/"+unsubscribe+"/data"), http.StatusNotFound)
	wantStatus(t, f.post("/preferences/"+unsubscribe+"/erase", nil), http.StatusNotFound)
	edits := f.store.edits
	if page := bodyOf(t, f.get(path+"/erase")); strings.Contains(page, "ada@example.com") || f.store.edits != edits {
		t.Error("looking at the page erased something, or it shows the address")
	}
	wantStatus(t, f.post(path+"/erase", nil), http.StatusOK)
	if _, err := f.store.ByKey(t.Context(), "ada@example.com"); err == nil {
		t.Error("they are still there")
	}
	wantStatus(t, f.get(path), http.StatusNotFound)
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
		f.store.facts, f.store.ahead = subscribers.Facts{}, subscribers.Ahead{Waiting: 1}
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
