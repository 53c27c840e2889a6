package database_test

import (
	"path/filepath"
	"testing"

	"github.com/scaledbydesign/insights/cmd/insights/internal/database"
	"github.com/scaledbydesign/insights/feeds/websub/websubtest"
	"github.com/scaledbydesign/insights/newsletter/newslettertest"
	"github.com/scaledbydesign/insights/subscribers"
	"github.com/scaledbydesign/insights/subscribers/subscriberstest"
)

// open is a migrated database of its own for a test.
func open(t testing.TB) *database.DB {
	t.Helper()
	return openAt(t, filepath.Join(t.TempDir(), "test.db"))
}

func openAt(t testing.TB, path string) *database.DB {
	t.Helper()
	db, err := database.Open("sqlite:"+path, true)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	if _, err := db.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	return db
}

func TestSubscribersStore(t *testing.T) {
	subscriberstest.Test(t, func(t *testing.T) subscribers.Store { return open(t) })
}

func TestNewsletterStore(t *testing.T) {
	newslettertest.Test(t, func(t *testing.T) newslettertest.Store {
		db := open(t)
		db.SetPlanChunk(5)
		// Power cuts are not tried here, and waiting for the disk takes long.
		if _, err := db.Writer().Exec("PRAGMA synchronous = OFF"); err != nil {
			t.Fatal(err)
		}
		return db
	})
}

func TestWebSubStore(t *testing.T) {
	websubtest.Test(t, func(t *testing.T) websubtest.Store { return open(t).WebSub() })
}
