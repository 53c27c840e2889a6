package web_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/scaledbydesign/insights/cmd/insights/internal/web"
	"github.com/scaledbydesign/insights/content"
	"github.com/scaledbydesign/insights/subscribers"
)

// linkForm is the form for a fresh link, filled in by a person.
func (f *fixture) linkForm(t *testing.T, address string) url.Values {
	t.Helper()
	action, form := firstForm(t, bodyOf(t, f.get("/link")))
	if action != "/link" {
		t.Errorf("the form leads to %q", action)
	}
	form.Set("email", address)
	time.Sleep(10 * time.Second)
	return form
}

func TestAFreshLinkGoesToTheMailboxAlone(t *testing.T) {
	f := newFixture(t, library(), func(c *web.Config) { c.Registry.Limits.AddressEvery = 15 * time.Minute })
	synctest.Test(t, func(t *testing.T) {
		for address, status := range map[string]subscribers.Status{"ada@example.com": subscribed, "left@example.com": gone, "new@example.com": pending, "blocked@example.com": subscribers.Suppressed} {
			f.reader(t, address, status)
		}
		blocked := f.store.byKey["blocked@example.com"]
		blocked.Cause = subscribers.Bounced
		f.store.byKey["blocked@example.com"] = blocked
		answers := make(map[string]bool)
		for address, links := range map[string]int{"ada@example.com": 1, "left@example.com": 1, "new@example.com": 0, "blocked@example.com": 0, "nobody@example.com": 0} {
			f.store.notices = nil
			form := f.linkForm(t, address)
			began := time.Now()
			r := f.post("/link", form)
			wantStatus(t, r, http.StatusAccepted)
			page := bodyOf(t, r)
			answers[page+time.Since(began).String()] = true
			if strings.Contains(page, "/yours/") || strings.Contains(page, "@example.com") {
				t.Errorf("the page tells of %s: %s", address, page)
			}
			if len(f.store.notices) != links || links == 1 && f.store.notices[0] != subscribers.LinkNotice {
				t.Errorf("%s is sent %v", address, f.store.notices)
			}
		}
		if len(answers) != 1 {
			t.Errorf("%d answers tell one address from another", len(answers))
		}
		f.store.notices = nil
		f.post("/link", f.linkForm(t, "ada@example.com"))
		if len(f.store.events) != 2 {
			t.Errorf("the history says %+v", f.store.events)
		}
	})
}

func TestPreferencesLeadToAFreshLink(t *testing.T) {
	f := newFixture(t, library(), nil)
	_, _, token := f.reader(t, "ada@example.com", subscribed)
	page := bodyOf(t, f.get("/preferences/"+token))
	if !strings.Contains(page, `action="/preferences/`+token+`/link"`) || strings.Contains(page, "/yours/") || strings.Contains(page, "/erase") {
		t.Errorf("the page is %s", page)
	}
	r := f.post("/preferences/"+token+"/link", nil)
	wantStatus(t, r, http.StatusAccepted)
	if page := bodyOf(t, r); !strings.Contains(page, "a…@example.com") || strings.Contains(page, "/yours/") {
		t.Errorf("the answer is %s", page)
	}
	f.config.Registry.Limits.AddressEvery = time.Hour
	again := f.post("/preferences/"+token+"/link", nil)
	wantStatus(t, again, http.StatusTooManyRequests)
	if page := bodyOf(t, again); !strings.Contains(page, "a…@example.com a short while ago") {
		t.Errorf("the second answer is %s", page)
	}
	if len(f.store.notices) != 1 || f.store.notices[0] != subscribers.LinkNotice {
		t.Errorf("sent %v", f.store.notices)
	}
}

func TestFormsForALinkAreLimited(t *testing.T) {
	f := newFixture(t, library(), func(c *web.Config) { c.Registry.Limits = subscribers.Limits{Client: 2} })
	synctest.Test(t, func(t *testing.T) {
		for _, bad := range []url.Values{
			{}, {"email": {"ada@example.com"}}, // without a stamp
			{"email": {"ada@"}, "stamp": f.linkForm(t, "")["stamp"]},
			{"email": {"ada@example.com"}, "stamp": f.linkForm(t, "")["stamp"], "website": {"x"}},
		} {
			r := f.post("/link", bad)
			wantStatus(t, r, http.StatusUnprocessableEntity)
			if page := bodyOf(t, r); !strings.Contains(page, `id="errors"`) || !strings.Contains(page, "Error: ") {
				t.Errorf("%v: the page does not say what is wrong: %s", bad, page)
			}
		}
		wantStatus(t, f.post("/link", f.linkForm(t, "ada@example.com"), "Sec-Fetch-Site", "cross-site"), http.StatusForbidden)
		for _, want := range []int{http.StatusAccepted, http.StatusAccepted, http.StatusTooManyRequests} {
			wantStatus(t, f.post("/link", f.linkForm(t, "ada@example.com")), want)
		}
	})
}

