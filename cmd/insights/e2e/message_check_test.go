package e2e

import (
	"bytes"
	"net/mail"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// checkConfirmation checks what is asked of the mail that asks for a confirmation.
func checkConfirmation(t *testing.T, l message, address string) {
	t.Helper()
	checkAutomatic(t, l)
	for name := range l.Header {
		if strings.HasPrefix(name, "List-") || name == "Precedence" || name == "Feedback-Id" {
			t.Errorf("the confirmation has %s: nobody is subscribed yet", name)
		}
	}
	for part, links := range map[string][]string{"text": l.TextLinks, "HTML": l.HTMLLinks} {
		n := 0
		for _, link := range links {
			if strings.Contains(link, "/confirm/") {
				n++
			}
		}
		if n != 1 || len(links) > 2 {
			t.Errorf("the %s part links to %q; want the one link that confirms", part, links)
		}
	}
	for _, words := range []string{address, "Engineering", "Leadership", "weekly", "ignore", time.Now().UTC().Format("2006")} {
		if !strings.Contains(strings.Join(strings.Fields(l.Text), " "), words) || !strings.Contains(l.visible(t), words) {
			t.Errorf("the confirmation does not say %q in both parts:\n%s", words, l.Text)
		}
	}
	// Whoever signs somebody else up must not put words into our mail.
	if strings.Contains(l.Text+l.HTML+l.field(t, "To"), "Müller") {
		t.Error("the confirmation repeats the name that the form was sent with")
	}
}

// checkAutomatic checks what keeps machines from answering, and that nothing tells
// which program writes.
func checkAutomatic(t *testing.T, l message) {
	t.Helper()
	for name, want := range map[string]string{"Auto-Submitted": "auto-generated", "X-Auto-Response-Suppress": "OOF, AutoReply"} {
		if got := l.Header.Get(name); got != want {
			t.Errorf("%s: %q; want %q", name, got, want)
		}
	}
	for _, name := range []string{"User-Agent", "X-Mailer"} {
		if got := l.Header.Get(name); got != "" {
			t.Errorf("%s: %q tells which program writes", name, got)
		}
	}
	if bytes.Contains(bytes.ToLower(l.Raw), []byte("go-mail")) {
		t.Error("the message names the library")
	}
	line := regexp.MustCompile(`(?m)^Message-ID: (<[^<>\s]+@insights\.example\.com>)\r$`).FindSubmatch(l.Raw)
	if line == nil || len(line[1]) > 60 {
		t.Errorf("Message-ID: %q; want one line of at most 60 characters in the domain of From", l.Header.Get("Message-Id"))
	}
	if len(l.HTML) > 90<<10 {
		t.Errorf("the HTML part has %d bytes; mailboxes cut it above 100 KB", len(l.HTML))
	}
}

// checkDigest checks what is asked of every digest.
func checkDigest(t *testing.T, s *site, l message, address, name string) {
	t.Helper()
	checkAutomatic(t, l)
	if to, err := mail.ParseAddress(l.Header.Get("To")); err != nil || to.Address != address || to.Name != name {
		t.Errorf("To: %+v (%v); want %q <%s>", to, err, name, address)
	}
	unsubscribe := l.link(t, s.base+"/unsubscribe/")
	for header, want := range map[string]string{
		"List-Unsubscribe":      "<" + unsubscribe + ">",
		"List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
		"Precedence":            "bulk",
		"List-Archive":          "<" + s.base + "/digests>",
	} {
		if got := l.Header.Get(header); got != want {
			t.Errorf("%s: %q; want %q", header, got, want)
		}
	}
	if id := l.Header.Get("List-Id"); !regexp.MustCompile(`^(.+ )?<[a-z0-9.-]+\.[a-z]+>$`).MatchString(id) {
		t.Errorf("List-Id: %q; want <something.example.com>", id)
	}
	feedback := strings.Split(l.Header.Get("Feedback-Id"), ":")
	last := feedback[len(feedback)-1]
	sorted := slices.Sorted(slices.Values(feedback))
	if len(feedback) > 4 || len(slices.Compact(sorted)) != len(feedback) || len(last) < 5 || len(last) > 15 {
		t.Errorf("Feedback-ID: %q; want at most four different fields, the last of 5 to 15 characters", l.Header.Get("Feedback-Id"))
	}
	if strings.Contains(l.Header.Get("Feedback-Id"), "joerg") {
		t.Error("Feedback-ID names a person")
	}
	text, markup := slices.Sorted(slices.Values(l.TextLinks)), slices.Sorted(slices.Values(l.HTMLLinks))
	if !slices.Equal(text, markup) {
		t.Errorf("the parts differ in their links:\ntext %q\nHTML %q", text, markup)
	}
	if got, want := linkedSlugs(s.base, l.TextLinks), linkedSlugs(s.base, l.HTMLLinks); !slices.Equal(got, want) {
		t.Errorf("the parts differ in the order of the insights:\ntext %q\nHTML %q", got, want)
	}
	for _, link := range text {
		if !strings.HasPrefix(link, s.base+"/") {
			t.Errorf("the mail links to %s, which is not the site", link)
		}
	}
	visible, flat := l.visible(t), strings.Join(strings.Fields(l.Text), " ")
	for what, words := range map[string]string{
		"whom it is for": address, "since when": time.Now().UTC().Format("January 2, 2006"), "where the sender is": "Hafenstraße 7", "its town": "20457 Hamburg", "how to leave": "nsubscribe",
	} {
		if !strings.Contains(flat, words) || !strings.Contains(visible, words) {
			t.Errorf("the digest does not say %s (%q) in both parts:\n%s\n%s", what, words, flat, visible)
		}
	}
	for _, prefix := range []string{"/unsubscribe/", "/preferences/", "/digests/"} {
		l.link(t, s.base+prefix)
	}
}

func checkNoHostName(t *testing.T, relay *mailServer) {
	t.Helper()
	host, err := os.Hostname()
	if err != nil || len(host) < 4 {
		return
	}
	for helo := range relay.helos {
		if helo != "insights.example.com" {
			t.Errorf("it calls itself %q; want the domain of mail.from", helo)
		}
	}
	for _, m := range relay.mails {
		if bytes.Contains(m.Raw, []byte(host)) {
			t.Errorf("a mail holds this machine's name %q", host)
		}
	}
}
