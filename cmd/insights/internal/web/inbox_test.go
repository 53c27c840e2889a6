package web_test

import (
	"bufio"
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/scaledbydesign/insights/cmd/insights/internal/web"
)

const plainMail = "From: a@example.com\r\nTo: ada@example.com\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\nX-Long: one\r\n two\r\n\r\nHello <b>Ada</b>: https://insights.example/confirm/a.b-c_d~e.\r\n"

const twoPartMail = "From: a@example.com\r\nTo: ada@example.com\r\nSubject: Two parts\r\nMIME-Version: 1.0\r\n" +
	"Content-Type: multipart/alternative; boundary=\"b\"\r\n\r\n" +
	"--b\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nText =E2=80=94 https://insights.example/unsub=\r\nscribe/x\r\n" +
	"--b\r\nContent-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n" +
	"PHAgc3R5bGU9ImNvbG9yOnJlZCI+PGEgaHJlZj0iaHR0cHM6Ly9pbnNpZ2h0cy5leGFtcGxlL2luc2ln\r\naHRzL3giPng8L2E+PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0PjwvcD4=\r\n--b--\r\n"

func TestInboxListsTheNewestFirst(t *testing.T) {
	f := newFixture(t, library(), nil)
	f.inbox.raw = []string{plainMail, plainMail, twoPartMail}
	var links []string
	for _, n := range elements(t, bodyOf(t, f.get("/_inbox")), "a") {
		if href := attribute(n, "href"); strings.HasPrefix(href, "/_inbox/") {
			links = append(links, href)
		}
	}
	if !slices.Equal(links, []string{"/_inbox/3", "/_inbox/2", "/_inbox/1"}) {
		t.Errorf("the inbox links to %v", links)
	}
}

func TestInboxShowsAMailAsItIs(t *testing.T) {
	f := newFixture(t, library(), nil)
	f.inbox.raw = []string{plainMail, twoPartMail}
	page := bodyOf(t, f.get("/_inbox/1"))
	for _, want := range []string{"<h1 dir=\"auto\">Grüße</h1>", "<dt>X-Long</dt><dd>one two</dd>", "Hello &lt;b&gt;Ada&lt;/b&gt;: ",
		`<a href="https://insights.example/confirm/a.b-c_d~e">https://insights.example/confirm/a.b-c_d~e</a>.`} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	page = bodyOf(t, f.get("/_inbox/2"))
	for _, want := range []string{"Text — ", ">https://insights.example/unsubscribe/x<", ">https://insights.example/insights/x<", `src="/_inbox/2/html"`} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if bodyOf(t, f.get("/_inbox/2")) != page {
		t.Error("the page changes when it is looked at")
	}
	frame := f.get("/_inbox/2/html")
	wantStatus(t, frame, http.StatusOK)
	if policy := frame.Header.Get("Content-Security-Policy"); !strings.Contains(policy, "sandbox") || strings.Contains(policy, "script-src") {
		t.Errorf("the HTML part may act: %s", policy)
	}
	wantStatus(t, f.get("/_inbox/1/html"), http.StatusNotFound)
}

func TestInboxIsThereInDevelopmentOnly(t *testing.T) {
	f := newFixture(t, library(), func(c *web.Config) { c.Inbox = nil })
	wantStatus(t, f.get("/_inbox"), http.StatusNotFound)
	if strings.Contains(bodyOf(t, f.get("/")), "_inbox") {
		t.Error("the index links to the inbox")
	}
}

func TestReadinessKeepsItsReasonToItself(t *testing.T) {
	f := newFixture(t, library(), func(c *web.Config) {
		c.Ready = func(context.Context) error { return errors.New("database is locked") }
	})
	r := f.get("/readyz")
	wantStatus(t, r, http.StatusServiceUnavailable)
	if body := bodyOf(t, r); body != "not ready: the database does not answer\n" || !strings.Contains(f.log.String(), "database is locked") {
		t.Error("the reason is shown, or is not in the log")
	}
	wantStatus(t, f.get("/healthz"), http.StatusOK)
}

func TestDevelopmentPagesReloadThemselves(t *testing.T) {
	changed := make(chan struct{})
	var taken chan struct{} = changed
	f := newFixture(t, library(), func(c *web.Config) {
		c.Dev = true
		c.Changed = func() <-chan struct{} { ch := taken; taken = make(chan struct{}); return ch }
	})
	if !strings.Contains(bodyOf(t, f.get("/")), `<script src="`+f.config.Pages.AssetURL("reload.js")+`" defer>`) {
		t.Error("the page does not load the script")
	}
	server := httptest.NewServer(f.handler)
	defer server.Close()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+"/_events", nil)
	if err != nil {
		t.Fatal(err)
	}
	stream, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Body.Close()
	wantHeader(t, stream, "Content-Type", "text/event-stream")
	lines := bufio.NewScanner(stream.Body)
	for lines.Scan() && lines.Text() != ": listening" {
	}
	close(changed)
	for lines.Scan() {
		if lines.Text() == "data: changed" {
			return
		}
	}
	t.Errorf("the stream ended without news: %v", lines.Err())
}
