package web

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// client names where a request came from, for the record of consent and to count
// by: a salted hash of the address, so that the record holds no address and
// nobody without the key can find one in it. An IPv6 client counts as its /64,
// all of which is usually one household's.
func (s *site) client(r *http.Request) string {
	addr := s.clientAddr(r)
	if !addr.IsValid() || addr.IsLoopback() { // an undeclared proxy on this machine, or a person trying it out
		return ""
	}
	if addr.Is6() {
		prefix, _ := addr.WithZone("").Prefix(64) // fails only above 128
		addr = prefix.Addr()
	}
	return s.sign("client", addr.String())
}

// clientAddr walks X-Forwarded-For back from our own proxies to the first
// address that is not one of them. What comes before that is not trustworthy.
func (s *site) clientAddr(r *http.Request) netip.Addr {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{} // a Unix socket has none
	}
	addr := peer.Addr().Unmap()
	if !s.trusted(addr) {
		return addr // as most are: nothing is allocated
	}
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for i := len(hops) - 1; i >= 0 && s.trusted(addr); i-- {
		hop, ok := parseHop(strings.TrimSpace(hops[i]))
		if !ok {
			break
		}
		addr = hop.Unmap()
	}
	return addr
}

// parseHop reads an address as proxies write it: some add the port, or brackets.
func parseHop(word string) (netip.Addr, bool) {
	if hop, err := netip.ParseAddrPort(word); err == nil {
		return hop.Addr(), true
	}
	hop, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(word, "["), "]"))
	return hop, err == nil
}

func (s *site) trusted(addr netip.Addr) bool {
	return slices.ContainsFunc(s.TrustedProxies, func(p netip.Prefix) bool { return p.Contains(addr) })
}
