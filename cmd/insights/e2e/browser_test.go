package e2e

import (
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/scaledbydesign/insights/content"
)

// newDev makes a folder in which `dev` serves a copy of the insights that are
// inside the program, so that a test can add some.
func newDev(t testing.TB) (s *site, dir string) {
	t.Helper()
	dir = t.TempDir()
	if err := os.CopyFS(dir, content.Embedded()); err != nil {
		t.Fatal(err)
	}
	s = newSite(t, map[string]string{"CONTENT_DIR": dir})
	s.start("dev")
	return s, dir
}

// secondTerminal is another shell in the folder of a running `dev`: it knows
// nothing of how that was started.
func (s *site) secondTerminal() *site {
	return &site{t: s.t, program: s.program, server: s.server, dir: s.dir, addr: s.addr, base: s.base, env: s.env[:3]}
}

// newestOf are the newest insights of some categories as the site orders them.
func newestOf(s *site, n int, categories ...string) (slugs []string) {
	s.t.Helper()
	var insights []struct {
		Slug     string `json:"slug"`
		Category string `json:"category"`
		State    string `json:"state"`
	}
	s.read(&insights, "content", "list")
	for _, in := range insights {
		if in.State == "visible" && slices.Contains(categories, in.Category) && len(slugs) < n {
			slugs = append(slugs, in.Slug)
		}
	}
	return slugs
}

func TestAPersonSubscribesReadsADigestAndLeavesInABrowser(t *testing.T) {
	slow(t)
	t.Parallel()
	for name, scripts := range map[string]bool{"with scripts": true, "without scripts": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, dir := newDev(t)
			tab := newTab(t, startBrowser(t))
			look := tab.look
			if !scripts {
				tab.run(withoutScripts())
				look = tab.shoot // the pages are the same; checking them takes scripts
			}

			// Read, and find out how to follow.
			tab.open(s.base + "/")
			look("index")
			title := tab.text(".insights h3 a")
			tab.click(".insights h3 a")
			tab.heading(title)
			look("article")
			tab.click(`a[href="/feeds"]`)
			look("feeds")
			readFeed(t, s, tab)

			// Sign up for two categories, weekly.
			opened := time.Now()
			tab.open(s.base + "/")
			tab.click(`.signup a[href^="/subscribe"]`)
			look("subscribe")
			chooseCategories(tab) // none: addresses the browser checks by itself
			tab.write("#email", "ada@example.com")
			tab.write("#name", "Ada Löwe")
			<-time.After(time.Until(opened.Add(formAge)))
			tab.click(".form button")
			if message := tab.text("#errors"); !strings.Contains(message, "check") || tab.text("#category-error") == "" {
				t.Errorf("a form without categories is answered by %q", message)
			}
			look("subscribe-error")
			if got := tab.attributes("#email, #name", "value"); !slices.Equal(got, []string{"ada@example.com", "Ada Löwe"}) {
				t.Errorf("after a fault the form holds %q", got)
			}
			opened = time.Now()
			chooseCategories(tab, "engineering", "leadership")
			if got := chosenCategories(tab); !slices.Equal(got, []string{"engineering", "leadership"}) {
				t.Errorf("%q are chosen; want the two", got)
			}
			tab.press(`input[value="weekly"]`)
			<-time.After(time.Until(opened.Add(formAge)))
			tab.click(".form button")
			tab.heading("Check your mailbox")
			look("check-your-mailbox")

			// The inbox, and the button behind the link.
			openNewestMail(t, s, tab, "Please confirm")
			look("mail-confirm")
			tab.click(`pre a[href*="/confirm/"]`)
			tab.heading("Confirm your subscription")
			look("confirm")
			tab.click(".form button")
			tab.heading("You are subscribed")
			look("confirmed")

			// From a second terminal: a digest.
			staff := s.secondTerminal()
			want := newestOf(s, 3, "engineering", "leadership")
			id, planned := staff.plan("--cadence", "weekly")
			if planned.Readers != 1 {
				t.Errorf("planned for %d readers; want 1", planned.Readers)
			}
			staff.insights("digest", "send", id, "--yes")
			staff.awaitDone(id, 20*time.Second)
			openNewestMail(t, s, tab, "")
			look("mail-digest")
			if got := linkedSlugs(s.base, tab.links("#links ~ ul a")); !slices.Equal(got, want) {
				t.Errorf("the digest carries %q; want exactly %q", got, want)
			}
			digest := tab.location()
			for _, part := range tab.attributes("iframe", "src") {
				tab.open(s.base + part) // the HTML part as a mail program shows it
				look("mail-digest-html")
				if got := linkedSlugs(s.base, tab.links("a")); !slices.Equal(got, want) {
					t.Errorf("the HTML part links to %q; want exactly %q", got, want)
				}
				tab.open(digest)
			}

			// Once is enough.
			if out := staff.insights("digest", "send", id, "--yes"); !strings.Contains(out, "nothing was resent") {
				t.Errorf("sending it again says %q", out)
			}
			if out := staff.insights("digest", "plan", "--cadence", "weekly"); !strings.Contains(out, "nothing to send") {
				t.Errorf("planning again says %q", out)
			}

			// A new file makes the next one.
			next := insight{ID: insightID(1), Slug: "fresh-from-the-editor", Title: "Fresh from the editor", Category: "leadership", Date: time.Now().Add(-time.Minute)}
			if scripts {
				ask(tab, chromedp.Evaluate[bool](`window.isOld = true`))
			}
			began := time.Now()
			next.write(t, dir)
			until(t, 10*time.Second, "the new insight is on the site", func() bool { return s.get("/insights/"+next.Slug).Status == http.StatusOK })
			t.Logf("visible %v after it was saved", time.Since(began).Round(time.Millisecond))
			if scripts {
				until(t, 10*time.Second, "the open page reloads itself", func() bool {
					return ask(tab, chromedp.Evaluate[bool](`!window.isOld && document.readyState === "complete"`))
				})
			}
			_, planned = staff.plan("--cadence", "weekly")
			if len(planned.Insights) != 1 || planned.Insights[0].Slug != next.Slug || planned.Readers != 1 {
				t.Errorf("the next digest: %+v; want exactly the new insight", planned)
			}

			// The pages that a digest links to.
			for i, prefix := range []string{"/digests/", "/preferences/", "/unsubscribe/"} {
				tab.open(digest)
				tab.click(fmt.Sprintf(`#links ~ ul a[href^=%q]`, s.base+prefix))
				look([]string{"digest", "preferences", "unsubscribe"}[i])
				switch i {
				case 1:
					tab.press(`input[value="growth-ops"]`)
					tab.press(`input[value="monthly"]`)
					tab.click(".form button")
					look("preferences-saved")
					var subscriber struct {
						Cadence    string   `json:"cadence"`
						Categories []string `json:"categories"`
					}
					staff.read(&subscriber, "subscriber", "show", "ada@example.com")
					if subscriber.Cadence != "monthly" || !slices.Equal(slices.Sorted(slices.Values(subscriber.Categories)), []string{"engineering", "growth-ops", "leadership"}) {
						t.Errorf("after saving: %+v; want monthly and growth-ops besides the two", subscriber)
					}
				case 2:
					tab.click(".form button, form button")
					tab.heading("You are unsubscribed")
					look("unsubscribed")
				}
			}
			var subscriber struct {
				Status string `json:"status"`
			}
			staff.read(&subscriber, "subscriber", "show", "ada@example.com")
			if subscriber.Status != "unsubscribed" {
				t.Errorf("in the end they are %s; want unsubscribed", subscriber.Status)
			}
			tab.open(s.base + "/_inbox")
			look("inbox")
			if mails := tab.links(".insights a"); len(mails) != 2 {
				t.Errorf("%d emails in the inbox; want the confirmation and one digest", len(mails))
			}
		})
	}
}

