package database_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/scaledbydesign/insights/cmd/insights/internal/database"
	"github.com/scaledbydesign/insights/subscribers"
	"github.com/scaledbydesign/insights/subscribers/subscriberstest"
)

// One notice of a kind is queued, or one to each address, as subscribers says.
func TestQueuedNoticesAreReplaced(t *testing.T) {
	onEngines(t, func(t *testing.T, open func(t *testing.T) *database.DB) {
		db := open(t)
		addr := func(email string) subscribers.Address {
			a, err := subscribers.ParseAddress(email)
			if err != nil {
				t.Fatal(err)
			}
			return a
		}
		for n, test := range subscriberstest.NoticeCases() {
			for _, state := range []string{"pending", "deferred", "claimed", "sent"} {
				var sub subscribers.Subscriber
				queue := func(notice subscribers.Notice, to string) {
					var err error
					sub, err = db.Edit(t.Context(), fmt.Sprintf("%s%d@example.com", state, n), func(s *subscribers.Subscriber) (subscribers.Change, error) {
						s.PublicID, s.Status, s.Cadence, s.Categories = fmt.Sprint(state, n), subscribers.Pending, subscribers.Weekly, []string{"leadership"}
						s.Address = addr(fmt.Sprintf("%s%d@example.com", state, n))
						return subscribers.Change{Notice: notice, To: addr(to)}, nil
					})
					if err != nil {
						t.Fatal(err)
					}
				}
				queue(test.Waiting, test.WaitingTo)
				exec(t, db, fmt.Sprintf("UPDATE messages SET state = '%s' WHERE subscriber_id = %d", state, sub.ID))
				queue(test.Notice, test.To)
				want := []string{string(test.Waiting) + " " + test.WaitingTo, string(test.Notice) + " " + test.To}
				if test.Replaces && (state == "pending" || state == "deferred") {
					want = want[1:]
				}
				slices.Sort(want)
				if got := texts(t, db, fmt.Sprintf("SELECT kind || ' ' || email FROM messages WHERE subscriber_id = %d ORDER BY 1", sub.ID)); !slices.Equal(got, want) {
					t.Errorf("%+v, %s: got %q, want %q", test, state, got, want)
				}
			}
		}
	})
}

// A reader with a link presses its button again and again: nothing is written for what
// changes nothing, so that sending goes on.
func TestAnUnchangedSubscriberIsNotStored(t *testing.T) {
	db := open(t)
	edit(t, db, "ada@example.com")
	changes := func() (n int) {
		if err := db.Writer().QueryRow("SELECT total_changes()").Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	before := changes()
	for range 10 {
		if _, err := db.Edit(t.Context(), "ada@example.com", func(*subscribers.Subscriber) (subscribers.Change, error) { return subscribers.Change{}, nil }); err != nil {
			t.Fatal(err)
		}
	}
	if got := changes() - before; got > 0 {
		t.Errorf("%d rows were written", got)
	}
}
