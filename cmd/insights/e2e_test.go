package main_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/html"
)

// The end-to-end tests run the real program in a folder of its own, as a person
// would, and look at it from outside: through a browser, a mail server, its
// commands and its addresses.

// e2eBuilds builds the program once for each way of building it. The result stays
// in the user's cache, where the next run finds it up to date.
type e2eBuilds struct {
	once [2]sync.Once
	path [2]string
	err  [2]error
}

var e2eBuilt e2eBuilds

// e2eProgram is the path of the program; with the race detector in it if the
// tests have it, unless plain is asked for, as by tests that measure.
func e2eProgram(t testing.TB, plain bool) string {
	t.Helper()
	i, name, args := 0, "insights", []string{"build", "-race=false"} // GOFLAGS may say otherwise
	if e2eRace && !plain {
		i, name, args = 1, "insights-race", []string{"build", "-race"}
	}
	e2eBuilt.once[i].Do(func() {
		cache, err := os.UserCacheDir()
		if err != nil {
			cache = os.TempDir()
		}
		path := filepath.Join(cache, "insights-e2e", name)
		e2eBuilt.path[i] = path
		if out, err := exec.Command("go", append(args, "-o", path, ".")...).CombinedOutput(); err != nil {
			e2eBuilt.err[i] = fmt.Errorf("go %s: %w\n%s", strings.Join(args, " "), err, out)
		}
	})
	if err := e2eBuilt.err[i]; err != nil {
		t.Fatal(err)
	}
	return e2eBuilt.path[i]
}

// e2eNeeds finds a program that a test can't do without. Where the tests must be
// complete (CI=true) its absence is a failure.
func e2eNeeds(t testing.TB, name string, elsewhere ...string) string {
	t.Helper()
	for _, place := range append([]string{name}, elsewhere...) {
		if path, err := exec.LookPath(place); err == nil {
			return path
		}
	}
	if os.Getenv("CI") == "true" {
		t.Fatalf("%s is not installed, and CI=true wants every test", name)
	}
	t.Skipf("%s is not installed", name)
	return ""
}

// e2eNumber is how big a test is to be: from the environment, or as given.
func e2eNumber(t testing.TB, variable string, otherwise int) int {
	t.Helper()
	text := os.Getenv(variable)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		t.Fatalf("%s=%q is no number", variable, text)
	}
	return n
}

// e2eUntil looks again and again until done says so, and fails when that takes
// longer than within.
func e2eUntil(t testing.TB, within time.Duration, what string, done func() bool) {
	t.Helper()
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for deadline := time.Now().Add(within); !done(); {
		if time.Now().After(deadline) {
			t.Fatalf("not within %v: %s", within, what)
		}
		<-ticker.C
	}
}

// e2eSite is one installation: a folder, a configuration, and sometimes a daemon
// that runs there.
type e2eSite struct {
	t       testing.TB
	program string
	dir     string
	addr    string // where the daemon listens
	base    string // the site's address as the mails give it
	env     []string
	daemon  *e2eDaemon
	opened  time.Time // when the form was fetched whose stamp sign-ups use
	stamp   string
}

const e2eSecret = "a-secret-for-tests-that-is-long-enough-to-be-one"

// newE2ESite makes a folder. Settings are INSIGHTS_ variables without that prefix.
func newE2ESite(t testing.TB, settings map[string]string) *e2eSite {
	t.Helper()
	s := &e2eSite{t: t, program: e2eProgram(t, false), dir: t.TempDir(), addr: e2eFreeAddress(t)}
	s.base = "http://" + s.addr
	s.env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + s.dir, "TZ=UTC", "INSIGHTS_LISTEN=" + s.addr, "GORACE=atexit_sleep_ms=20"} // not a second, each time it ends
	// No digest by the clock: a test may run at nine on a Monday.
	s.set(map[string]string{"DIGESTS_SCHEDULES": `[{name: never, cadence: weekly, cron: "0 0 29 2 *"}]`})
	s.set(settings)
	return s
}

// newE2EServe makes a folder for `serve`, whose mails go to a relay.
func newE2EServe(t testing.TB, relay string, settings map[string]string) *e2eSite {
	t.Helper()
	host, port, err := net.SplitHostPort(relay)
	if err != nil {
		t.Fatal(err)
	}
	s := newE2ESite(t, map[string]string{
		"SITE_BASE_URL": "https://insights.example.com", "SITE_POSTAL_ADDRESS": "Hafenstraße 7, 20457 Hamburg", "SECRET": e2eSecret,
		"SMTP_HOST": host, "SMTP_PORT": port, "SMTP_TLS": "none",
		"MAIL_FROM": "Insights <insights@insights.example.com>", "MAIL_CONFIRM_FROM": "Insights <confirm@insights.example.com>",
		"DIGESTS_RETRY_FIRST": "100ms", "CONTENT_EDIT_GRACE": "0s",
	})
	s.set(map[string]string{"DATABASE_URL": "sqlite:" + filepath.Join(s.dir, "insights.db")})
	s.base = "https://insights.example.com"
	s.set(settings)
	return s
}

func (s *e2eSite) set(settings map[string]string) {
	for key, value := range settings {
		s.env = append(s.env, "INSIGHTS_"+key+"="+value)
	}
}

