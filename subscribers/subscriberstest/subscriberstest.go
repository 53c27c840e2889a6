// Package subscriberstest says what a subscribers.Store must do, as tests that
// every implementation runs.
package subscriberstest

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/scaledbydesign/insights/subscribers"
)

// Test runs the contract of subscribers.Store on stores made by open, which must
// be empty and independent of each other.
func Test(t *testing.T, open func(t *testing.T) subscribers.Store) {
	tests := []struct {
		name string
		run  func(t *testing.T, s subscribers.Store)
	}{
		{"Edit stores what change leaves", storesAll},
		{"Edit of an unknown key", unknownKey},
		{"an error of change stores nothing", errorStoresNothing},
		{"Edit is atomic", editIsAtomic},
		{"a public id belongs to one", publicIDsAreUnique},
		{"List filters and orders", listing},
		{"History is in order", history},
		{"an iterator may be left early", leavesEarly},
		{"a done context stops everything", doneContext},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			test.run(t, open(t))
		})
	}
	t.Run("Import", func(t *testing.T) { imports(t, open) })
	t.Run("Registry", func(t *testing.T) { registry(t, open) })
}

// same compares subscribers as a store keeps them: to the millisecond, in any zone.
var same = cmp.Options{
	cmp.Comparer(func(a, b subscribers.Address) bool { return a == b }),
	cmp.Comparer(func(a, b time.Time) bool { return a.Truncate(time.Millisecond).Equal(b.Truncate(time.Millisecond)) }),
	cmpopts.EquateEmpty(),
	cmpopts.IgnoreFields(subscribers.Subscriber{}, "Lately"),
}

