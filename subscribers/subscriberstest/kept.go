package subscriberstest

import (
	"fmt"
	"strings"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/scaledbydesign/insights/subscribers"
)

// keptStories have a store do what the rules say that decide what is kept.
var keptStories = []story{
	{"what is kept after a change", keepsAfterChange},
	{"what is kept of the erased", keepsOfErased},
	{"what tidying leaves", tidies},
	{"who may take an address", takes},
}

// as gives a case an address and an id of its own.
func (d *desk) as(n int, s subscribers.Subscriber) subscribers.Subscriber {
	d.Helper()
	if s.Address != (subscribers.Address{}) {
		s.Address = d.address(fmt.Sprintf("%d-%s", n, s.Address))
	}
	if s.PublicID != "" {
		s.PublicID = fmt.Sprint("case-", n)
	}
	return s
}

// store stores a subscriber, or a suppression alone, as if a rule had made it so. One
// who signed up again with a cause was suppressed for it.
func (d *desk) store(s subscribers.Subscriber) {
	d.Helper()
	if s.Status == "" {
		return
	}
	if s.Cause != "" && s.Status != subscribers.Suppressed {
		was := s
		was.Status = subscribers.Suppressed
		d.change(s.Address.Key(), was)
	}
	d.change(s.Address.Key(), s)
}

func (d *desk) change(key string, to subscribers.Subscriber) {
	d.Helper()
	_, err := d.Store.Edit(d.Context(), key, func(s *subscribers.Subscriber) (subscribers.Change, error) {
		to.ID = s.ID
		*s = to
		return subscribers.Change{}, nil
	})
	d.want(err, nil, "edit")
}

// kept are the suppressions on record but those before, without what tells whose they are.
func (d *desk) kept(before []subscribers.Suppression) (kept []subscribers.Suppression) {
	d.Helper()
	old := make(map[string]bool)
	for _, s := range before {
		old[s.Hash] = true
	}
	for _, s := range collect(d.T, d.Store.Suppressions(d.Context())) {
		if !old[s.Hash] {
			s.Hash, s.Email = "", ""
			kept = append(kept, s)
		}
	}
	return kept
}

func (d *desk) wantKept(name string, got []subscribers.Suppression, want ...subscribers.Suppression) {
	d.Helper()
	less := func(a, b subscribers.Suppression) bool { return fmt.Sprint(a) < fmt.Sprint(b) }
	if diff := cmp.Diff(want, got, same, cmpopts.SortSlices(less)); diff != "" {
		d.Errorf("%s: suppressions (-want +got):\n%s", name, diff)
	}
}

func keepsAfterChange(d *desk) {
	for n, test := range KeptCases(time.Now()) {
		before := collect(d.T, d.Store.Suppressions(d.Context()))
		from, to := d.as(n, test.Before), d.as(n, test.After)
		d.store(from)
		var want []subscribers.Suppression
		was := d.kept(before)
		key := to.Address.Key()
		if from.Status != "" {
			key = from.Address.Key()
		}
		d.change(key, to)
		switch {
		case !test.Changed:
			want = was
		case test.Kept != (subscribers.Suppression{}):
			want = append(want, test.Kept)
		}
		if test.Former != nil {
			want = append(want, *test.Former)
		}
		d.wantKept(test.Name, d.kept(before), want...)
	}
}

func keepsOfErased(d *desk) {
	for n, test := range ErasedCases(time.Now()) {
		before := collect(d.T, d.Store.Suppressions(d.Context()))
		s := d.as(n, test.Before)
		d.store(s)
		d.want(d.Store.Forget(d.Context(), s.Address.Key(), time.Now()), nil, "erase")
		d.wantKept(test.Name, d.kept(before), test.Kept)
	}
}

func tidies(d *desk) {
	now := time.Now()
	cases := TidiedCases(now)
	forgotten := 0
	var want []subscribers.Suppression
	for n, test := range cases {
		before := collect(d.T, d.Store.Suppressions(d.Context()))
		d.store(d.as(n, test.Before))
		want = append(want, d.kept(before)...)
		if test.Forget {
			forgotten++
		}
		if test.Kept != nil {
			want = append(want, *test.Kept)
		}
	}
	if n, err := d.Store.Tidy(d.Context(), now); err != nil || n != forgotten {
		d.Errorf("%d forgotten, %v; want %d", n, err, forgotten)
	}
	for n, test := range cases {
		after, err := d.Store.ByKey(d.Context(), d.as(n, test.Before).Address.Key())
		if test.Forget {
			d.want(err, subscribers.ErrNotFound, test.Name)
			continue
		}
		d.want(err, nil, test.Name)
		if diff := cmp.Diff(d.as(n, test.After), after, same, cmpopts.IgnoreFields(subscribers.Subscriber{}, "ID")); diff != "" {
			d.Errorf("%s (-want +got):\n%s", test.Name, diff)
		}
	}
	d.wantKept("all", d.kept(nil), want...)
}

func takes(d *desk) {
	for n, test := range TakeCases() {
		name := fmt.Sprintf("kept %q, held by %q", test.Kept, test.Holder)
		mover, wanted := caseOf(time.Now(), subscribers.Confirmed), caseOf(time.Now(), subscribers.Confirmed)
		mover.Address, mover.PublicID = d.address(fmt.Sprintf("mover-%d@example.com", n)), fmt.Sprint("mover-", n)
		wanted.Address, wanted.PublicID = d.address(fmt.Sprintf("wanted-%d@example.com", n)), ""
		if test.Kept != "" {
			wanted.Status = test.Kept
			d.store(wanted)
		}
		if test.Holder != "" {
			wanted.Status, wanted.PublicID = test.Holder, fmt.Sprint("wanted-", n)
			d.store(wanted)
		}
		d.store(mover)
		_, err := d.Store.Edit(d.Context(), mover.Address.Key(), func(s *subscribers.Subscriber) (subscribers.Change, error) {
			s.Address = wanted.Address
			return subscribers.Change{}, nil
		})
		d.want(err, test.Err, name)
		has, err := d.Store.ByKey(d.Context(), wanted.Address.Key())
		switch {
		case test.Err == nil && (err != nil || has.PublicID != mover.PublicID):
			d.Errorf("%s: %q has it, %v", name, has.PublicID, err)
		case test.Err != nil && strings.HasPrefix(has.PublicID, "mover"):
			d.Errorf("%s: they have it", name)
		}
	}
}
