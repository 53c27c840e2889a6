package web_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/scaledbydesign/insights/cmd/insights/internal/web"
	"github.com/scaledbydesign/insights/subscribers"
)

const (
	pending    = subscribers.Pending
	subscribed = subscribers.Confirmed
	gone       = subscribers.Unsubscribed
)

// filled is the sign-up form as somebody sends it who took three seconds.
func (f *fixture) filled(t *testing.T, address string) url.Values {
	t.Helper()
	action, form := firstForm(t, bodyOf(t, f.get("/subscribe")))
	if action != "/subscribe" {
		t.Fatalf("the first form leads to %q", action)
	}
	form.Set("email", address)
	time.Sleep(3 * time.Second) // of a synctest bubble
	return form
}

func TestSignUpFormHoldsWhatProgramsRelyOn(t *testing.T) {
	f := newFixture(t, library(), nil)
	r := f.get("/subscribe")
	wantHeader(t, r, "Cache-Control", "no-store")
	page := bodyOf(t, r)
	action, form := firstForm(t, page)
	if action != "/subscribe" || !form.Has("email") || !form.Has("name") || form.Get("cadence") != "weekly" {
		t.Errorf("the form is %q with %v", action, form)
	}
	if !slices.Equal(form["category"], f.config.Registry.Categories) {
		t.Errorf("chosen at first: %v, want all", form["category"])
	}
	var cadences []string
	for _, n := range elements(t, page, "input") {
		if attribute(n, "name") == "cadence" {
			cadences = append(cadences, attribute(n, "value"))
		}
	}
	if !slices.Equal(cadences, []string{"instant", "daily", "weekly", "monthly"}) {
		t.Errorf("cadences %v", cadences)
	}
	_, form = firstForm(t, bodyOf(t, f.get("/subscribe?category=leadership&category=engineering&cadence=daily")))
	if !slices.Equal(form["category"], []string{"engineering", "leadership"}) || form.Get("cadence") != "daily" {
		t.Errorf("an address that chooses gives %v, %v", form["category"], form["cadence"])
	}
	_, form = firstForm(t, bodyOf(t, f.get("/subscribe?category=nothing&cadence=never")))
	if len(form["category"]) != 7 || form.Get("cadence") != "weekly" {
		t.Errorf("an address that chooses nonsense gives %v, %v", form["category"], form["cadence"])
	}
}

func TestSignUpAnswersTheSameForEveryAddress(t *testing.T) {
	f := newFixture(t, library(), nil)
	synctest.Test(t, func(t *testing.T) {
		f.reader(t, "known@example.com", subscribed)
		f.reader(t, "gone@example.com", gone)
		f.reader(t, "blocked@example.com", subscribers.Suppressed)
		var bodies []string
		for _, address := range []string{"new@example.com", "known@example.com", "gone@example.com", "blocked@example.com", "NEW@example.com"} {
			r := f.post("/subscribe", f.filled(t, address))
			wantStatus(t, r, http.StatusAccepted)
			bodies = append(bodies, bodyOf(t, r))
		}
		if len(slices.Compact(bodies)) != 1 {
			t.Error("the answers differ")
		}
		if f.status(t, "new@example.com") != pending || f.status(t, "known@example.com") != subscribed || f.status(t, "gone@example.com") != pending {
			t.Error("the sign-ups were not recorded")
		}
	})
}

