package database_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/scaledbydesign/insights/newsletter"
	"github.com/scaledbydesign/insights/newsletter/newslettertest"
)

// These tests create every row of the tables of newsletter's rules that a statement
// applies, and compare what the statement does.

func TestSteeringStored(t *testing.T) {
	frozen(t, func(t *testing.T, s state) {
		for i, row := range newslettertest.SteerRows() {
			id := int64(i) + 1
			s.digest(id, row.From, nil)
			var changed bool
			var err error
			switch row.Name {
			case "approve":
				changed, err = s.db.Approve(t.Context(), id)
			case "pause":
				changed, err = s.db.Pause(t.Context(), id, "because")
			case "resume":
				changed, _, err = s.db.Resume(t.Context(), id, false)
			case "cancel":
				changed, err = s.db.Cancel(t.Context(), id)
			case "retry":
				s.delivery(newsletter.Ref{Digest: id, Subscriber: 1}, "", newsletter.Failed, false, nil, nil, nil)
				var n int
				n, err = s.db.Retry(t.Context(), id, true, false)
				if changed = row.Changed; (n == 1) != (row.To != "") {
					t.Errorf("retry a %s digest: %d deliveries", row.From, n)
				}
			}
			want := row.To
			if want == "" {
				want = row.From
			}
			var got newsletter.DigestState
			s.scan([]any{&got}, "SELECT state FROM digests WHERE id = ?1", id)
			if got != want || changed != row.Changed || errors.Is(err, newsletter.ErrState) != (row.To == "") {
				t.Errorf("%s a %s digest: %s, %v, %v; want %s, %v", row.Name, row.From, got, changed, err, want, row.Changed)
			}
		}
	})
}

// TestDeliveriesOfSteeredDigests looks at each state of a delivery when its digest is
// cancelled, fails, or is retried.
func TestDeliveriesOfSteeredDigests(t *testing.T) {
	frozen(t, func(t *testing.T, s state) {
		id := int64(0)
		try := func(name string, act func() error, want func(newsletter.DeliveryState) (newsletter.DeliveryState, newsletter.Reason)) {
			for i, state := range newsletter.DeliveryStates {
				s.delivery(newsletter.Ref{Digest: id, Subscriber: int64(i) + 1}, "w", state, false, nil, nil, nil)
			}
			if err := act(); err != nil {
				t.Fatal(err)
			}
			for i, before := range newsletter.DeliveryStates {
				var got newsletter.DeliveryState
				var reason newsletter.Reason
				s.scan([]any{&got, &reason}, "SELECT state, reason FROM deliveries WHERE digest_id = ?1 AND subscriber_id = ?2", id, i+1)
				if state, why := want(before); got != state || reason != why {
					t.Errorf("%s, a %s delivery: %s (%s), want %s (%s)", name, before, got, reason, state, why)
				}
			}
		}
		skipped := func(reason newsletter.Reason) func(newsletter.DeliveryState) (newsletter.DeliveryState, newsletter.Reason) {
			return func(s newsletter.DeliveryState) (newsletter.DeliveryState, newsletter.Reason) {
				if s.SkippedByStop() {
					return newsletter.Skipped, reason
				}
				return s, "before"
			}
		}
		next := func() int64 {
			id++
			s.digest(id, newsletter.DigestSending, nil)
			return id
		}
		next()
		try("cancelled", func() error { _, err := s.db.Cancel(t.Context(), id); return err }, skipped(newsletter.ReasonCancelled))
		next()
		try("failed", func() error { return s.db.FailDigest(t.Context(), id, "template") }, skipped(newsletter.ReasonDigestFailed))
		for _, failed := range []bool{false, true} {
			for _, uncertain := range []bool{false, true} {
				next()
				try(fmt.Sprintf("retried %v %v", failed, uncertain), func() error { _, err := s.db.Retry(t.Context(), id, failed, uncertain); return err },
					func(s newsletter.DeliveryState) (newsletter.DeliveryState, newsletter.Reason) {
						if s.RetriedBy(failed, uncertain) {
							return newsletter.Pending, "before"
						}
						return s, "before"
					})
			}
		}
	})
}

func TestAudienceStored(t *testing.T) {
	frozen(t, func(t *testing.T, s state) {
		for _, row := range newslettertest.AudienceRows(time.Now()) {
			exec(t, s.db, "DELETE FROM subscribers")
			exec(t, s.db, `INSERT INTO subscribers (id, public_id, email, email_key, status, cadence, categories, paused_until, created_at) VALUES (?1, 'p', 'r@example.com', 'r@example.com', ?2, ?3, 1, ?4, 1)`,
				row.Reader.ID, string(row.Reader.Status), string(row.Reader.Cadence), millis(row.Reader.PausedUntil))
			groups, err := s.db.Groups(t.Context(), row.Audience)
			if err != nil {
				t.Fatal(err)
			}
			if got := len(groups) == 1; got != row.Included {
				t.Errorf("%s: %v, want %v", row.Name, got, row.Included)
			}
		}
	})
}

