package content_test

import (
	"fmt"
	"math"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/scaledbydesign/insights/content"
	"github.com/scaledbydesign/insights/content/budget"
)

func TestHighlightCSSHasContrast(t *testing.T) {
	light, dark, ok := strings.Cut(content.HighlightCSS(), "@media (prefers-color-scheme: dark) {")
	if !ok {
		t.Fatal("no dark part")
	}
	colour := regexp.MustCompile(`(?m)^\s*(\.chroma.*) \{ color: (#\w{6})`)
	for name, sheet := range map[string]string{"light": light, "dark": dark} {
		ground := regexp.MustCompile(`background-color: (#\w{6})`).FindStringSubmatch(sheet)
		rules := colour.FindAllStringSubmatch(sheet, -1)
		if ground == nil || len(rules) < 8 {
			t.Fatalf("%s: %d rules", name, len(rules))
		}
		for _, rule := range rules {
			if c := contrast(rule[2], ground[1]); c < 4.5 {
				t.Errorf("%s: %s has a contrast of %.2f", name, rule[1], c)
			}
		}
	}
}

// contrast is the ratio of WCAG 2.2.
func contrast(a, b string) float64 {
	x, y := luminance(a), luminance(b)
	return (max(x, y) + 0.05) / (min(x, y) + 0.05)
}

func luminance(colour string) float64 {
	var rgb [3]int
	_, _ = fmt.Sscanf(colour, "#%02x%02x%02x", &rgb[0], &rgb[1], &rgb[2])
	linear := func(v int) float64 {
		c := float64(v) / 255
		if c <= 0.04045 {
			return c / 12.92
		}
		return math.Pow((c+0.055)/1.055, 2.4)
	}
	return 0.2126*linear(rgb[0]) + 0.7152*linear(rgb[1]) + 0.0722*linear(rgb[2])
}

func TestEveryClassOfCodeHasARule(t *testing.T) {
	css := content.HighlightCSS()
	seen := 0
	for _, in := range embedded(t).All() {
		for _, class := range regexp.MustCompile(`<span class="(\w+)">`).FindAllStringSubmatch(in.HTML(), -1) {
			seen++
			if !strings.Contains(css, ".chroma ."+class[1]+" {") {
				t.Errorf("%s: no rule for %s", in.Slug, class[1])
			}
		}
	}
	if seen == 0 {
		t.Error("no code is highlighted")
	}
}

func TestLargeCodeIsShownPlain(t *testing.T) {
	in := one(t, "```go\n"+strings.Repeat("x := 1\n", 20_000)+"```\n")
	start := time.Now()
	if page := in.HTML(); strings.Contains(page, "<span") || !strings.Contains(page, "x := 1") {
		t.Error("highlighted")
	}
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("took %s", took)
	}
}

// A long line is what most code has that drives a lexer mad.
func TestCodeWithLongLinesIsShownPlain(t *testing.T) {
	for _, width := range []int{400, 600} {
		page := one(t, "```go\nx := \""+strings.Repeat("a", width)+"\"\n```\n").HTML()
		if got := strings.Contains(page, "<span"); got != (width < 500) || !strings.Contains(page, "aaa") {
			t.Errorf("a line of %d: highlighted %t", width, got)
		}
	}
}

// Code that drives a lexer mad, in many blocks: all code of the text is shown plain after a
// while, and at once from then on.
func TestSlowCodeIsTriedOnceATime(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	if budget.Raced { // which would take minutes, and finds the same
		return
	}
	in := one(t, "```go\nx := 1\n```\n\n"+strings.Repeat("```raku\n"+strings.Repeat(strings.Repeat("a::", 160)+"\n", 10)+"```\n\n", 30))
	other := one(t, "```go\nx := 1\n```\n")
	start := time.Now()
	page := in.HTML()
	first := time.Since(start)
	if strings.Contains(page, "<span") || !strings.Contains(page, "x := 1") || strings.Count(page, "a::a::") == 0 {
		t.Error("some of it is highlighted")
	}
	if first > 15*time.Second {
		t.Errorf("took %s", first)
	}
	start = time.Now()
	if full := in.FullHTML("https://example.com"); strings.Contains(full, "<span") || in.HTML() != page {
		t.Error("it is shown otherwise the second time")
	}
	if again := time.Since(start); again > first/4 {
		t.Errorf("took %s, and then %s", first, again)
	}
	if !strings.Contains(other.HTML(), "<span") {
		t.Error("other texts are shown plain, too")
	}
}

func TestCodeOfATextIsBounded(t *testing.T) {
	block := "```go\n" + strings.Repeat("x := 1\n", 2000) + "```\n\n"
	page := one(t, strings.Repeat(block, 30)).HTML()
	plain := 0
	for _, code := range strings.Split(page, "<pre")[1:] {
		if !strings.Contains(code, "<span") {
			plain++
		}
	}
	if plain != 21 { // 9 of 14 KB fit
		t.Errorf("%d blocks are plain", plain)
	}
}

func TestLanguagesAreKnownByTheirUsualNames(t *testing.T) {
	for language, code := range map[string]string{
		"go": "func f() {}", "Go": "func f() {}", "sql": "SELECT 1", "python": "def f(): pass", "py": "def f(): pass", "ts": "const x: number = 1", "typescript": "const x = 1",
		"tsx": "const x = <b/>", "js": "let x = 1", "javascript": "let x = 1", "bash": "if true; then :; fi", "sh": "if true; then :; fi", "yaml": "a: 1", "yml": "a: 1",
		"json": `{"a": 1}`, "hcl": "a = true", "terraform": `resource "a" "b" {}`, "http": "GET / HTTP/1.1\nHost: x\n", "diff": "-a\n+b", "php": "<?php echo 1;",
		"ruby": "def f; end", "dockerfile": "FROM x", "html": "<b>x</b>", "css": "a { color: red }", "toml": "a = 1", "proto": `message A {}`,
	} {
		if page := one(t, "```"+language+"\n"+code+"\n```\n").HTML(); !strings.Contains(page, "<span class=") {
			t.Errorf("%s isn't highlighted: %s", language, page)
		}
	}
}