func TestSignUpRecordsConsentWithoutTheClientsAddress(t *testing.T) {
	f := newFixture(t, library(), func(c *web.Config) {
		c.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")} // httptest's client
	})
	synctest.Test(t, func(t *testing.T) {
		sign := func(address, forwarded string) string {
			t.Helper()
			wantStatus(t, f.post("/subscribe", f.filled(t, address), "X-Forwarded-For", forwarded), http.StatusAccepted)
			e := f.store.events[len(f.store.events)-1]
			if e.Source != "form" || e.Version != subscribers.FormVersion || strings.Contains(e.Client, "203.0") {
				t.Errorf("event %+v", e)
			}
			return e.Client
		}
		one := sign("a@example.com", "203.0.113.7")
		if one == "" || sign("b@example.com", "198.51.100.1, 203.0.113.7") != one {
			t.Error("what a client forges before the last hop changes who it is")
		}
		if sign("c@example.com", "203.0.113.8") == one {
			t.Error("two clients count as one")
		}
		if sign("d@example.com", "203.0.113.7, 192.0.2.9") != one {
			t.Error("our own second proxy counts as the client")
		}
		for i, hop := range []string{"203.0.113.7:5678", "[2001:db8:1:2::3]:443", "[2001:db8:1:2::3]"} {
			want := one
			if i > 0 {
				want = sign("v6@example.com", "2001:db8:1:2::3")
			}
			if sign(fmt.Sprintf("port%d@example.com", i), hop) != want {
				t.Errorf("%s, as some proxies write it, is another client", hop)
			}
		}
		if sign("e@example.com", "2001:db8:1:2::3") != sign("f@example.com", "2001:db8:1:2:ffff::4") {
			t.Error("two addresses of one /64 count as two clients")
		}
	})
	f = newFixture(t, library(), nil)
	synctest.Test(t, func(t *testing.T) {
		f.post("/subscribe", f.filled(t, "a@example.com"), "X-Forwarded-For", "203.0.113.7")
		f.post("/subscribe", f.filled(t, "b@example.com"), "X-Forwarded-For", "203.0.113.8")
		if f.store.events[0].Client != f.store.events[1].Client {
			t.Error("the header of a proxy that is not ours is believed")
		}
	})
}

func TestBadSignUpsGetTheFormBackWithWhatTheyHeld(t *testing.T) {
	f := newFixture(t, library(), nil)
	synctest.Test(t, func(t *testing.T) {
		for name, tt := range map[string]struct {
			field, value string
			shown        string // id of what says so, or words
		}{
			"no address":           {"email", " ", `id="email-error"`},
			"a header in the name": {"name", "Ada\r\nBcc: x@example.com", `id="name-error"`},
			"an endless name":      {"name", strings.Repeat("a", 101), `id="name-error"`},
			"no category":          {"category", "", `id="category-error"`},
			"an unknown category":  {"category", "nothing", `id="category-error"`},
			"an unknown cadence":   {"cadence", "<b>hourly</b>", `id="cadence-error"`},
			"the trap":             {"website", "https://spam.example", "should stay empty"},
			"no stamp":             {"stamp", "", "send it again"},
			"a forged stamp":       {"stamp", "1700000000000.AAAAAAAAAAAAAAAAAAAA", "send it again"},
		} {
			form := f.filled(t, "ada@example.com")
			form.Set("name", "Ada L")
			form.Set(tt.field, tt.value)
			r := f.post("/subscribe", form)
			page := bodyOf(t, r)
			if r.StatusCode != http.StatusUnprocessableEntity || !strings.Contains(page, tt.shown) || !strings.Contains(page, `id="errors"`) {
				t.Errorf("%s: status %d, or the page does not say what is wrong", name, r.StatusCode)
			}
			if !strings.Contains(page, "<title>Error: ") {
				t.Errorf("%s: the title does not say that there is an error", name)
			}
			if strings.Contains(page, "<script>alert") || strings.Contains(page, "<b>hourly") {
				t.Errorf("%s: the page holds the markup that was sent", name)
			}
			for _, kept := range []string{"email", "name"} {
				if kept == tt.field {
					continue
				}
				if _, again := firstForm(t, page); again.Get(kept) != form.Get(kept) {
					t.Errorf("%s: the form lost the %s", name, kept)
				}
			}
		}
		if f.store.edits != 0 {
			t.Errorf("%d sign-ups reached the store", f.store.edits)
		}
	})
}

