package feeds_test

import (
	"testing"
	"time"

	"github.com/scaledbydesign/insights/feeds"
)

func TestRecordedChanges(t *testing.T) {
	now := time.Date(2026, 11, 30, 9, 0, 0, 500_000_000, time.UTC)
	second := now.Truncate(time.Second)
	old := second.Add(-time.Hour)
	for _, test := range []struct {
		name    string
		state   feeds.State
		before  feeds.Recorded
		want    feeds.Recorded
		changed bool
	}{
		{"new", feeds.State{Version: "1", Updated: old.Add(time.Millisecond)}, feeds.Recorded{}, feeds.Recorded{Version: "1", Changed: old}, true},
		{"new, with a date in the future", feeds.State{Version: "1", Updated: now.Add(time.Hour)}, feeds.Recorded{}, feeds.Recorded{Version: "1", Changed: second}, true},
		{"as before", feeds.State{Version: "1", Updated: now}, feeds.Recorded{Version: "1", Changed: old}, feeds.Recorded{Version: "1", Changed: old}, false},
		{"changed", feeds.State{Version: "2", Updated: old}, feeds.Recorded{Version: "1", Changed: old}, feeds.Recorded{Version: "2", Changed: second}, true},
		{"changed twice within a second", feeds.State{Version: "3"}, feeds.Recorded{Version: "2", Changed: second}, feeds.Recorded{Version: "3", Changed: second.Add(time.Second)}, true},
		{"changed while the clock was ahead", feeds.State{Version: "3"}, feeds.Recorded{Version: "2", Changed: second.Add(time.Hour)}, feeds.Recorded{Version: "3", Changed: second.Add(time.Hour + time.Second)}, true},
	} {
		got, changed := test.state.Record(test.before, now)
		if got != test.want || changed != test.changed {
			t.Errorf("%s: %+v, %v; want %+v, %v", test.name, got, changed, test.want, test.changed)
		}
	}
}
