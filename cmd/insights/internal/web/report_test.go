package web_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/scaledbydesign/insights/cmd/insights/internal/web"
	"github.com/scaledbydesign/insights/newsletter"
)

// reported takes every report, and answers with an error or what it did.
type reported struct {
	err  error
	last newsletter.RelayReport
}

func (r *reported) HandleWebhook(_ context.Context, report newsletter.RelayReport) (string, error) {
	r.last = report
	return "suppressed after a bounce", r.err
}

// relaySigned is a post that a key signed at some time.
func relaySigned(t *testing.T, key, id string, at time.Time, body string) *http.Request {
	t.Helper()
	hook, err := standardwebhooks.NewWebhookRaw([]byte(key))
	if err != nil {
		t.Fatal(err)
	}
	signature, err := hook.Sign(id, at, []byte(body))
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest(http.MethodPost, "/bounces", strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Webhook-Id", id)
	r.Header.Set("Webhook-Timestamp", strconv.FormatInt(at.Unix(), 10))
	r.Header.Set("Webhook-Signature", signature)
	return r
}

func reportSite(t *testing.T) (*fixture, *reported) {
	taken := &reported{}
	return newFixture(t, library(), func(c *web.Config) {
		c.Reports, c.ReportKeys = taken, [][]byte{[]byte("the key of today"), []byte("the key of tomorrow")}
	}), taken
}

func TestAReportOfARelayIsTakenIfItIsSigned(t *testing.T) {
	f, taken := reportSite(t)
	const body = `{"type": "bounce", "timestamp": "2026-01-02T03:04:05Z", "data": {"return_path": "bounce+x.y@example.com", "message_id": "1.2@example.com", "class": "hard", "code": 550, "status": "5.1.1", "text": "unknown", "recipient": "ada@example.com"}}`
	for _, key := range []string{"the key of today", "the key of tomorrow"} {
		taken.last = newsletter.RelayReport{}
		r := f.send(relaySigned(t, key, "msg_1", time.Now(), body))
		if text := bodyOf(t, r); r.StatusCode != 202 || text != "suppressed after a bounce\n" {
			t.Errorf("%d %q", r.StatusCode, text)
		}
		want := newsletter.RelayReport{ID: "msg_1", Type: "bounce", ReturnPath: "bounce+x.y@example.com", MessageID: "1.2@example.com", Class: "hard", Code: 550, Status: "5.1.1", Text: "unknown"}
		if taken.last != want {
			t.Errorf("it was given %+v", taken.last)
		}
	}

	taken.last = newsletter.RelayReport{}
	altered := relaySigned(t, "the key of today", "msg_1", time.Now(), body)
	altered.Body = http.NoBody
	otherID := relaySigned(t, "the key of today", "msg_1", time.Now(), body)
	otherID.Header.Set("Webhook-Id", "msg_2")
	unsigned := relaySigned(t, "the key of today", "msg_1", time.Now(), body)
	unsigned.Header.Del("Webhook-Signature")
	for what, r := range map[string]*http.Request{
		"of another key":  relaySigned(t, "a key of strangers", "msg_1", time.Now(), body),
		"of an empty key": relaySigned(t, "", "msg_1", time.Now(), body),
		"ten minutes old": relaySigned(t, "the key of today", "msg_1", time.Now().Add(-10*time.Minute), body),
		"of the future":   relaySigned(t, "the key of today", "msg_1", time.Now().Add(10*time.Minute), body),
		"altered":         altered, "of another id": otherID, "not signed": unsigned,
	} {
		if got := f.send(r); got.StatusCode != 401 || taken.last != (newsletter.RelayReport{}) {
			t.Errorf("one %s: %d, %+v", what, got.StatusCode, taken.last)
		}
	}
	if log := f.log.String(); strings.Contains(log, "example.com") || !strings.Contains(log, "no matching signature") {
		t.Errorf("the log:\n%s", log)
	}
}

func TestAReportOfARelayIsAnsweredByWhatBecomesOfIt(t *testing.T) {
	f, taken := reportSite(t)
	for _, test := range []struct {
		body   string
		err    error
		status int
		says   string
	}{
		{`{"type": "complaint", "data": {"class": "hard"}}`, nil, 202, "suppressed"},
		{`{"type": "bounce", "data": {}}`, fmt.Errorf("%w: no class", newsletter.ErrReport), 422, "no class"},
		{`{"type": "bounce", "data": {"class": "hard"}}`, newsletter.ErrNotOurs, 202, "not about an email sent from here"},
		{`{"type": "bounce", "data": {"class": "hard"}}`, errors.New("the disk is full"), 500, "try again"},
		{`{"type": "bounce", "data": {"code": "550"}}`, nil, 400, "not of the form"},
		{`bounce`, nil, 400, "not of the form"},
		{``, nil, 400, "not of the form"},
		{`{"type": "bounce", "data": {"text": "` + strings.Repeat("x", 17<<10) + `"}}`, nil, 413, "too large"},
	} {
		taken.err = test.err
		r := f.send(relaySigned(t, "the key of today", "msg_1", time.Now(), test.body))
		if text := bodyOf(t, r); r.StatusCode != test.status || !strings.Contains(text, test.says) || strings.Contains(text, "disk") {
			t.Errorf("%.60s, %v: %d %q", test.body, test.err, r.StatusCode, text)
		}
	}
}

func TestWithoutAKeyNothingTakesReports(t *testing.T) {
	f := newFixture(t, library(), func(c *web.Config) { c.Reports = &reported{} })
	if r := f.send(relaySigned(t, "", "msg_1", time.Now(), "{}")); r.StatusCode != 404 {
		t.Errorf("status %d", r.StatusCode)
	}
}
