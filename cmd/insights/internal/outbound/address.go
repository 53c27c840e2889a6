package outbound

import (
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
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

// unwrap returns the IPv4 address that an IPv6 address wraps, or the address itself.
func unwrap(a netip.Addr) netip.Addr {
	a = a.WithZone("").Unmap()
	if a.Is6() {
		b := a.As16()
		switch {
		case translated.Contains(a):
			return netip.AddrFrom4([4]byte(b[12:16]))
		case sixToFour.Contains(a):
			return netip.AddrFrom4([4]byte(b[2:6]))
		}
	}
	return a
}

// public reports whether an address leads to the public internet. One that wraps
// an IPv4 address is what that is.
func public(a netip.Addr) bool {
	a = unwrap(a)
	if a.Is6() && !globalUnicast.Contains(a) {
		return false
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
	host := strings.ToLower(strings.TrimRight(u.Hostname(), "."))
	a, err := netip.ParseAddr(host)
	literal := err == nil
	if literal {
		return c.allowed(a, portOf(u), c.own.interfaces())
	}
	switch {
	case c.private: // decided where it leads
		return nil
	case host == "localhost" || strings.HasSuffix(host, ".localhost"):
		return refused(host)
	case c.strangers && host == c.own.site:
		return ours(host)
	}
	return c.checkPort(portOf(u))
}

// allowed reports why an address must not be called, if it must not be. own are the
// addresses of this machine and site.
func (c *Client) allowed(a netip.Addr, port uint16, own []netip.Addr) error {
	a = unwrap(a)
	switch {
	case c.private && a.IsLoopback():
		return nil
	case !c.private && !public(a):
		return refused(a.String())
	case !c.private && c.strangers && slices.Contains(own, a):
		return ours(a.String())
	}
	return c.checkPort(port)
}

func ours(host string) error {
	return fmt.Errorf("%s is an address of this site: %w", host, websub.ErrForbidden)
}

// checkPort refuses ports at which no web server is expected: what strangers have called
// there may be anything.
func (c *Client) checkPort(port uint16) error {
	if !c.strangers || port == 80 || port == 443 || slices.Contains(c.ports, int(port)) {
		return nil
	}
	return fmt.Errorf("port %d is not one that this site calls: %w", port, websub.ErrForbidden)
}

// portOf is the port of an address; 0 if it is none.
func portOf(u *url.URL) uint16 {
	if u.Port() == "" {
		return map[string]uint16{"http": 80, "https": 443}[u.Scheme]
	}
	port, err := strconv.ParseUint(u.Port(), 10, 16)
	if err != nil {
		return 0
	}
	return uint16(port)
}
