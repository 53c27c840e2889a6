package e2e

import (
	"context"
	_ "embed"
	"flag"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// startBrowser starts a browser that can reach nothing but this machine. The context
// it returns makes tabs.
func startBrowser(t testing.TB) context.Context {
	t.Helper()
	path := needs(t, "chromium", "chromium-browser", "google-chrome")
	options := []chromedp.ExecAllocatorOption{
		chromedp.ExecPath(path), chromedp.NoFirstRun, chromedp.NoDefaultBrowserCheck, chromedp.NoSandbox, chromedp.Headless, chromedp.DisableGPU,
		chromedp.UserDataDir(t.TempDir()), chromedp.WSURLReadTimeout(time.Minute),
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-background-networking", true), chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-sync", true), chromedp.Flag("disable-dev-shm-usage", true), chromedp.Flag("disable-default-apps", true),
		chromedp.Flag("host-resolver-rules", "MAP * ~NOTFOUND , EXCLUDE 127.0.0.1"),
	}
	allocator, stop := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(stop)
	ctx, end := chromedp.NewContext(allocator)
	t.Cleanup(end)
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("start %s: %v", path, err)
	}
	return ctx
}

// browserTab is one tab. Whatever goes wrong in it unseen is a fault of the test: an
// error in the console, a refused resource, a request to another machine.
type browserTab struct {
	t   testing.TB
	ctx context.Context

	scheme string // that the person prefers
	width  int64  // of the screen

	mu     sync.Mutex
	faults []string
	status int64 // of the last document
}

func newTab(t testing.TB, browser context.Context) *browserTab {
	t.Helper()
	tab := &browserTab{t: t}
	ctx, closeTab := chromedp.NewContext(browser, chromedp.WithListener(tab.hear))
	tab.ctx = ctx
	t.Cleanup(func() {
		closeTab()
		tab.mu.Lock()
		defer tab.mu.Unlock()
		for _, fault := range tab.faults {
			t.Errorf("the browser reports: %s", fault)
		}
	})
	if err := chromedp.Do(ctx); err != nil { // a deadline here would be the tab's own
		t.Fatalf("open a tab: %v", err)
	}
	tab.as("light", 1280)
	return tab
}

// hear runs for each event of the tab.
func (tab *browserTab) hear(event any) {
	tab.mu.Lock()
	defer tab.mu.Unlock()
	fault := func(format string, args ...any) { tab.faults = append(tab.faults, fmt.Sprintf(format, args...)) }
	switch e := event.(type) {
	case *runtime.EventExceptionThrown:
		fault("exception: %s", e.ExceptionDetails.Text)
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.ConsoleAPICalledTypeError || e.Type == runtime.ConsoleAPICalledTypeWarning {
			fault("console %s: %v", e.Type, e.Args)
		}
	case *log.EventEntryAdded:
		// A page that says no is a page: what loads with it has no excuse.
		if e.Entry.Level == log.EntryLevelError && e.Entry.URL != "" && e.Entry.Source == log.EntrySourceNetwork && tab.status >= 400 {
			return
		}
		// A mail's HTML part may run nothing, also not what this test asks with.
		if e.Entry.Source == log.EntrySourceSecurity && strings.HasSuffix(e.Entry.URL, "/html") && strings.HasPrefix(e.Entry.Text, "Blocked script execution") {
			return
		}
		if e.Entry.Level == log.EntryLevelError || e.Entry.Level == log.EntryLevelWarning {
			fault("%s %s: %s (%s)", e.Entry.Source, e.Entry.Level, e.Entry.Text, e.Entry.URL)
		}
	case *network.EventRequestWillBeSent:
		u, err := url.Parse(e.Request.URL)
		if err != nil || u.Hostname() != "127.0.0.1" && u.Scheme != "data" && u.Scheme != "about" && u.Scheme != "blob" {
			fault("a request to %s", e.Request.URL)
		}
	case *network.EventResponseReceived:
		if e.Type == network.ResourceTypeDocument {
			tab.status = e.Response.Status
		} else if e.Response.Status >= 400 {
			fault("%s: %d", e.Response.URL, e.Response.Status)
		}
	}
}

// run does some things with the page that is open.
func (tab *browserTab) run(actions ...chromedp.Action[chromedp.Void]) {
	tab.t.Helper()
	ctx, cancel := context.WithTimeout(tab.ctx, patience)
	defer cancel()
	tab.must(chromedp.Do(ctx, actions...))
}

// ask does something with the page that is open and returns what that gives.
func ask[T any](tab *browserTab, action chromedp.Action[T]) T {
	tab.t.Helper()
	ctx, cancel := context.WithTimeout(tab.ctx, patience)
	defer cancel()
	value, err := chromedp.Run(ctx, action)
	tab.must(err)
	return value
}

