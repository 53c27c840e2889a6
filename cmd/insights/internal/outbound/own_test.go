package outbound

import (
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/scaledbydesign/insights/feeds/websub"
)

// TestAPublicAddressOfThisMachineIsNotCalled says which addresses the machine has, since
// few that run tests have a public one.
func TestAPublicAddressOfThisMachineIsNotCalled(t *testing.T) {
	c := New("Insights", Options{Strangers: true})
	c.own.here, c.own.interfaced = []netip.Addr{netip.MustParseAddr("8.8.8.8"), netip.MustParseAddr("2606:4700::8")}, time.Now()
	for _, address := range []string{
		"http://8.8.8.8/", "https://8.8.8.8:443/", "http://[::ffff:8.8.8.8]/", "http://[64:ff9b::808:808]/", "http://[2002:808:808::1]/", "http://[2606:4700::8]/", "http://[2606:4700:0:0::8]:80/",
	} {
		err := c.Check(address)
		if _, getErr := c.Post(t.Context(), address, nil, nil); !errors.Is(err, websub.ErrForbidden) || !errors.Is(getErr, websub.ErrForbidden) || !strings.Contains(err.Error(), "of this site") {
			t.Errorf("%s: %v, %v", address, err, getErr)
		}
	}
	if err := c.Check("http://8.8.8.9/"); err != nil {
		t.Error(err)
	}
	if err := New("Insights", Options{}).Check("http://8.8.8.8:8080/"); err != nil {
		t.Errorf("a hub that the owner names: %v", err)
	}
}
