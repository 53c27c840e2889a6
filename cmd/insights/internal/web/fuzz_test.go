package web_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/scaledbydesign/insights/cmd/insights/internal/web"
	"github.com/scaledbydesign/insights/content/budget"
	"github.com/scaledbydesign/insights/subscribers"
)

// Whatever is posted as a form gets an answer that is no 5xx, and mails nobody whose
// address is not in it.
func FuzzForms(f *testing.F) {
	site := newFixture(f, library(), func(c *web.Config) { c.TrustedOrigins = []string{"https://www.example.com"} })
	_, unsubscribe, preferences := site.reader(f, "ada@example.com", subscribers.Confirmed)
	for _, seed := range []struct{ kind, body string }{
		{"application/x-www-form-urlencoded", "email=ben%40example.com&category=leadership&cadence=weekly"},
		{"application/json", `{"email": "ben@example.com", "categories": ["leadership"]}`},
		{"multipart/form-data; boundary=b", "--b\r\nContent-Disposition: form-data; name=\"List-Unsubscribe\"\r\n\r\nOne-Click\r\n--b--\r\n"},
		{"multipart/form-data", "%zz"}, {"", ""}, {"application/json", "[[[["}, {"text/plain; charset=utf-16", "\xff\xfe"},
		{"application/x-www-form-urlencoded", "days=30&instead=pause&%gg"},
	} {
		f.Add(seed.kind, seed.body)
	}
	f.Fuzz(func(t *testing.T, kind, body string) {
		synctest.Test(t, func(t *testing.T) {
			for key := range site.store.byKey {
				if key != "ada@example.com" {
					delete(site.store.byKey, key)
				}
			}
			for _, path := range []string{"/subscribe", "/unsubscribe/" + unsubscribe, "/unsubscribe/" + unsubscribe + "/less", "/preferences/" + preferences, "/preferences/" + preferences + "/pause"} {
				posted := func(body string) *http.Request {
					r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(body))
					r.Header["Content-Type"] = []string{kind}
					r.Header.Set("Origin", "https://www.example.com")
					return r
				}
				grown := budget.Grown(body)
				budget.Check(t, func() { site.send(posted(grown)) }) // a request of its own each time: its body is read
				before := time.Now()
				if answer := site.send(posted(body)); answer.StatusCode >= 500 {
					t.Errorf("%s: %d", path, answer.StatusCode)
				}
				if took := time.Since(before); took > time.Second {
					t.Errorf("%s took %v", path, took)
				}
			}
			for key := range site.store.byKey {
				if local, _, _ := strings.Cut(key, "@"); key != "ada@example.com" && !strings.Contains(strings.ToLower(body), local[:1]) && !strings.Contains(body, "%") && !strings.Contains(body, `\u`) {
					t.Errorf("%q signed up by %q", key, body)
				}
			}
		})
	})
}
