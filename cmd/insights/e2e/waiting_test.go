package e2e

import (
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"
)

// A sign-up beyond a shared limit is told how long it may take, waits, also while nothing
// runs, and has its email in its turn.
func TestSignUpsBeyondALimitWait(t *testing.T) {
	slow(t)
	t.Parallel()
	relay := newMailServer(t, nil)
	metrics := freeAddress(t)
	s := newServe(t, relay.addr, map[string]string{"LIMITS_TOTAL_HOURLY": "2", "METRICS_LISTEN": metrics})
	daemon := s.start("serve")
	for _, email := range []string{"first@example.com", "second@example.com", "third@example.com"} {
		s.signUp(email, "", "weekly", "leadership")
	}
	relay.await(t, "second@example.com", 1)
	form := url.Values{"email": {"fourth@example.com"}, "cadence": {"weekly"}, "category": {"leadership"}, "stamp": {s.stamp}, "website": {""}}
	page := s.post("/subscribe", form).Body
	// How long it is, is looked up once in some seconds.
	if !strings.Contains(page, "If this address can be subscribed, we send it a link to confirm.") || !regexp.MustCompile(`this may take up to [2-6] hours\.`).MatchString(page) {
		t.Errorf("the page says nothing of it:\n%s", page)
	}
	type signUps struct {
		SignUps struct {
			Waiting, Domains int
			Since            *time.Time
			Refused          map[string]int
		} `json:"sign_ups"`
	}
	var is signUps
	if s.read(&is, "status"); is.SignUps.Waiting != 2 || is.SignUps.Domains != 1 || is.SignUps.Since == nil || is.SignUps.Refused == nil {
		t.Errorf("%+v", is)
	}
	if text := s.insights("status"); !strings.Contains(text, "2 sign-ups at 1 domain, the first since ") {
		t.Errorf("status:\n%s", text)
	}
	until(t, patience, "the metrics", func() bool {
		families := scrape(t, metrics)
		return sample(families, "insights_sign_ups_waiting", "") == 2 && sample(families, "insights_sign_ups_oldest_waiting_age_seconds", "") > 0
	})
	daemon.kill()
	s.set(map[string]string{"LIMITS_TOTAL_HOURLY": "0"})
	s.start("serve")
	for _, email := range []string{"third@example.com", "fourth@example.com"} {
		letter := readMessage(t, relay.await(t, email, 1).Raw)
		letter.link(t, s.base+"/confirm/")
	}
	is = signUps{}
	if s.read(&is, "status"); is.SignUps.Waiting != 0 || is.SignUps.Since != nil {
		t.Errorf("%+v", is)
	}
}
