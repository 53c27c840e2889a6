package web_test

import (
	"bytes"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/scaledbydesign/insights/subscribers"
)

func TestLookingAtALinkChangesNothing(t *testing.T) {
	f := newFixture(t, library(), nil)
	confirm, _, _ := f.reader(t, "ada@example.com", pending)
	_, unsubscribe, preferences := f.reader(t, "bob@example.com", subscribed)
	for _, path := range []string{"/confirm/" + confirm, "/unsubscribe/" + unsubscribe, "/preferences/" + preferences} {
		for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodOptions} {
			r := f.do(method, path, "Sec-Purpose", "prefetch")
			if r.StatusCode != http.StatusOK && r.StatusCode != http.StatusNoContent {
				t.Errorf("%s: status %d", method, r.StatusCode)
			}
		}
	}
	if f.store.edits != 0 || f.status(t, "ada@example.com") != pending || f.status(t, "bob@example.com") != subscribed {
		t.Error("looking changed something")
	}
}

func TestPagesBehindTokensLeaveNoTrace(t *testing.T) {
	f := newFixture(t, library(), nil)
	confirm, _, _ := f.reader(t, "ada@example.com", pending)
	_, unsubscribe, preferences := f.reader(t, "bob@example.com", subscribed)
	paths := []string{"/confirm/" + confirm, "/unsubscribe/" + unsubscribe, "/preferences/" + preferences, "/confirm/nonsense"}
	for _, path := range paths {
		r := f.get(path)
		wantHeader(t, r, "Cache-Control", "no-store")
		wantHeader(t, r, "Referrer-Policy", "no-referrer")
		wantHeader(t, r, "X-Robots-Tag", "noindex")
		page := bodyOf(t, r)
		if strings.Contains(page, "ada@") || strings.Contains(page, "bob@") {
			t.Errorf("the page shows the address to whoever has the link")
		}
		if strings.Contains(page, `rel="canonical"`) || strings.Contains(page, `property="og:`) {
			t.Error("the page asks to be passed on")
		}
		f.post(path, nil)
		f.do(http.MethodPut, path)
	}
	for _, secret := range []string{confirm, unsubscribe, preferences, "nonsense", "ada@", "bob@"} {
		if strings.Contains(f.log.String(), secret) {
			t.Errorf("the log holds %q", secret)
		}
	}
	if !strings.Contains(f.log.String(), `route="GET /confirm/{token}"`) {
		t.Error("the log does not name the route")
	}
}

func TestConfirmTakesOneButton(t *testing.T) {
	f := newFixture(t, library(), nil)
	confirm, _, _ := f.reader(t, "ada@example.com", pending)
	page := bodyOf(t, f.get("/confirm/"+confirm))
	action, _ := firstForm(t, page)
	if action != "/confirm/"+confirm || len(elements(t, page, "button")) != 1 {
		t.Errorf("the form leads to %q, and the page has %d buttons", action, len(elements(t, page, "button")))
	}
	for range 2 {
		r := f.post(action, nil)
		wantStatus(t, r, http.StatusOK)
		page := bodyOf(t, r)
		preferences := f.config.Registry.Token(subscribers.PreferencesToken, f.store.byKey["ada@example.com"])
		if !strings.Contains(page, "You are subscribed") || !strings.Contains(page, "/preferences/"+preferences) || !strings.Contains(page, "Architecture") {
			t.Error("the page does not say what they get")
		}
	}
	if f.status(t, "ada@example.com") != subscribed || len(f.store.events) != 1 {
		t.Errorf("status %s after %d events", f.status(t, "ada@example.com"), len(f.store.events))
	}
	r := f.get("/confirm/" + confirm)
	wantStatus(t, r, http.StatusOK)
	if page := bodyOf(t, r); !strings.Contains(page, "You are subscribed") || strings.Contains(page, "/preferences/") {
		t.Error("a used link does not say that they are subscribed, or an old email leads to the preferences")
	}
	ada := f.store.byKey["ada@example.com"]
	ada.ConfirmedAt = time.Now().Add(-time.Hour)
	f.store.byKey["ada@example.com"] = ada
	if page := bodyOf(t, f.post(action, nil)); !strings.Contains(page, "You are subscribed") || strings.Contains(page, "/preferences/") {
		t.Error("an old email leads to the preferences")
	}
}