// That an address can't exist tells nobody who is subscribed, so its owner is told.
func TestImpossibleAddressesAreRefusedWithASuggestion(t *testing.T) {
	const origin = "https://www.example.com"
	f := newFixture(t, library(), func(c *web.Config) { c.TrustedOrigins = []string{origin} })
	f.reader(t, "ben@example.com", subscribed)
	synctest.Test(t, func(t *testing.T) {
		before := f.store.edits
		for typed, meant := range map[string]string{
			"ada@example,com":                         "ada@example.com",
			"ada@example":                             "ada@example.com",
			"ada at example.com":                      "ada@example.com",
			"ada@@example.com":                        "ada@example.com",
			"mailto:ada@example.com":                  "ada@example.com",
			"ada@":                                    "",
			"ben@example.com.":                        "ben@example.com",
			"a@example.com, b@example.com":            "",
			"ada@example.com\r\nBcc: x@example.com":   "",
			`"><script>alert(1)</script>@example.com`: "",
		} {
			asked, _ := json.Marshal(map[string]any{"email": typed, "cadence": "weekly", "categories": []string{"architecture"}, "website": ""})
			json := httptest.NewRequest(http.MethodPost, base+"/subscribe", bytes.NewReader(asked))
			answers := map[string]*http.Response{
				"form": f.post("/subscribe", f.filled(t, typed)),
				"json": f.send(json, "Content-Type", "application/json", "Origin", origin),
				"move": f.post("/yours/"+f.fresh("ben@example.com")+"/address", url.Values{"email": {typed}}),
			}
			for how, r := range answers {
				page := bodyOf(t, r)
				if r.StatusCode != http.StatusUnprocessableEntity || strings.Contains(page, "Did you mean "+meant+"?") != (meant != "") {
					t.Errorf("%s, %q: status %d, want the suggestion %q:\n%s", how, typed, r.StatusCode, meant, page)
				}
			}
		}
		if f.store.edits != before {
			t.Error("an impossible address reached the store")
		}
	})
}

// What comes along when an address is pasted is taken off.
func TestPastedAddressesAreTaken(t *testing.T) {
	f := newFixture(t, library(), nil)
	synctest.Test(t, func(t *testing.T) {
		for _, typed := range []string{"\u202aada@example.com\u202c", " ada\u200b@exam\u00adple.com\ufeff", "\u2066ada@example.com\u2069"} {
			wantStatus(t, f.post("/subscribe", f.filled(t, typed)), http.StatusAccepted)
		}
		if _, ok := f.store.byKey["ada@example.com"]; !ok || len(f.store.byKey) != 1 {
			t.Errorf("%d subscribers", len(f.store.byKey))
		}
	})
}

func TestErrorsAreTiedToTheirFields(t *testing.T) {
	f := newFixture(t, library(), nil)
	page := bodyOf(t, f.post("/subscribe", url.Values{"email": {""}, "name": {"\x00"}, "cadence": {"x"}}))
	ids := make(map[string]bool)
	for _, n := range elements(t, page, "") {
		ids[attribute(n, "id")] = true
	}
	described := 0
	for _, n := range elements(t, page, "") {
		if by := attribute(n, "aria-describedby"); by != "" {
			described++
			if !ids[by] {
				t.Errorf("nothing has the id %q", by)
			}
		}
		if href := attribute(n, "href"); strings.HasPrefix(href, "#") && !ids[href[1:]] {
			t.Errorf("the summary links to %s, which is not there", href)
		}
	}
	if described != 4 {
		t.Errorf("%d fields are tied to their error, want 4", described)
	}
}

