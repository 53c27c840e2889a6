package docs_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/scaledbydesign/insights/cmd/insights/docs"
)

const readme = "../../../README.md"

// pages are the files with Markdown that people read.
func pages(t *testing.T) []string {
	t.Helper()
	names, err := filepath.Glob("*.md")
	if err != nil || len(names) == 0 {
		t.Fatal("there are no pages", err)
	}
	return append(names, readme)
}

func read(t *testing.T, name string) string {
	t.Helper()
	source, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(source)
}

func TestEveryPageIsATopic(t *testing.T) {
	listed := make(map[string]bool)
	for _, topic := range docs.Topics() {
		listed[topic.Name+".md"] = true
		if topic.Title == "" {
			t.Errorf("%s has no title", topic.Name)
		}
	}
	for _, name := range pages(t) {
		if name != readme && !listed[name] {
			t.Errorf("%s is not listed in Topics", name)
		}
	}
}

func TestTopicsFitATerminal(t *testing.T) {
	for _, topic := range docs.Topics() {
		text, ok := docs.Text(topic.Name)
		if !ok || !strings.HasPrefix(text, topic.Title+"\n===") {
			t.Errorf("%s: is not shown with its title", topic.Name)
		}
		for n, line := range strings.Split(text, "\n") {
			code := strings.HasPrefix(line, "    ")
			if utf8.RuneCountInString(line) > 80 && !code && strings.Contains(strings.TrimSpace(spans.ReplaceAllString(line, "")), " ") {
				t.Errorf("%s: line %d is wider than 80 columns: %s", topic.Name, n+1, line)
			}
			if prose := spans.ReplaceAllString(line, ""); !code && (strings.Contains(prose, "**") || strings.Contains(prose, "](") || strings.Contains(prose, "<!--")) {
				t.Errorf("%s: line %d has Markdown: %s", topic.Name, n+1, line)
			}
		}
	}
	if _, ok := docs.Text("no-such-page"); ok {
		t.Error("a page that there is not is shown")
	}
}

func TestMarkdownAsText(t *testing.T) {
	text, _ := docs.Text("commands")
	for _, want := range []string{
		"Exit codes\n----------\n",                                // a heading
		"\n    insights version\n",                                // code
		"\ninsights build DIR [flags]\n",                          // code that is too wide to be indented
		"\nCode  Meaning\n----  ---",                              // a table
		"\n4     Done in part, or a person must decide\n",         // aligned
		"\n- `--dry-run` on every command that writes shows what", // a list without bold
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the page of commands lacks %q", want)
		}
	}
	if text, _ = docs.Text("delivering"); !strings.Contains(text, "(`insights help benchmarks`)") {
		t.Error("a link to another page does not name the command that shows it")
	}
}

var (
	fenced  = regexp.MustCompile("(?ms)^```.*?^```$")
	link    = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	spans   = regexp.MustCompile("`[^`\n]*`")
	heading = regexp.MustCompile(`(?m)^#+ (.*)$`)
)

// anchors are the names that a page's headings can be linked by.
func anchors(source string) map[string]bool {
	names := make(map[string]bool)
	for _, m := range heading.FindAllStringSubmatch(fenced.ReplaceAllString(source, ""), -1) {
		names[strings.Map(func(r rune) rune {
			switch {
			case r == ' ':
				return '-'
			case r == '-' || unicode.IsLetter(r) || unicode.IsDigit(r):
				return unicode.ToLower(r)
			}
			return -1
		}, m[1])] = true
	}
	return names
}

func TestLinksLeadSomewhere(t *testing.T) {
	for _, name := range pages(t) {
		prose := spans.ReplaceAllString(fenced.ReplaceAllString(read(t, name), ""), "")
		for _, m := range link.FindAllStringSubmatch(prose, -1) {
			file, anchor, _ := strings.Cut(m[1], "#")
			if strings.HasPrefix(file, "https://") {
				continue
			}
			target := name
			if file != "" {
				target = filepath.Join(filepath.Dir(name), file)
			}
			if _, err := os.Stat(target); err != nil {
				t.Errorf("%s: %s leads nowhere", name, m[1])
			} else if anchor != "" && !anchors(read(t, target))[anchor] {
				t.Errorf("%s: %s has no such heading", name, m[1])
			}
		}
	}
}

func TestReadmeIsShort(t *testing.T) {
	source := read(t, readme)
	if n := strings.Count(source, "\n"); n > 150 {
		t.Errorf("README.md has %d lines; at most 150: move the rest into cmd/insights/docs", n)
	}
	for _, topic := range docs.Topics() {
		if !strings.Contains(source, "(cmd/insights/docs/"+topic.Name+".md)") {
			t.Errorf("README.md does not link to %s", topic.Name)
		}
	}
}
