package e2e

import (
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/scaledbydesign/insights/cmd/insights/internal/database/databasetest"
)

// Three daemons on one PostgreSQL, one for each role: together they do what one does.
func TestDaemonsShareTheWorkByRole(t *testing.T) {
	slow(t)
	address := databasetest.Postgres(t)
	to := newSink(t, nil)
	content := t.TempDir()
	role := func(name string, more map[string]string) *sinkSite {
		s := &sinkSite{site: newServe(t, to.addr, map[string]string{
			"CONTENT_DIR": content, "DATABASE_URL": address, "DIGESTS_SCHEDULES": `[{name: instant, cadence: instant}]`,
		}), sink: to, content: content}
		s.set(more)
		s.start("serve", "--role", name)
		return s
	}
	web := role("web", map[string]string{"SMTP_HOST": ""})
	web.publish()
	scheduling := role("schedule", map[string]string{"SMTP_HOST": ""})
	var status struct {
		Daemons []struct {
			Host  string   `json:"host"`
			Roles []string `json:"roles"`
		} `json:"daemons"`
		Notes []string `json:"notes"`
	}
	missing := func() bool {
		web.read(&status, "status")
		return strings.Contains(strings.Join(status.Notes, "\n"), "no running daemon has the role send: nothing sends emails")
	}
	if !missing() {
		t.Errorf("nobody sends, and status does not say so: %+v", status)
	}
	sending := role("send", nil)
	if web.read(&status, "status"); len(status.Daemons) != 3 || missing() {
		t.Errorf("three daemons run: %+v", status)
	}
	if text := web.insights("status"); !strings.Contains(text, "daemons") || !strings.Contains(text, "schedule;") {
		t.Errorf("status lists no daemons:\n%s", text)
	}

	get := func(s *sinkSite, path string) (status int) {
		t.Helper()
		response, err := http.Get("http://" + s.addr + path)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		return response.StatusCode
	}
	for path, want := range map[string][2]int{"/": {200, 404}, "/feeds/all.atom": {200, 404}, "/readyz": {200, 200}} {
		if got := [2]int{get(web, path), get(sending, path)}; got != want {
			t.Errorf("%s: %d of web and %d of send, want %d", path, got[0], got[1], want)
		}
	}
	web.base = "http://" + web.addr
	web.signUp("ada@example.com", "", "instant", allCategories()...)
	until(t, patience, "the confirmation arrives", func() bool { return to.tally().times["ada@example.com"] == 1 })
	web.insights("subscriber", "add", "ben@example.com", "--cadence", "instant", "--confirmed", "--basis", "asked at a fair")
	web.publish()
	until(t, patience, "the digest arrives", func() bool { return to.tally().times["ben@example.com"] >= 1 })

	sending.daemon.stop(t)
	until(t, 30*time.Second, "status says that nobody sends", missing)
	scheduling.daemon.stop(t)
	web.daemon.stop(t)
}

// With SQLite one daemon does everything, and there are no other roles.
func TestRolesThatCannotBe(t *testing.T) {
	s := newServe(t, "127.0.0.1:1", map[string]string{"CONTENT_DIR": t.TempDir()})
	for role, want := range map[string]struct {
		code int
		says string
	}{
		"web":    {6, "with SQLite one daemon does everything"},
		"mail":   {2, `there is no role "mail"`},
		"web,,a": {2, "there is no role"},
	} {
		if _, said, code := s.run("serve", "--role", role); code != want.code || !strings.Contains(said, want.says) {
			t.Errorf("--role %s: exit %d\n%s", role, code, said)
		}
	}
	if found, _ := filepath.Glob(filepath.Join(s.dir, "*.db")); len(found) > 0 {
		t.Errorf("a database was made: %q", found)
	}
}
