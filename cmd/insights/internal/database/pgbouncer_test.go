package database_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/scaledbydesign/insights/cmd/insights/internal/database"
	"github.com/scaledbydesign/insights/cmd/insights/internal/database/databasetest"
	"github.com/scaledbydesign/insights/newsletter"
)

// Sessions of its own are all that the program asks of what is before the server: settings,
// locks of sessions and notifications come through.
func TestPgBouncerThatPoolsSessions(t *testing.T) {
	direct := databasetest.Postgres(t)
	pooled := databasetest.PgBouncer(t, "session", direct)
	one, two := openURL(t, pooled), openURL(t, pooled)
	var wait string
	if err := one.Writer().QueryRow("SELECT current_setting('lock_timeout')").Scan(&wait); err != nil || wait != "8s" {
		t.Errorf("writers wait %s for a lock, %v", wait, err)
	}
	changed := one.Changed()
	var watching sync.WaitGroup
	defer watching.Wait()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	watching.Go(func() { one.Watch(ctx) })
	<-changed // it listens
	changed = one.Changed()
	edit(t, two, "reader@example.com")
	select {
	case <-changed:
	case <-time.After(4 * time.Second): // before it asks again of itself
		t.Error("a commit was not announced")
	}
	if _, err := one.Attach(t.Context(), "w", time.Minute, newsletter.Resend); err != nil {
		t.Error(err)
	}
	if sending, err := two.Sending(t.Context()); err != nil || !sending {
		t.Errorf("sending: %t, %v", sending, err)
	}
}

// With other modes the settings, locks and prepared statements of one would be another's.
func TestPgBouncerThatPoolsAnythingElseIsRefused(t *testing.T) {
	direct := databasetest.Postgres(t)
	for _, mode := range []string{"transaction", "statement"} {
		db, err := database.Open(databasetest.PgBouncer(t, mode, direct), true)
		if err == nil {
			db.Close()
		}
		if err == nil || !strings.Contains(err.Error(), "gives each transaction another session: set pool_mode=session") {
			t.Errorf("%s: %v", mode, err)
		}
	}
}
