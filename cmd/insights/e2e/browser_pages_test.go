package e2e

import (
	"cmp"
	"fmt"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

func TestAPersonSubscribesWithTheKeyboardAlone(t *testing.T) {
	slow(t)
	t.Parallel()
	s, _ := newDev(t)
	tab := newTab(t, startBrowser(t))
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
	for _, slug := range allCategories()[2:] {
		tab.tabTo(fmt.Sprintf(`input[value=%q]`, slug), 10)
		tab.run(chromedp.KeyEvent(" "))
	}
	tab.tabTo(`input[name="cadence"]`, 5)
	tab.run(chromedp.KeyEvent(kb.ArrowUp)) // weekly is chosen; daily stands above it
	tab.tabTo(".form button", 5)
	<-time.After(time.Until(opened.Add(formAge)))
	tab.follow(chromedp.KeyEvent(kb.Enter))
	tab.heading("Check your mailbox")

	until(t, 20*time.Second, "the confirmation is in the inbox", func() bool {
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
	if subscriber.Status != "confirmed" || subscriber.Cadence != "daily" || !slices.Equal(subscriber.Categories, allCategories()[:2]) {
		t.Errorf("%+v; want confirmed, daily, %q", subscriber, allCategories()[:2])
	}
}

// focus is where the keyboard is.
type focus struct {
	Found, Visible bool
	Name, Text     string
}

// tabTo presses Tab until what a selector finds has the focus. Every stop on the
// way must be seen to have it.
func (tab *browserTab) tabTo(selector string, atMost int) (at focus) {
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
		at = ask(tab, chromedp.Evaluate[focus](look))
		for give := time.Now().Add(2 * time.Second); !at.Visible && time.Now().Before(give); { // it may have to scroll
			at = ask(tab, chromedp.Evaluate[focus](look))
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
	slow(t)
	t.Parallel()
	s, _ := newDev(t)
	tab := newTab(t, startBrowser(t))
	paths := []string{"/", "/feeds", "/subscribe", "/digests", "/_inbox", "/nothing/here", "/confirm/not-a-token", "/unsubscribe/not-a-token", "/preferences/not-a-token"}
	for _, slug := range allCategories() {
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
	files, err := filepath.Glob(filepath.Join("..", "..", "..", "content", "insights", "*.md"))
	if err != nil || articles != len(files) || articles == 0 {
		t.Errorf("%d articles were looked at; want all %d (%v)", articles, len(files), err)
	}
}

func TestTheCheckOfPagesFindsFaults(t *testing.T) {
	slow(t)
	t.Parallel()
	tab := newTab(t, startBrowser(t))
	tab.open("data:text/html," + url.PathEscape(`<!doctype html><title>x</title><body style="background:#fff;color:#000">
<h1>One</h1><h3>Three</h3><img src="data:,"><input name="bare"><a href="/x"></a><a href="#nowhere">to nowhere</a>
<p style="color:#999">grey</p><p style="background:rgba(0,0,0,.8)">dark on dark</p><p id="a">a</p><p id="a">b</p>
<div style="width:9000px">wide</div>`))
	faults := ask(tab, chromedp.Evaluate[[]string](auditScript))
	for _, want := range []string{"no language", "comes after h1", "no alt", "bare has no label", "has no words", "#nowhere", `"grey"`, `"dark on dark"`, "the id a", "sideways"} {
		if !slices.ContainsFunc(faults, func(fault string) bool { return strings.Contains(fault, want) }) {
			t.Errorf("no fault says %q: %q", want, faults)
		}
	}
	if len(faults) != 10 {
		t.Errorf("%d faults; want 10: %q", len(faults), faults)
	}
}
