package newsletter

import (
	"strings"
	"testing"
	"time"
)

func TestRetriesGrowUpToALimit(t *testing.T) {
	now := time.Unix(0, 0)
	for _, first := range []time.Duration{0, time.Second, 3 * time.Hour, 1 << 62} {
		r := Retry{First: first}
		for attempts := range 100 {
			at, ok := r.next(now, now.Add(1000*time.Hour), attempts)
			if wait := at.Sub(now); !ok || wait <= 0 || wait > 90*time.Minute {
				t.Fatalf("first %v: after %d attempts it waits %v, %v", first, attempts, wait, ok)
			}
		}
	}
}

func TestAServersAnswerIsLoggedWithoutAddresses(t *testing.T) {
	got := withoutAddresses("421 4.7.1 <bob@example.com>: Recipient address rejected")
	if strings.Contains(got, "bob") || !strings.Contains(got, "Recipient address rejected") {
		t.Error(got)
	}
}
