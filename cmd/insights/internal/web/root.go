package web

import (
	"net/http"
	"net/url"
	"strings"
)

// A site whose base URL has a path is behind a proxy that passes the path on, or takes it
// off. Inside, no address has it: it is taken off here, and put before the addresses that
// leave in a Location, as templates does in pages.

// rootless returns a request without the root in its path.
func (s *site) rootless(r *http.Request) *http.Request {
	if s.root == "" || s.tooLong(r) {
		return r
	}
	escaped, ok := strings.CutPrefix(r.URL.EscapedPath(), s.root)
	if !ok || escaped != "" && escaped[0] != '/' {
		return r
	}
	if escaped == "" {
		escaped = "/"
	}
	path, err := url.PathUnescape(escaped)
	if err != nil {
		return r
	}
	// The proxy has taken it off, and an address of ours happens to begin alike: /insights
	// below https://example.com/insights.
	if !s.matches(r, http.MethodGet, escaped) && !s.matches(r, http.MethodPost, escaped) && s.matches(r, r.Method, r.URL.EscapedPath()) {
		return r
	}
	inside := *r
	u := *r.URL
	u.Path, u.RawPath = path, escaped
	inside.URL = &u
	return &inside
}

// putRoot puts the root before a path to which an answer leads.
func (s *site) putRoot(h http.Header) {
	if s.root == "" {
		return
	}
	if to := h.Get("Location"); strings.HasPrefix(to, "/") && !strings.HasPrefix(to, "//") {
		h.Set("Location", s.root+to)
	}
}