func TestFormsAreTakenNeitherTooSoonNorTooLate(t *testing.T) {
	f := newFixture(t, library(), nil)
	synctest.Test(t, func(t *testing.T) {
		_, form := firstForm(t, bodyOf(t, f.get("/subscribe")))
		form.Set("email", "ada@example.com")
		for _, step := range []struct {
			wait   time.Duration
			status int
		}{
			{time.Second, http.StatusUnprocessableEntity},
			{time.Second, http.StatusAccepted},
			{23 * time.Hour, http.StatusAccepted},
			{2 * time.Hour, http.StatusUnprocessableEntity},
		} {
			time.Sleep(step.wait)
			wantStatus(t, f.post("/subscribe", form), step.status)
		}
	})
}

func TestFormsFromOtherSitesAreRefused(t *testing.T) {
	f := newFixture(t, library(), func(c *web.Config) { c.TrustedOrigins = []string{"https://www.example.com"} })
	synctest.Test(t, func(t *testing.T) {
		form := f.filled(t, "ada@example.com")
		for origin, status := range map[string]int{
			"https://evil.example":    http.StatusForbidden,
			"https://www.example.com": http.StatusAccepted,
			base:                      http.StatusAccepted,
		} {
			wantStatus(t, f.post("/subscribe", form, "Sec-Fetch-Site", "cross-site", "Origin", origin), status)
		}
	})
	// Other sites may show the form to sign up, and nothing else.
	_, _, token := f.reader(t, "ben@example.com", subscribed)
	wantStatus(t, f.post("/preferences/"+token+"/erase", nil, "Sec-Fetch-Site", "cross-site", "Origin", "https://www.example.com"), http.StatusForbidden)
	if _, err := web.New(web.Config{Pages: f.config.Pages, Library: f.config.Library, Feeds: f.config.Feeds, TrustedOrigins: []string{"www.example.com"}}); err == nil || !strings.Contains(err.Error(), "www.example.com") {
		t.Errorf("a trusted origin without a scheme gives %v", err)
	}
}

func TestFormsThatAreTooBigAreRefused(t *testing.T) {
	f := newFixture(t, library(), nil)
	wantStatus(t, f.post("/subscribe", url.Values{"name": {strings.Repeat("a", 17<<10)}}), http.StatusRequestEntityTooLarge)
}

func TestFaultsOfTheStoreAreNotShown(t *testing.T) {
	f := newFixture(t, library(), nil)
	f.store.err = errors.New("disk I/O error at 0x1234")
	synctest.Test(t, func(t *testing.T) {
		r := f.post("/subscribe", f.filled(t, "ada@example.com"))
		wantStatus(t, r, http.StatusInternalServerError)
		if strings.Contains(bodyOf(t, r), "disk") || !strings.Contains(f.log.String(), "disk I/O error") {
			t.Error("the fault is shown to the reader, or is not in the log")
		}
	})
}

func TestDomainsThatAreRefusedAreToldSo(t *testing.T) {
	f := newFixture(t, library(), func(c *web.Config) { c.Registry.Refused = subscribers.Domains{"ten-minutes.example": {}} })
	synctest.Test(t, func(t *testing.T) {
		r := f.post("/subscribe", f.filled(t, "ada@mx.ten-minutes.example"))
		wantStatus(t, r, http.StatusUnprocessableEntity)
		if page := bodyOf(t, r); !strings.Contains(page, "We do not write to addresses at that domain") || !strings.Contains(page, "ada@mx.ten-minutes.example") {
			t.Error("the form does not say so, or lost what was typed")
		}
		f.reader(t, "ada@example.com", subscribed)
		wantStatus(t, f.post("/yours/"+f.fresh("ada@example.com")+"/address", url.Values{"email": {"ada@ten-minutes.example"}}), http.StatusUnprocessableEntity)
		if sub := f.store.byKey["ada@example.com"]; len(f.store.byKey) != 1 || sub.Mailbox() != sub.Address {
			t.Errorf("%+v", f.store.byKey)
		}
	})
}

