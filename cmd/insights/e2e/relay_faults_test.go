package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestAMailServerThatCannotBeReachedLosesNothing(t *testing.T) {
	slow(t)
	t.Parallel()
	relay := newMailServer(t, nil)
	gone := freeAddress(t)
	s := newServe(t, gone, nil)
	s.start("serve")
	s.insights("subscriber", "add", "ada@example.com", "--confirmed", "--basis", "test")
	id, _ := s.plan()
	s.insights("digest", "send", id, "--yes")
	until(t, 20*time.Second, "the reason is listed", func() bool {
		waiting := s.deliveries("--digest", id)
		return len(waiting) == 1 && waiting[0].Reason != "" && waiting[0].Attempts == 0
	})
	s.daemon.stop(t)

	_, port, _ := strings.Cut(relay.addr, ":")
	s.set(map[string]string{"SMTP_PORT": port})
	s.start("serve")
	s.awaitDone(id, 30*time.Second)
	if mails := relay.to("ada@example.com"); len(mails) != 1 {
		t.Errorf("%d emails once the server is there; want 1", len(mails))
	}
}

func TestADigestThatCannotBeRenderedReachesNoMailServer(t *testing.T) {
	slow(t)
	t.Parallel()
	// A template that is fine with what it is tried with at the start, and then is not.
	source, err := os.ReadFile("../../../templates/email/digest.txt.tmpl")
	if err != nil {
		t.Fatal(err)
	}
	const define = `{{define "body" -}}`
	broken := strings.Replace(string(source), define, define+`{{range .Items}}{{if eq .Title "Last"}}{{index .Title 99}}{{end}}{{end}}`, 1)
	override := t.TempDir()
	if err := os.Mkdir(filepath.Join(override, "email"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(override, "email", "digest.txt.tmpl"), []byte(broken), 0o644); err != nil {
		t.Fatal(err)
	}
	relay := newMailServer(t, nil)
	dir, insights := insightsFolder(t, 1)
	last := insight{ID: insightID(900), Slug: "last", Title: "Last", Category: "leadership", Date: insights[len(insights)-1].Date.AddDate(0, 0, 1)}
	last.write(t, dir)
	s := newServe(t, relay.addr, map[string]string{"TEMPLATES_DIR": override, "CONTENT_DIR": dir})
	s.start("serve")
	s.insights("subscriber", "add", "fine@example.com", "--categories", "engineering", "--confirmed", "--basis", "test")
	s.insights("subscriber", "add", "broken@example.com", "--categories", "leadership", "--confirmed", "--basis", "test")
	id, _ := s.plan()
	s.insights("digest", "send", id, "--yes")
	var d digestJSON
	until(t, 20*time.Second, "the digest ends", func() bool {
		s.read(&d, "digest", "show", id)
		return d.State == "failed"
	})
	relay.mu.Lock()
	defer relay.mu.Unlock()
	if d.Reason == "" || len(relay.mails) != 0 {
		t.Errorf("reason %q, %d emails; want the template's fault, and none", d.Reason, len(relay.mails))
	}
}