// must fails, and says what was on the page.
func (tab *browserTab) must(err error) {
	tab.t.Helper()
	if err == nil {
		return
	}
	ctx, cancel := context.WithTimeout(tab.ctx, time.Second)
	defer cancel()
	where, _ := chromedp.Run(ctx, chromedp.Location())
	text, _ := chromedp.Run(ctx, chromedp.Text(chromedp.CSS("body")))
	tab.t.Fatalf("at %s: %v\n%.800s", where, err, text)
}

// open loads a page.
func (tab *browserTab) open(address string) {
	tab.t.Helper()
	tab.run(chromedp.Navigate(address))
}

// follow does what leads to another page and waits until that is there.
func (tab *browserTab) follow(action chromedp.Action[chromedp.Void]) {
	tab.t.Helper()
	ctx, cancel := context.WithTimeout(tab.ctx, patience)
	defer cancel()
	_, err := chromedp.RunResponse(ctx, action)
	tab.must(err)
}

// click clicks the first thing that a selector finds and waits for the next page.
func (tab *browserTab) click(selector string) {
	tab.t.Helper()
	tab.follow(chromedp.Click(chromedp.CSS(selector)))
}

// press clicks something that leads to no other page.
func (tab *browserTab) press(selector string) {
	tab.t.Helper()
	tab.run(chromedp.Click(chromedp.CSS(selector)))
}

// write types into a field, in the place of what is there.
func (tab *browserTab) write(selector, text string) {
	tab.t.Helper()
	tab.run(chromedp.Clear(chromedp.CSS(selector)), chromedp.SendKeys(chromedp.CSS(selector), text))
}

// text is what a person reads in the first thing that a selector finds.
func (tab *browserTab) text(selector string) string {
	tab.t.Helper()
	return strings.TrimSpace(ask(tab, chromedp.Text(chromedp.CSS(selector))))
}

// heading fails unless the page is the one with that heading.
func (tab *browserTab) heading(want string) {
	tab.t.Helper()
	if got := tab.text("h1"); got != want {
		tab.t.Fatalf("the page says %q; want %q\n%.800s", got, want, tab.text("body"))
	}
}

// attributes are those of the things that a selector finds, in order.
func (tab *browserTab) attributes(selector, name string) (values []string) {
	tab.t.Helper()
	for _, n := range ask(tab, chromedp.Nodes(chromedp.CSSAll(selector), chromedp.AtLeast(0))) {
		values = append(values, n.AttributeValue(name))
	}
	return values
}

// links are the addresses that the things a selector finds link to, in order.
func (tab *browserTab) links(selector string) []string {
	tab.t.Helper()
	return tab.attributes(selector, "href")
}

func (tab *browserTab) location() string {
	tab.t.Helper()
	return ask(tab, chromedp.Location())
}

//go:embed testdata/audit.js
var auditScript string

// look checks the page that is open as people with different eyes, screens and
// programs meet it: on a phone and on a desk, in light and in dark.
func (tab *browserTab) look(name string) {
	tab.t.Helper()
	tab.lookAt(name, 375, 1280)
}

func (tab *browserTab) lookAt(name string, widths ...int64) {
	tab.t.Helper()
	where := tab.location()
	var seen []string
	schemes := []string{"light", "dark"}
	if tab.scheme == "dark" {
		slices.Reverse(schemes) // begin as it is
	}
	for _, scheme := range schemes {
		for _, width := range widths {
			tab.as(scheme, width)
			for _, fault := range ask(tab, chromedp.Evaluate[[]string](auditScript)) {
				if !slices.Contains(seen, fault) {
					seen = append(seen, fault)
					tab.t.Errorf("%s, %s, %d px: %s", where, scheme, width, fault)
				}
			}
			if name != "" {
				tab.shoot(fmt.Sprintf("%s-%s-%d", name, scheme, width))
			}
		}
	}
}

// as shows the page as it is in a colour scheme, on a screen of a width.
func (tab *browserTab) as(scheme string, width int64) {
	tab.t.Helper()
	if tab.scheme != scheme {
		tab.run(prefer(scheme))
	}
	if tab.width != width {
		tab.run(chromedp.EmulateViewport(width, 900))
	}
	tab.scheme, tab.width = scheme, width
}

// shoot keeps a picture of the whole page, when the tests run with -artifacts.
func (tab *browserTab) shoot(name string) {
	tab.t.Helper()
	if kept := flag.Lookup("test.artifacts"); kept == nil || kept.Value.String() != "true" {
		return
	}
	dir := tab.t.(interface{ ArtifactDir() string }).ArtifactDir()
	whole := true
	tab.run(chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		picture, err := cdp.Call(ctx, target, page.CaptureScreenshot, page.CaptureScreenshotParams{CaptureBeyondViewport: &whole})
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(dir, name+".png"), picture.Data, 0o644)
	}))
}

// prefer chooses a colour scheme as a person does in their system.
func prefer(scheme string) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		_, err := cdp.Call(ctx, target, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
		})
		return err
	})
}

// withoutScripts runs none of the page's scripts from now on.
func withoutScripts() chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		_, err := cdp.Call(ctx, target, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
		return err
	})
}
