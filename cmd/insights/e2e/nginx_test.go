package e2e

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// nginx runs a web server with these lines in its http block and returns where it listens;
// LISTEN in the lines is replaced by that.
func nginx(t *testing.T, lines string) (address string) {
	t.Helper()
	program := needs(t, "nginx", "/usr/sbin/nginx")
	dir := t.TempDir()
	if err := os.Chmod(filepath.Dir(dir), 0o755); err != nil { // its workers may be somebody else
		t.Fatal(err)
	}
	address = freeAddress(t)
	var temporary strings.Builder
	for _, kind := range []string{"client_body", "proxy", "fastcgi", "uwsgi", "scgi"} {
		fmt.Fprintf(&temporary, "%s_temp_path %s/%s;\n", kind, dir, kind)
	}
	user := ""
	if os.Getuid() == 0 {
		user = "user root;\n"
	}
	config := user + "daemon off;\nworker_processes 1;\npid " + dir + "/pid;\nerror_log " + dir + "/errors;\nevents {}\nhttp {\naccess_log off;\ninclude /etc/nginx/mime.types;\n" +
		temporary.String() + strings.NewReplacer("LISTEN", address, "FOLDER", dir).Replace(lines) + "\n}\n"
	path := filepath.Join(dir, "nginx.conf")
	if err := os.WriteFile(path, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, "-c", path, "-p", dir)
	said := &strings.Builder{}
	cmd.Stderr = said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		// A master that is killed leaves its workers.
		if err := errors.Join(cmd.Process.Signal(syscall.SIGTERM), cmd.Wait()); err != nil {
			t.Errorf("nginx ends with %v", err)
		}
		if t.Failed() {
			reported, _ := os.ReadFile(filepath.Join(dir, "errors"))
			t.Logf("nginx said: %s%s", said, reported)
		}
	})
	until(t, patience, "nginx listens", func() bool {
		conn, err := net.DialTimeout("tcp", address, time.Second)
		if err == nil {
			conn.Close()
		}
		return err == nil
	})
	return address
}

// askServer sends one request and follows no redirect.
func askServer(t *testing.T, method, address string, headers ...string) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Accept-Encoding", "identity")
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	answer, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer, string(text)
}

