package subscriberstest

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/scaledbydesign/insights/subscribers"
)

// imports is the contract of Registry.Import over a store.
func imports(t *testing.T, open func(t *testing.T) subscribers.Store) {
	for _, test := range []struct {
		name string
		run  func(t *testing.T, r *subscribers.Registry)
	}{
		{"what is on record is never weakened", neverWeakened},
		{"again changes nothing", importedAgain},
		{"a dry run stores nothing", importedDry},
		{"one that is imported is as one that was added", asAdded},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			keys, err := subscribers.NewKeyring(strings.Repeat("k", 32))
			if err != nil {
				t.Fatal(err)
			}
			test.run(t, &subscribers.Registry{Store: open(t), Keys: keys, Categories: []string{"architecture", "leadership"}, StartWith: 3})
		})
	}
}

func row(t *testing.T, name string, status subscribers.Status) subscribers.Imported {
	t.Helper()
	return subscribers.Imported{Address: address(t, name+"@example.com"), Status: status, Source: "import",
		Preferences: subscribers.Preferences{Cadence: subscribers.Daily, Categories: []string{"leadership"}}}
}

func neverWeakened(t *testing.T, r *subscribers.Registry) {
	const none = subscribers.Status("")
	for _, test := range []struct {
		before, in, after subscribers.Status
		outcome           subscribers.Outcome
	}{
		{none, subscribers.Pending, subscribers.Pending, subscribers.Added},
		{none, subscribers.Confirmed, subscribers.Confirmed, subscribers.Added},
		{none, subscribers.Unsubscribed, subscribers.Unsubscribed, subscribers.Added},
		{none, subscribers.Suppressed, subscribers.Suppressed, subscribers.Added},
		{subscribers.Pending, subscribers.Confirmed, subscribers.Confirmed, subscribers.Changed},
		{subscribers.Pending, subscribers.Unsubscribed, subscribers.Unsubscribed, subscribers.Changed},
		{subscribers.Confirmed, subscribers.Pending, subscribers.Confirmed, subscribers.Kept},
		{subscribers.Confirmed, subscribers.Confirmed, subscribers.Confirmed, subscribers.Unchanged},
		{subscribers.Confirmed, subscribers.Unsubscribed, subscribers.Unsubscribed, subscribers.Changed},
		{subscribers.Confirmed, subscribers.Suppressed, subscribers.Suppressed, subscribers.Changed},
		{subscribers.Unsubscribed, subscribers.Pending, subscribers.Unsubscribed, subscribers.Kept},
		{subscribers.Unsubscribed, subscribers.Confirmed, subscribers.Unsubscribed, subscribers.Kept},
		{subscribers.Unsubscribed, subscribers.Suppressed, subscribers.Suppressed, subscribers.Changed},
		{subscribers.Suppressed, subscribers.Confirmed, subscribers.Suppressed, subscribers.Kept},
		{subscribers.Suppressed, subscribers.Unsubscribed, subscribers.Suppressed, subscribers.Changed}, // they said no, whoever lifts it
	} {
		name := fmt.Sprintf("%s-%s", test.before, test.in)
		if test.before != none {
			if _, err := r.Import(t.Context(), []subscribers.Imported{row(t, "x"+name, test.before)}, false); err != nil {
				t.Fatal(err)
			}
		}
		outcomes, err := r.Import(t.Context(), []subscribers.Imported{row(t, "x"+name, test.in)}, false)
		if err != nil {
			t.Fatal(err)
		}
		sub, err := r.Store.ByKey(t.Context(), "x"+name+"@example.com")
		if err != nil || sub.Status != test.after || outcomes[0] != test.outcome {
			t.Errorf("%s imported as %s: %s, %s, %v; want %s, %s", test.before, test.in, sub.Status, outcomes[0], err, test.after, test.outcome)
		}
	}
	// Who said no and signed up again is not confirmed by a list.
	form := subscribers.SignUp{Address: address(t, "xunsubscribed-pending@example.com"), Source: "form", Preferences: subscribers.Preferences{Cadence: subscribers.Weekly, Categories: []string{"leadership"}}}
	if err := r.SignUp(t.Context(), form); err != nil {
		t.Fatal(err)
	}
	if outcomes, err := r.Import(t.Context(), []subscribers.Imported{row(t, "xunsubscribed-pending", subscribers.Confirmed)}, false); err != nil || outcomes[0] != subscribers.Kept {
		t.Errorf("%v, %v", outcomes, err)
	}
}

