package main_test

import (
	"cmp"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/scaledbydesign/insights/content"
)

// newE2EDev makes a folder in which `dev` serves a copy of the insights that are
// inside the program, so that a test can add some.
func newE2EDev(t testing.TB) (s *e2eSite, dir string) {
	t.Helper()
	dir = t.TempDir()
	if err := os.CopyFS(dir, content.Embedded()); err != nil {
		t.Fatal(err)
	}
	s = newE2ESite(t, map[string]string{"CONTENT_DIR": dir})
	s.start("dev")
	return s, dir
}

// secondTerminal is another shell in the folder of a running `dev`: it knows
// nothing of how that was started.
func (s *e2eSite) secondTerminal() *e2eSite {
	return &e2eSite{t: s.t, program: s.program, dir: s.dir, addr: s.addr, base: s.base, env: s.env[:3]}
}

// newestOf are the newest insights of some categories as the site orders them.
func newestOf(s *e2eSite, n int, categories ...string) (slugs []string) {
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
	t.Parallel()
	for name, scripts := range map[string]bool{"with scripts": true, "without scripts": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, dir := newE2EDev(t)
			tab := newE2ETab(t, e2eBrowser(t))
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
			<-time.After(time.Until(opened.Add(e2eFormAge)))
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
			<-time.After(time.Until(opened.Add(e2eFormAge)))
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
			if got := e2eLinkedSlugs(s.base, tab.links("#links ~ ul a")); !slices.Equal(got, want) {
				t.Errorf("the digest carries %q; want exactly %q", got, want)
			}
			digest := tab.location()
			for _, part := range tab.attributes("iframe", "src") {
				tab.open(s.base + part) // the HTML part as a mail program shows it
				look("mail-digest-html")
				if got := e2eLinkedSlugs(s.base, tab.links("a")); !slices.Equal(got, want) {
					t.Errorf("the HTML part links to %q; want exactly %q", got, want)
				}
				tab.open(digest)
			}

			// Once is enough.
			if out := staff.insights("digest", "send", id, "--yes"); !strings.Contains(out, "nothing was sent again") {
				t.Errorf("sending it again says %q", out)
			}
			if out := staff.insights("digest", "plan", "--cadence", "weekly"); !strings.Contains(out, "nothing to send") {
				t.Errorf("planning again says %q", out)
			}

			// A new file makes the next one.
			next := e2eInsight{ID: e2eID(1), Slug: "fresh-from-the-editor", Title: "Fresh from the editor", Category: "leadership", Date: time.Now().Add(-time.Minute)}
			if scripts {
				e2eAsk(tab, chromedp.Evaluate[bool](`window.isOld = true`))
			}
			began := time.Now()
			next.write(t, dir)
			e2eUntil(t, 10*time.Second, "the new insight is on the site", func() bool { return s.get("/insights/"+next.Slug).Status == http.StatusOK })
			t.Logf("visible %v after it was saved", time.Since(began).Round(time.Millisecond))
			if scripts {
				e2eUntil(t, 10*time.Second, "the open page reloads itself", func() bool {
					return e2eAsk(tab, chromedp.Evaluate[bool](`!window.isOld && document.readyState === "complete"`))
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
				t.Errorf("%d mails in the inbox; want the confirmation and one digest", len(mails))
			}
		})
	}
}

// readFeed follows a feed as the page about feeds offers it.
func readFeed(t *testing.T, s *e2eSite, tab *e2eTab) {
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
	for _, slug := range newestOf(s, 5, e2eCategories()...) {
		if !strings.Contains(feed.Body, s.base+"/insights/"+slug) {
			t.Errorf("the feed %s lacks %s", links[0], slug)
		}
	}
}

// chooseCategories leaves exactly some categories chosen in the form.
func chooseCategories(tab *e2eTab, wanted ...string) {
	tab.t.Helper()
	chosen := chosenCategories(tab)
	for _, slug := range e2eCategories() {
		if slices.Contains(chosen, slug) != slices.Contains(wanted, slug) {
			tab.press(fmt.Sprintf(`input[name="category"][value=%q]`, slug))
		}
	}
}

func chosenCategories(tab *e2eTab) []string {
	tab.t.Helper()
	return slices.Sorted(slices.Values(tab.attributes(`input[name="category"]:checked`, "value")))
}

// openNewestMail waits for a mail whose subject begins so and opens it by a click.
func openNewestMail(t *testing.T, s *e2eSite, tab *e2eTab, subject string) {
	t.Helper()
	e2eUntil(t, 20*time.Second, "a mail "+subject+" in the inbox", func() bool {
		tab.open(s.base + "/_inbox")
		return len(tab.links(".insights a")) > 0 && strings.HasPrefix(tab.text(".insights a"), subject)
	})
	tab.click(".insights a")
}

