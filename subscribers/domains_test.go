package subscribers_test

import (
	"strings"
	"testing"

	"github.com/scaledbydesign/insights/subscribers"
)

func TestDomainsStandForThoseBelow(t *testing.T) {
	domains, err := subscribers.ParseDomains(strings.NewReader("# short-lived\n\nTen-Minutes.example # a comment\r\nbücher.example\n"))
	if err != nil {
		t.Fatal(err)
	}
	for domain, want := range map[string]bool{
		"ten-minutes.example": true, "a.b.ten-minutes.example": true, "xn--bcher-kva.example": true,
		"often-minutes.example": false, "example": false, "": false, "minutes.example": false,
	} {
		if got := domains.Has(domain); got != want {
			t.Errorf("%s: %v", domain, got)
		}
	}
	if subscribers.Domains(nil).Has("example.com") {
		t.Error("none has one")
	}
	_, err = subscribers.ParseDomains(strings.NewReader("example.com\nada@example.com\n"))
	if err == nil || !strings.Contains(err.Error(), "line 2") {
		t.Errorf("an address among them: %v", err)
	}
}
