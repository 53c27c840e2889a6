package web_test

import (
	"bytes"
	"context"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"github.com/scaledbydesign/insights/cmd/insights/internal/web"
)

// TestUndeclaredProxies looks at who may be a proxy that nobody has declared, and that
// staff are told once.
func TestUndeclaredProxies(t *testing.T) {
	for _, test := range []struct {
		peer, forwarded string
		noted           bool
	}{
		{"10.1.2.3:5000", "203.0.113.7", true},
		{"[fd00::1]:5000", "203.0.113.7", true},
		{"[::ffff:192.168.1.1]:5000", "203.0.113.7, 10.0.0.1", true},
		{"10.1.2.3:5000", "", false},               // a visitor in the same network
		{"203.0.113.9:5000", "1.2.3.4", false},     // a stranger may send any header
		{"198.51.100.1:5000", "203.0.113.7", true}, // this machine's own address
		{"127.0.0.1:5000", "203.0.113.7", false},
		{"[::1]:5000", "203.0.113.7", false},
		{"192.0.2.1:5000", "203.0.113.7", false}, // declared
	} {
		var log bytes.Buffer
		f := newFixture(t, library(), func(c *web.Config) {
			c.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}
			c.Log = slog.New(slog.NewTextHandler(&log, nil))
		})
		for range 3 {
			r := httptest.NewRequest("GET", "/", nil)
			if r.RemoteAddr = test.peer; test.forwarded != "" {
				r.Header.Set("X-Forwarded-For", test.forwarded)
			}
			local := &net.TCPAddr{IP: net.IPv4(198, 51, 100, 1), Port: 8080}
			f.handler.ServeHTTP(httptest.NewRecorder(), r.WithContext(context.WithValue(r.Context(), http.LocalAddrContextKey, local)))
		}
		notes := f.handler.(*web.Site).Notes()
		if told := strings.Count(log.String(), "an undeclared proxy"); (told == 1) != test.noted || (len(notes) == 1) != test.noted {
			t.Errorf("%s for %q: told %d times, notes %q", test.peer, test.forwarded, told, notes)
		}
	}
}
