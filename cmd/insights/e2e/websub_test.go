package e2e

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

type hubStatus struct {
	Subscriptions, Requests, Behind int
}

// awaitHub waits until the site's hub has settled what it had to do.
func (s *site) awaitHub(want hubStatus) {
	s.t.Helper()
	var got struct{ Hub hubStatus }
	until(s.t, 30*time.Second, fmt.Sprintf("the hub is at %+v", want), func() bool {
		s.read(&got, "status")
		return got.Hub == want
	})
}

// newHub is a site with a hub, and one insight.
func newHub(t testing.TB, hub string) (s *site, folder string) {
	folder = t.TempDir()
	s = newSite(t, map[string]string{"CONTENT_DIR": folder, "WEBSUB_HUB": hub, "WEBSUB_PRIVATE_CALLBACKS": "true"})
	hubInsight(1).write(t, folder)
	return s, folder
}

func hubInsight(n int) insight {
	return insight{ID: insightID(n), Slug: fmt.Sprintf("pushed-%d", n), Title: fmt.Sprintf("Pushed & <%d>", n), Category: "leadership", Date: time.Date(2026, 3, n, 8, 0, 0, 0, time.UTC)}
}

// follow subscribes a callback to a feed and waits until it has been verified.
func (s *site) follow(c *callback, feed, path, secret string) {
	s.t.Helper()
	before := len(c.verifications())
	s.askHub("subscribe", feed, c.URL+path, secret)
	until(s.t, 10*time.Second, "the subscription is verified", func() bool { return len(c.verifications()) > before })
}

func (s *site) askHub(mode, feed, callback, secret string) {
	s.t.Helper()
	form := url.Values{"hub.mode": {mode}, "hub.topic": {s.base + feed}, "hub.callback": {callback}, "hub.secret": {secret}, "hub.verify": {"sync"}}
	if answer := s.post("/hub", form); answer.Status != http.StatusAccepted {
		s.t.Fatalf("%s: %d %s", mode, answer.Status, answer.Body)
	}
}

func TestASavedInsightIsPushedWithinTwoSeconds(t *testing.T) {
	slow(t)
	s, folder := newHub(t, "self")
	s.start("dev")
	c := newCallback(t)
	s.follow(c, "/feeds/all.atom", "/signed?key=a%20b", "a secret")
	s.awaitHub(hubStatus{1, 0, 0})
	s.follow(c, "/feeds/leadership.json", "/unsigned", "")
	s.awaitHub(hubStatus{2, 0, 0})
	asked := c.verifications()[0]
	if asked.Get("key") != "a b" || asked.Get("hub.mode") != "subscribe" || asked.Get("hub.topic") != s.base+"/feeds/all.atom" || asked.Get("hub.lease_seconds") != "86400" {
		t.Errorf("it was verified with %v", asked)
	}

	saved := time.Now()
	hubInsight(2).write(t, folder)
	signed, unsigned := c.await(t, "/signed", 1), c.await(t, "/unsigned", 1)
	for feed, push := range map[string]hubPush{"/feeds/all.atom": signed, "/feeds/leadership.json": unsigned} {
		took := push.At.Sub(saved)
		t.Logf("%s was pushed %v after its insight was saved", feed, took.Round(time.Millisecond))
		if took > 2*time.Second {
			t.Errorf("%s came after %v; want 2 s at most", feed, took)
		}
		own := s.get(feed)
		if push.Body != own.Body || !strings.Contains(push.Body, "pushed-2") {
			t.Errorf("%s: what was pushed is not what it holds", feed)
		}
		if got := push.Header.Get("Content-Type"); got != own.Header.Get("Content-Type") {
			t.Errorf("%s: pushed as %q, served as %q", feed, got, own.Header.Get("Content-Type"))
		}
		links := push.Header["Link"]
		for _, want := range []string{"<" + s.base + `/hub>; rel="hub"`, "<" + s.base + feed + `>; rel="self"`} {
			if !slices.Contains(links, want) {
				t.Errorf("%s: links %q; want %s among them", feed, links, want)
			}
		}
		if !strings.Contains(push.Body, s.base+"/hub") {
			t.Errorf("%s does not name its hub", feed)
		}
	}
	mac := hmac.New(sha256.New, []byte("a secret"))
	mac.Write([]byte(signed.Body))
	if got, want := signed.Header.Get("X-Hub-Signature"), "sha256="+hex.EncodeToString(mac.Sum(nil)); got != want {
		t.Errorf("signature %q; want %q", got, want)
	}
	if got := unsigned.Header.Values("X-Hub-Signature"); got != nil {
		t.Errorf("without a secret it is signed: %q", got)
	}

	// Who leaves, and who is gone, get nothing more; the others do.
	s.awaitHub(hubStatus{2, 0, 0})
	s.askHub("unsubscribe", "/feeds/all.atom", c.URL+"/signed?key=a%20b", "")
	s.awaitHub(hubStatus{1, 0, 0})
	s.follow(c, "/feeds/all.rss", "/stays", "")
	s.awaitHub(hubStatus{2, 0, 0})
	c.mu.Lock()
	c.answer = func(path string, _ int) int {
		if path == "/unsigned" {
			return http.StatusGone
		}
		return http.StatusOK
	}
	c.mu.Unlock()
	hubInsight(3).write(t, folder)
	c.await(t, "/stays", 1)
	c.await(t, "/unsigned", 2)
	s.awaitHub(hubStatus{1, 0, 0})
	if n := len(c.received("/signed")); n != 1 {
		t.Errorf("who left got %d pushes; want the one before", n)
	}
	if log := s.daemon.log.String(); strings.Contains(log, "a secret") || strings.Contains(log, "key=a") || strings.Contains(log, "/unsigned") {
		t.Error("the log holds a secret or a callback")
	}
}

