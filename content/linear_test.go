package content_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/scaledbydesign/insights/content"
	"github.com/scaledbydesign/insights/content/budget"
)

// costly are bodies of any length that a parser may take long for.
func costly() map[string]func(n int) string {
	kinds := map[string]func(n int) string{
		"different headings": func(n int) string { return counted("# a%d\n\n", n) },
		"references":         func(n int) string { return counted("[r%d]: /u\n", n) },
		"indented lists": func(n int) string {
			var b strings.Builder
			for i := 0; b.Len() < n; i++ {
				b.WriteString(strings.Repeat("  ", i%90) + "- a\n")
			}
			return b.String()
		},
		"runs of backticks": func(n int) string {
			var b strings.Builder
			for i := 1; b.Len() < n; i++ {
				b.WriteString("a" + strings.Repeat("`", i))
			}
			return b.String()
		},
		"a large table": func(n int) string { return "|a|b|\n|-|-|\n" + strings.Repeat("|a|b|\n", n/6) },
	}
	for _, part := range []string{
		"# a\n\n", "a\n-\n", "a\n", "a  \n", "> a\nb\n", "- > a\n", "> ", "1. a\n", "- [ ] a\n", "- a\n\n  b\n",
		"*", "*a", "a** ", "_a __b ", "_a*", "a*_", "*a **b ", "~~a~ ", "***a** ", "\\*",
		"[", "](", "[](", "[a]((", "[a](<", "[a](b 'c\n", "![a](b", "**[a](", "[a]\n", "[a][b]", "[*a", "[<a", "[^a] ", "[^a]: b\n\n", "[a]: /b\n", "[a]: /b \"",
		"`a``b ", "&a", "www.a.", "www.a))))", "a@b.", "http://(", "<http://",
		"<a ", "<b>", "<b a='", "<b><i>", "a <!-- ", "a <? ", "a <![CDATA[ ", "<div>\n\n", "</pre>\n", "<svg><a>", "<table><tr>", "<h2>a</h2>\n\n",
		"|a", "|-", "a|b\n", "|a\n|-\n\n", "```\n",
	} {
		kinds[fmt.Sprintf("%q", part)] = func(n int) string { return strings.Repeat(part, n/len(part)+1)[:n] }
	}
	return kinds
}

func counted(format string, n int) string {
	var b strings.Builder
	for i := 0; b.Len() < n; i++ {
		fmt.Fprintf(&b, format, i)
	}
	return b.String()
}

// cost is what it takes to read a body and to render it for its page and for feeds.
func cost(t *testing.T, body string) time.Duration {
	folder := fstest.MapFS{"a.md": insight(1, body)}
	began := time.Now()
	lib, err := content.Load(folder, options())
	if err != nil {
		t.Fatal(err)
	}
	for _, in := range lib.All() {
		_, _ = in.HTML(), in.FullHTML("https://example.com")
	}
	return time.Since(began)
}

// Four times the text takes four times as long, not sixteen, or is refused. Other tests
// run beside it, so the best of several tries counts.
func TestRenderingIsLinear(t *testing.T) {
	if testing.Short() {
		t.Skip("takes a minute")
	}
	size := 16 << 10
	if budget.Raced {
		size = 4 << 10
	}
	for name, text := range costly() {
		small, large, ratio := time.Hour, time.Hour, 0.0
		for range 10 {
			small, large = min(small, cost(t, text(size))), min(large, cost(t, text(4*size)))
			if ratio = float64(large) / float64(small); ratio < 8 || large < 20*time.Millisecond {
				break
			}
		}
		if ratio >= 8 && large >= 20*time.Millisecond {
			t.Errorf("%s: %v for %d bytes, %v for four times as many: %.1f times as long", name, small, size, large, ratio)
		}
	}
}

// Long lists, tables and articles of many paragraphs are not in the way of the limits of
// one paragraph.
func TestLongArticlesAreTaken(t *testing.T) {
	load(t, fstest.MapFS{"a.md": insight(1, strings.Repeat("[a](https://example.com) *a* \n", 400)+
		"\n"+strings.Repeat("- *a* [b](https://example.com)\n", 3000)+
		"\n|a|b|\n|-|-|\n"+strings.Repeat("|*a*|[b](https://example.com)|\n", 3000)+
		"\n"+strings.Repeat("# a\n\nText, *marked*. ", 3000)+
		"\n```\n"+strings.Repeat("a[*_]\n", 3000)+"```\n")})
}
