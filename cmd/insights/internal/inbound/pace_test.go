package inbound

import (
	"fmt"
	"net/netip"
	"testing"
	"time"
)

func networks(t *testing.T, address string) (n [3]netip.Prefix) {
	t.Helper()
	a := netip.MustParseAddr(address)
	bits := [3]int{64, 56, 48}
	if a.Is4() {
		bits = [3]int{32, 32, 24}
	}
	for i := range n {
		n[i], _ = a.Prefix(bits[i])
	}
	return n
}

func TestAClientNamesRecipientsAtAPace(t *testing.T) {
	var p pace
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	count := func(addresses func(i int) string, n int) (taken int) {
		for i := range n {
			if p.takes(networks(t, addresses(i)), now) {
				taken++
			}
		}
		return taken
	}
	one := func(int) string { return "192.0.2.1" }
	if n := count(one, 5000); n != paceBurst+1 {
		t.Errorf("%d of one client at once", n)
	}
	if n := count(func(int) string { return "198.51.100.1" }, 10); n != 10 {
		t.Errorf("%d of another client", n)
	}
	now = now.Add(10 * time.Second)
	if n := count(one, 5000); n != 10*paceOf[0] {
		t.Errorf("%d of one client ten seconds later", n)
	}
	if n := count(func(i int) string { return fmt.Sprintf("2001:db8:1:%x::1", i) }, 5000); n != paceBurst+1 {
		t.Errorf("%d of one /48 at once", n)
	}
	for range 5000 {
		if !p.takes([3]netip.Prefix{}, now) {
			t.Fatal("a local client was told to wait")
		}
	}
}

func TestThePaceRemembersFewNetworks(t *testing.T) {
	var p pace
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for i := range 3 * pacedAtMost {
		p.takes(networks(t, fmt.Sprintf("2001:db8:%x:%x::1", i>>16, i&0xffff)), now)
		if len(p.reserved) > pacedAtMost+3 {
			t.Fatalf("%d networks are remembered", len(p.reserved))
		}
	}
	now = now.Add(time.Hour)
	p.forget(now)
	if len(p.reserved) != 0 {
		t.Errorf("%d networks are remembered with nothing reserved", len(p.reserved))
	}
}
