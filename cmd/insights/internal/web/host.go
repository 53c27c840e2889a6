package web

import (
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
)

// ownHost refuses requests that name another host. In development the site shows everybody's
// emails without a password: a page elsewhere whose name was made to lead to this machine
// (DNS rebinding) must not read them. Allowed are the names of this machine's loopback
// address, the address itself to which the connection was made, and the site's own host.
func (s *site) ownHost(next http.Handler) http.Handler {
	if !s.Dev {
		return next
	}
	own := ""
	if u, err := url.Parse(s.Site.BaseURL); err == nil {
		own = strings.ToLower(u.Hostname())
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host := hostOf(r.Host)
		addr, err := netip.ParseAddr(host)
		if host == own || loopbackName(host) || err == nil && connectedTo(r, addr) {
			next.ServeHTTP(w, r)
			return
		}
		// A page of the site would hold links to that host.
		what := "it does not answer as " + r.Host
		if host == "" {
			what = "the request does not name this site"
		}
		http.Error(w, "This is insights dev, and "+what+". Open "+s.Site.BaseURL+" instead, or set site.base_url to the address by which you reach it.", http.StatusMisdirectedRequest)
	})
}

// hostOf is a Host header without port, brackets and case.
func hostOf(header string) string {
	host := header
	if name, _, err := net.SplitHostPort(header); err == nil {
		host = name
	}
	return strings.TrimSuffix(strings.ToLower(strings.Trim(host, "[]")), ".")
}

func loopbackName(host string) bool {
	if host == "localhost" || strings.HasSuffix(host, ".localhost") { // RFC 6761
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.Unmap().IsLoopback()
}

// connectedTo reports whether a request came to an address. A peer of that address is on
// this machine.
func connectedTo(r *http.Request, addr netip.Addr) bool {
	to, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	if !ok {
		return false
	}
	local, err := netip.ParseAddrPort(to.String())
	return err == nil && local.Addr().Unmap() == addr.Unmap()
}