// TestAStaticCopyBehindNginx serves a copy by the lines that the documentation has for it.
func TestAStaticCopyBehindNginx(t *testing.T) {
	slow(t)
	t.Parallel()
	guide, err := os.ReadFile("../docs/operating.md")
	if err != nil {
		t.Fatal(err)
	}
	_, lines, _ := strings.Cut(string(guide), "```nginx\nroot /srv")
	lines, _, ok := strings.Cut(lines, "```")
	if !ok {
		t.Fatal("operating.md has no lines for nginx")
	}
	lines = "root /srv" + lines
	s := newServe(t, "127.0.0.1:1", nil)
	dir := filepath.Join(s.dir, "out")
	content := filepath.Join(s.dir, "content")
	s.set(map[string]string{"CONTENT_DIR": content})
	write := func(n int, text string) {
		t.Helper()
		body := fmt.Sprintf("---\nid: %s\ntitle: Number %d\nsummary: S.\ncategory: leadership\ndate: 2026-01-%02d\n---\n%s\n", insightID(n), n, n, text)
		if err := os.WriteFile(filepath.Join(content, fmt.Sprintf("number-%d.md", n)), []byte(body), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(content, 0o700); err != nil {
		t.Fatal(err)
	}
	write(1, "First words. "+strings.Repeat("Many more. ", 200))
	write(2, "Second words.")
	s.run("build", dir)
	lines = strings.Replace(lines, "brotli_static on;\n", "", 1) // not every nginx has it
	at := "http://" + nginx(t, "server {\nlisten LISTEN;\n"+strings.Replace(lines, "/srv/insights/public", dir, 1)+"\n}")

	for path, contentType := range map[string]string{
		"/": "text/html", "/feeds": "text/html", "/insights/number-1": "text/html", "/categories/leadership": "text/html",
		"/feeds/all.rss": "application/rss+xml", "/feeds/leadership.atom": "application/atom+xml", "/feeds/all.json": "application/feed+json",
		"/feeds.opml": "text/x-opml", "/atom.xml": "application/xml", "/feed.xml": "application/xml", "/favicon.ico": "image/x-icon",
	} {
		answer, _ := askServer(t, "GET", at+path)
		if answer.StatusCode != 200 || !strings.HasPrefix(answer.Header.Get("Content-Type"), contentType) {
			t.Errorf("%s: %d, %s; want %s", path, answer.StatusCode, answer.Header.Get("Content-Type"), contentType)
		}
		if cors := answer.Header.Get("Access-Control-Allow-Origin"); (cors == "*") != (path != "/favicon.ico" && contentType != "text/html") {
			t.Errorf("%s may be read by pages of %q", path, cors)
		}
		coded, _ := askServer(t, "GET", at+path, "Accept-Encoding", "gzip")
		if strings.HasPrefix(path, "/feeds/") && (coded.Header.Get("Content-Encoding") != "gzip" || coded.Header.Get("Vary") != "Accept-Encoding") {
			t.Errorf("%s: coding %q, Vary %q", path, coded.Header.Get("Content-Encoding"), coded.Header.Get("Vary"))
		}
	}
	if answer, page := askServer(t, "GET", at+"/nothing"); answer.StatusCode != 404 || !strings.Contains(page, "<html") {
		t.Errorf("a page that is missing: %d", answer.StatusCode)
	}
	for from, to := range map[string]string{"/feed": "/feeds/all.rss", "/feed/": "/feeds/all.rss", "/rss.xml": "/feeds/all.rss", "/feed.json": "/feeds/all.json"} {
		if answer, _ := askServer(t, "GET", at+from); answer.StatusCode != 301 || !strings.HasSuffix(answer.Header.Get("Location"), to) {
			t.Errorf("%s: %d to %s", from, answer.StatusCode, answer.Header.Get("Location"))
		}
	}

	// What a reader has is out of date after a change that is no longer or shorter, and
	// after one that makes the newest date an older one.
	for _, change := range []struct {
		name  string
		make  func()
		found string
	}{
		{"words of equal length", func() { write(2, "Better words.") }, "Better words."},
		{"a withdrawal", func() { os.Remove(filepath.Join(content, "number-2.md")) }, "First words."},
	} {
		before, _ := askServer(t, "GET", at+"/feeds/all.atom")
		if same, _ := askServer(t, "GET", at+"/feeds/all.atom", "If-None-Match", before.Header.Get("ETag")); same.StatusCode != 304 {
			t.Errorf("the same document: %d", same.StatusCode)
		}
		change.make()
		s.run("build", dir)
		for _, condition := range [][]string{{"If-None-Match", before.Header.Get("ETag")}, {"If-Modified-Since", before.Header.Get("Last-Modified")}} {
			after, text := askServer(t, "GET", at+"/feeds/all.atom", condition...)
			if after.StatusCode != 200 || !strings.Contains(text, change.found) {
				t.Errorf("%s, %s: %d", change.name, condition[0], after.StatusCode)
			}
			was, _ := http.ParseTime(before.Header.Get("Last-Modified"))
			if is, err := http.ParseTime(after.Header.Get("Last-Modified")); err != nil || !is.After(was) {
				t.Errorf("%s: modified %v, and %v before", change.name, is, was)
			}
		}
	}
}

// TestASiteBelowAPathBehindNginx opens what an email links to, and presses its button.
func TestASiteBelowAPathBehindNginx(t *testing.T) {
	slow(t)
	t.Parallel()
	for name, target := range map[string]string{"stripped": "/", "kept": "/news/"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			to := newSink(t, nil)
			s := newServe(t, to.addr, nil)
			front := nginx(t, "server {\nlisten LISTEN;\nlocation /news/ { proxy_pass http://"+s.addr+target+"; }\n}")
			base := "http://" + front + "/news"
			s.set(map[string]string{"SITE_BASE_URL": base})
			s.start("serve")
			for _, path := range []string{"/", "/feeds", "/feeds/all.rss", "/subscribe"} {
				if answer, _ := askServer(t, "GET", base+path); answer.StatusCode != 200 {
					t.Errorf("%s: %d", path, answer.StatusCode)
				}
			}
			if answer, _ := askServer(t, "GET", base+"/rss.xml"); !strings.HasSuffix(answer.Header.Get("Location"), "/news/feeds/all.rss") {
				t.Errorf("/rss.xml leads to %s", answer.Header.Get("Location"))
			}
			_, page := askServer(t, "GET", base+"/subscribe")
			action, _, err := firstForm(page)
			if err != nil || action != "/news/subscribe" {
				t.Errorf("the form goes to %q (%v)", action, err)
			}
		})
	}
}

// TestACacheThatIgnoresVary hands nobody the page that is for people.
func TestACacheThatIgnoresVary(t *testing.T) {
	slow(t)
	t.Parallel()
	s := newServe(t, "127.0.0.1:1", nil)
	s.start("serve")
	front := nginx(t, "proxy_cache_path FOLDER/cache keys_zone=c:1m;\nserver {\nlisten LISTEN;\nlocation / {\nproxy_pass http://"+s.addr+";\nproxy_cache c;\nproxy_cache_key $uri;\nproxy_ignore_headers Vary;\nadd_header X-Cache $upstream_cache_status;\n}\n}")
	for _, path := range []string{"/feeds/all.rss", "/feeds/leadership.atom", "/feeds/architecture+leadership.json", "/digests.rss"} {
		person, _ := askServer(t, "GET", "http://"+front+path, "Sec-Fetch-Dest", "document")
		reader, _ := askServer(t, "GET", "http://"+front+path)
		again, _ := askServer(t, "GET", "http://"+front+path)
		if !strings.HasPrefix(person.Header.Get("Content-Type"), "text/html") || strings.HasPrefix(reader.Header.Get("Content-Type"), "text/html") {
			t.Errorf("%s: a person gets %s, a reader %s", path, person.Header.Get("Content-Type"), reader.Header.Get("Content-Type"))
		}
		if again.Header.Get("X-Cache") != "HIT" {
			t.Errorf("%s: the document isn't cached: %s", path, again.Header.Get("X-Cache"))
		}
	}
}
