package database_test

import (
	"maps"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/scaledbydesign/insights/cmd/insights/internal/database/databasetest"
	"github.com/scaledbydesign/insights/feeds"
)

func TestDocumentsRememberWhenTheyChanged(t *testing.T) {
	databasetest.OnEach(t, func(t *testing.T, url string) {
		synctest.Test(t, func(t *testing.T) {
			db := openURL(t, url)
			published := time.Now().Add(-time.Hour)
			record := func(versions map[string]string) map[string]time.Time {
				t.Helper()
				var states []feeds.State
				for path, version := range versions {
					states = append(states, feeds.State{Path: path, Version: version, Updated: published})
				}
				changed, err := db.RecordDocuments(t.Context(), states)
				if err != nil {
					t.Fatal(err)
				}
				return changed
			}
			want := func(name string, got map[string]time.Time, all, leadership time.Duration) {
				t.Helper()
				times := map[string]time.Time{"/feeds/all": published.Add(all).UTC(), "/feeds/leadership": published.Add(leadership).UTC()}
				if diff := cmp.Diff(times, got); diff != "" {
					t.Errorf("%s (-want +got):\n%s", name, diff)
				}
			}
			versions := map[string]string{"/feeds/all": "1", "/feeds/leadership": "1"}
			want("a new document changed when its content did", record(versions), 0, 0)

			time.Sleep(time.Minute)
			want("nothing changed", record(versions), 0, 0)

			versions["/feeds/all"] = "2"
			want("one changed", record(versions), time.Hour+time.Minute, 0)

			versions["/feeds/all"] = "3"
			want("twice within a second", record(versions), time.Hour+time.Minute+time.Second, 0)

			time.Sleep(time.Hour)
			if err := db.Close(); err != nil {
				t.Fatal(err)
			}
			db = openURL(t, url)
			want("another process, nothing changed", record(versions), time.Hour+time.Minute+time.Second, 0)

			versions["/feeds/all"] = "2"
			want("back to what it was", record(versions), 2*time.Hour+time.Minute, 0)

			delete(versions, "/feeds/leadership")
			want("a removed document is remembered", record(versions), 2*time.Hour+time.Minute, 0)
		})
	})
}

func TestDocumentsDoNotChangeInTheFuture(t *testing.T) {
	databasetest.OnEach(t, func(t *testing.T, url string) {
		synctest.Test(t, func(t *testing.T) {
			db := openURL(t, url)
			state := feeds.State{Path: "/feeds/all", Version: "1", Updated: time.Now().AddDate(70, 0, 0)}
			for _, version := range []string{"1", "2"} {
				state.Version = version
				changed, err := db.RecordDocuments(t.Context(), []feeds.State{state})
				if err != nil {
					t.Fatal(err)
				}
				if at := changed["/feeds/all"]; at.After(time.Now()) {
					t.Errorf("version %s changed at %v, %v from now", version, at, time.Until(at))
				}
				time.Sleep(time.Minute)
				state.Updated = time.Now() // the mistake was corrected
			}
		})
	})
}

func TestTwoProcessesRecordTheSameTimes(t *testing.T) {
	databasetest.OnEach(t, func(t *testing.T, url string) {
		one, two := openURL(t, url), openURL(t, url)
		states := []feeds.State{{Path: "/feeds/all", Version: "1", Updated: time.Now()}}
		for _, version := range []string{"1", "2", "3"} {
			states[0].Version = version
			first, err := one.RecordDocuments(t.Context(), states)
			if err != nil {
				t.Fatal(err)
			}
			second, err := two.RecordDocuments(t.Context(), states)
			if err != nil {
				t.Fatal(err)
			}
			if !maps.Equal(first, second) {
				t.Errorf("version %s: %v and %v", version, first, second)
			}
		}
	})
}
