package e2e

import (
	"bytes"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	gosmtp "github.com/emersion/go-smtp"
)

func TestAReaderSignsUpAndGetsTheirDigestThroughAMailServer(t *testing.T) {
	t.Parallel()
	relay := newMailServer(t, nil)
	dir, insights := insightsFolder(t, 2)
	s := newServe(t, relay.addr, map[string]string{"CONTENT_DIR": dir})
	s.start("serve")

	const address, name = "joerg.mueller+news@example.com", `Jörg "Jo" <b>Müller</b> & 🚀 مرحبا`
	s.signUp(address, name, "weekly", "engineering", "leadership")
	confirmation := readMessage(t, relay.await(t, address, 1).Raw)
	checkConfirmation(t, confirmation, address)

	confirm := confirmation.link(t, s.base+"/confirm/")
	status := func() string {
		var subscriber struct {
			Status string `json:"status"`
		}
		s.read(&subscriber, "subscriber", "show", address)
		return subscriber.Status
	}
	if page := s.get(confirm); page.Status != http.StatusOK || !strings.Contains(page.Body, `method="post"`) {
		t.Errorf("GET of the link: %d; want a page with a button", page.Status)
	}
	s.do(http.MethodHead, confirm, "", "")
	altered := confirm[:len(confirm)-1] + map[bool]string{true: "B", false: "A"}[strings.HasSuffix(confirm, "A")]
	if answer := s.post(altered, nil); answer.Status < 400 || answer.Status >= 500 {
		t.Errorf("POST of a token altered by one character: %d; want a refusal", answer.Status)
	}
	if got := status(); got != "pending" {
		t.Fatalf("after looking at the link the subscriber is %s; want pending", got)
	}
	for range 2 {
		if answer := s.post(confirm, nil); answer.Status != http.StatusOK {
			t.Fatalf("POST of the link: %d; want 200, also the second time", answer.Status)
		}
	}
	if got := status(); got != "confirmed" {
		t.Fatalf("after the button the subscriber is %s; want confirmed", got)
	}

	id, _ := s.plan("--cadence", "weekly")
	s.insights("digest", "send", id, "--yes", "--wait")
	arrived := relay.to(address)
	if len(arrived) != 2 {
		t.Fatalf("%d emails for the reader; want the confirmation and the digest", len(arrived))
	}
	digest := readMessage(t, arrived[1].Raw)
	checkDigest(t, s, digest, address, name)
	want := newestSlugs(insights, 3, "engineering", "leadership")
	if got := linkedSlugs(s.base, digest.HTMLLinks); !slices.Equal(got, want) {
		t.Errorf("the digest carries %q; want the three newest %q", got, want)
	}
	for _, in := range insights {
		if slices.Contains(want, in.Slug) {
			flat := strings.Join(strings.Fields(in.Title), " ")
			if !strings.Contains(strings.Join(strings.Fields(digest.Text), " "), flat) {
				t.Errorf("the text part lacks the title %q", flat)
			}
			if !strings.Contains(digest.visible(t), flat) {
				t.Errorf("the HTML part lacks the title %q", flat)
			}
		}
	}
	if from, confirmFrom := digest.Header.Get("From"), confirmation.Header.Get("From"); from == confirmFrom {
		t.Errorf("the digest and the confirmation are both from %s", from)
	}

	if out := s.insights("digest", "send", id, "--yes", "--wait"); !strings.Contains(out, "nothing was resent") {
		t.Errorf("sending it again says %q", out)
	}
	var again digestJSON
	s.read(&again, "digest", "plan")
	if again.ID != nil || again.State != "skipped" || again.Reason == "" {
		t.Errorf("planning again: %+v; want nothing to send, with the reason", again)
	}
	relay.mu.Lock()
	defer relay.mu.Unlock()
	if len(relay.mails) != 2 {
		t.Errorf("%d emails in the end; want 2", len(relay.mails))
	}
	checkNoHostName(t, relay)
}

