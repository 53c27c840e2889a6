package content_test

import (
	"os"
	"strings"
	"testing"
	"testing/fstest"
	"unicode/utf8"

	"github.com/scaledbydesign/insights/content"
)

// FuzzFrontMatter: whatever a file holds, loading it ends in an insight that
// keeps the promises of its type, or in faults that name the file and a line.
func FuzzFrontMatter(f *testing.F) {
	seed, err := os.ReadFile("testdata/rich/2026-02-26-other.md")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(seed))
	f.Add(string(insight(1, "body", "tags: [a, b]", "draft: true", "featured: yes", "order: 0x10").Data))
	for _, s := range []string{
		"", "---", "---\n---", "---\n\n---\n", "---\r\nid: x\r\n---\r\n", "\ufeff---\n", "---\n- a\n---\n", "---\ntitle: a: b\n---\n", "---\na: &a [*a, *a]\n---\n",
		"---\n? {a: b}\n: c\n---\n", "---\ntitle: |\n  a\n  b\n---\n", "---\n\ttitle: x\n---\n", "---\ntitle: 'x\n---\n'\n---\n", "---\n<<: {id: x}\n---\n", "---\nid: !!int x\n---\n",
		"---\ndate: 0001-01-01\n---\n", "---\ntags:\n- a\n-\n- [\n---\n", "---\n%YAML 1.1\n---\n", "---\ntitle: \"\\u0000\"\n---\n", "---\ntitle: \xff\n---\n", "---\n...\n---\n", "---\n\"id\": x\n'id': y\n---\n",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		library, err := content.Load(fstest.MapFS{"a.md": file(text)}, options())
		if err != nil {
			t.Fatal(err)
		}
		if faults := library.Faults(); len(faults) > 0 {
			if len(library.All()) > 0 || !library.Complete() && library.Withdrawn(uuid(1)) {
				t.Error("a faulty file is served, or withdraws something")
			}
			for _, fault := range faults {
				if fault.File != "a.md" || fault.Line < 0 || fault.Line > strings.Count(text, "\n")+1 || strings.TrimSpace(fault.Message) == "" || strings.Contains(fault.Message, "\n") {
					t.Errorf("%#v", fault)
				}
			}
			return
		}
		in := library.All()[0]
		if in.ID == "" || in.Slug == "" || strings.TrimSpace(in.Title) == "" || strings.ContainsAny(in.Title, "\r\n") || utf8.RuneCountInString(in.Title) > 200 ||
			in.Category.Slug == "" || in.Date.IsZero() || in.Updated.Before(in.Date) || in.Minutes < 1 || in.Summary == "" && !in.Draft {
			t.Errorf("%+v", in)
		}
		for _, s := range append([]string{in.Title, in.Summary, in.Author, in.ID, in.Canonical, in.Image}, in.Tags...) {
			checkCharacters(t, s)
		}
	})
}

// FuzzRender: whatever a body holds, its renderings are well-formed, safe and,
// where promised, absolute.
func FuzzRender(f *testing.F) {
	seed, err := os.ReadFile("testdata/rich/2026-02-27-rich.md")
	if err != nil {
		f.Fatal(err)
	}
	_, body, _ := strings.Cut(string(seed), "\n---\n")
	for part := range strings.SplitSeq(body, "\n\n") {
		f.Add(part)
	}
	for _, s := range []string{
		"[x](java\tscript:alert(1))", "<javascript:alert(1)>", "[x](&#x6A;avascript&#58;alert(1))", "![x](data:image/svg+xml,<svg/onload=alert(1)>)", "[a]: <javascript:x>\n[a]",
		"## &#8;", "## a\n## a\n## a-2", "```\"><script>\nx\n```", "```go {a=b}\nx\n```", "|a|\n|-|\n|`|`|", "[^a]\n\n[^a]: [^a]", "x[^1]\n\n[^1]:\n    - y[^1]", "- [ ]\n- [x] ", "1) a\n2) b", "999999999. x",
		"<b>\n\n</b>", "<sub>a *b</sub>*", "<details>\n<p>\n\n<sub>x", "<p title=\"\">a<div>b</p>", "x <sup\ntitle=a>y</sup>", "<mark\n\n", "<script>\n<sub>\n\n</script>\n</sub>", "<textarea>\n</div>", "> <div>\n\n</div>", "<plaintext>\n<p>", "a<!-- x -->b", "\\\n", "[x](<>)", "[](/x)", "![](x)", "www.a.b/<", "http://[::1]/", "https://a?b=\"c\"", "&#xFFFF;&#x80;&#xD800;", "[x](mailto:)", "[x](//)", "[x](?)", "[x](#\")", "[x](a:b)", "[x](./)", "[x](%zz)", "[x](/insights/images/../../x)",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, body string) {
		library, err := content.Load(fstest.MapFS{
			"2026-02-27-one.md": insight(1, body), "2026-02-26-other.md": insight(2, ""), "images/diagram.svg": file("<svg/>"),
		}, options())
		if err != nil {
			t.Fatal(err)
		}
		if len(library.Faults()) > 0 {
			return
		}
		in, _ := library.ByID(uuid(1))
		checkPage(t, in.HTML())
		checkFull(t, in.FullHTML(base))
	})
}