func e2eFreeAddress(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// run runs a command to its end and returns what it printed and its exit code.
func (s *e2eSite) run(args ...string) (stdout, stderr string, code int) {
	s.t.Helper()
	var out, errs bytes.Buffer
	cmd := exec.Command(s.program, args...)
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = s.dir, s.env, &out, &errs
	err := cmd.Run()
	if cmd.ProcessState == nil {
		s.t.Fatalf("insights %s: %v", strings.Join(args, " "), err)
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

// insights runs a command that must succeed and returns its stdout.
func (s *e2eSite) insights(args ...string) string {
	s.t.Helper()
	stdout, stderr, code := s.run(args...)
	if code != 0 {
		s.t.Fatalf("insights %s: exit %d\n%s%s", strings.Join(args, " "), code, stdout, stderr)
	}
	return stdout
}

// read runs a command with --json and reads its document.
func (s *e2eSite) read(document any, args ...string) {
	s.t.Helper()
	text := s.insights(append(args, "--json")...)
	if err := json.Unmarshal([]byte(text), document); err != nil {
		s.t.Fatalf("insights %s --json: %v\n%s", strings.Join(args, " "), err, text)
	}
}

// e2eDigest is what programs see of a digest.
type e2eDigest struct {
	ID       *int64         `json:"id"`
	State    string         `json:"state"`
	Reason   string         `json:"reason"`
	Readers  int            `json:"readers"`
	Counts   map[string]int `json:"counts"`
	Insights []struct {
		Slug string `json:"slug"`
	} `json:"insights"`
}

// plan freezes a digest that must have readers and returns its number.
func (s *e2eSite) plan(args ...string) (id string, d e2eDigest) {
	s.t.Helper()
	s.read(&d, append([]string{"digest", "plan"}, args...)...)
	if d.ID == nil {
		s.t.Fatalf("nothing was planned: %s", d.Reason)
	}
	return strconv.FormatInt(*d.ID, 10), d
}

// awaitDone waits until a digest is done and returns it.
func (s *e2eSite) awaitDone(id string, within time.Duration) (d e2eDigest) {
	s.t.Helper()
	e2eUntil(s.t, within, "digest "+id+" is done", func() bool {
		s.read(&d, "digest", "show", id)
		return d.State == "done"
	})
	return d
}

// e2eDelivery is what programs see of a mail.
type e2eDelivery struct {
	ID        string `json:"id"`
	Digest    *int64 `json:"digest"`
	Email     string `json:"email"`
	State     string `json:"state"`
	Attempts  int    `json:"attempts"`
	Reason    string `json:"reason"`
	MessageID string `json:"message_id"`
}

// deliveries lists mails.
func (s *e2eSite) deliveries(args ...string) (all []e2eDelivery) {
	s.t.Helper()
	s.read(&all, append([]string{"delivery", "list"}, args...)...)
	return all
}

// e2eAnswer is an HTTP answer, read to its end.
type e2eAnswer struct {
	Status int
	Header http.Header
	Body   string
}

// do sends a request to the daemon. An address of the site's public name leads to
// the daemon as well, as if a proxy stood there.
func (s *e2eSite) do(method, address, contentType, body string) e2eAnswer {
	s.t.Helper()
	address = "http://" + s.addr + strings.TrimPrefix(strings.TrimPrefix(address, s.base), "http://"+s.addr)
	request, err := http.NewRequestWithContext(s.t.Context(), method, address, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	if contentType != "" {
		request.Header.Set("Content-Type", contentType)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		s.t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return e2eAnswer{response.StatusCode, response.Header, string(text)}
}

func (s *e2eSite) get(address string) e2eAnswer {
	s.t.Helper()
	return s.do(http.MethodGet, address, "", "")
}

func (s *e2eSite) post(address string, form url.Values) e2eAnswer {
	s.t.Helper()
	return s.do(http.MethodPost, address, "application/x-www-form-urlencoded", form.Encode())
}

// e2eFormAge is a little more than a form must be old to be taken.
const e2eFormAge = 2100 * time.Millisecond

// signUp fills in the form as a person would, who takes a moment for it.
func (s *e2eSite) signUp(address, name, cadence string, categories ...string) {
	s.t.Helper()
	if s.stamp == "" {
		s.opened, s.stamp = time.Now(), e2eHidden(s.t, s.get("/subscribe").Body, "stamp")
	}
	<-time.After(time.Until(s.opened.Add(e2eFormAge)))
	answer := s.post("/subscribe", url.Values{
		"email": {address}, "name": {name}, "cadence": {cadence}, "category": categories, "stamp": {s.stamp}, "website": {""},
	})
	if answer.Status != http.StatusOK && answer.Status != http.StatusAccepted {
		s.t.Fatalf("sign-up of %s: %d\n%s", address, answer.Status, answer.Body)
	}
}

// e2eHidden is the value of a form's field.
func e2eHidden(t testing.TB, page, name string) string {
	t.Helper()
	for n := range e2eParse(t, page).Descendants() {
		if n.Data == "input" && e2eAttr(n, "name") == name {
			return e2eAttr(n, "value")
		}
	}
	t.Fatalf("the page has no field %q", name)
	return ""
}

func e2eParse(t testing.TB, page string) *html.Node {
	t.Helper()
	root, err := html.Parse(strings.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	return root
}

func e2eAttr(n *html.Node, key string) string {
	for _, a := range n.Attr {
		if a.Key == key {
			return a.Val
		}
	}
	return ""
}
