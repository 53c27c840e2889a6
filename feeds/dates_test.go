package feeds_test

import (
	"testing"
	"time"

	"github.com/scaledbydesign/insights/feeds"
)

func TestDates(t *testing.T) {
	vienna := time.FixedZone("CET", 3600)
	published := time.Date(2026, 1, 1, 0, 30, 0, 999, vienna)
	for _, test := range []struct {
		name          string
		updated, want time.Time
	}{
		{"never changed", time.Time{}, published},
		{"changed later", published.Add(48 * time.Hour), published.Add(48 * time.Hour)},
		{"changed before it was published", published.Add(-48 * time.Hour), published},
	} {
		t.Run(test.name, func(t *testing.T) {
			e, older := testEntry(), testEntry()
			e.Published, e.Updated = published, test.updated
			older.Published, older.Updated = published.AddDate(-1, 0, 0), time.Time{}
			f := testFeed(e, older)
			want := test.want.UTC().Truncate(time.Second)
			if got := f.Updated(); !got.Equal(want) || got.Location() != time.UTC {
				t.Errorf("feed updated %v, want %v", got, want)
			}
			render(t, f, func(t *testing.T, format feeds.Format, got feed) {
				if e := got.Entries[0]; !e.Published.Equal(published.Truncate(time.Second)) || !e.Updated.Equal(want) {
					t.Errorf("published %v, updated %v; want %v, %v", e.Published, e.Updated, published, want)
				}
				if format != feeds.JSON && !got.Updated.Equal(want) {
					t.Errorf("feed updated %v, want %v", got.Updated, want)
				}
			})
		})
	}
}

func TestFeedIsUpdatedByAnOlderEntry(t *testing.T) {
	newest, older := testEntry(), testEntry()
	newest.Updated = newest.Published
	older.Published = newest.Published.AddDate(0, -1, 0)
	older.Updated = newest.Published.AddDate(0, 1, 0)
	if got := testFeed(newest, older).Updated(); !got.Equal(older.Updated) {
		t.Errorf("updated %v, want %v", got, older.Updated)
	}
}

func TestEmptyFeedIsValid(t *testing.T) {
	for authority, want := range map[string]string{
		"example.com,2025":                 "2025-01-01",
		"example.com,2025-06":              "2025-06-01",
		"insights@example.com,2025-06-17":  "2025-06-17",
		"sub-domain.example.co.uk,1999-12": "1999-12-01",
	} {
		f := testFeed()
		f.Site.Authority = authority
		render(t, f, func(t *testing.T, format feeds.Format, got feed) {
			if len(got.Entries) != 0 {
				t.Errorf("%d entries", len(got.Entries))
			}
			if got := got.Updated.Format(time.DateOnly); format != feeds.JSON && got != want {
				t.Errorf("updated %s, want %s", got, want)
			}
		})
	}
}
