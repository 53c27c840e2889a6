package content_test

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
)

func TestRawHTMLIsKeptOrNamed(t *testing.T) {
	for _, c := range []struct {
		name, body, html string
		flaws            []string // beginnings of messages, with their lines
	}{
		{"a subscript", "Water is H<sub>2</sub>O.", "<p>Water is H<sub>2</sub>O.</p>", nil},
		{"inline elements", "<kbd>Ctrl</kbd>+<kbd>C</kbd>, x<sup>2</sup>, <mark>so</mark>, <abbr title=\"a &amp; b\">ab</abbr>, one<br>two<br/>three", "<p><kbd>Ctrl</kbd>+<kbd>C</kbd>, x<sup>2</sup>, <mark>so</mark>, <abbr title=\"a &amp; b\">ab</abbr>, one<br>two<br>three</p>", nil},
		{"inside emphasis", "*H<sub>2</sub>O*", "<p><em>H<sub>2</sub>O</em></p>", nil},
		{"details around Markdown", "<details open>\n<summary>Answer</summary>\n\nDo *not* delete it.\n\n</details>\n\nThe end.", "<details open=\"\">\n<summary>Answer</summary>\n<p>Do <em>not</em> delete it.</p>\n</details>\n<p>The end.</p>", nil},
		{"details in one block", "<details>\n<summary>Answer</summary>\nDo not &lt;delete&gt; it.\n</details>", "<details>\n<summary>Answer</summary>\nDo not &lt;delete&gt; it.\n</details>", nil},
		{"a figure", "<figure>\n\n![x](https://example.com/x.png)\n\n<figcaption>It shows x.</figcaption>\n</figure>", "<figure>\n<p><img src=\"https://example.com/x.png\" alt=\"x\" loading=\"lazy\" decoding=\"async\"></p>\n<figcaption>It shows x.</figcaption>\n</figure>", nil},
		{"in a quote", "> <details>\n> <summary>S</summary>\n>\n> text\n>\n> </details>", "<blockquote>\n<details>\n<summary>S</summary>\n<p>text</p>\n</details>\n</blockquote>", nil},
		{"a comment", "One.\n\n<!-- to do -->\n\nTwo<!-- x -->.", "<p>One.</p>\n<p>Two.</p>", nil},

		{"a generic type", "A Vec<u8> and a Map<K, V>.", "<p>A Vec&lt;u8&gt; and a Map&lt;K, V&gt;.</p>", []string{"8: <u8> is not HTML and is shown as it is written; put it in backquotes: `<u8>`"}},
		{"a generic type in a heading", "## Option<T>", "Option&lt;T&gt; <a", []string{"8: <T> is not HTML"}},
		{"a placeholder", "Use your <name> and\n</name-of-it>.", "&lt;name&gt; and\n&lt;/name-of-it&gt;.", []string{"8: <name> is not HTML"}},
		{"a table", "One.\n\n<table><tr><td>Price</td><td>100 EUR</td></tr></table>\n\nEnd.", "<p>One.</p>\n<p>Price  100 EUR</p>\n<p>End.</p>", []string{
			"10: raw HTML <table> is left out, and what it holds is kept as text; write it as Markdown: a table with |", "10: raw HTML <td>", "10: raw HTML <tr>"}},
		{"a link", "See <a href=\"https://example.com\" onclick=x()>this</a>.", "<p>See this.</p>", []string{"8: raw HTML <a> is left out, and what it holds is kept as text; write it as Markdown: [text](address)"}},
		{"a picture", "<img src=x.png onerror=alert(1)>", "", []string{"8: raw HTML <img> is left out; write it"}},
		{"a script", "<script>\nalert('<sub>')\n</script>\n\nText", "<p>Text</p>", []string{"8: raw HTML <script> is left out"}},
		{"attributes", "<div class=\"x\" style=\"position:fixed\" onclick=\"y\" title=\"t\">\nwords\n</div>", "<div title=\"t\">\nwords\n</div>", []string{"8: raw HTML <div>: its attribute class", "8: raw HTML <div>: its attribute onclick", "8: raw HTML <div>: its attribute style"}},
		{"open elsewhere", "<sub open>x</sub>", "<p><sub>x</sub></p>", []string{"8: raw HTML <sub>: its attribute open"}},
		{"never ended", "H<sub>2O and *more*", "<p>H2O and <em>more</em></p>", []string{"8: raw HTML <sub> is left out, and what it holds is kept: it does not end where it begins"}},
		{"ended elsewhere", "H<sub>2 *O</sub>* x", "<p>H2 <em>O</em> x</p>", []string{"8: raw HTML </sub> is left out", "8: raw HTML <sub> is left out"}},
		{"ended in another order", "<sub>a<sup>b</sub>c</sup>", "<p><sub>ab</sub>c</p>", []string{"8: raw HTML <sup> is left out"}},
		{"never begun", "x</div>\n", "<p>x</p>", []string{"8: raw HTML </div> is left out: nothing that it ends begins here"}},
		{"details without an end", "<details>\n\ntext", "<p>text</p>", []string{"8: raw HTML <details> is left out"}},
		{"a block inside a line", "one <div>two</div>", "<p>one two</p>", []string{"8: raw HTML <div> is left out, and what it holds is kept: it must begin a line of its own"}},
		{"a paragraph around paragraphs", "<p>\n\ntext\n\n</p>", "<p>text</p>", []string{"8: raw HTML <p> is left out"}},
		{"a paragraph around a block", "<p>a<div>b</div></p>", "a<div>b</div>", []string{"8: raw HTML <p> is left out"}},
		{"a comment without an end", "One.\n\n<!-- to do\n\nTwo.", "<p>One.</p>", []string{"10: a comment begins here and never ends"}},
		{"a declaration", "<!DOCTYPE html>\n\nOne.", "<p>One.</p>", []string{"8: <!DOCTYPE html> is no HTML that an article may hold"}},
		{"an instruction", "One <?php echo 1 ?> two", "<p>One  two</p>", []string{"8: <?php echo 1 ?> is no HTML"}},
		{"the line within a quote", "> One.\n>\n> <div>\n> <b>x</b>\n> </div>", "<blockquote>\n<p>One.</p>\n<div>\nx\n</div>\n</blockquote>", []string{"11: raw HTML <b> is left out"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			library := load(t, fstest.MapFS{"a.md": insight(1, c.body)})
			in := library.Insights()[0]
			if got := strings.TrimSpace(in.HTML()); got != c.html && (c.html == "" || !strings.Contains(got, c.html)) {
				t.Errorf("got\n%s\nwant\n%s", got, c.html)
			}
			checkPage(t, in.HTML())
			checkFull(t, in.FullHTML(base))
			var told []string
			for _, f := range library.Flaws() {
				told = append(told, strings.TrimPrefix(f.Error(), "a.md:"))
			}
			if len(told) < len(c.flaws) || len(c.flaws) == 0 && len(told) > 0 {
				t.Fatalf("told %q, want %q", told, c.flaws)
			}
			for i, want := range c.flaws {
				if !strings.HasPrefix(told[i], want) {
					t.Error(cmp.Diff(want, told[i]))
				}
			}
		})
	}
}

