package outbound

import (
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/scaledbydesign/insights/feeds/websub"
)

// closed are the networks that lead to this machine, to a network of its owner's
// or nowhere (IANA's registries of special-purpose addresses). Of IPv6 only global
// unicast is open at all.
var closed = prefixes(
	"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
	"192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15",
	"198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",

	"2001::/23", // protocol assignments, Teredo among them, which wraps any IPv4 address
	"2001:db8::/32", "3fff::/20",
)

var (
	globalUnicast = netip.MustParsePrefix("2000::/3")
	translated    = netip.MustParsePrefix("64:ff9b::/96") // NAT64: an IPv4 address at its end
	sixToFour     = netip.MustParsePrefix("2002::/16")    // 6to4: an IPv4 address behind the prefix
)

func prefixes(list ...string) []netip.Prefix {
	parsed := make([]netip.Prefix, len(list))
	for i, p := range list {
		parsed[i] = netip.MustParsePrefix(p)
	}
	return parsed
}

// public reports whether an address leads to the public internet. One that wraps
// an IPv4 address is what that is.
func public(a netip.Addr) bool {
	a = a.WithZone("").Unmap()
	if a.Is6() {
		b := a.As16()
		switch {
		case translated.Contains(a):
			return public(netip.AddrFrom4([4]byte(b[12:16])))
		case sixToFour.Contains(a):
			return public(netip.AddrFrom4([4]byte(b[2:6])))
		case !globalUnicast.Contains(a):
			return false
		}
	}
	return a.IsValid() && !slices.ContainsFunc(closed, func(p netip.Prefix) bool { return p.Contains(a) })
}

// refused says that an address was not called.
func refused(host string) error {
	return fmt.Errorf("%s is in no public network: %w", host, websub.ErrForbidden)
}

// Check implements websub.Client.
func (c *Client) Check(address string) error {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.User != nil {
		return fmt.Errorf("no http or https address without a user name: %w", websub.ErrForbidden)
	}
	if c.private {
		return nil
	}
	host := strings.ToLower(strings.TrimRight(u.Hostname(), "."))
	a, err := netip.ParseAddr(host)
	if host == "localhost" || strings.HasSuffix(host, ".localhost") || err == nil && !public(a) {
		return refused(host)
	}
	return nil
}