func TestAKillLosesNoPushAndRepeatsNone(t *testing.T) {
	slow(t)
	t.Parallel()
	s, folder := newHub(t, "self")
	s.start("dev")
	c := newCallback(t)
	s.follow(c, "/feeds/leadership.rss", "/a", "")
	s.follow(c, "/feeds/all.rss", "/b", "")
	s.awaitHub(hubStatus{2, 0, 0})

	// It is killed while one push is under way and the other fails.
	arrived, release := make(chan struct{}), make(chan struct{})
	c.mu.Lock()
	c.answer = func(path string, nth int) int {
		if nth > 1 {
			return http.StatusOK
		}
		if path == "/a" {
			close(arrived)
			<-release
		}
		return http.StatusBadGateway
	}
	c.mu.Unlock()
	hubInsight(2).write(t, folder)
	<-arrived
	s.daemon.kill()
	close(release)
	hubInsight(3).write(t, folder) // nobody is watching
	s.start("dev")
	a, b := c.await(t, "/a", 2), c.await(t, "/b", 2)
	s.awaitHub(hubStatus{2, 0, 0})
	for _, push := range []hubPush{a, b} {
		if !strings.Contains(push.Body, "pushed-2") || !strings.Contains(push.Body, "pushed-3") {
			t.Errorf("%s lacks what was saved while nothing ran", push.Path)
		}
	}
	s.daemon.kill()
	s.start("dev")
	s.follow(c, "/feeds/all.rss", "/c", "") // by now it would have been pushed
	s.awaitHub(hubStatus{3, 0, 0})
	if a, b, c := len(c.received("/a")), len(c.received("/b")), len(c.received("/c")); a != 2 || b != 2 || c != 0 {
		t.Errorf("%d, %d and %d deliveries; want 2, 2 and 0", a, b, c)
	}
}