func TestWordsInRawHTMLCount(t *testing.T) {
	in := one(t, "<details>\n<summary>One two</summary>\nthree\n</details>\n\nFour Vec<u8> H<sub>2</sub>O\n")
	if in.Words != 6 {
		t.Errorf("%d words, want 6", in.Words)
	}
}

// What nobody writes by hand must not take long.
func TestMuchRawHTML(t *testing.T) {
	for _, tag := range []string{"<sub>", "</sub>", "<div>", "</div>", "<p>", "<u8>", "<b>", "<details open title=x>", "<!--"} {
		in := one(t, "x "+strings.Repeat(tag, 9_000)+"\n\n<div>"+strings.Repeat(tag, 9_000)+"\n")
		checkPage(t, in.HTML())
	}
}

func TestALinkOrAPictureThatIsLeftOutIsNamed(t *testing.T) {
	for name, c := range map[string]struct {
		body, flaw string
	}{
		"a script":               {"[l](javascript:alert(1))", "8: link javascript:alert(1) is left out, and only its words are shown: its address may not begin with javascript:; write http:"},
		"in capitals":            {"One.\n\n[l](JavaScript:x)", "10: link JavaScript:x is left out"},
		"data":                   {"[l](data:text/html,x)", "8: link data:text/html,x is left out"},
		"vbscript":               {"[l](vbscript:x)", "8: link vbscript:x is left out"},
		"a file of the author's": {"[l](file:///etc/passwd)", "8: link file:///etc/passwd is left out"},
		"by reference":           {"Two [l][1].\n\n[1]: javascript:x", "8: link javascript:x is left out"},
		"in brackets":            {"See <javascript:x>.", "8: link javascript:x is left out"},
		"in a list":              {"- one\n- [l](blob:x)", "9: link blob:x is left out"},
		"a picture":              {"![i](javascript:x)", "8: image javascript:x is left out, and only its words are shown: its address may not begin with javascript:; put the picture into the folder images/"},
		"a picture with script":  {"![i](data:image/svg+xml;base64,AAAA)", "8: image data:image/svg+xml;base64,AAAA is left out"},
		"a picture in a link":    {"[![i](vbscript:x)](https://example.com)", "8: image vbscript:x is left out"},
		"no address":             {"[l]()", "8: link without an address: only its words are shown"},
		"a picture of a place":   {"![i](#here)", "8: image #here leads to no file"},
	} {
		library := load(t, fstest.MapFS{"a.md": insight(1, c.body)})
		if flaws := library.Flaws(); len(flaws) != 1 || !strings.HasPrefix(flaws[0].Error(), "a.md:"+c.flaw) {
			t.Errorf("%s: %v", name, flaws)
		}
		if page := library.Insights()[0].HTML(); strings.Contains(page, "script:") && name != "in brackets" || strings.Contains(page, "href=\"javascript") {
			t.Errorf("%s: %s", name, page)
		}
	}
	library := load(t, fstest.MapFS{"a.md": insight(1, "[a](https://example.com) [b](mailto:a@example.com) [c](tel:1) [d](#x) [e](/x) <https://example.com> <a@example.com> ![p](data:image/png;base64,AAAA)")})
	if flaws := library.Flaws(); len(flaws) > 0 {
		t.Error(flaws)
	}
}