func TestAMailWithoutAnswerIsSentAgainWithTheSameBytes(t *testing.T) {
	slow(t)
	t.Parallel()
	var once sync.Once
	relay := newMailServer(t, func(r *mailServer, _ *gosmtp.Server) {
		r.onMessage = func(arrival) (err error) {
			once.Do(func() { err = errHangUp })
			return err
		}
	})
	s := newServe(t, relay.addr, nil)
	s.start("serve")
	const address = "ada@example.com"
	s.insights("subscriber", "add", address, "--name", "Ada Ä.", "--confirmed", "--basis", "asked at the counter")
	id, _ := s.plan()
	s.insights("digest", "send", id, "--yes", "--wait")

	mails := relay.to(address)
	if len(mails) != 2 {
		t.Fatalf("%d emails; want the one without an answer and its repetition", len(mails))
	}
	if !bytes.Equal(mails[0].Raw, mails[1].Raw) {
		t.Errorf("the repetition differs:\n%s\n---\n%s", mails[0].Raw, mails[1].Raw)
	}
	uncertain := s.deliveries("--digest", id, "--state", "uncertain")
	if len(uncertain) != 1 || uncertain[0].Email != address || uncertain[0].Attempts != 2 {
		t.Errorf("listed as uncertain: %+v; want this one, after 2 attempts", uncertain)
	}
	if done := s.awaitDone(id, 5*time.Second); done.Counts["sent"] != 1 {
		t.Errorf("counts %v; want one sent", done.Counts)
	}
}

func TestInternationalAddressesReachTheMailServerInTheirProperForm(t *testing.T) {
	slow(t)
	t.Parallel()
	for _, offers := range []bool{true, false} {
		t.Run(fmt.Sprintf("SMTPUTF8=%v", offers), func(t *testing.T) {
			t.Parallel()
			relay := newMailServer(t, func(_ *mailServer, server *gosmtp.Server) { server.EnableSMTPUTF8 = offers })
			s := newServe(t, relay.addr, nil)
			s.start("serve")
			for _, address := range []string{"plain@example.com", "info@bücher.example", "jörg@example.com"} {
				s.insights("subscriber", "add", address, "--confirmed", "--basis", "test")
			}
			id, _ := s.plan()
			if _, stderr, code := s.run("digest", "send", id, "--yes", "--wait"); (code == 0) != offers || code != 0 && code != 4 {
				t.Errorf("exit %d: %s", code, stderr)
			}

			for to, utf8 := range map[string]bool{"plain@example.com": false, "info@xn--bcher-kva.example": false, "jörg@example.com": true} {
				mails := relay.to(to)
				if utf8 && !offers {
					continue
				}
				if len(mails) != 1 {
					t.Errorf("%d emails in an envelope to %s; want 1", len(mails), to)
					continue
				}
				if mails[0].UTF8 != utf8 {
					t.Errorf("%s: SMTPUTF8 asked for: %v; want %v", to, mails[0].UTF8, utf8)
				}
				readMessage(t, mails[0].Raw)
			}
			failed := s.deliveries("--digest", id, "--state", "failed")
			if offers && len(failed) != 0 {
				t.Errorf("failed: %+v; want none", failed)
			}
			if !offers && (len(relay.all()) != 2 || len(failed) != 1 || failed[0].Email != "jörg@example.com" || !strings.Contains(failed[0].Reason, "SMTPUTF8")) {
				t.Errorf("%d emails arrived, failed %+v; want jörg@ refused here, with SMTPUTF8 as the reason", len(relay.all()), failed)
			}
		})
	}
}

