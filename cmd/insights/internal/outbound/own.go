package outbound

import (
	"context"
	"net"
	"net/netip"
	"sync"
	"time"
)

// own are the addresses of this machine and of the site, which is often reached through
// another one.
type own struct {
	site     string // a host name; "" = none
	resolver *net.Resolver

	mu         sync.Mutex
	interfaced time.Time // when the addresses of this machine were read
	here       []netip.Addr
	resolved   time.Time // when the site's name was looked up
	there      []netip.Addr
}

const (
	interfacesFor = 10 * time.Second
	siteFor       = time.Minute
	siteWithin    = 2 * time.Second
)

// interfaces returns the addresses of this machine.
func (o *own) interfaces() []netip.Addr {
	o.mu.Lock()
	defer o.mu.Unlock()
	if time.Since(o.interfaced) < interfacesFor {
		return o.here
	}
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return o.here
	}
	var here []netip.Addr
	for _, addr := range addrs {
		if network, ok := addr.(*net.IPNet); ok {
			if a, ok := netip.AddrFromSlice(network.IP); ok {
				here = append(here, unwrap(a))
			}
		}
	}
	o.here, o.interfaced = here, time.Now()
	return here
}

// all also returns the addresses that the site's name leads to, as far as they are known.
func (o *own) all(ctx context.Context) []netip.Addr {
	here := o.interfaces()
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.site != "" && time.Since(o.resolved) >= siteFor {
		limited, cancel := context.WithTimeout(ctx, siteWithin)
		found, err := o.resolver.LookupNetIP(limited, "ip", o.site)
		cancel()
		if err == nil || ctx.Err() == nil {
			o.resolved = time.Now()
		}
		if err == nil {
			o.there = nil
			for _, a := range found {
				o.there = append(o.there, unwrap(a))
			}
		}
	}
	return append(here[:len(here):len(here)], o.there...)
}
