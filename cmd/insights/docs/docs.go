// Package docs holds what people read beyond the README, inside the binary, and
// shows it in a terminal. Its pages use a small part of Markdown: headings,
// paragraphs, lists, fenced code and tables.
package docs

import (
	"embed"
	"strings"
)

//go:embed *.md
var files embed.FS

// Topic is one page.
type Topic struct {
	Name  string // as in its file's name
	Title string // its first heading
}

// Topics lists the pages, in the order in which people come to need them.
func Topics() []Topic {
	var topics []Topic
	for _, name := range []string{"writing", "delivering", "readers", "operating", "security", "configuration", "commands", "architecture", "decisions", "benchmarks"} {
		source, _ := files.ReadFile(name + ".md") // a test reads each
		title, _, _ := strings.Cut(strings.TrimPrefix(string(source), "# "), "\n")
		topics = append(topics, Topic{name, title})
	}
	return topics
}

// Text returns a page as plain text in 80 columns; false if there is no such page.
// Only code, and words that are longer, go beyond.
func Text(name string) (string, bool) {
	source, err := files.ReadFile(name + ".md")
	if err != nil {
		return "", false
	}
	return render(string(source)), true
}
