package e2e

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// smtp-sink is Postfix's own test server: another implementation of SMTP than the
// one in the other tests.
func TestADigestArrivesThroughSMTPSink(t *testing.T) {
	slow(t)
	t.Parallel()
	sink := needs(t, "smtp-sink", "/usr/sbin/smtp-sink")
	drop := t.TempDir()
	if err := os.Chmod(drop, 0o777); err != nil { // it gives up root
		t.Fatal(err)
	}
	addr := freeAddress(t)
	args := []string{"-d", "mail.", addr, "100"}
	if os.Getuid() == 0 {
		args = append([]string{"-u", "nobody"}, args...)
	}
	cmd := exec.Command(sink, args...)
	cmd.Dir = drop
	var said buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("smtp-sink said: %s", said.String())
		}
	})
	until(t, 10*time.Second, "smtp-sink listens", func() bool {
		conn, err := net.Dial("tcp", addr)
		if err == nil {
			conn.Close()
		}
		return err == nil
	})

	dir, insights := insightsFolder(t, 1)
	s := newServe(t, addr, map[string]string{"CONTENT_DIR": dir})
	s.start("serve")
	const n = 12
	for i := range n {
		s.insights("subscriber", "add", fmt.Sprintf("reader-%02d@example.com", i), "--name", "Zoë 🚀", "--categories", "engineering,growth-ops", "--confirmed", "--basis", "test")
	}
	id, _ := s.plan()
	s.insights("digest", "send", id, "--yes", "--wait")

	files, err := filepath.Glob(filepath.Join(drop, "mail.*"))
	if err != nil || len(files) != n {
		t.Fatalf("%d emails were dumped (%v); want %d", len(files), err, n)
	}
	got := make(map[string]int)
	for _, file := range files {
		dump, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		// The dump begins with lines of its own, X-Client-Addr to X-Rcpt-Args, and
		// has the line ends of this machine.
		i := bytes.Index(dump, []byte("X-Rcpt-Args: "))
		if i < 0 {
			t.Fatalf("no dump of smtp-sink: %.200s", dump)
		}
		envelope, message, _ := bytes.Cut(dump[i:], []byte("\n"))
		l := readMessage(t, bytes.ReplaceAll(message, []byte("\n"), []byte("\r\n")))
		to, err := l.Header.AddressList("To")
		if err != nil || !bytes.Contains(envelope, []byte("<"+to[0].Address+">")) {
			t.Errorf("a mail to %v (%v) in an envelope %s", to, err, envelope)
			continue
		}
		got[to[0].Address]++
		if slugs, want := linkedSlugs(s.base, l.HTMLLinks), newestSlugs(insights, 3, "engineering", "growth-ops"); !slices.Equal(slugs, want) {
			t.Errorf("%s got %q; want %q", to[0].Address, slugs, want)
		}
	}
	if len(got) != n {
		t.Errorf("%d readers got mail: %v; want %d, each once", len(got), got, n)
	}
}