func address(t *testing.T, s string) subscribers.Address {
	t.Helper()
	a, err := subscribers.ParseAddress(s)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// reader is a confirmed subscriber that no test has stored yet.
func reader(t *testing.T, email string) subscribers.Subscriber {
	return subscribers.Subscriber{
		PublicID: "id-" + strings.ReplaceAll(strings.ToLower(email), "@", "-at-"), Address: address(t, email), Status: subscribers.Confirmed,
		Cadence: subscribers.Weekly, Categories: []string{"engineering"}, CreatedAt: time.Now(), ConfirmedAt: time.Now(),
	}
}

func put(t *testing.T, s subscribers.Store, sub subscribers.Subscriber) subscribers.Subscriber {
	t.Helper()
	stored, err := s.Edit(t.Context(), sub.Address.Key(), func(p *subscribers.Subscriber) (subscribers.Change, error) {
		sub.ID = p.ID
		*p = sub
		return subscribers.Change{}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return stored
}

func collect[V any](t *testing.T, seq iter.Seq2[V, error]) []V {
	t.Helper()
	var all []V
	for v, err := range seq {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, v)
	}
	return all
}

func storesAll(t *testing.T, s subscribers.Store) {
	at := time.Date(2026, 3, 1, 12, 0, 0, 7e6, time.UTC)
	want := subscribers.Subscriber{
		PublicID: "p1", Address: address(t, "Ada.L+x@Example.COM"), Name: "Ada 'the first' Ło", Status: subscribers.Suppressed, Reason: "hard bounce",
		Cadence: subscribers.Monthly, Categories: []string{"architecture", "engineering", "leadership"},
		PausedUntil: at.Add(1), Undo: "u1", NonceExpires: at.Add(time.Hour), NotifiedAt: at.Add(2 * time.Hour), CreatedAt: at,
		ConfirmedAt: at.Add(3 * time.Hour), UnsubscribedAt: at.Add(4 * time.Hour), Source: "import",
		Cause: subscribers.Complained, SuppressedAt: at.Add(5 * time.Hour), Asked: 2, AskedSince: at.Add(6 * time.Hour), NewAddress: address(t, "new@example.com"),
	}
	stored := put(t, s, want)
	if stored.ID == 0 {
		t.Error("Edit returned no id")
	}
	want.ID = stored.ID
	for name, get := range map[string]func() (subscribers.Subscriber, error){
		"ByKey":      func() (subscribers.Subscriber, error) { return s.ByKey(t.Context(), "ada.l+x@example.com") },
		"ByPublicID": func() (subscribers.Subscriber, error) { return s.ByPublicID(t.Context(), "p1") },
	} {
		got, err := get()
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got, same); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	// A second edit sees the first, and zero times stay zero.
	_, err := s.Edit(t.Context(), "ada.l+x@example.com", func(p *subscribers.Subscriber) (subscribers.Change, error) {
		if diff := cmp.Diff(want, *p, same); diff != "" {
			t.Errorf("what change is given (-want +got):\n%s", diff)
		}
		p.PausedUntil, p.Categories = time.Time{}, []string{"leadership"}
		return subscribers.Change{}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	got, err := s.ByKey(t.Context(), "ada.l+x@example.com")
	if err != nil {
		t.Fatal(err)
	}
	if !got.PausedUntil.IsZero() || !slices.Equal(got.Categories, []string{"leadership"}) {
		t.Errorf("paused until %v, categories %v", got.PausedUntil, got.Categories)
	}
}

func unknownKey(t *testing.T, s subscribers.Store) {
	for range 2 { // the second time still finds nothing: leaving no address stores nothing
		called := false
		_, err := s.Edit(t.Context(), "nobody@example.com", func(p *subscribers.Subscriber) (subscribers.Change, error) {
			called = true
			if diff := cmp.Diff(subscribers.Subscriber{}, *p, same); diff != "" {
				t.Errorf("change was not given a zero subscriber:\n%s", diff)
			}
			return subscribers.Change{Event: subscribers.Event{What: "seen"}, Notice: subscribers.ConfirmNotice}, nil
		})
		if !called || !errors.Is(err, subscribers.ErrNotFound) {
			t.Errorf("called %v, error %v, want ErrNotFound", called, err)
		}
	}
	if _, err := s.ByKey(t.Context(), "nobody@example.com"); !errors.Is(err, subscribers.ErrNotFound) {
		t.Errorf("ByKey: %v, want ErrNotFound", err)
	}
	if _, err := s.ByPublicID(t.Context(), "nobody"); !errors.Is(err, subscribers.ErrNotFound) {
		t.Errorf("ByPublicID: %v, want ErrNotFound", err)
	}
	if all := collect(t, s.List(t.Context(), subscribers.Filter{})); len(all) != 0 {
		t.Errorf("%d subscribers were stored", len(all))
	}
}

func errorStoresNothing(t *testing.T, s subscribers.Store) {
	before := put(t, s, reader(t, "ada@example.com"))
	refusal := errors.New("no")
	for _, key := range []string{"ada@example.com", "new@example.com"} {
		_, err := s.Edit(t.Context(), key, func(p *subscribers.Subscriber) (subscribers.Change, error) {
			*p = reader(t, key)
			p.Status, p.Categories = subscribers.Unsubscribed, []string{"never-seen"}
			return subscribers.Change{Event: subscribers.Event{What: "refused"}}, refusal
		})
		if err != refusal {
			t.Errorf("Edit returned %v, want change's own error as it is", err)
		}
	}
	after, err := s.ByKey(t.Context(), "ada@example.com")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before, after, same); diff != "" {
		t.Errorf("it was changed (-before +after):\n%s", diff)
	}
	if _, err := s.ByKey(t.Context(), "new@example.com"); !errors.Is(err, subscribers.ErrNotFound) {
		t.Errorf("a subscriber was stored: %v", err)
	}
	if events := collect(t, s.History(t.Context(), before.ID)); len(events) != 0 {
		t.Errorf("events were stored: %v", events)
	}
}

// editIsAtomic edits one subscriber from many goroutines: no edit is lost.
func editIsAtomic(t *testing.T, s subscribers.Store) {
	const workers, edits = 8, 10
	var all sync.WaitGroup
	for range workers {
		all.Go(func() {
			for range edits {
				_, err := s.Edit(t.Context(), "ada@example.com", func(p *subscribers.Subscriber) (subscribers.Change, error) {
					if p.ID == 0 {
						*p = reader(t, "ada@example.com")
					}
					p.Name += "x"
					return subscribers.Change{Event: subscribers.Event{At: time.Now(), What: fmt.Sprint(len(p.Name))}}, nil
				})
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	got, err := s.ByKey(t.Context(), "ada@example.com")
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Name) != workers*edits {
		t.Errorf("%d of %d edits are left", len(got.Name), workers*edits)
	}
	for i, e := range collect(t, s.History(t.Context(), got.ID)) {
		if e.What != fmt.Sprint(i+1) {
			t.Fatalf("event %d is %q", i+1, e.What)
		}
	}
}

func publicIDsAreUnique(t *testing.T, s subscribers.Store) {
	put(t, s, reader(t, "ada@example.com"))
	_, err := s.Edit(t.Context(), "eve@example.com", func(p *subscribers.Subscriber) (subscribers.Change, error) {
		*p = reader(t, "eve@example.com")
		p.PublicID = "id-ada-at-example.com"
		return subscribers.Change{}, nil
	})
	if err == nil {
		t.Error("two subscribers share a public id")
	}
}

func listing(t *testing.T, s subscribers.Store) {
	add := func(email string, status subscribers.Status, cadence subscribers.Cadence, categories ...string) {
		sub := reader(t, email)
		sub.Status, sub.Cadence, sub.Categories = status, cadence, categories
		put(t, s, sub)
	}
	add("c@example.com", subscribers.Confirmed, subscribers.Weekly, "engineering")
	add("a@example.com", subscribers.Confirmed, subscribers.Daily, "engineering", "leadership")
	add("b@example.com", subscribers.Pending, subscribers.Weekly, "leadership")
	add("d@example.com", subscribers.Unsubscribed, subscribers.Daily, "architecture")
	tests := []struct {
		filter subscribers.Filter
		want   string
	}{
		{subscribers.Filter{}, "c a b d"},
		{subscribers.Filter{Status: subscribers.Confirmed}, "c a"},
		{subscribers.Filter{Cadence: subscribers.Weekly}, "c b"},
		{subscribers.Filter{Category: "leadership"}, "a b"},
		{subscribers.Filter{Category: "nobody-chose-it"}, ""},
		{subscribers.Filter{Status: subscribers.Confirmed, Cadence: subscribers.Daily, Category: "engineering"}, "a"},
		{subscribers.Filter{Status: subscribers.Suppressed}, ""},
	}
	for _, test := range tests {
		var got []string
		for _, sub := range collect(t, s.List(t.Context(), test.filter)) {
			got = append(got, sub.Address.String()[:1])
		}
		if strings.Join(got, " ") != test.want {
			t.Errorf("%+v: got %v, want %s", test.filter, got, test.want)
		}
	}
}

func history(t *testing.T, s subscribers.Store) {
	put(t, s, reader(t, "other@example.com"))
	sub := put(t, s, reader(t, "ada@example.com"))
	at := time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)
	want := []subscribers.Event{
		{At: at, What: "signed_up", Source: "form", Client: "c1", Version: "v1", Detail: "weekly: engineering"},
		{At: at, What: "confirmed", Source: "link"}, // of the same instant: the order they were stored in counts
		{At: at.Add(-time.Hour), What: "preferences"},
	}
	for _, e := range want {
		_, err := s.Edit(t.Context(), "ada@example.com", func(*subscribers.Subscriber) (subscribers.Change, error) {
			return subscribers.Change{Event: e}, nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(want, collect(t, s.History(t.Context(), sub.ID)), same); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if events := collect(t, s.History(t.Context(), sub.ID+1000)); len(events) != 0 {
		t.Errorf("a stranger has events: %v", events)
	}
}

// leavesEarly leaves more iterators than any pool has connections: each must let
// go of what it held, also for a writer.
func leavesEarly(t *testing.T, s subscribers.Store) {
	sub := put(t, s, reader(t, "ada@example.com"))
	put(t, s, reader(t, "eve@example.com"))
	for range 30 {
		for range s.List(t.Context(), subscribers.Filter{}) {
			break
		}
		for range s.History(t.Context(), sub.ID) {
			break
		}
	}
	// Editing while reading is what staff commands do.
	for each, err := range s.List(t.Context(), subscribers.Filter{}) {
		if err != nil {
			t.Fatal(err)
		}
		put(t, s, each)
	}
}

func doneContext(t *testing.T, s subscribers.Store) {
	sub := put(t, s, reader(t, "ada@example.com"))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := s.Edit(ctx, "ada@example.com", func(p *subscribers.Subscriber) (subscribers.Change, error) {
		p.Name = "changed"
		return subscribers.Change{}, nil
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("Edit: %v", err)
	}
	if _, err := s.ByKey(ctx, "ada@example.com"); !errors.Is(err, context.Canceled) {
		t.Errorf("ByKey: %v", err)
	}
	for _, err := range s.List(ctx, subscribers.Filter{}) {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("List: %v", err)
		}
	}
	if got, err := s.ByKey(t.Context(), "ada@example.com"); err != nil || got.Name != sub.Name {
		t.Errorf("it was changed: %q, %v", got.Name, err)
	}
}
