package e2e

import (
	"fmt"
	"io"
	"io/fs"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"
)

// buildReport is what programs see of a build.
type buildReport struct {
	Files, New, Changed, Unchanged, Removed int
	Bytes                                   int64
	Seconds                                 float64
}

// TestABuildIsWhatServeAnswers compares every file with what a daemon in
// production answers over HTTP, in every coding.
func TestABuildIsWhatServeAnswers(t *testing.T) {
	slow(t)
	t.Parallel()
	s := newServe(t, "127.0.0.1:1", map[string]string{"SITE_AUTHOR": "Example Studio"})
	s.plain() // it compresses a great deal
	s.start("serve")
	dir := filepath.Join(s.dir, "out")
	var report buildReport
	s.read(&report, "build", dir)
	files := filesIn(t, dir)
	if report.New != report.Files || report.Files != len(files)-1 { // the list of them is one more
		t.Errorf("%+v of %d files", report, len(files))
	}
	codings := map[string]string{"": "", ".gz": "gzip", ".br": "br"}
	compared := map[string]int{}
	for name, text := range files {
		path := "/" + strings.TrimSuffix(strings.TrimSuffix(name, ".gz"), ".br")
		coding := codings[name[len(path)-1:]]
		if strings.HasPrefix(path, "/_") || path == "/.insights-build" {
			continue
		}
		if strings.HasSuffix(path, ".html") || path == "/sitemap.xml" { // they offer less than the daemon's
			continue
		}
		path = strings.TrimSuffix(path, "index.html")
		if path != "/" {
			path = strings.TrimSuffix(path, "/")
		}
		header, body := askFor(t, "http://"+s.addr+path, coding)
		if header.Get("Content-Encoding") != coding || body != text {
			t.Errorf("%s: the daemon answers something else, in %q", name, header.Get("Content-Encoding"))
		}
		compared[coding]++
	}
	if compared["gzip"] < 50 || compared["br"] != compared["gzip"] {
		t.Errorf("compared %v", compared)
	}
	again := report
	s.read(&again, "build", dir)
	if again.Unchanged != report.Files || again.Bytes != report.Bytes {
		t.Errorf("a second build: %+v", again)
	}
	t.Logf("%+v", report)
	crawlFiles(t, dir, s.base)
}

