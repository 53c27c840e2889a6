package feeds

import (
	"iter"

	"github.com/scaledbydesign/insights/content"
)

// TooLarge yields the insights that would be in feeds and are by themselves larger than
// MaxSize, with the size of each in bytes.
func TooLarge(lib *content.Library, base string) iter.Seq2[*content.Insight, int] {
	return func(yield func(*content.Insight, int) bool) {
		for _, in := range lib.All() {
			if n := len(in.FullHTML(base)); n > MaxSize && !in.Draft && !yield(in, n) {
				return
			}
		}
	}
}