func importedAgain(t *testing.T, r *subscribers.Registry) {
	rows := []subscribers.Imported{row(t, "a", subscribers.Confirmed), row(t, "b", subscribers.Pending), row(t, "a", subscribers.Pending), row(t, "c", subscribers.Unsubscribed)}
	first, err := r.Import(t.Context(), rows, false)
	if err != nil || !slices.Equal(first, []subscribers.Outcome{subscribers.Added, subscribers.Added, subscribers.Kept, subscribers.Added}) {
		t.Errorf("%v, %v", first, err)
	}
	before := all(t, r)
	again, err := r.Import(t.Context(), rows, false)
	if err != nil || slices.Contains(again, subscribers.Added) || slices.Contains(again, subscribers.Changed) {
		t.Errorf("%v, %v", again, err)
	}
	if after := all(t, r); !slices.Equal(before, after) {
		t.Errorf("before %v\nafter %v", before, after)
	}
}

// all is everybody and their history, in words.
func all(t *testing.T, r *subscribers.Registry) (lines []string) {
	t.Helper()
	for s, err := range r.Store.List(t.Context(), subscribers.Filter{}) {
		if err != nil {
			t.Fatal(err)
		}
		line := fmt.Sprint(s)
		for e, err := range r.Store.History(t.Context(), s.ID) {
			if err != nil {
				t.Fatal(err)
			}
			line += fmt.Sprint(e)
		}
		lines = append(lines, line)
	}
	return lines
}

func importedDry(t *testing.T, r *subscribers.Registry) {
	outcomes, err := r.Import(t.Context(), []subscribers.Imported{row(t, "a", subscribers.Confirmed), row(t, "a", subscribers.Confirmed)}, true)
	if err != nil || !slices.Equal(outcomes, []subscribers.Outcome{subscribers.Added, subscribers.Unchanged}) {
		t.Errorf("%v, %v", outcomes, err)
	}
	if lines := all(t, r); len(lines) != 0 {
		t.Errorf("stored %v", lines)
	}
}

func asAdded(t *testing.T, r *subscribers.Registry) {
	in := row(t, "imported", subscribers.Confirmed)
	in.ConfirmedAt, in.Basis = time.Now().Add(-time.Hour), "the fair"
	if _, err := r.Import(t.Context(), []subscribers.Imported{in}, false); err != nil {
		t.Fatal(err)
	}
	added, _, err := r.Add(t.Context(), subscribers.SignUp{Address: address(t, "added@example.com"), Source: "import", Preferences: in.Preferences}, true, "the fair")
	if err != nil {
		t.Fatal(err)
	}
	imported, err := r.Store.ByKey(t.Context(), "imported@example.com")
	if err != nil {
		t.Fatal(err)
	}
	if imported.PublicID == "" || imported.PublicID == added.PublicID || imported.Status != added.Status || imported.Cadence != added.Cadence ||
		!slices.Equal(imported.Categories, added.Categories) || imported.Source != added.Source || !imported.ConfirmedAt.Before(added.ConfirmedAt) || imported.CreatedAt.IsZero() {
		t.Errorf("imported %+v\nadded    %+v", imported, added)
	}
	for e, err := range r.Store.History(t.Context(), imported.ID) {
		if err != nil || e.What != "imported" || !strings.Contains(e.Detail, "basis: the fair") {
			t.Errorf("%+v, %v", e, err)
		}
	}
}