func filesIn(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := make(map[string]string)
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		if want := map[bool]fs.FileMode{true: 0o755, false: 0o644}[entry.IsDir()]; info.Mode().Perm() != want {
			t.Errorf("%s has the mode %v", path, info.Mode())
		}
		if entry.IsDir() {
			return nil
		}
		text, err := os.ReadFile(path)
		name, _ := filepath.Rel(dir, path)
		files[name] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// askFor gets an answer as it is on the wire.
func askFor(t *testing.T, address, coding string) (http.Header, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Accept-Encoding", "identity")
	if coding != "" {
		request.Header.Set("Accept-Encoding", coding)
	}
	response, err := http.DefaultTransport.RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.Header, string(body)
}

// crawlFiles follows every link from the start page, on a plain file server.
func crawlFiles(t *testing.T, dir, base string) {
	t.Helper()
	server := httptest.NewServer(http.FileServer(http.Dir(dir)))
	defer server.Close()
	found := map[string]string{"/": "the start"}
	pages := 0
	for queue := []string{"/"}; len(queue) > 0; queue = queue[1:] {
		response, err := http.Get(server.URL + queue[0])
		if err != nil {
			t.Fatal(err)
		}
		page, err := html.Parse(response.Body)
		response.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		if response.StatusCode != http.StatusOK {
			t.Errorf("%s, linked from %s: %s", queue[0], found[queue[0]], response.Status)
		}
		if !strings.HasPrefix(response.Header.Get("Content-Type"), "text/html") {
			continue
		}
		pages++
		for n := range page.Descendants() {
			for _, a := range n.Attr {
				if a.Key != "href" && a.Key != "src" && a.Key != "action" {
					continue
				}
				u, err := response.Request.URL.Parse(strings.TrimPrefix(a.Val, base))
				if err != nil || u.Host != response.Request.URL.Host || found[u.EscapedPath()] != "" {
					continue
				}
				found[u.EscapedPath()] = queue[0]
				queue = append(queue, u.EscapedPath())
			}
		}
	}
	if pages < 70 {
		t.Errorf("only %d pages were found", pages)
	}
}

// TestAKilledBuildLeavesTheOldFolderOrTheNew kills a build at many moments.
func TestAKilledBuildLeavesTheOldFolderOrTheNew(t *testing.T) {
	slow(t)
	t.Parallel()
	folder := t.TempDir()
	s := newSite(t, map[string]string{"CONTENT_DIR": folder, "SITE_BASE_URL": "https://example.com"})
	write := func(edition int) {
		for i := range 30 {
			insight{ID: insightID(i), Slug: fmt.Sprintf("insight-%d", i), Title: fmt.Sprintf("Edition %d", edition), Category: "leadership", Date: time.Now().AddDate(0, 0, -i-1)}.write(t, folder)
		}
	}
	dir := filepath.Join(s.dir, "out")
	write(0)
	began := time.Now()
	s.insights("build", dir)
	usual := time.Since(began)
	whole := filesIn(t, dir)
	outcomes := map[string]int{}
	kills := scale(t, "INSIGHTS_TEST_KILLS", 12)
	for i := range kills {
		write(i + 1)
		cmd := s.command("build", dir)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		ended := make(chan struct{})
		go func() { _ = cmd.Wait(); close(ended) }() // killed or not
		select {
		case <-ended:
		case <-time.After(usual * time.Duration(i%12+4) / 12):
			_ = cmd.Process.Kill() // it may have ended
		}
		<-ended
		left := filesIn(t, dir)
		if maps.Equal(left, whole) {
			outcomes["old"]++
		} else {
			outcomes["new"]++
			s.insights("build", filepath.Join(s.dir, "elsewhere"))
			whole = filesIn(t, filepath.Join(s.dir, "elsewhere"))
			if !maps.Equal(left, whole) {
				t.Fatalf("after %d builds the folder is neither the old nor the new one", i+1)
			}
		}
	}
	s.insights("build", dir)
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if strings.Contains(e.Name(), "insights-build") {
			t.Errorf("%s is left", e.Name())
		}
	}
	t.Logf("killed %d times: %v", kills, outcomes)
}

// How a build and a check bear a large folder, by
//
//	INSIGHTS_TEST_INSIGHTS=10000 go test ./cmd/insights/e2e -run ABuildOfMany -v
func TestABuildOfManyInsights(t *testing.T) {
	slow(t)
	t.Parallel()
	n := scale(t, "INSIGHTS_TEST_INSIGHTS", 300)
	dir := t.TempDir()
	random := rand.New(rand.NewPCG(1, 2))
	for i := range n {
		insight{ID: insightID(i), Slug: fmt.Sprintf("generated-%05d", i), Title: fmt.Sprintf("Generated insight %d", i),
			Category: allCategories()[i%7], Date: time.Now().Add(-time.Duration(n-i) * 6 * time.Hour), Body: prose(random, 5<<10)}.write(t, dir)
	}
	s := newSite(t, map[string]string{"CONTENT_DIR": dir, "SITE_BASE_URL": "https://example.com"})
	s.plain()
	began := time.Now()
	s.insights("content", "check")
	t.Logf("%d insights checked in %v", n, time.Since(began).Round(time.Millisecond))
	var report buildReport
	s.read(&report, "build", "out")
	t.Logf("built: %+v", report)
	for i := 0; i < n; i += 97 {
		path := filepath.Join(s.dir, "out", "insights", url.PathEscape(fmt.Sprintf("generated-%05d", i)), "index.html.br")
		if _, err := os.Stat(path); err != nil {
			t.Error(err)
		}
	}
}
