package database_test

import (
	"errors"
	"iter"
	"slices"
	"testing"
	"time"

	"github.com/scaledbydesign/insights/cmd/insights/internal/database/databasetest"
	"github.com/scaledbydesign/insights/newsletter"
	"github.com/scaledbydesign/insights/newsletter/bounce"
	"github.com/scaledbydesign/insights/subscribers"
)

func TestReadersSeeTheirOwnEmailsOnly(t *testing.T) {
	databasetest.OnEach(t, func(t *testing.T, url string) {
		db := openURL(t, url)
		lib := fill(t, db, 3)
		d := plan(t, db, lib)
		var readers []subscribers.Subscriber
		for _, email := range []string{"reader1@example.com", "reader2@example.com"} {
			reader, err := db.Edit(t.Context(), email, func(s *subscribers.Subscriber) (subscribers.Change, error) {
				return subscribers.Change{Notice: subscribers.AlreadyNotice}, nil
			})
			if err != nil {
				t.Fatal(err)
			}
			readers = append(readers, reader)
		}
		own := readers[0]
		_, _, _, err := db.RecordBounce(t.Context(), newsletter.Bounce{
			At: time.Now(), Ref: newsletter.Ref{Digest: d.ID, Subscriber: own.ID}, Subscriber: own.ID, Kind: bounce.Failure, Class: bounce.Soft, Text: "full", Hash: "h",
		})
		if err != nil {
			t.Fatal(err)
		}
		emails, err := collected(db.MailsOf(t.Context(), own.ID))
		if err != nil || len(emails) != 2 {
			t.Fatalf("%+v, %v; want two emails", emails, err)
		}
		kinds := map[newsletter.MessageKind]bool{}
		for _, m := range emails {
			kinds[m.Kind] = true
			if m.Email != own.Address.String() || m.State != newsletter.Pending {
				t.Errorf("%+v", m)
			}
		}
		if !kinds[newsletter.DigestEmail] || !kinds[newsletter.AlreadyEmail] {
			t.Errorf("kinds %v", kinds)
		}
		if back, err := collected(db.BouncesOf(t.Context(), own.ID)); err != nil || len(back) != 1 || back[0].Text != "full" {
			t.Errorf("%+v, %v", back, err)
		}
		if back, err := collected(db.BouncesOf(t.Context(), readers[1].ID)); err != nil || len(back) != 0 {
			t.Errorf("another's: %+v, %v", back, err)
		}
	})
}

func TestFormerAddressesAreErasedToo(t *testing.T) {
	databasetest.OnEach(t, func(t *testing.T, url string) {
		db := openURL(t, url)
		lib := fill(t, db, 3)
		plan(t, db, lib)
		exec(t, db, "UPDATE deliveries SET email = 'Was@example.com', reason = '550 was@example.com is unknown' WHERE subscriber_id = 2")
		exec(t, db, "UPDATE deliveries SET email = 'was@example.org' WHERE subscriber_id = 3")
		exec(t, db, "INSERT INTO events (subscriber_id, at, what, source, client, version, detail) VALUES (2, 1, 'moved', 'link', '', '', ''), (3, 1, 'moved', 'link', '', '', '')")
		exec(t, db, "INSERT INTO messages (kind, subscriber_id, email, state, created_at, updated_at) VALUES ('moved', 2, 'ÄGIR@example.com', 'sent', 1, 1), ('moved', 3, 'ÆGIR@example.com', 'sent', 1, 1)")
		for _, key := range []string{"was@example.com", "ägir@example.com"} {
			if err := db.Forget(t.Context(), key, time.Now()); !errors.Is(err, subscribers.ErrNotFound) {
				t.Errorf("%s: %v; no reader has it", key, err)
			}
		}
		got := texts(t, db, "SELECT email || reason FROM deliveries WHERE subscriber_id IN (2, 3) UNION ALL SELECT email FROM messages ORDER BY 1")
		if want := []string{"(forgotten)", "was@example.org", "ÆGIR@example.com"}; !slices.Equal(got, want) {
			t.Errorf("kept: %q, want %q", got, want)
		}

		// A test email to a reader who is erased afterwards.
		exec(t, db, "INSERT INTO messages (kind, email, state, created_at, updated_at) VALUES ('test', 'READER1@example.com', 'sent', 1, 1)")
		if err := db.Forget(t.Context(), "reader1@example.com", time.Now()); err != nil {
			t.Error(err)
		}
		if got := texts(t, db, "SELECT email FROM messages WHERE kind = 'test'"); len(got) != 0 {
			t.Errorf("kept: %q", got)
		}
	})
}

func collected[T any](values iter.Seq2[T, error]) (all []T, err error) {
	for value, err := range values {
		if err != nil {
			return all, err
		}
		all = append(all, value)
	}
	return all, nil
}