func TestOneClickUnsubscribesAlsoFromADigestThatIsRunning(t *testing.T) {
	slow(t)
	t.Parallel()
	for name, post := range map[string]func(s *site, link string) answer{
		"urlencoded": func(s *site, link string) answer {
			return s.post(link, url.Values{"List-Unsubscribe": {"One-Click"}})
		},
		"multipart": func(s *site, link string) answer {
			return s.do(http.MethodPost, link, `multipart/form-data; boundary="b"`, "--b\r\nContent-Disposition: form-data; name=\"List-Unsubscribe\"\r\n\r\nOne-Click\r\n--b--\r\n")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var hold sync.Mutex // held while the server shall not answer
			arrived := make(chan string, 16)
			relay := newMailServer(t, func(r *mailServer, _ *gosmtp.Server) {
				r.onMessage = func(m arrival) error {
					arrived <- m.To
					hold.Lock()
					defer hold.Unlock()
					return nil
				}
			})
			dir, insights := insightsFolder(t, 1)
			s := newServe(t, relay.addr, map[string]string{"CONTENT_DIR": dir, "SMTP_CONNECTIONS": "1"})
			s.start("serve")
			readers := []string{"a@example.com", "b@example.com", "c@example.com"}
			for _, address := range readers {
				s.insights("subscriber", "add", address, "--confirmed", "--basis", "test")
			}
			first, _ := s.plan()
			s.insights("digest", "send", first, "--yes", "--wait")
			links := make(map[string]string)
			for range readers {
				to := <-arrived
				l := readMessage(t, relay.to(to)[0].Raw)
				links[to] = strings.Trim(l.Header.Get("List-Unsubscribe"), "<>")
			}

			next := insight{ID: insightID(900), Slug: "one-more", Title: "One more", Category: "engineering", Date: insights[len(insights)-1].Date.AddDate(0, 0, 1)}
			next.write(t, dir)
			until(t, 10*time.Second, "the new insight is on the site", func() bool { return s.get("/insights/one-more").Status == http.StatusOK })
			hold.Lock()
			second, d := s.plan()
			if d.Readers != 3 {
				t.Fatalf("planned for %d readers; want 3", d.Readers)
			}
			s.insights("digest", "send", second, "--yes")
			inFlight := <-arrived
			leaves := readers[(slices.Index(readers, inFlight)+1)%3]
			for range 2 {
				answer := post(s, links[leaves])
				if answer.Status != http.StatusOK || answer.Header.Get("Location") != "" {
					t.Errorf("one-click POST: %d; want 200 at once, also the second time", answer.Status)
				}
			}
			hold.Unlock()
			done := s.awaitDone(second, 20*time.Second)
			if done.Counts["sent"] != 2 || done.Counts["skipped"] != 1 {
				t.Errorf("counts %v; want 2 sent, 1 skipped", done.Counts)
			}
			skipped := s.deliveries("--digest", second, "--state", "skipped")
			if len(skipped) != 1 || skipped[0].Email != leaves || !strings.Contains(skipped[0].Reason, "unsubscribed") {
				t.Errorf("skipped: %+v; want %s, because they unsubscribed", skipped, leaves)
			}
			if mails := relay.to(leaves); len(mails) != 1 {
				t.Errorf("%d emails for the reader who left; want the first digest alone", len(mails))
			}
		})
	}
}

// Repeating a command that waits is harmless, however soon what it waits for is done.
func TestSendingAgainAndWaitingEndsImmediately(t *testing.T) {
	slow(t)
	t.Parallel()
	relay := newMailServer(t, nil)
	dir, _ := insightsFolder(t, 2)
	s := newServe(t, relay.addr, map[string]string{"CONTENT_DIR": dir})
	s.insights("db", "migrate")
	s.insights("subscriber", "add", "ada@example.com", "--confirmed", "--basis", "test", "--cadence", "weekly")
	id, _ := s.plan("--cadence", "weekly")
	s.insights("digest", "send", id, "--yes", "--wait")
	for range 20 {
		if out := s.insights("digest", "send", id, "--yes", "--wait"); !strings.Contains(out, "already sent") {
			t.Errorf("sending it again says %q", out)
		}
	}
}