// What is confirmed is what the email says that was clicked, whoever has asked since.
func TestEachConfirmationBringsItsOwnChoices(t *testing.T) {
	f := newFixture(t, library(), nil)
	synctest.Test(t, func(t *testing.T) {
		sign := func(cadence, category string) string {
			t.Helper()
			form := f.filled(t, "ada@example.com")
			form.Set("cadence", cadence)
			form["category"] = []string{category}
			wantStatus(t, f.post("/subscribe", form), http.StatusAccepted)
			return "/confirm/" + f.config.Registry.Token(subscribers.ConfirmToken, f.store.byKey["ada@example.com"])
		}
		first := sign("monthly", "leadership")
		time.Sleep(time.Hour)
		second := sign("daily", "architecture")
		if first == second {
			t.Fatal("both emails have the same link")
		}
		for link, want := range map[string]string{first: "Leadership", second: "Architecture"} {
			if page := bodyOf(t, f.get(link)); !strings.Contains(page, "on "+want+".") {
				t.Errorf("a page does not ask about %s: %s", want, page)
			}
		}
		wantStatus(t, f.post(first, nil), http.StatusOK)
		wantStatus(t, f.post(second, nil), http.StatusOK)
		if sub := f.store.byKey["ada@example.com"]; sub.Cadence != subscribers.Monthly || !slices.Equal(sub.Categories, []string{"leadership"}) {
			t.Errorf("they clicked the first and got %s, %v", sub.Cadence, sub.Categories)
		}
	})
}

func TestConfirmLinksThatNoLongerCount(t *testing.T) {
	f := newFixture(t, library(), nil)
	synctest.Test(t, func(t *testing.T) {
		late, _, _ := f.reader(t, "late@example.com", pending)
		left, _, _ := f.reader(t, "left@example.com", gone)
		blocked, _, _ := f.reader(t, "blocked@example.com", subscribers.Suppressed)
		time.Sleep(2 * time.Hour)
		for token, status := range map[string]int{late: http.StatusGone, left: http.StatusGone, blocked: http.StatusForbidden} {
			wantStatus(t, f.get("/confirm/"+token), status)
			r := f.post("/confirm/"+token, nil)
			wantStatus(t, r, status)
			if status == http.StatusGone && !strings.Contains(bodyOf(t, r), `href="/subscribe"`) {
				t.Error("the page does not say what to do")
			}
		}
	})
}

func TestATokenAlteredByOneCharacterOpensNothing(t *testing.T) {
	f := newFixture(t, library(), nil)
	confirm, unsubscribe, _ := f.reader(t, "ada@example.com", pending)
	_, _, preferences := f.reader(t, "bob@example.com", subscribed)
	for page, token := range map[string]string{"/confirm/": confirm, "/unsubscribe/": unsubscribe, "/preferences/": preferences} {
		for i := range token {
			for _, c := range "aA0.-_~" {
				altered := token[:i] + string(c) + token[i+1:]
				if altered == token {
					continue
				}
				// A link that works no more can't be told from one that was altered.
				lapsed := page == "/preferences/"
				if r := f.get(page + altered); r.StatusCode != http.StatusNotFound && !(lapsed && r.StatusCode == http.StatusGone) {
					t.Errorf("GET with character %d as %q: status %d", i, c, r.StatusCode)
				}
				if r := f.post(page+altered, nil); r.StatusCode != http.StatusNotFound && !(lapsed && r.StatusCode == http.StatusGone) {
					t.Errorf("POST with character %d as %q: status %d", i, c, r.StatusCode)
				}
			}
		}
	}
	for _, path := range []string{"/confirm/" + unsubscribe, "/confirm/" + preferences, "/unsubscribe/" + confirm, "/unsubscribe/" + preferences} {
		wantStatus(t, f.post(path, nil), http.StatusNotFound)
	}
	for _, path := range []string{"/preferences/" + confirm, "/preferences/" + unsubscribe, "/undo/" + unsubscribe, "/yours/" + preferences, "/yours/" + unsubscribe} {
		wantStatus(t, f.get(path), map[bool]int{true: http.StatusMethodNotAllowed, false: http.StatusGone}[strings.HasPrefix(path, "/undo/")])
		wantStatus(t, f.post(path+map[bool]string{true: "/erase"}[strings.HasPrefix(path, "/yours/")], nil), http.StatusGone)
	}
	if f.status(t, "ada@example.com") != pending {
		t.Error("an altered token changed something")
	}
}

func TestOneClickUnsubscribes(t *testing.T) {
	var form bytes.Buffer
	mw := multipart.NewWriter(&form)
	mw.WriteField("List-Unsubscribe", "One-Click")
	mw.Close()
	for name, body := range map[string]struct{ contentType, text string }{
		"urlencoded": {"application/x-www-form-urlencoded", "List-Unsubscribe=One-Click"},
		"multipart":  {mw.FormDataContentType(), form.String()},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t, library(), nil)
			_, token, _ := f.reader(t, "ada@example.com", subscribed)
			for range 2 {
				// As a mailbox provider sends it: no Origin, no cookies, another site's if any.
				r := httptest.NewRequest(http.MethodPost, "/unsubscribe/"+token, strings.NewReader(body.text))
				r.Header.Set("Content-Type", body.contentType)
				got := f.send(r, "Origin", "https://mail.example", "Sec-Fetch-Site", "cross-site")
				wantStatus(t, got, http.StatusOK)
				wantHeader(t, got, "Content-Type", "text/plain; charset=utf-8")
				wantHeader(t, got, "Set-Cookie", "")
			}
			if f.status(t, "ada@example.com") != gone || len(f.store.events) != 1 || f.store.events[0].Source != "one_click" {
				t.Errorf("status %s, events %+v", f.status(t, "ada@example.com"), f.store.events)
			}
		})
	}
}