func TestAPersonSubscribesWithTheKeyboardAlone(t *testing.T) {
	t.Parallel()
	s, _ := newE2EDev(t)
	tab := newE2ETab(t, e2eBrowser(t))
	tab.open(s.base + "/")
	if at := tab.tabTo(`a.skip`, 1); at.Text != "Skip to content" {
		t.Errorf("the first stop is %+v; want the link that skips to the content", at)
	}
	tab.tabTo(`.signup a[href^="/subscribe"], main a[href^="/subscribe"]`, 200)
	opened := time.Now()
	tab.follow(chromedp.KeyEvent(kb.Enter))
	tab.heading("Subscribe by email")
	tab.tabTo("#email", 30)
	tab.run(chromedp.KeyEvent("keys@example.com"))
	for _, slug := range e2eCategories()[2:] {
		tab.tabTo(fmt.Sprintf(`input[value=%q]`, slug), 10)
		tab.run(chromedp.KeyEvent(" "))
	}
	tab.tabTo(`input[name="cadence"]`, 5)
	tab.run(chromedp.KeyEvent(kb.ArrowUp)) // weekly is chosen; daily stands above it
	tab.tabTo(".form button", 5)
	<-time.After(time.Until(opened.Add(e2eFormAge)))
	tab.follow(chromedp.KeyEvent(kb.Enter))
	tab.heading("Check your mailbox")

	e2eUntil(t, 20*time.Second, "the confirmation is in the inbox", func() bool {
		tab.open(s.base + "/_inbox")
		return len(tab.links(".insights a")) == 1
	})
	tab.tabTo(".insights a", 30)
	tab.follow(chromedp.KeyEvent(kb.Enter))
	tab.tabTo(`pre a[href*="/confirm/"]`, 30)
	tab.follow(chromedp.KeyEvent(kb.Enter))
	tab.tabTo(".form button", 30)
	tab.follow(chromedp.KeyEvent(kb.Enter))
	tab.heading("You are subscribed")
	var subscriber struct {
		Status     string   `json:"status"`
		Cadence    string   `json:"cadence"`
		Categories []string `json:"categories"`
	}
	s.read(&subscriber, "subscriber", "show", "keys@example.com")
	if subscriber.Status != "confirmed" || subscriber.Cadence != "daily" || !slices.Equal(subscriber.Categories, e2eCategories()[:2]) {
		t.Errorf("%+v; want confirmed, daily, %q", subscriber, e2eCategories()[:2])
	}
}

// e2eFocus is where the keyboard is.
type e2eFocus struct {
	Found, Visible bool
	Name, Text     string
}

// tabTo presses Tab until what a selector finds has the focus. Every stop on the
// way must be seen to have it.
func (tab *e2eTab) tabTo(selector string, atMost int) (at e2eFocus) {
	tab.t.Helper()
	look := fmt.Sprintf(`(() => {
		const el = document.activeElement, style = getComputedStyle(el), box = el.getBoundingClientRect();
		return {
			Found: el.matches(%q), Name: el.outerHTML.slice(0, 80), Text: el.textContent.trim(),
			Visible: (style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0 || style.boxShadow !== "none") &&
				box.width > 1 && box.height > 1 && box.right > 0 && box.bottom > 0 && box.top < innerHeight && box.left < innerWidth,
		};
	})()`, selector)
	for range atMost {
		tab.run(chromedp.KeyEvent(kb.Tab))
		at = e2eAsk(tab, chromedp.Evaluate[e2eFocus](look))
		for give := time.Now().Add(2 * time.Second); !at.Visible && time.Now().Before(give); { // it may have to scroll
			at = e2eAsk(tab, chromedp.Evaluate[e2eFocus](look))
		}
		if !at.Visible {
			tab.t.Errorf("%s: the focus can't be seen on %s", tab.location(), at.Name)
		}
		if at.Found {
			return at
		}
	}
	tab.t.Fatalf("%s: not reached by %d times Tab: %s; the focus is on %s", tab.location(), atMost, selector, at.Name)
	return at
}

func TestEveryPageIsSoundOnPhonesAndInTheDark(t *testing.T) {
	t.Parallel()
	s, _ := newE2EDev(t)
	tab := newE2ETab(t, e2eBrowser(t))
	paths := []string{"/", "/feeds", "/subscribe", "/digests", "/_inbox", "/nothing/here", "/confirm/not-a-token", "/unsubscribe/not-a-token", "/preferences/not-a-token"}
	for _, slug := range e2eCategories() {
		paths = append(paths, "/categories/"+slug)
	}
	for _, location := range regexp.MustCompile(`<loc>([^<]+)</loc>`).FindAllStringSubmatch(s.get("/sitemap.xml").Body, -1) {
		if path := strings.TrimPrefix(location[1], s.base); !slices.Contains(paths, path) {
			paths = append(paths, path)
		}
	}
	articles := 0
	for _, path := range paths {
		tab.open(s.base + path)
		if strings.HasPrefix(path, "/insights/") {
			articles++
			tab.lookAt("", 375) // where they are narrow; one of them is looked at whole elsewhere
			continue
		}
		tab.look(cmp.Or(strings.Trim(strings.ReplaceAll(path, "/", "-"), "-"), "index"))
	}
	files, err := filepath.Glob(filepath.Join("..", "..", "content", "insights", "*.md"))
	if err != nil || articles != len(files) || articles == 0 {
		t.Errorf("%d articles were looked at; want all %d (%v)", articles, len(files), err)
	}
}

func TestTheCheckOfPagesFindsFaults(t *testing.T) {
	t.Parallel()
	tab := newE2ETab(t, e2eBrowser(t))
	tab.open("data:text/html," + url.PathEscape(`<!doctype html><title>x</title><body style="background:#fff;color:#000">
<h1>One</h1><h3>Three</h3><img src="data:,"><input name="bare"><a href="/x"></a><a href="#nowhere">to nowhere</a>
<p style="color:#999">grey</p><p style="background:rgba(0,0,0,.8)">dark on dark</p><p id="a">a</p><p id="a">b</p>
<div style="width:9000px">wide</div>`))
	faults := e2eAsk(tab, chromedp.Evaluate[[]string](e2eAudit))
	for _, want := range []string{"no language", "comes after h1", "no alt", "bare has no label", "has no words", "#nowhere", `"grey"`, `"dark on dark"`, "the id a", "sideways"} {
		if !slices.ContainsFunc(faults, func(fault string) bool { return strings.Contains(fault, want) }) {
			t.Errorf("no fault says %q: %q", want, faults)
		}
	}
	if len(faults) != 10 {
		t.Errorf("%d faults; want 10: %q", len(faults), faults)
	}
}