// Whatever answers at an address that may hold a token, nobody keeps it, and no other site
// is told.
func TestEveryAddressWithATokenIsPrivate(t *testing.T) {
	f := newFixture(t, library(), nil)
	confirm, unsubscribe, preferences := f.reader(t, "ada@example.com", subscribed)
	declined := f.config.Registry.Token(subscribers.DeclineToken, f.store.byKey["ada@example.com"])
	for _, request := range []struct {
		method, path string
		status       int
	}{
		{"GET", "/preferences/" + preferences, 200},
		{"HEAD", "/preferences/" + preferences, 200},
		{"GET", "/preferences/" + preferences + "/", 301},
		{"GET", "/unsubscribe/" + unsubscribe + "/", 301},
		{"GET", "//unsubscribe/" + unsubscribe, 307},
		{"GET", "/feeds/../confirm/" + confirm, 307},
		{"GET", "/%70references/" + preferences, 200},
		{"GET", "/decline/" + declined, 303},
		{"GET", "/Preferences/" + preferences, 404},
		{"GET", "/preferences/" + preferences + "/nothing", 404},
		{"GET", "/preferences/" + preferences + "/pause", 405},
		{"PUT", "/preferences/" + preferences, 405},
		{"OPTIONS", "/preferences/" + preferences, 204},
		{"GET", "/preferences/" + unsubscribe, 410},
		{"GET", "/yours/" + preferences, 410},
		{"GET", "/yours/" + f.fresh("ada@example.com"), 200},
		{"GET", "/yours/" + f.fresh("ada@example.com") + "/data", 200},
		{"GET", "/undo/" + unsubscribe, 405},
		{"POST", "/undo/" + unsubscribe, 410},
		{"GET", "/moved/nonsense", 404},
		{"GET", "/confirm", 404},
		{"GET", "/link", 200},
		{"POST", "/link", 422},
	} {
		r := f.send(httptest.NewRequest(request.method, request.path, nil))
		if r.StatusCode != request.status {
			t.Errorf("%s %s: status %d, want %d", request.method, request.path, r.StatusCode, request.status)
		}
		for name, want := range map[string]string{"Cache-Control": "no-store", "Referrer-Policy": "no-referrer", "X-Robots-Tag": "noindex"} {
			if got := r.Header.Get(name); got != want {
				t.Errorf("%s %s: %s is %q", request.method, request.path, name, got)
			}
		}
	}
	for name, r := range map[string]*http.Response{
		"from another site": f.post("/preferences/"+preferences, nil, "Sec-Fetch-Site", "cross-site"),
		"too large":         f.post("/preferences/"+preferences, url.Values{"name": {strings.Repeat("a", 17<<10)}}),
	} {
		if r.StatusCode < 400 {
			t.Errorf("%s: status %d", name, r.StatusCode)
		}
		wantHeader(t, r, "Cache-Control", "no-store")
		wantHeader(t, r, "Referrer-Policy", "no-referrer")
	}
	robots := bodyOf(t, f.get("/robots.txt"))
	for _, part := range []string{"confirm", "decline", "unsubscribe", "undo", "preferences", "moved", "yours"} {
		if !strings.Contains(robots, "Disallow: /"+part+"/\n") {
			t.Errorf("robots may look at /%s/", part)
		}
	}
	f.library = new(content.Library) // a handler panics
	r := f.get("/preferences/" + preferences)
	wantStatus(t, r, http.StatusInternalServerError)
	wantHeader(t, r, "Cache-Control", "no-store")
	wantHeader(t, r, "Referrer-Policy", "no-referrer")
	wantHeader(t, f.get("/categories/preferences"), "Referrer-Policy", "strict-origin-when-cross-origin")
}
