package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/scaledbydesign/insights/content"
)

// readersCategories are the subjects of the folder below, the last without an
// insight.
func readersCategories() []content.Category {
	return []content.Category{
		{Slug: "architecture", Name: "Architecture", Description: "Systems that last"},
		{Slug: "split-testing-tracking", Name: "Split Testing & <Tracking>", Description: `Numbers & "noise"`},
		{Slug: "engineering", Name: "Engineering"},
		{Slug: "rtl", Name: "הנדסה", Description: "من اليمين إلى اليسار"},
		{Slug: "empty", Name: "Nothing yet", Description: "Still to be written"},
	}
}

// readersFolder writes insights that are hard on whoever encodes or decodes
// them, and of one category more than a document can hold.
func readersFolder(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	titles := []string{
		"The <video> tag & &nbsp;", "🚀 Faster, with 👩‍👩‍👧 at hand", `שלום עולם: "מדריך" קצר`, "نشر التطبيقات خطوة بخطوة",
		"It's <b>not</b> bold &amp; never was", "“Curly” – ½ naïve café ☕", "1 < 2 && 3 > 2", "]]> ends nothing", `A back\slash, 'one' and "two"`,
	}
	summaries := []string{
		"When a < b, & why it's \"fine\"", "Emoji 🐟 and a <br> that is none", "מימין לשמאל & משמאל לימין", "ملخص قصير", "&lt;p&gt; stays as it is", "]]> and &#38;",
	}
	bodies := []string{
		"| a | b |\n| - | -: |\n| `]]>` | 1 &amp; 2 |\n| <https://example.org/?a=1&b=2> | ~~3~~ |\n",
		"```go\nif a < b && c > d {\n\tfmt.Println(\"]]>\", 'x') // 🚀\n}\n```\n\n    <script>alert(1)</script>\n",
		"Said once.[^1] Said again.[^two]\n\n## A & B\n\n> Quoted \"words\" -- and ]]> more.\n\n[^1]: A note with `code`.\n[^two]: Another, שלום.\n",
		"![A <picture> & more](images/pipeline.svg)\n\n![Elsewhere](https://images.example.org/p.png?w=1&h=2 \"A title\")\n\n[Home](/), [about](/about?a=1&b=2), [above](#a--b).\n",
		"مرحبا بالعالم. **عريض** و*مائل*.\n\n1. أولا\n2. ثانيا\n",
		"&nbsp;&copy; A hard  \nbreak, \\<i>no tag\\</i>, 👩‍💻 &amp; &lt;.\n\n---\n\n- [x] done\n- [ ] not done\n",
	}
	writeFile(t, filepath.Join(dir, "images", "pipeline.svg"), `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 20 10"></svg>`)
	categories := readersCategories()
	written := categories[:len(categories)-1]
	day := time.Date(2025, 3, 1, 6, 0, 0, 0, time.UTC)
	for i := range 36 {
		front := []string{
			"id: " + insightID(i+1),
			fmt.Sprintf("title: %q", fmt.Sprintf("%s (%d)", titles[i%len(titles)], i+1)),
			fmt.Sprintf("summary: %q", summaries[i%len(summaries)]),
			"category: " + written[i%len(written)].Slug,
			"date: " + day.AddDate(0, 0, 9*i).Format(time.RFC3339),
		}
		if i%2 == 1 {
			front = append(front, `author: "Kim <Example> & Söhne"`, `tags: [plain, "c++ & <more>", "עברית", "🐟"]`)
		}
		if i%3 == 1 {
			front = append(front, "updated: "+day.AddDate(0, 0, 9*i+40).Format(time.RFC3339))
		}
		switch i % 5 {
		case 1:
			front = append(front, "image: images/pipeline.svg", "featured: true")
		case 2:
			front = append(front, "image: https://images.example.org/p.png?w=1&h=2")
		case 3:
			front = append(front, `id: "tag:blog.example.org,2019:old/`+insightID(i)+`"`)[1:]
		}
		body := bodies[i%len(bodies)]
		if i%4 == 0 { // of the first category, whose head can't hold them all
			body += "\n" + strings.Repeat("Some *long* text, with \"quotes\" & <https://example.org/> on every line.\n", 400)
		}
		writeFile(t, filepath.Join(dir, fmt.Sprintf("insight-%02d.md", i+1)), "---\n"+strings.Join(front, "\n")+"\n---\n\n"+body)
	}
	return dir
}

func writeFile(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
