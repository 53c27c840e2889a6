package database_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/scaledbydesign/insights/cmd/insights/internal/database"
	"github.com/scaledbydesign/insights/subscribers"
)

// Groups of every size, ids in any order, and duplicate addresses.
func TestManyAreStoredAsOneByOne(t *testing.T) {
	onEngines(t, func(t *testing.T, open func(t *testing.T) *database.DB) {
		together, alone := open(t), open(t)
		keys, err := subscribers.NewKeyring(strings.Repeat("k", 32))
		if err != nil {
			t.Fatal(err)
		}
		registry := func(s subscribers.Store) *subscribers.Registry {
			return &subscribers.Registry{Store: s, Keys: keys, Categories: []string{"architecture", "leadership"}, StartWith: 3}
		}
		var rows []subscribers.Imported
		for i := range 1337 {
			a, err := subscribers.ParseAddress(fmt.Sprintf("r%d@example.com", i*7919%1300)) // some twice
			if err != nil {
				t.Fatal(err)
			}
			rows = append(rows, subscribers.Imported{Address: a, Status: subscribers.Statuses[i%4], Source: "import",
				Preferences: subscribers.Preferences{Cadence: subscribers.Cadences[i%3], Categories: []string{"architecture", "leadership"}[i%2:]}})
		}
		for _, half := range [][]subscribers.Imported{rows[:700], rows[300:]} {
			got, err := registry(together).Import(t.Context(), half, false)
			if err != nil {
				t.Fatal(err)
			}
			for i, row := range half {
				want, err := registry(alone).Import(t.Context(), []subscribers.Imported{row}, false)
				if err != nil || got[i] != want[0] {
					t.Fatalf("%s: %s together, %s alone, %v", row.Address, got[i], want[0], err)
				}
			}
		}
		if a, b := story(t, together), story(t, alone); a != b {
			t.Errorf("together\n%.2000s\nalone\n%.2000s", a, b)
		}
	})
}

// story describes every subscriber, by address, without what is random or a time.
func story(t *testing.T, s *database.DB) string {
	t.Helper()
	var all []string
	for sub, err := range s.List(t.Context(), subscribers.Filter{}) {
		if err != nil {
			t.Fatal(err)
		}
		var b strings.Builder
		position, err := s.PositionOf(t.Context(), sub.ID)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintln(&b, sub.Address, sub.Status, sub.Cause, sub.Cadence, sub.Categories, sub.ConfirmedAt.IsZero(), sub.UnsubscribedAt.IsZero(), position)
		for e, err := range s.History(t.Context(), sub.ID) {
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprintln(&b, " ", e.What, e.Source, e.Detail)
		}
		all = append(all, b.String())
	}
	for sup, err := range s.Suppressions(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		if sup.Email == "" {
			t.Errorf("a suppression without an address: %+v", sup)
		}
	}
	slices.Sort(all)
	return strings.Join(all, "")
}

// Whichever of a sign-up and a suppression comes first, nothing may be sent.
func TestASuppressionAndASignUpAtOnce(t *testing.T) {
	onEngines(t, func(t *testing.T, open func(t *testing.T) *database.DB) {
		db := open(t)
		keys, err := subscribers.NewKeyring(strings.Repeat("k", 32))
		if err != nil {
			t.Fatal(err)
		}
		registry := &subscribers.Registry{Store: db, Keys: keys, Categories: []string{"leadership"}}
		for i := range 40 {
			email := fmt.Sprintf("r%d@example.com", i)
			a, err := subscribers.ParseAddress(email)
			if err != nil {
				t.Fatal(err)
			}
			errs := make(chan error, 2)
			go func() {
				errs <- registry.SignUp(t.Context(), subscribers.SignUp{Address: a, Source: "form", Preferences: subscribers.Preferences{Cadence: subscribers.Weekly, Categories: registry.Categories}})
			}()
			go func() {
				_, err := registry.Suppress(t.Context(), a, subscribers.BlockedHere, "test", "test")
				errs <- err
			}()
			for range 2 {
				if err := <-errs; err != nil {
					t.Fatal(err)
				}
			}
			if sub, err := db.ByKey(t.Context(), a.Key()); err == nil && sub.Status != subscribers.Suppressed {
				t.Errorf("%s is %s", email, sub.Status)
			}
		}
	})
}
