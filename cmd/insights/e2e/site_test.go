package e2e

import (
	"bytes"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"
)

// site is one installation: a folder, a configuration, and sometimes a daemon
// that runs there.
type site struct {
	t       testing.TB
	program string // that runs commands
	server  string // that runs daemons
	dir     string
	addr    string // where the daemon listens
	base    string // the site's address as the emails give it
	env     []string
	daemon  *process
	opened  time.Time // when the form was fetched whose stamp sign-ups use
	stamp   string
}

const secret = "a-secret-for-tests-that-is-long-enough-to-be-one"

// newSite makes a folder. Settings are INSIGHTS_ variables without that prefix.
func newSite(t testing.TB, settings map[string]string) *site {
	t.Helper()
	s := &site{t: t, program: commands(t), server: daemons(t), dir: t.TempDir(), addr: freeAddress(t)}
	s.base = "http://" + s.addr
	s.env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + s.dir, "TZ=UTC", "INSIGHTS_LISTEN=" + s.addr, "GORACE=" + endAtOnce}
	// No digest by the clock: a test may run at nine on a Monday.
	s.set(map[string]string{"DIGESTS_SCHEDULES": `[{name: never, cadence: weekly, cron: "0 0 29 2 *"}, {name: nor-daily, cadence: daily, cron: "0 0 29 2 *"}, {name: nor-monthly, cadence: monthly, cron: "0 0 29 2 *"}]`})
	s.set(settings)
	return s
}

// newServe makes a folder for `serve`, whose emails go to a relay.
func newServe(t testing.TB, relay string, settings map[string]string) *site {
	t.Helper()
	host, port, err := net.SplitHostPort(relay)
	if err != nil {
		t.Fatal(err)
	}
	s := newSite(t, map[string]string{
		"SITE_BASE_URL": "https://insights.example.com", "SITE_POSTAL_ADDRESS": "Hafenstraße 7, 20457 Hamburg", "SECRET": secret,
		"SMTP_HOST": host, "SMTP_PORT": port, "SMTP_TLS": "none",
		"MAIL_FROM": "Insights <insights@insights.example.com>", "MAIL_CONFIRM_FROM": "Insights <confirm@insights.example.com>",
		"DIGESTS_RETRY_FIRST": "100ms", "CONTENT_EDIT_GRACE": "0s",
	})
	s.set(map[string]string{"DATABASE_URL": "sqlite:" + filepath.Join(s.dir, "insights.db")})
	s.base = "https://insights.example.com"
	s.set(settings)
	return s
}

func (s *site) set(settings map[string]string) {
	for key, value := range settings {
		s.env = append(s.env, "INSIGHTS_"+key+"="+value)
	}
}

// plain has the program without the race detector run daemons too, for what measures.
func (s *site) plain() {
	s.program = plainBuild.path(s.t)
	s.server = s.program
}

// command is the program, run as somebody in the site's folder runs it.
func (s *site) command(args ...string) *exec.Cmd {
	cmd := exec.Command(s.program, args...)
	cmd.Dir, cmd.Env = s.dir, s.env
	return cmd
}

