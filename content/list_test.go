package content_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/text/unicode/norm"

	"github.com/scaledbydesign/insights/content"
)

// folder writes files to a folder and opens it as a daemon does: links can't lead out.
func folder(t *testing.T, files fstest.MapFS) (dir string, read func(*content.Library) *content.Library) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "content")
	for name, f := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, f.Data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir, func(previous *content.Library) *content.Library {
		t.Helper()
		root, err := os.OpenRoot(dir)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { root.Close() })
		opts := options()
		opts.Previous = previous
		library, err := content.Load(root.FS(), opts)
		if err != nil {
			t.Fatal(err)
		}
		return library
	}
}

func TestLinksInAFolder(t *testing.T) {
	dir, read := folder(t, fstest.MapFS{
		"plain.md": insight(1, "![x](images/out.png)"), "sub/inside.md": insight(2, "one"), "../elsewhere.md": insight(3, "", "slug: outside"),
		"images/x.png": file("x"), "../out.png": file("x"), "loop-b.txt": file(""),
	})
	for name, to := range map[string]string{
		"inside.md": "sub/inside.md", "outside.md": "../elsewhere.md", "absolute.md": filepath.Join(dir, "../elsewhere.md"), "dangling.md": "none.md",
		"loop.md": "loop.md", "images/out.png": "../../out.png", ".#plain.md": "somebody@host.123",
	} {
		if err := os.Symlink(to, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	library := read(nil)
	if got := slugs(library.All()); got != "inside" {
		t.Errorf("read %q", got)
	}
	want := []string{
		"absolute.md: a link to " + filepath.Join(dir, "../elsewhere.md") + ", which leads out of the folder; put a copy here",
		"dangling.md: a link to none.md, which does not exist; put a copy here",
		"loop.md: a link to loop.md, which leads in a circle; put a copy here",
		"outside.md: a link to ../elsewhere.md, which leads out of the folder; put a copy here",
		"plain.md:8: image images/out.png: a link to ../../out.png, which leads out of the folder; put a copy here",
	}
	got := strings.Split(library.Faults().Error(), "\n")
	if strings.HasPrefix(got[0], "absolute.md: a link to /") && len(dir) > 30 { // the path is shortened
		want[0], got[0] = "", ""
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if err := os.WriteFile(filepath.Join(dir, "sub/inside.md"), insight(2, "two").Data, 0o644); err != nil {
		t.Fatal(err)
	}
	if in, ok := read(library).BySlug("inside"); !ok || in.Markdown() != "two" {
		t.Error("an edit of what a link leads to isn't seen")
	}
}

func TestWhatIsNotReadIsNamed(t *testing.T) {
	library := load(t, fstest.MapFS{
		"a.md": insight(1, "[b](b.markdown)"), "b.markdown": insight(2, ""), "C.MD": insight(3, "", "slug: c"),
		"d.mdx": file("x"), "notes.txt": file("x"), "picture.png": file("x"), "CNAME": file("x"), "README.md": file("x"), "sub/e.md": file("x"),
		"2025/01/f.md": file("x"), "2025/g.markdown": file("x"), "assets/x.css": file("x"), "images/README.md": file("x"), ".git/h.md": file("x"), "node_modules/y/README.md": file("x"), "dir.md/i.txt": file("x"),
	})
	if got := slugs(library.All()); got != "a b c" {
		t.Errorf("read %q", got)
	}
	if page := library.All()[0].HTML(); !strings.Contains(page, `"/insights/b"`) {
		t.Errorf("no link: %s", page)
	}
	want := []string{
		"2025: a folder, which is not read: move its 2 insights next to the others",
		"d.mdx: not read: the name of an insight ends in .md or .markdown",
		"dir.md: a folder with the name of an insight, which is not read",
		"notes.txt: not read: the name of an insight ends in .md or .markdown",
		"sub: a folder, which is not read: move its insight next to the others",
	}
	if diff := cmp.Diff(want, strings.Split(library.Notes().Error(), "\n")); diff != "" {
		t.Error(diff)
	}
	if got := faults(t, fstest.MapFS{"a.md": insight(1, ""), "a.markdown": insight(2, "")}); !strings.Contains(got, "the address /insights/a is also that of") {
		t.Error(got)
	}
}

// A name may have its accents as characters of their own, as macOS writes them.
func TestNamesInEitherNormalForm(t *testing.T) {
	composed, apart := norm.NFC.String, norm.NFD.String
	for _, c := range []struct{ name, written, stored string }{
		{"stored apart", composed("Übersicht"), apart("Übersicht")},
		{"written apart", apart("Übersicht"), composed("Übersicht")},
		{"both apart", apart("Übersicht"), apart("Übersicht")},
		{"Korean", composed("개요"), apart("개요")},
		{"several marks", composed("Tiếng Việt"), apart("Tiếng Việt")},
	} {
		t.Run(c.name, func(t *testing.T) {
			picture := strings.ReplaceAll(c.written, " ", "%20")
			library := load(t, fstest.MapFS{
				"a.md":                             insight(1, "![x](images/"+picture+".svg) [b]("+picture+".md)", "image: images/"+c.written+".svg"),
				c.stored + ".md":                   insight(2, "", "slug: b"),
				"images/" + c.stored + ".svg":      file(`<svg viewBox="0 0 8 4"/>`),
				"images/" + c.stored + " zwei.svg": file("<svg/>"),
			})
			in, _ := library.BySlug("a")
			page := in.HTML()
			if !strings.Contains(page, `width="8"`) || !strings.Contains(page, `href="/insights/b"`) {
				t.Error(page)
			}
			for _, name := range []string{composed(c.written), apart(c.written)} {
				if _, _, ok := library.Image(name + ".svg"); !ok {
					t.Errorf("%q is not served", name)
				}
			}
		})
	}
	in := load(t, fstest.MapFS{"a.md": insight(1, "## "+apart("Übersicht")+"\n\n[x](#"+composed("Übersicht")+")", "tags: ["+apart("Ä")+", "+composed("Ä")+"]")}).All()[0]
	if page := in.HTML(); !strings.Contains(page, `id="`+composed("übersicht")+`"`) || len(in.Tags) != 1 {
		t.Errorf("%q %s", in.Tags, page)
	}
	if got := faults(t, fstest.MapFS{apart("Übersicht") + ".md": insight(1, "")}); !strings.Contains(got, "such as uebersicht;") {
		t.Error(got)
	}
}

func TestTypographicQuotationMarksAreNamed(t *testing.T) {
	const straight = `the quotation marks around the value are typographic; write straight ones: "value"`
	for line, want := range map[string]string{
		"title: “Hello”":             "a.md:3: title: " + straight,
		"title: „Hallo“":             "a.md:3: title: " + straight,
		"summary: « Bonjour »":       "a.md:4: summary: " + straight,
		"id: “" + uuid(1) + "”":      "a.md:2: id: " + straight,
		"date: ‘2026-02-27’":         "a.md:6: date: " + straight,
		"draft: “true”":              "a.md:7: draft: " + straight,
		"tags: [“a”, b]":             "a.md:7: tags: " + straight,
		"title: “Hello: a greeting”": "a.md:3: not YAML: mapping values are not allowed in this context; " + straight,
	} {
		if got := faults(t, fstest.MapFS{"a.md": insight(1, "", line)}); got != want {
			t.Errorf("%s: got %s\nwant %s", line, got, want)
		}
	}
	for _, line := range []string{`title: "“Hello”"`, "title: He said “Hello”", "title: “Hello” he said", "title: Rock ’n’ roll"} {
		load(t, fstest.MapFS{"a.md": insight(1, "", line)})
	}
}
