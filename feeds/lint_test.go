package feeds_test

import (
	"testing"

	"github.com/scaledbydesign/insights/feeds"
	"github.com/scaledbydesign/insights/feeds/feedstest"
)

// everyDocument renders all documents of a set, archives included.
func everyDocument(tb testing.TB, set *feeds.Set) []*feeds.Document {
	tb.Helper()
	documents := set.Documents()
	for _, path := range set.Archives() {
		documents = append(documents, get(tb, set, path))
	}
	return documents
}

func TestLintFindsNoFaultInWhatWeWrite(t *testing.T) {
	for name, p := range publications(t) {
		for _, fault := range feedstest.Lint(testSite.BaseURL, everyDocument(t, p.set)) {
			t.Errorf("%s: %s", name, fault)
		}
	}
}

// feed and entry are what a reader makes of a document.
type (
	feed  = feedstest.Feed
	entry = feedstest.Entry
)

func parse(tb testing.TB, format feeds.Format, body []byte) feed {
	tb.Helper()
	f, err := feedstest.Parse(format, body)
	if err != nil {
		tb.Fatal(err)
	}
	for _, fault := range f.Faults {
		tb.Error(fault)
	}
	return f
}
