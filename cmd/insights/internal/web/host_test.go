package web_test

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/scaledbydesign/insights/cmd/insights/internal/web"
)

// TestDevelopmentAnswersOnlyToItsOwnNames: a page elsewhere whose name was made to lead to
// loopback must not read the inbox.
func TestDevelopmentAnswersOnlyToItsOwnNames(t *testing.T) {
	get := func(f *fixture, host string) (int, string) {
		r := httptest.NewRequest("GET", "/_inbox", nil)
		r.Host = host
		local := &net.TCPAddr{IP: net.IPv4(192, 0, 2, 9), Port: 8080}
		rec := httptest.NewRecorder()
		f.handler.ServeHTTP(rec, r.WithContext(context.WithValue(r.Context(), http.LocalAddrContextKey, local)))
		return rec.Code, rec.Body.String()
	}
	f := newFixture(t, library(), func(c *web.Config) { c.Dev = true })
	for host, allowed := range map[string]bool{
		"localhost": true, "localhost:8080": true, "LOCALHOST.": true, "news.localhost:8080": true,
		"127.0.0.1:8080": true, "127.9.9.9": true, "[::1]:8080": true, "[::ffff:127.0.0.1]:8080": true,
		"insights.example": true, "Insights.Example:8080": true, // base_url's
		"192.0.2.9:8080": true, // the connection's own
		"192.0.2.10":     false, "evil.example": false, "evil.example:8080": false, "127.0.0.1.evil.example": false,
		"localhost.evil.example": false, "insights.example.evil.example": false, "notlocalhost": false, "": false,
	} {
		status, body := get(f, host)
		if allowed && status != http.StatusOK || !allowed && (status != http.StatusMisdirectedRequest || strings.Contains(body, "<html")) {
			t.Errorf("%q: %d %s", host, status, body)
		}
	}
	if _, body := get(f, ""); !strings.Contains(body, "the request does not name this site. Open https://insights.example instead") {
		t.Errorf("without a host: %q", body)
	}
	// What serves everybody answers as everybody calls it.
	public := newFixture(t, library(), func(c *web.Config) { c.Inbox = nil })
	if status, _ := get(public, "evil.example"); status != http.StatusNotFound {
		t.Errorf("in production: %d", status)
	}
}