func TestStaffHavePushesThatWereGivenUpTriedAgain(t *testing.T) {
	slow(t)
	s, folder := newHub(t, "self")
	s.start("dev")
	c := newCallback(t)
	s.follow(c, "/feeds/all.json", "/later", "")
	s.awaitHub(hubStatus{1, 0, 0})
	c.mu.Lock()
	c.answer = func(_ string, nth int) int {
		return map[bool]int{true: http.StatusServiceUnavailable, false: http.StatusOK}[nth == 1]
	}
	c.mu.Unlock()
	hubInsight(2).write(t, folder)
	c.await(t, "/later", 1)
	s.awaitHub(hubStatus{1, 0, 1})
	if out := s.insights("feed", "ping", "--dry-run"); out != "pushes that would be due now: 1 of 1 subscription\n" {
		t.Errorf("dry run: %q", out)
	}
	asked := time.Now()
	var ping struct {
		Hub           string
		Subscriptions int
		Due           int
	}
	s.read(&ping, "feed", "ping")
	if ping.Due != 1 || ping.Subscriptions != 1 || ping.Hub != s.base+"/hub" {
		t.Errorf("%+v", ping)
	}
	if took := c.await(t, "/later", 2).At.Sub(asked); took > 3*time.Second {
		t.Errorf("it came %v later", took)
	}
	s.awaitHub(hubStatus{1, 0, 0})
}

func TestAHubElsewhereIsToldOnceOfWhatChanged(t *testing.T) {
	slow(t)
	t.Parallel()
	h := newOtherHub(t)
	s, folder := newHub(t, h.URL+"/")
	s.start("dev")
	// At first everything is news: all and seven categories in three formats.
	until(t, 10*time.Second, "24 pings", func() bool { return len(h.told()) == 24 })
	if answer := s.get("/feeds/all.atom"); !strings.Contains(answer.Body, h.URL) {
		t.Error("the feed does not name its hub")
	}
	if answer := s.post("/hub", url.Values{}); answer.Status != http.StatusNotFound {
		t.Errorf("/hub of a site without a hub of its own: %d", answer.Status)
	}
	var changed []string
	for _, name := range []string{"all", "leadership"} {
		for _, format := range []string{"atom", "json", "rss"} {
			changed = append(changed, s.base+"/feeds/"+name+"."+format)
		}
	}
	h.answer(http.StatusNoContent)
	hubInsight(2).write(t, folder)
	until(t, 10*time.Second, "the pings of what changed", func() bool { return slices.Equal(h.told(), changed) })

	// While it refuses, nothing is forgotten, not even by a kill.
	h.answer(http.StatusServiceUnavailable)
	hubInsight(3).write(t, folder)
	until(t, 10*time.Second, "a refusal", func() bool { return strings.Contains(s.daemon.log.String(), "the hub answered 503: as you say") })
	s.daemon.kill()
	h.answer(http.StatusOK)
	s.start("dev")
	until(t, 10*time.Second, "what was refused", func() bool { return slices.Equal(h.told(), changed) })

	// Staff tell it of everything.
	h.answer(http.StatusOK)
	if out := s.insights("feed", "ping", "--dry-run"); len(h.told()) != 0 || !strings.Contains(out, s.base+"/feeds/all.atom") {
		t.Errorf("dry run told it of %q and said:\n%s", h.told(), out)
	}
	if out := s.insights("feed", "ping"); len(h.told()) != 24 || !strings.Contains(out, "accepted") {
		t.Errorf("it was told of %d feeds:\n%s", len(h.told()), out)
	}
	h.answer(http.StatusForbidden)
	stdout, stderr, code := s.run("feed", "ping")
	if code != 1 || !strings.Contains(stdout, "the hub answered 403: as you say") || !strings.Contains(stderr, "the hub accepted no feed") {
		t.Errorf("refused: exit %d\n%s%s", code, stdout, stderr)
	}
}

func TestWithoutAHubPingSaysHowToHaveOne(t *testing.T) {
	t.Parallel()
	s := newSite(t, map[string]string{"CONTENT_DIR": filepath.Join(t.TempDir())})
	_, stderr, code := s.run("feed", "ping")
	if code != 6 || !strings.Contains(stderr, "INSIGHTS_WEBSUB_HUB=self") {
		t.Errorf("exit %d: %s", code, stderr)
	}
	s.set(map[string]string{"WEBSUB_HUB": "http://hub.example.com/"})
	if _, stderr, code := s.run("config", "check"); code != 3 || !strings.Contains(stderr, "INSIGHTS_WEBSUB_HUB") || !strings.Contains(stderr, "use https") {
		t.Errorf("exit %d: %s", code, stderr)
	}
}