func TestOnTheWayStored(t *testing.T) {
	frozen(t, func(t *testing.T, s state) {
		s.reader(1, newsletter.Reader{Status: "confirmed", Categories: []string{"a"}})
		for i, row := range newslettertest.OnTheWayRows() {
			id := int64(i) + 1
			s.digest(id, row.Digest, nil)
			s.delivery(newsletter.Ref{Digest: id, Subscriber: 1}, "w", row.Delivery, false, []string{"a"}, nil, nil)
			busy := false
			for _, err := range s.db.BusyReaders(t.Context(), newsletter.Audience{}) {
				if err != nil {
					t.Fatal(err)
				}
				busy = true
			}
			if busy != row.Is {
				t.Errorf("a %s delivery of a %s digest: %v", row.Delivery, row.Digest, busy)
			}
			exec(t, s.db, "DELETE FROM deliveries")
		}
	})
}

// TestRecoveryStored attaches a worker that finds what a dead one left.
func TestRecoveryStored(t *testing.T) {
	frozen(t, func(t *testing.T, s state) {
		rows := newslettertest.RecoverRows(time.Now())
		for i, row := range rows {
			id := int64(i) + 1
			s.reader(id, newsletter.Reader{Status: "confirmed", Categories: []string{"a"}, Position: newsletter.Position{"a": {To: 1}}})
			if row.Digest == "" {
				exec(t, s.db, `INSERT INTO messages (id, kind, subscriber_id, email, state, owner, created_at, updated_at) VALUES (?1, 'confirm', ?1, 'to@example.com', ?2, 'dead', 1, 1)`, id, string(row.Left))
			} else {
				s.digest(id, row.Digest, nil)
				s.delivery(newsletter.Ref{Digest: id, Subscriber: id}, "dead", row.Left, false, []string{"a"}, newsletter.Position{"a": {To: 1}}, newsletter.Position{"a": {To: 2}})
			}
		}
		for _, policy := range []newsletter.OnUncertain{newsletter.Resend, newsletter.Hold, newsletter.Skip} {
			for i, row := range rows { // those of other policies wait for their turn
				owner := "dead"
				if row.Policy != policy {
					owner = "w"
				}
				for _, table := range []string{"deliveries SET owner = ?1 WHERE digest_id = ?2 AND owner = 'dead'", "messages SET owner = ?1 WHERE id = ?2 AND owner = 'dead'"} {
					if row.Policy == policy {
						table = map[bool]string{true: "deliveries SET owner = ?1 WHERE digest_id = ?2 AND owner = 'w'", false: "messages SET owner = ?1 WHERE id = ?2 AND owner = 'w'"}[table[0] == 'd']
					}
					exec(t, s.db, "UPDATE "+table, owner, int64(i)+1)
				}
			}
			if _, err := s.db.Attach(t.Context(), "w", time.Minute, policy); err != nil {
				t.Fatal(err)
			}
			for i, row := range rows {
				if row.Policy == policy {
					s.wantRecovered(int64(i)+1, row)
				}
			}
		}
	})
}

func (s state) wantRecovered(id int64, row newslettertest.RecoverRow) {
	s.Helper()
	var got newsletter.Result
	var uncertain, next int64
	query := "SELECT state, reason, uncertain_at, next_at FROM deliveries WHERE digest_id = ?1"
	if row.Digest == "" {
		query = "SELECT state, reason, uncertain_at, next_at FROM messages WHERE id = ?1"
	}
	s.scan([]any{&got.State, &got.Reason, &uncertain, &next}, query, id)
	var position string
	s.scan([]any{&position}, "SELECT p.vector FROM subscribers s JOIN positions p ON p.id = s.position_id WHERE s.id = ?1", id)
	want := row.Want
	if want.Reason == "" && row.Digest != "" {
		want.Reason = "before"
	}
	if want.State == newsletter.Deferred && next != s.at {
		s.Errorf("%s, left %s, digest %q: next at %d", row.Policy, row.Left, row.Digest, next)
	}
	received := position == "a=2"
	if got.State != want.State || got.Reason != want.Reason || (uncertain > 0) != want.Uncertain || row.Digest != "" && received != want.Received {
		s.Errorf("%s, left %s, digest %q: %s (%s), uncertain %v, received %v; want %+v", row.Policy, row.Left, row.Digest, got.State, got.Reason, uncertain > 0, received, want)
	}
}
