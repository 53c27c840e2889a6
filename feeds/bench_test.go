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
