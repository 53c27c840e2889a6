package web_test

import (
	"io/fs"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

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