// run runs a command to its end and returns what it printed and its exit code.
func (s *site) run(args ...string) (stdout, stderr string, code int) {
	s.t.Helper()
	var out, errs bytes.Buffer
	cmd := s.command(args...)
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	if cmd.ProcessState == nil {
		s.t.Fatalf("insights %s: %v", strings.Join(args, " "), err)
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

// insights runs a command that must succeed and returns its stdout.
func (s *site) insights(args ...string) string {
	s.t.Helper()
	stdout, stderr, code := s.run(args...)
	if code != 0 {
		s.t.Fatalf("insights %s: exit %d\n%s%s", strings.Join(args, " "), code, stdout, stderr)
	}
	return stdout
}

// read runs a command with --json and reads its document.
func (s *site) read(document any, args ...string) {
	s.t.Helper()
	text := s.insights(append(args, "--json")...)
	if err := json.Unmarshal([]byte(text), document); err != nil {
		s.t.Fatalf("insights %s --json: %v\n%s", strings.Join(args, " "), err, text)
	}
}

// digestJSON is what programs see of a digest.
type digestJSON struct {
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
func (s *site) plan(args ...string) (id string, d digestJSON) {
	s.t.Helper()
	s.read(&d, append([]string{"digest", "plan"}, args...)...)
	if d.ID == nil {
		s.t.Fatalf("nothing was planned: %s", d.Reason)
	}
	return strconv.FormatInt(*d.ID, 10), d
}

// awaitDone waits until a digest is done and returns it.
func (s *site) awaitDone(id string, within time.Duration) (d digestJSON) {
	s.t.Helper()
	until(s.t, within, "digest "+id+" is done", func() bool {
		s.read(&d, "digest", "show", id)
		return d.State == "done"
	})
	return d
}

// deliveryJSON is what programs see of a mail.
type deliveryJSON struct {
	ID        string `json:"id"`
	Digest    *int64 `json:"digest"`
	Email     string `json:"email"`
	State     string `json:"state"`
	Attempts  int    `json:"attempts"`
	Reason    string `json:"reason"`
	MessageID string `json:"message_id"`
}

// deliveries lists emails.
func (s *site) deliveries(args ...string) (all []deliveryJSON) {
	s.t.Helper()
	s.read(&all, append([]string{"delivery", "list"}, args...)...)
	return all
}

// answer is an HTTP answer, read to its end.
type answer struct {
	Status int
	Header http.Header
	Body   string
}

// do sends a request to the daemon. An address of the site's public name leads to
// the daemon as well, as if a proxy stood there.
func (s *site) do(method, address, contentType, body string) answer {
	s.t.Helper()
	address = "http://" + s.addr + strings.TrimPrefix(strings.TrimPrefix(address, s.base), "http://"+s.addr)
	a, err := exchange(http.DefaultClient.Do, method, address, contentType, body)
	if err != nil {
		s.t.Fatal(err)
	}
	return a
}

// exchange sends a request in some way and reads the answer.
func exchange(do func(*http.Request) (*http.Response, error), method, address, contentType, body string) (answer, error) {
	request, err := http.NewRequest(method, address, strings.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	if contentType != "" {
		request.Header.Set("Content-Type", contentType)
	}
	response, err := do(request)
	if err != nil {
		return answer{}, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	return answer{response.StatusCode, response.Header, string(text)}, err
}

func (s *site) get(address string) answer {
	s.t.Helper()
	return s.do(http.MethodGet, address, "", "")
}

func (s *site) post(address string, form url.Values) answer {
	s.t.Helper()
	return s.do(http.MethodPost, address, formType, form.Encode())
}

const formType = "application/x-www-form-urlencoded"

// formAge is a little more than a form must be old to be taken.
const formAge = 2100 * time.Millisecond

// signUp fills in the form as a person would, who takes a moment for it.
func (s *site) signUp(address, name, cadence string, categories ...string) {
	s.t.Helper()
	if s.stamp == "" {
		s.opened, s.stamp = time.Now(), hiddenField(s.t, s.get("/subscribe").Body, "stamp")
	}
	<-time.After(time.Until(s.opened.Add(formAge)))
	answer := s.post("/subscribe", url.Values{
		"email": {address}, "name": {name}, "cadence": {cadence}, "category": categories, "stamp": {s.stamp}, "website": {""},
	})
	if answer.Status != http.StatusOK && answer.Status != http.StatusAccepted {
		s.t.Fatalf("sign-up of %s: %d\n%s", address, answer.Status, answer.Body)
	}
}

// hiddenField is the value of a form's field.
func hiddenField(t testing.TB, page, name string) string {
	t.Helper()
	for n := range parseHTML(t, page).Descendants() {
		if n.Data == "input" && attribute(n, "name") == name {
			return attribute(n, "value")
		}
	}
	t.Fatalf("the page has no field %q", name)
	return ""
}

func parseHTML(t testing.TB, page string) *html.Node {
	t.Helper()
	root, err := html.Parse(strings.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	return root
}

func attribute(n *html.Node, key string) string {
	for _, a := range n.Attr {
		if a.Key == key {
			return a.Val
		}
	}
	return ""
}
