package e2e

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

// What a reader has received counts at their new address, too, and nobody is known by
// the old one.
func TestAReaderMovesToAnotherAddress(t *testing.T) {
	slow(t)
	t.Parallel()
	relay := newMailServer(t, nil)
	s := newServe(t, relay.addr, nil)
	s.start("serve")
	s.insights("subscriber", "add", "old@example.com", "--confirmed", "--basis", "test")
	id, _ := s.plan()
	s.insights("digest", "send", id, "--yes")
	s.awaitDone(id, 2*time.Minute)
	digest := readMessage(t, relay.await(t, "old@example.com", 1).Raw)
	preferences := digest.link(t, s.base+"/preferences/")
	if answer := s.post(preferences+"/link", nil); answer.Status != http.StatusAccepted {
		t.Fatalf("%d\n%s", answer.Status, answer.Body)
	}
	asked := readMessage(t, relay.await(t, "old@example.com", 2).Raw)
	fresh := asked.link(t, s.base+"/yours/")
	if answer := s.post(fresh+"/address", url.Values{"email": {"new@example.com"}}); answer.Status != http.StatusAccepted {
		t.Fatalf("%d\n%s", answer.Status, answer.Body)
	}
	letter := readMessage(t, relay.await(t, "new@example.com", 1).Raw)
	confirm := letter.link(t, s.base+"/confirm/")
	if page := s.get(confirm); page.Status != http.StatusOK || !strings.Contains(page.Body, "n…@example.com") {
		t.Errorf("the link's page: %d", page.Status)
	}
	if answer := s.post(confirm, nil); answer.Status != http.StatusOK {
		t.Errorf("the button: %d", answer.Status)
	}
	told := readMessage(t, relay.await(t, "old@example.com", 3).Raw)
	if page := s.get(told.link(t, s.base+"/moved/")); page.Status != http.StatusOK || strings.Contains(page.Body, "new@example.com") {
		t.Errorf("the page by which the old address can take it back: %d", page.Status)
	}
	for _, link := range []string{preferences, fresh} {
		if page := s.get(link); page.Status != http.StatusGone {
			t.Errorf("an email in the old mailbox still opens the reader's page: %d", page.Status)
		}
	}
	var reader struct {
		Status string `json:"status"`
	}
	s.read(&reader, "subscriber", "show", "new@example.com")
	if reader.Status != "confirmed" {
		t.Errorf("they are %s", reader.Status)
	}
	if _, _, code := s.run("subscriber", "show", "old@example.com"); code != 1 {
		t.Errorf("the old address is still known: exit %d", code)
	}
	var again digestJSON
	if s.read(&again, "digest", "plan"); again.ID != nil {
		t.Errorf("they would get again what they have: %+v", again)
	}
	// An old mail still ends all of it.
	if answer := s.post(digest.link(t, s.base+"/unsubscribe/"), nil); answer.Status != http.StatusOK {
		t.Errorf("unsubscribing by an old mail: %d", answer.Status)
	}
	s.read(&reader, "subscriber", "show", "new@example.com")
	if reader.Status != "unsubscribed" {
		t.Errorf("they are %s", reader.Status)
	}
}