func TestUnsubscribeTakesOneButton(t *testing.T) {
	f := newFixture(t, library(), nil)
	_, token, _ := f.reader(t, "ada@example.com", subscribed)
	page := bodyOf(t, f.get("/unsubscribe/"+token))
	if !strings.Contains(page, "a…@example.com") {
		t.Error("the page does not say whom it is about")
	}
	action, _ := firstForm(t, page)
	for range 2 {
		r := f.post(action, nil)
		wantStatus(t, r, http.StatusOK)
		if !strings.Contains(bodyOf(t, r), "You are unsubscribed") {
			t.Error("the page does not say that it is done")
		}
	}
	if f.status(t, "ada@example.com") != gone || f.store.events[0].Source != "link" {
		t.Error("they are still subscribed")
	}
}

func TestADamagedBodyStillUnsubscribes(t *testing.T) {
	f := newFixture(t, library(), nil)
	_, token, _ := f.reader(t, "ada@example.com", subscribed)
	r := httptest.NewRequest(http.MethodPost, "/unsubscribe/"+token, strings.NewReader("%zz"))
	r.Header.Set("Content-Type", "multipart/form-data")
	wantStatus(t, f.send(r), http.StatusOK)
	if f.status(t, "ada@example.com") != gone {
		t.Error("they are still subscribed")
	}
}

func TestPreferencesAreShownAndSaved(t *testing.T) {
	f := newFixture(t, library(), nil)
	_, unsubscribe, token := f.reader(t, "ada@example.com", subscribed)
	path := "/preferences/" + token
	page := bodyOf(t, f.get(path))
	action, form := firstForm(t, page)
	if action != path || form.Get("cadence") != "weekly" || !slices.Equal(form["category"], []string{"architecture"}) {
		t.Errorf("the form shows %v", form)
	}
	if !strings.Contains(page, "/unsubscribe/"+unsubscribe) {
		t.Error("the page has no way out")
	}
	form = url.Values{"cadence": {"monthly"}, "category": {"leadership", "engineering"}}
	r := f.post(path, form)
	wantStatus(t, r, http.StatusOK)
	page = bodyOf(t, r)
	_, shown := firstForm(t, page)
	if !strings.Contains(page, `role="status"`) || shown.Get("cadence") != "monthly" || !slices.Equal(shown["category"], []string{"engineering", "leadership"}) {
		t.Errorf("after saving the form shows %v", shown)
	}
	sub, _ := f.store.ByKey(t.Context(), "ada@example.com")
	if sub.Cadence != subscribers.Monthly || !slices.Equal(sub.Categories, []string{"engineering", "leadership"}) {
		t.Errorf("saved: %s", subscribers.Preferences{Cadence: sub.Cadence, Categories: sub.Categories})
	}
	for _, bad := range []url.Values{{"cadence": {"weekly"}}, {"cadence": {"x"}, "category": {"leadership"}}, {"category": {"nothing"}}} {
		wantStatus(t, f.post(path, bad), http.StatusUnprocessableEntity)
	}
	if sub, _ := f.store.ByKey(t.Context(), "ada@example.com"); sub.Cadence != subscribers.Monthly {
		t.Error("a bad form was saved")
	}
}

func TestPreferencesOfWhoIsNotSubscribedAreClosed(t *testing.T) {
	f := newFixture(t, library(), nil)
	for _, status := range []subscribers.Status{gone, pending, subscribers.Suppressed} {
		_, _, token := f.reader(t, "ada@example.com", status)
		for _, r := range []*http.Response{f.get("/preferences/" + token), f.post("/preferences/"+token, url.Values{"cadence": {"daily"}, "category": {"leadership"}}), f.post("/preferences/"+token+"/link", nil)} {
			wantStatus(t, r, http.StatusGone)
			if body := bodyOf(t, r); !strings.Contains(body, "This link has ended") || !strings.Contains(body, `href="/link"`) || strings.Contains(body, "@example.com") {
				t.Errorf("%s: shown %s", status, body)
			}
		}
	}
}

func TestAPanicIsAPageAndALogLine(t *testing.T) {
	f := newFixture(t, library(), nil)
	good := f.library
	f.library = nil
	r := f.get("/insights/insight-1")
	wantStatus(t, r, http.StatusInternalServerError)
	if !strings.Contains(bodyOf(t, r), "Something went wrong") {
		t.Error("the reader sees no page")
	}
	if log := f.log.String(); !strings.Contains(log, "handler panicked") || !strings.Contains(log, "status=500") {
		t.Errorf("the log says %s", log)
	}
	f.library = good
	wantStatus(t, f.get("/insights/insight-1"), http.StatusOK)
}
