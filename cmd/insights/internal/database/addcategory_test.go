package database_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/scaledbydesign/insights/cmd/insights/internal/database/databasetest"
	"github.com/scaledbydesign/insights/subscribers"
)

// fails is a store that loses power after some chunks.
type fails struct {
	subscribers.Store
	chunks int
}

var errPower = errors.New("the power is off")

func (f *fails) EditAll(ctx context.Context, keys []string, dry bool, change func(int, *subscribers.Subscriber) (subscribers.Change, error)) error {
	if f.chunks--; f.chunks < 0 {
		return errPower
	}
	return f.Store.EditAll(ctx, keys, dry, change)
}

func TestANewCategoryForThoseWhoHaveAllTheOthers(t *testing.T) {
	databasetest.OnEach(t, func(t *testing.T, url string) {
		db := openURL(t, url)
		exec(t, db, "INSERT INTO insights (id, category, email, seq, first_seen_at) VALUES ('a', 'engineering', 1, 1, 1), ('b', 'leadership', 1, 2, 1), ('c', 'ai', 1, 3, 1)")
		exec(t, db, "UPDATE counters SET value = 3 WHERE name = 'sequence'")
		keys, err := subscribers.NewKeyring(strings.Repeat("k", subscribers.MinSecret))
		if err != nil {
			t.Fatal(err)
		}
		r := &subscribers.Registry{Store: db, Keys: keys, Categories: []string{"ai", "engineering", "leadership"}, StartWith: 3}
		others := []string{"engineering", "leadership"}
		row := func(name string, status subscribers.Status, categories ...string) subscribers.Imported {
			a, err := subscribers.ParseAddress(name + "@example.com")
			if err != nil {
				t.Fatal(err)
			}
			return subscribers.Imported{Address: a, Status: status, Preferences: subscribers.Preferences{Cadence: subscribers.Weekly, Categories: categories}, Source: "import"}
		}
		rows := []subscribers.Imported{
			row("one", subscribers.Confirmed, "engineering"), row("has", subscribers.Confirmed, "ai", "engineering", "leadership"),
			row("left", subscribers.Unsubscribed, others...), row("pending", subscribers.Pending, others...), row("bounced", subscribers.Confirmed, others...),
		}
		const many = 2100
		for i := range many {
			rows = append(rows, row(fmt.Sprint("r", i), subscribers.Confirmed, others...))
		}
		if _, err := r.Import(t.Context(), rows, false); err != nil {
			t.Fatal(err)
		}
		find := func(name string) subscribers.Subscriber {
			t.Helper()
			s, err := db.ByKey(t.Context(), name+"@example.com")
			if err != nil {
				t.Fatal(err)
			}
			return s
		}
		choose := func(name string, categories ...string) {
			t.Helper()
			if _, _, err := r.StaffPrefer(t.Context(), find(name).Address, subscribers.Preferences{Categories: categories}, nil); err != nil {
				t.Fatal(err)
			}
		}
		choose("r7", "ai", "engineering", "leadership") // and left it out again, by themselves
		choose("r7", others...)
		if _, err := r.Suppress(t.Context(), find("bounced").Address, subscribers.Bounced, "gone", "bounce"); err != nil {
			t.Fatal(err)
		}
		began := time.Now()

		if n, err := r.AddCategory(t.Context(), "ai", began, true); err != nil || n != many+1 || len(find("r0").Categories) != 2 {
			t.Fatalf("a dry run: %d, %v", n, err)
		}
		broken := &subscribers.Registry{Store: &fails{db, 1}, Keys: keys, Categories: r.Categories}
		if _, err := broken.AddCategory(t.Context(), "ai", began, false); !errors.Is(err, errPower) {
			t.Fatalf("%v", err)
		}
		if slices.Equal(find("bounced").Categories, others) || !slices.Equal(find("r2000").Categories, others) {
			t.Fatal("the first chunk should be stored, and the last not")
		}
		choose("r1000", others...) // who has just got it
		time.Sleep(2 * time.Millisecond)
		if _, err := r.Import(t.Context(), []subscribers.Imported{row("later", subscribers.Confirmed, others...)}, false); err != nil {
			t.Fatal(err)
		}
		if _, err := r.AddCategory(t.Context(), "ai", began, false); err != nil {
			t.Fatal(err)
		}
		if n, err := r.AddCategory(t.Context(), "ai", began, false); err != nil || n != 0 {
			t.Errorf("once more: %d, %v", n, err)
		}
		got := 0
		for s, err := range db.List(t.Context(), subscribers.Filter{Category: "ai"}) {
			if err != nil {
				t.Fatal(err)
			}
			got++
			p, err := db.PositionOf(t.Context(), s.ID)
			if err != nil {
				t.Fatal(err)
			}
			if name, _, _ := strings.Cut(s.Address.String(), "@"); name != "has" && name != "pending" && p["ai"].To != 3 {
				t.Fatalf("%s: %s: the category should start at now", s.Address, p)
			}
		}
		if want := many + 1 - 2 + 1 + 1; got != want { // r1000 and r7 are out; has, and bounced
			t.Errorf("%d have it, want %d", got, want)
		}
		for _, name := range []string{"one", "left", "r1000", "r7", "later"} {
			if slices.Contains(find(name).Categories, "ai") {
				t.Errorf("%s got it", name)
			}
		}
		// Somebody who was suppressed starts at now, too, once that is lifted.
		bounced, err := r.Lift(t.Context(), find("bounced").Address, "staff")
		if err != nil || bounced.Status != subscribers.Confirmed {
			t.Fatalf("%+v, %v", bounced, err)
		}
		if p, err := db.PositionOf(t.Context(), bounced.ID); err != nil || p["ai"].To != 3 {
			t.Errorf("position %s, %v", p, err)
		}
		events := 0
		for e, err := range db.History(t.Context(), find("r0").ID) {
			if err != nil {
				t.Fatal(err)
			}
			if e.What == subscribers.CategoryAdded && e.Source == "staff" {
				events++
			}
		}
		if events != 1 {
			t.Errorf("%d events", events)
		}
	})
}