// What a shared limit does to a sign-up is not in the answer, whatever the address.
func TestAnswersClaimNoEmail(t *testing.T) {
	f := newFixture(t, library(), nil)
	f.config.Registry.Limits = subscribers.Limits{All: 60, Waiting: 10}
	synctest.Test(t, func(t *testing.T) {
		f.reader(t, "known@example.com", subscribed)
		full := time.Now().Add(24 * time.Hour)
		for _, test := range []struct {
			waiting, ahead int
			facts          subscribers.Facts
			status         int
			says           string
			retry          string
		}{
			{0, 0, subscribers.Facts{}, http.StatusAccepted, "If this address can be subscribed, we send it a link to confirm.", ""},
			{3, 0, subscribers.Facts{}, http.StatusAccepted, "this may take up to 5 minutes.", ""},
			{9, 8, subscribers.Facts{All: full, Waiting: 9}, http.StatusAccepted, "this may take up to 45 minutes.", ""},
			{99, 98, subscribers.Facts{All: full, Waiting: 9}, http.StatusAccepted, "this may take up to 7 hours.", ""},
			{10, 0, subscribers.Facts{All: full, Waiting: 10, Most: 1}, http.StatusServiceUnavailable, "More people are signing up", "900"},
		} {
			f.store.waiting, f.store.ahead = test.waiting, test.ahead
			time.Sleep(time.Minute) // the line is looked at now and then
			var pages []string
			for _, address := range []string{"new@example.com", "known@example.com"} {
				form := f.filled(t, address)
				f.store.facts = test.facts
				r := f.post("/subscribe", form)
				wantStatus(t, r, test.status)
				wantHeader(t, r, "Retry-After", test.retry)
				page := bodyOf(t, r)
				if !strings.Contains(page, test.says) || strings.Contains(page, "have sent") {
					t.Errorf("%d ahead: the page does not say %q", test.ahead, test.says)
				}
				pages = append(pages, page)
			}
			if pages[0] != pages[1] {
				t.Errorf("%d ahead: the answers differ", test.ahead)
			}
		}
		f.config.Registry.Limits = subscribers.Limits{Client: 1}
		f.store.facts = subscribers.Facts{Network: subscribers.Asked{Hour: time.Now().Unix() / 3600, Now: 1}}
		r := f.post("/subscribe", f.filled(t, "new@example.com"))
		wantStatus(t, r, http.StatusTooManyRequests)
		wantHeader(t, r, "Retry-After", "3600")
	})
}

func TestNetworksAreCountedByWhatOneHouseholdHas(t *testing.T) {
	f := newFixture(t, library(), func(c *web.Config) { c.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")} })
	synctest.Test(t, func(t *testing.T) {
		asked := func(forwarded string) subscribers.Asker {
			wantStatus(t, f.post("/subscribe", f.filled(t, "a@example.com"), "X-Forwarded-For", forwarded), http.StatusAccepted)
			return f.store.asked.Asker
		}
		type same struct{ client, wide, around bool }
		for _, test := range []struct {
			one, other string
			same       same
		}{
			{"203.0.113.7", "203.0.113.7", same{true, true, true}},
			{"203.0.113.7", "203.0.113.200", same{false, false, true}},
			{"203.0.113.7", "203.0.112.7", same{}},
			{"2001:db8:1:200::3", "2001:db8:1:200:ffff::4", same{true, true, true}},
			{"2001:db8:1:200::3", "2001:db8:1:2ff::3", same{false, true, true}},
			{"2001:db8:1:200::3", "2001:db8:1:300::3", same{false, false, true}},
			{"2001:db8:1:200::3", "2001:db8:2:200::3", same{}},
		} {
			a, b := asked(test.one), asked(test.other)
			if got := (same{a.Client == b.Client, a.Wide == b.Wide, a.Around == b.Around}); got != test.same {
				t.Errorf("%s and %s: the same are %+v", test.one, test.other, got)
			}
			if v4 := !strings.Contains(test.one, ":"); (a.Client == a.Wide) != v4 || a.Around == a.Wide || a.Around == a.Client {
				t.Errorf("%s: %+v", test.one, a)
			}
		}
	})
}
