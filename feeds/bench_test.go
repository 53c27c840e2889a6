package feeds_test

import (
	"testing"

	"github.com/scaledbydesign/insights/content"
	"github.com/scaledbydesign/insights/feeds"
)

func BenchmarkBuild(b *testing.B) {
	for name, load := range map[string]func(testing.TB) *content.Library{
		"embedded": loadEmbedded,
		"10000":    func(tb testing.TB) *content.Library { return load(tb, generate(10_000, "")) },
	} {
		b.Run(name, func(b *testing.B) {
			lib := load(b)
			b.ReportAllocs()
			bytes := 0
			for b.Loop() {
				set, err := feeds.Build(lib, testSite, nil)
				if err != nil {
					b.Fatal(err)
				}
				bytes = 0
				for _, d := range set.Documents() {
					bytes += len(d.Body)
				}
			}
			b.ReportMetric(float64(bytes)/1e6, "MB")
		})
	}
}

// BenchmarkBuildAfterEdit is of 10,000 insights, of which the newest has changed:
// what a daemon does when somebody saves a file.
func BenchmarkBuildAfterEdit(b *testing.B) {
	const n = 10_000
	fsys := generate(n, "")
	before := build(b, load(b, fsys), testSite)
	newest := generate(n, "Edited.")[name(n-1)]
	fsys[name(n-1)] = newest
	lib := load(b, fsys)
	for b.Loop() {
		if _, err := feeds.Build(lib, testSite, before); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkStates(b *testing.B) {
	set := build(b, load(b, generate(10_000, "")), testSite)
	for b.Loop() {
		set.States()
	}
}

func BenchmarkRenderArchive(b *testing.B) {
	set := build(b, load(b, generate(10_000, "")), testSite)
	path := set.Archives()[0]
	for b.Loop() {
		if _, err := set.Render(path); err != nil {
			b.Fatal(err)
		}
	}
}
