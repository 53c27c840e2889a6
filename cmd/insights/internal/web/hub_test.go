package web_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/scaledbydesign/insights/cmd/insights/internal/web"
	"github.com/scaledbydesign/insights/feeds/websub"
)

// posted is a hub that answers every request with an error, or takes it.
type posted struct {
	err  error
	form url.Values
	from websub.Asker
}

func (h *posted) Accept(_ context.Context, from websub.Asker, form url.Values) error {
	h.form, h.from = form, from
	return h.err
}

func hubSite(t *testing.T) (*fixture, *posted) {
	h := &posted{}
	return newFixture(t, library(), func(c *web.Config) { c.Hub = h }), h
}

func TestTheHubAnswersInPlainText(t *testing.T) {
	f, h := hubSite(t)
	form := url.Values{"hub.mode": {"subscribe"}, "hub.callback": {"https://reader.example.com/?k=secret"}}
	for _, test := range []struct {
		err    error
		status int
		says   string
	}{
		{nil, 202, "Accepted."},
		{&websub.RefusedError{Reason: "hub.topic is missing"}, 400, "hub.topic is missing"},
		{fmt.Errorf("keep: %w", websub.ErrFull), 503, "try again later"},
		{fmt.Errorf("keep: %w", websub.ErrTooMany), 429, "try again later"},
		{errors.New("the disk is full"), 500, "try again in a minute"},
	} {
		h.err = test.err
		r := f.post("/hub", form)
		if text := bodyOf(t, r); r.StatusCode != test.status || !strings.Contains(text, test.says) || strings.Contains(text, "disk") {
			t.Errorf("%v: %d %q", test.err, r.StatusCode, text)
		}
		wantHeader(t, r, "Content-Type", "text/plain; charset=utf-8")
		wantHeader(t, r, "Cache-Control", "no-store")
		if h.form.Encode() != form.Encode() {
			t.Errorf("it was given %v", h.form)
		}
	}
	if log := f.log.String(); strings.Contains(log, "secret") || !strings.Contains(log, "the disk is full") {
		t.Errorf("the log:\n%s", log)
	}
}

func TestTheHubTakesFormsOfPrograms(t *testing.T) {
	f, h := hubSite(t)
	send := func(target, contentType, body string, header ...string) int {
		t.Helper()
		h.form = nil
		r := httptest.NewRequest(http.MethodPost, target, strings.NewReader(body))
		r.Header.Set("Content-Type", contentType)
		return f.send(r, header...).StatusCode
	}
	const kind = "application/x-www-form-urlencoded"
	for name, test := range map[string]struct {
		got, want int
	}{
		"a program":         {send("/hub", kind, "hub.mode=subscribe"), 202},
		"with a charset":    {send("/hub", kind+"; charset=UTF-8", "hub.mode=subscribe"), 202},
		"another site":      {send("/hub", kind, "hub.mode=subscribe", "Origin", "https://reader.example.com", "Sec-Fetch-Site", "cross-site"), 202},
		"JSON":              {send("/hub", "application/json", "{}"), 415},
		"files":             {send("/hub", "multipart/form-data; boundary=x", "--x--"), 415},
		"no type":           {send("/hub", "", "hub.mode=subscribe"), 415},
		"a broken escape":   {send("/hub", kind, "hub.mode=%zz"), 400},
		"17 KB":             {send("/hub", kind, "hub.topic="+strings.Repeat("a", 17<<10)), 413},
		"another's sign-up": {send("/subscribe", kind, "email=a", "Origin", "https://reader.example.com", "Sec-Fetch-Site", "cross-site"), 403},
	} {
		if test.got != test.want {
			t.Errorf("%s: %d; want %d", name, test.got, test.want)
		}
	}
	if send("/hub?hub.mode=publish", kind, "hub.mode=subscribe") != 202 || h.form.Encode() != "hub.mode=subscribe" {
		t.Errorf("it takes parameters from the address: %v", h.form)
	}
}

func TestTheHubIsOnlyPostedTo(t *testing.T) {
	f, _ := hubSite(t)
	r := f.get("/hub")
	if r.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("GET: %d", r.StatusCode)
	}
	wantHeader(t, r, "Allow", "POST, OPTIONS")
	without := newFixture(t, library(), nil)
	if r := without.post("/hub", url.Values{}); r.StatusCode != http.StatusNotFound {
		t.Errorf("without a hub: %d", r.StatusCode)
	}
}

// TestTheHubKnowsWhoAsks: a client is an IPv4 address or a /64, as for sign-ups, and the hub
// learns no address.
func TestTheHubKnowsWhoAsks(t *testing.T) {
	f, h := hubSite(t)
	ask := func(peer string) websub.Asker {
		t.Helper()
		r := httptest.NewRequest(http.MethodPost, "/hub", strings.NewReader("hub.mode=subscribe"))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.RemoteAddr = peer
		if got := f.send(r).StatusCode; got != http.StatusAccepted {
			t.Fatalf("%s: %d", peer, got)
		}
		return h.from
	}
	four, six := ask("198.51.100.7:1000"), ask("[2001:db8:0:1::1]:1000")
	for _, from := range []websub.Asker{four, six} {
		if from.Client == "" || from.Wide == "" || from.Around == "" || strings.ContainsAny(from.Client+from.Wide+from.Around, ".:") {
			t.Errorf("%+v", from)
		}
	}
	if got := ask("198.51.100.7:2000"); got != four {
		t.Errorf("the same IPv4 address: %+v, %+v", got, four)
	}
	if got := ask("198.51.100.8:1000"); got.Client == four.Client || got.Wide == four.Wide || got.Around != four.Around {
		t.Errorf("another IPv4 address: %+v, %+v", got, four)
	}
	if got := ask("[2001:db8:0:1:ffff::9]:1000"); got != six {
		t.Errorf("the same /64: %+v, %+v", got, six)
	}
	if got := ask("[2001:db8:0:2::1]:1000"); got.Client == six.Client || got.Wide != six.Wide {
		t.Errorf("another /64 of the same /56: %+v, %+v", got, six)
	}
	if got := ask("127.0.0.1:1000"); got != (websub.Asker{}) {
		t.Errorf("somebody on this machine: %+v", got)
	}
}
