package web

import (
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"github.com/scaledbydesign/insights/subscribers"
)

// noteProxy notes the first proxy that passes on the address of a visitor and is not
// declared: all its visitors would count as one. Only a private peer can be one, or one on
// this machine; a stranger may send any header.
func (s *site) noteProxy(r *http.Request) {
	if len(r.Header["X-Forwarded-For"]) == 0 || s.proxy.Load() != nil {
		return
	}
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return
	}
	addr := peer.Addr().Unmap()
	if s.trusted(addr) || !addr.IsPrivate() && !addr.IsLinkLocalUnicast() && !connectedTo(r, addr) {
		return
	}
	if name := addr.String(); s.proxy.CompareAndSwap(nil, &name) {
		s.Log.Warn("an undeclared proxy passes on visitors, who count as one for the limits of sign-ups: name it in trusted_proxies", "proxy", name)
	}
}

// Notes are what staff should know of the site's visitors.
func (s *Site) Notes() (notes []string) {
	if proxy := s.site.proxy.Load(); proxy != nil {
		notes = append(notes, fmt.Sprintf("%s passes on visitors and is not declared, so that all of them count as one for the limits of sign-ups: add it to trusted_proxies", *proxy))
	}
	return notes
}

// client names where a request came from, for the record of consent and to count
// by: a salted hash of the address, so that the record holds no address and
// nobody without the key can find one in it. An IPv6 client counts as its /64,
// all of which is usually one household's.
func (s *site) client(r *http.Request) string {
	return s.networks(r).Client
}

// networks also names the wider networks around a client: of IPv6 the /56, which is the
// most that one household or office usually has, and the /48, which is the most that
// anybody gets for the asking; of IPv4 the client itself, and the /24.
func (s *site) networks(r *http.Request) (by subscribers.Asker) {
	addr := s.clientAddr(r)
	if !addr.IsValid() || addr.IsLoopback() { // a proxy on this machine that does not say for whom, or a person trying it out
		return by
	}
	if !addr.Is6() {
		client := s.sign("client", addr.String())
		return subscribers.Asker{Client: client, Wide: client, Around: s.within("around", addr, 24)}
	}
	addr = addr.WithZone("")
	return subscribers.Asker{Client: s.within("client", addr, 64), Wide: s.within("network", addr, 56), Around: s.within("around", addr, 48)}
}

// within names the network of so many bits that an address is in.
func (s *site) within(what string, addr netip.Addr, bits int) string {
	network, _ := addr.Prefix(bits) // fails only above 128, or 32 of IPv4
	return s.sign(what, network.Addr().String())
}

// clientAddr walks X-Forwarded-For back from our own proxies to the first
// address that is not one of them. What comes before that is not trustworthy.
func (s *site) clientAddr(r *http.Request) netip.Addr {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{} // a Unix socket has none
	}
	addr := peer.Addr().Unmap()
	for _, line := range slices.Backward(r.Header["X-Forwarded-For"]) {
		for more := true; more; { // nothing is allocated: documents are asked for often
			if !s.trusted(addr) {
				return addr
			}
			word := line
			comma := strings.LastIndexByte(line, ',')
			if more = comma >= 0; more {
				line, word = line[:comma], line[comma+1:]
			}
			hop, ok := parseHop(strings.TrimSpace(word))
			if !ok {
				return addr
			}
			addr = hop.Unmap()
		}
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

// trusted reports whether what a peer says of its visitors is believed. Nobody else can
// come from this machine itself.
func (s *site) trusted(addr netip.Addr) bool {
	return addr.IsLoopback() || slices.ContainsFunc(s.TrustedProxies, func(p netip.Prefix) bool { return p.Contains(addr) })
}
