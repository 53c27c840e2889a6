package e2e

import (
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"
)

// Mail gateways fetch every link of every mail before its reader sees it.
func TestLinkScannersChangeNothing(t *testing.T) {
	slow(t)
	t.Parallel()
	relay := newMailServer(t, nil)
	s := newServe(t, relay.addr, nil)
	s.start("serve")
	s.signUp("pending@example.com", "", "weekly", "leadership")
	s.signUp("reader@example.com", "", "weekly", "leadership")
	confirmation := readMessage(t, relay.await(t, "reader@example.com", 1).Raw)
	s.post(confirmation.link(t, s.base+"/confirm/"), nil)
	s.signUp("other@example.com", "", "daily", "engineering")
	others := readMessage(t, relay.await(t, "other@example.com", 1).Raw)
	s.post(others.link(t, s.base+"/confirm/"), nil)
	s.signUp("other@example.com", "", "weekly", "leadership") // is told that they are subscribed
	already := readMessage(t, relay.await(t, "other@example.com", 2).Raw)
	already.link(t, s.base+"/preferences/")
	s.signUp("mover@example.com", "", "daily", "engineering")
	theirs := readMessage(t, relay.await(t, "mover@example.com", 1).Raw)
	answer := s.post(theirs.link(t, s.base+"/confirm/"), nil)
	left := s.base + regexp.MustCompile(`/preferences/[^"/]+`).FindString(answer.Body)
	s.post(left+"/link", nil)
	asked := readMessage(t, relay.await(t, "mover@example.com", 2).Raw)
	fresh := asked.link(t, s.base+"/yours/")
	replaced := []string{fresh, theirs.link(t, s.base+"/confirm/"), theirs.link(t, s.base+"/decline/")}
	s.post(fresh+"/address", url.Values{"email": {"moved@example.com"}})
	moving := readMessage(t, relay.await(t, "moved@example.com", 1).Raw)
	s.post(moving.link(t, s.base+"/confirm/"), nil)
	relay.await(t, "mover@example.com", 3) // is told that they have moved
	relay.await(t, "pending@example.com", 1)
	id, _ := s.plan()
	s.insights("digest", "send", id, "--yes")
	s.awaitDone(id, 2*time.Minute)
	s.insights("digest", "test", "staff@example.com", "--yes")
	relay.await(t, "staff@example.com", 1)

	state := func() string {
		all := s.insights("subscriber", "list", "--json") + s.insights("suppress", "list", "--json") + s.insights("delivery", "list", "--json")
		for _, address := range []string{"pending@example.com", "reader@example.com", "moved@example.com"} {
			all += s.insights("subscriber", "show", address, "--json")
		}
		return all
	}
	before := state()
	links := make(map[string]bool)
	for _, mail := range relay.all() {
		l := readMessage(t, mail.Raw)
		for _, link := range slices.Concat(l.TextLinks, l.HTMLLinks, webAddress.FindAllString(l.Header.Get("List-Unsubscribe")+" "+l.Header.Get("List-Archive"), -1)) {
			links[strings.TrimSuffix(link, ">")] = true
		}
	}
	kinds, followed := map[string]bool{}, map[string]bool{}
	for link := range links {
		if !strings.HasPrefix(link, s.base+"/") {
			continue // to elsewhere, such as the site's owner
		}
		kind, _, _ := strings.Cut(strings.TrimPrefix(link, s.base+"/"), "/")
		kinds[kind] = true
		for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodOptions} {
			if answer := s.do(method, link, "", ""); answer.Status >= 400 && !slices.Contains(replaced, link) && !strings.HasSuffix(link, "/preview") && !strings.HasSuffix(link, "/digests/0") { // those of a test mail are nobody's
				t.Errorf("%s %s: %d", method, link, answer.Status)
			}
		}
		// Some follow what a page offers, too: each place once.
		for n := range parseHTML(t, s.get(link).Body).Descendants() {
			if href := attribute(n, "href"); n.Type == html.ElementNode && n.Data == "a" && strings.HasPrefix(href, "/") && !strings.HasPrefix(href, "//") && !followed[href] {
				followed[href] = true
				s.get(href)
			}
		}
	}
	for _, kind := range []string{"confirm", "decline", "unsubscribe", "preferences", "moved", "yours", "insights", "digests"} {
		if !kinds[kind] {
			t.Errorf("no mail has a link to /%s", kind)
		}
	}
	if after := state(); after != before {
		t.Errorf("looking at %d links changed something:\n%s\n---\n%s", len(links), before, after)
	}
	if n := len(relay.all()); n != 12 {
		t.Errorf("%d emails; want 12, none of them caused by looking", n)
	}
	// And a button does what it says.
	if answer := s.post(confirmation.link(t, s.base+"/confirm/"), url.Values{}); answer.Status != http.StatusOK {
		t.Errorf("the button: %d", answer.Status)
	}
}
