package database_test

import (
	"slices"
	"testing"
	"time"

	"github.com/scaledbydesign/insights/cmd/insights/internal/database"
	"github.com/scaledbydesign/insights/cmd/insights/internal/database/databasetest"
	"github.com/scaledbydesign/insights/subscribers"
)

// TestWhatWaitsOutlivesAnUpgrade: sign-ups that the version before stored keep their order,
// and count for the widest network that it knew.
func TestWhatWaitsOutlivesAnUpgrade(t *testing.T) {
	databasetest.OnEach(t, func(t *testing.T, url string) {
		db, err := database.Open(url, true)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { db.Close() })
		if err := db.MigrateTo(t.Context(), 17); err != nil {
			t.Fatal(err)
		}
		now := time.Now()
		for i, w := range []struct{ network, wide string }{{"n1", "w"}, {"n2", "w"}, {"v4", "v4"}, {"", ""}} {
			at := now.Add(time.Duration(i) * time.Second).UnixMilli()
			exec(t, db, `INSERT INTO waiting (at, email, email_key, inbox, domain, name, cadence, categories, source, network, wide, asked, wide_asked)
				VALUES (?1, ?2, ?2, '', ?3, '', 'weekly', 'ops', 'form', ?4, ?5, ?6, ?7)`, at, "a@"+w.network+".example", w.network+".example", w.network, w.wide, 4-i, 5-i)
			if w.network != "" {
				exec(t, db, "INSERT INTO sign_up_networks (name, hour, asked, before, waiting) VALUES (?1, ?2, 1, 0, 1)", w.network, now.Unix()/3600)
			}
			exec(t, db, "UPDATE sign_up_domains SET waiting = waiting + 1 WHERE domain = ''")
			exec(t, db, "INSERT INTO sign_up_domains (domain, reserved, waiting) VALUES (?1, 0, 1)", w.network+".example")
		}
		if _, err := db.Migrate(t.Context()); err != nil {
			t.Fatal(err)
		}
		var domains []string
		for p, err := range db.Line(t.Context()) {
			if err != nil || p.Around != p.Wide {
				t.Errorf("%+v, %v", p, err)
			}
			domains = append(domains, p.Domain)
		}
		if want := []string{".example", "v4.example", "n2.example", "n1.example"}; !slices.Equal(domains, want) {
			t.Errorf("the order is %q, want %q", domains, want)
		}
		for around, want := range map[string]int{"w": 2, "v4": 1} {
			f, err := db.AskedBy(t.Context(), subscribers.Asker{Client: "x", Wide: "y", Around: around})
			if err != nil || f.OfAround != want || f.Waiting != 4 {
				t.Errorf("%s: %+v, %v", around, f, err)
			}
		}
		if err := db.Forget(t.Context(), "a@n1.example", now); err == nil {
			t.Error("who only waits was a subscriber")
		}
		if f, err := db.AskedBy(t.Context(), subscribers.Asker{Client: "x", Around: "w"}); err != nil || f.OfAround != 1 || f.Waiting != 3 {
			t.Errorf("%+v, %v", f, err)
		}
	})
}