// readFeed follows a feed as the page about feeds offers it.
func readFeed(t *testing.T, s *site, tab *browserTab) {
	t.Helper()
	links := tab.links(`main a[href$=".atom"]`)
	if len(links) == 0 {
		t.Fatal("the page about feeds links to no Atom feed")
	}
	for _, link := range tab.links("main a[href^='/feeds/'], main a[href^='" + s.base + "/feeds/']") {
		if answer := s.get(link); answer.Status != http.StatusOK || answer.Body == "" {
			t.Errorf("the feed %s: %d", link, answer.Status)
		}
	}
	feed := s.get(links[0])
	for _, slug := range newestOf(s, 5, allCategories()...) {
		if !strings.Contains(feed.Body, s.base+"/insights/"+slug) {
			t.Errorf("the feed %s lacks %s", links[0], slug)
		}
	}
}

// chooseCategories leaves exactly some categories chosen in the form.
func chooseCategories(tab *browserTab, wanted ...string) {
	tab.t.Helper()
	chosen := chosenCategories(tab)
	for _, slug := range allCategories() {
		if slices.Contains(chosen, slug) != slices.Contains(wanted, slug) {
			tab.press(fmt.Sprintf(`input[name="category"][value=%q]`, slug))
		}
	}
}

func chosenCategories(tab *browserTab) []string {
	tab.t.Helper()
	return slices.Sorted(slices.Values(tab.attributes(`input[name="category"]:checked`, "value")))
}

// openNewestMail waits for a mail whose subject begins so and opens it by a click.
func openNewestMail(t *testing.T, s *site, tab *browserTab, subject string) {
	t.Helper()
	until(t, 20*time.Second, "a mail "+subject+" in the inbox", func() bool {
		tab.open(s.base + "/_inbox")
		return len(tab.links(".insights a")) > 0 && strings.HasPrefix(tab.text(".insights a"), subject)
	})
	tab.click(".insights a")
}
