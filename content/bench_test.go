package content_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/scaledbydesign/insights/content"
)

// manyInsights is a folder of n files of about 5 KB, each with its own text,
// links, a picture and code.
func manyInsights(n int) fstest.MapFS {
	files := fstest.MapFS{"images/d.svg": file(`<svg viewBox="0 0 800 400"/>`)}
	for i := range n {
		var body strings.Builder
		fmt.Fprintf(&body, "The opening of number %d, see [another](%06d.md) and ![a diagram](images/d.svg).\n", i, (i+1)%n)
		for part := range 6 {
			fmt.Fprintf(&body, "\n## Part %d\n\n%s\n\n- one *item* of `many`\n- two [elsewhere](https://example.com/%d)\n", part,
				strings.Repeat("Some words that an article has, so that it is as long as those that people write. ", 8), i)
		}
		body.WriteString("\n```go\nfunc main() {\n\tfmt.Println(\"hello\")\n}\n```\n\n| a | b |\n|---|---|\n| 1 | 2 |\n")
		files[fmt.Sprintf("%06d.md", i)] = insight(i, body.String(), "tags: [a, b, c]", fmt.Sprintf("order: %d", i))
	}
	return files
}

func BenchmarkLoad10000(b *testing.B) {
	files := manyInsights(10_000)
	b.SetBytes(int64(10_000 * len(files["000001.md"].Data)))
	before := heap()
	var library *content.Library
	for b.Loop() {
		library = nil
		library = load(b, files)
	}
	b.ReportMetric(float64(heap()-before)/(1<<20), "MB-kept")
	runtime.KeepAlive(library)
}

func BenchmarkReloadOneOf10000(b *testing.B) {
	files := manyInsights(10_000)
	opts := options()
	opts.Previous = load(b, files)
	for i := 0; b.Loop(); i++ {
		files["000500.md"] = insight(500, fmt.Sprintf("Changed %d times.", i))
		library, err := content.Load(files, opts)
		if err != nil {
			b.Fatal(err)
		}
		opts.Previous = library
	}
}

func BenchmarkAtOf10000(b *testing.B) {
	library := load(b, manyInsights(10_000))
	for b.Loop() {
		library.At(noon)
	}
}

func BenchmarkRender(b *testing.B) {
	in := rich(b)
	for name, render := range map[string]func() string{"HTML": in.HTML, "FullHTML": func() string { return in.FullHTML(base) }} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				render()
			}
		})
	}
}

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
