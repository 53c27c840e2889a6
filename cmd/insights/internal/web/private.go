package web

import (
	"net/http"
	"path"
	"strings"
)

// keepPrivate keeps an answer out of caches and search engines, and its address, which may
// hold a token, from the sites that it links to.
func keepPrivate(h http.Header) {
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Robots-Tag", "noindex")
}

// holders returns the first parts of all paths that hold a token: "confirm".
func holders(routes []route) map[string]bool {
	first := make(map[string]bool)
	for _, rt := range routes {
		_, address, _ := strings.Cut(rt.pattern, " ")
		if strings.Contains(address, "{token}") {
			first[firstPart(address)] = true
		}
	}
	return first
}

// firstPart is the first part of a path, as ServeMux reads it, in lower case. Nothing is
// allocated for a path that is clean: documents are asked for often.
func firstPart(address string) string {
	if !strings.HasPrefix(address, "/") {
		address = "/" + address
	}
	part, _, _ := strings.Cut(path.Clean(address)[1:], "/")
	return strings.ToLower(part)
}

// private keeps every answer private whose address may hold a token, whoever gives it:
// redirects and errors too, also those that no route gives.
func (s *site) private(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.tokens[firstPart(r.URL.Path)] {
			keepPrivate(w.Header())
		}
		next.ServeHTTP(w, r)
	})
}
