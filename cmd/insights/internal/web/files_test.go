package web_test

import (
	"io/fs"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"github.com/scaledbydesign/insights/cmd/insights/internal/web"
	"github.com/scaledbydesign/insights/content"
	"github.com/scaledbydesign/insights/feeds"
	"github.com/scaledbydesign/insights/templates"
)

// opened counts how often pictures are opened.
type opened struct {
	fstest.MapFS
	pictures atomic.Int32
}

func (o *opened) Open(name string) (fs.File, error) {
	if strings.HasPrefix(name, "images/") {
		o.pictures.Add(1)
	}
	return o.MapFS.Open(name)
}

func (o *opened) Stat(name string) (fs.FileInfo, error) { return o.MapFS.Stat(name) }

// A picture is read once, however often it is asked for, and again when it was replaced. Its
// name can be written in several ways, which are one.
func TestPicturesAreReadOnce(t *testing.T) {
	picture := &fstest.MapFile{Data: []byte(`<svg xmlns="http://www.w3.org/2000/svg"/>`), ModTime: time.Unix(1, 0)}
	files := &opened{MapFS: fstest.MapFS{
		"2026-01-01-a.md":      {Data: []byte("---\nid: tag:example.com,2026:a\ntitle: A\nsummary: Words.\ncategory: Architecture\ndate: 2026-01-01\n---\n\nWords.\n")},
		"images/caf\u00e9.svg": picture,
	}}
	site := templates.DefaultSite()
	site.BaseURL = base
	library, err := content.Load(files, content.Options{Categories: site.Categories})
	if err != nil {
		t.Fatal(err)
	}
	set, err := feeds.Build(library, feedSite(site), nil)
	if err != nil {
		t.Fatal(err)
	}
	f := newSite(t, site, library, set, nil)
	before := files.pictures.Load()
	for range 20 {
		for _, path := range []string{"/insights/images/caf%C3%A9.svg", "/insights/images/cafe%CC%81.svg"} {
			wantStatus(t, f.get(path), http.StatusOK)
			wantStatus(t, f.do(http.MethodHead, path), http.StatusOK)
		}
	}
	if n := files.pictures.Load() - before; n != 1 {
		t.Errorf("read %d times", n)
	}
	files.MapFS["images/caf\u00e9.svg"] = &fstest.MapFile{Data: []byte(`<svg xmlns="http://www.w3.org/2000/svg"><g/></svg>`), ModTime: time.Unix(2, 0)}
	if text := bodyOf(t, f.get("/insights/images/caf%C3%A9.svg")); !strings.Contains(text, "<g/>") {
		t.Errorf("a picture that was replaced: %s", text)
	}
}

// A large picture is sent as it is read, with what a browser needs to keep it and to ask for a
// part.
func TestLargePicturesAreSentAsTheyAreRead(t *testing.T) {
	large := strings.Repeat("0123456789", 60_000)
	files := fstest.MapFS{
		"2026-01-01-a.md": {Data: []byte("---\nid: tag:example.com,2026:a\ntitle: A\nsummary: Words.\ncategory: Architecture\ndate: 2026-01-01\n---\n\nWords.\n")},
		"images/p.jpg":    {Data: []byte(large), ModTime: time.Unix(1, 0)},
	}
	f := newFixture(t, files, nil)
	const path = "/insights/images/p.jpg"
	r := f.get(path)
	wantStatus(t, r, http.StatusOK)
	etag := r.Header.Get("ETag")
	if got := bodyOf(t, r); got != large || r.Header.Get("Content-Type") != "image/jpeg" || etag == "" || r.Header.Get("Content-Length") != "600000" || !strings.Contains(r.Header.Get("Content-Security-Policy"), "sandbox") {
		t.Errorf("%d bytes, %v", len(got), r.Header)
	}
	wantStatus(t, f.get(path, "If-None-Match", etag), http.StatusNotModified)
	part := f.get(path, "Range", "bytes=10-19")
	if got := bodyOf(t, part); part.StatusCode != http.StatusPartialContent || got != "0123456789" {
		t.Errorf("a part: %d, %q", part.StatusCode, got)
	}
	if head := f.do(http.MethodHead, path); head.StatusCode != http.StatusOK || head.Header.Get("Content-Length") != "600000" {
		t.Errorf("HEAD: %d, %v", head.StatusCode, head.Header)
	}
	if held := f.handler.(*web.Site).Held(); held > len(large) {
		t.Errorf("%d bytes are held", held)
	}
	files["images/p.jpg"] = &fstest.MapFile{Data: []byte(large + "!"), ModTime: time.Unix(2, 0)}
	if again := f.get(path, "If-None-Match", etag); again.StatusCode != http.StatusOK {
		t.Errorf("a picture that was replaced: %d", again.StatusCode)
	}
}
