package app

import (
	"context"
	"log/slog"
	"path/filepath"
	"testing"
	"testing/fstest"
	"testing/synctest"

	"github.com/scaledbydesign/insights/cmd/insights/internal/config"
	"github.com/scaledbydesign/insights/cmd/insights/internal/database"
	"github.com/scaledbydesign/insights/content"
)

// TestWhatAppearsDuringTheStartIsInTheFeeds: an insight may come due, or be saved,
// after the feeds were first built and before anybody follows the library.
func TestWhatAppearsDuringTheStartIsInTheFeeds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db, err := database.Open("sqlite:"+filepath.Join(t.TempDir(), "test.db"), true)
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		if _, err := db.Migrate(t.Context()); err != nil {
			t.Fatal(err)
		}
		c := config.Default()
		c.Site.BaseURL = "https://insights.example.com"
		files := fstest.MapFS{}
		live, err := content.NewLive(func(*content.Library) (*content.Library, error) {
			return content.Load(files, content.Options{Categories: c.Site.Categories})
		})
		if err != nil {
			t.Fatal(err)
		}
		d := &Daemon{app: &App{Publication: Publication{Config: c}, db: db}, live: live, log: slog.New(slog.DiscardHandler)}
		d.presence = d.newPresence(db)
		if err := d.buildFeeds(t.Context(), live.Current()); err != nil {
			t.Fatal(err)
		}
		files["a.md"] = &fstest.MapFile{Data: []byte("---\nid: 00000000-0000-4000-8000-000000000001\ntitle: T\nsummary: S\ncategory: leadership\ndate: 1999-03-01\n---\n\nText.\n")}
		if err := live.Reload(); err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- d.followLibrary(ctx) }()
		synctest.Wait()
		if all, _ := d.feeds.Load().Document("/feeds/all.rss"); all.Items != 1 {
			t.Errorf("the feed holds %d insights; want 1", all.Items)
		}
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}
