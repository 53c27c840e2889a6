package database_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/scaledbydesign/insights/cmd/insights/internal/database"
	"github.com/scaledbydesign/insights/cmd/insights/internal/database/databasetest"
	"github.com/scaledbydesign/insights/newsletter"
	"github.com/scaledbydesign/insights/subscribers"
)

// former is a database as it was when é in two ways was two mailboxes.
type former struct {
	*testing.T
	db *database.DB
	r  *subscribers.Registry
}

func formerDatabase(t *testing.T, url string) former {
	keys, err := subscribers.NewKeyring(strings.Repeat("k", subscribers.MinSecret))
	if err != nil {
		t.Fatal(err)
	}
	db := openURL(t, url)
	exec(t, db, "INSERT INTO settings (name, value) VALUES ('mailboxes', 'to be merged')")
	exec(t, db, "INSERT INTO insights (id, category, email, seq, first_seen_at) VALUES ('a', 'engineering', 1, 1, 1), ('b', 'leadership', 1, 2, 1)")
	return former{t, db, &subscribers.Registry{Store: db, Keys: keys, Categories: []string{"engineering", "leadership"}}}
}

// reader stores a subscriber under the key that their spelling had.
func (f former) reader(email, key string, status subscribers.Status, category, position string) subscribers.Subscriber {
	f.Helper()
	a, err := subscribers.ParseAddress("stand-in@example.com")
	if err != nil {
		f.Fatal(err)
	}
	signUp := subscribers.SignUp{Address: a, Preferences: subscribers.Preferences{Cadence: subscribers.Weekly, Categories: []string{category}}, Source: "staff"}
	if _, _, err := f.r.Add(f.Context(), signUp, true, "a test"); err != nil {
		f.Fatal(err)
	}
	exec(f.T, f.db, "INSERT INTO positions (vector) VALUES ('"+position+"') ON CONFLICT (vector) DO NOTHING")
	exec(f.T, f.db, "UPDATE subscribers SET email = '"+email+"', email_key = '"+key+"', status = '"+string(status)+"', position_id = (SELECT id FROM positions WHERE vector = '"+position+"') WHERE email = 'stand-in@example.com'")
	s, err := f.db.ByKey(f.Context(), key)
	if err != nil {
		f.Fatal(err)
	}
	return s
}

func (f former) suppressed(key, cause string) {
	hash, err := f.db.HashOf(f.Context(), key)
	if err != nil {
		f.Fatal(err)
	}
	exec(f.T, f.db, "INSERT INTO suppressions (hash, status, cause, reason, at, unsubscribed_at) VALUES ('"+hash+"', 'suppressed', '"+cause+"', 'never write again', 1000, 0)")
}

func (f former) migrate() {
	f.Helper()
	if err := f.db.Check(f.Context()); !errors.Is(err, database.ErrOld) {
		f.Fatalf("before the merge the database can be used: %v", err)
	}
	if _, err := f.db.Migrate(f.Context()); err != nil {
		f.Fatal(err)
	}
	if err := f.db.Check(f.Context()); err != nil {
		f.Fatal(err)
	}
}

const composed, apart = "jos\u00e9@example.com", "jose\u0301@example.com"

func TestSubscribersWithOneMailboxAreMerged(t *testing.T) {
	databasetest.OnEach(t, func(t *testing.T, url string) {
		f := formerDatabase(t, url)
		one := f.reader(composed, composed, subscribers.Confirmed, "engineering", "engineering=4!2 leadership=1")
		two := f.reader("JOSE\u0301@example.com", apart, subscribers.Confirmed, "leadership", "engineering=3!1 leadership=3")
		other := f.reader("ada@example.com", "ada@example.com", subscribers.Confirmed, "leadership", "leadership=3")
		for id := int64(1); id <= 2; id++ {
			(state{T: t, db: f.db}).digest(id, newsletter.DigestDone, nil)
		}
		for _, d := range []struct{ digest, reader int64 }{{1, one.ID}, {1, two.ID}, {2, two.ID}} {
			exec(t, f.db, `INSERT INTO deliveries (digest_id, subscriber_id, variant, categories, base_id, target_id, state, next_at, open, email, message_id, updated_at)
				VALUES (?1, ?2, 1, 1, 1, 1, 'sent', -1, 0, 'an address', 'an id', 1)`, d.digest, d.reader)
		}
		f.migrate()

		s, err := f.db.ByKey(t.Context(), composed)
		if err != nil {
			t.Fatal(err)
		}
		if s.Status != subscribers.Confirmed || !slices.Equal(s.Categories, []string{"engineering", "leadership"}) {
			t.Errorf("%+v", s)
		}
		p, err := f.db.PositionOf(t.Context(), s.ID)
		if err != nil || p.String() != "engineering=4 leadership=3" {
			t.Errorf("position %s, %v", p, err)
		}
		if _, err := f.db.ByKey(t.Context(), apart); !errors.Is(err, subscribers.ErrNotFound) {
			t.Errorf("the other is there still: %v", err)
		}
		if found := texts(t, f.db, "SELECT email FROM subscribers ORDER BY id"); len(found) != 2 {
			t.Errorf("subscribers %q", found)
		}
		var merged, added int
		for e, err := range f.db.History(t.Context(), s.ID) {
			switch {
			case err != nil:
				t.Fatal(err)
			case e.What == "merged":
				merged++
			case e.What == "added":
				added++
			}
		}
		if merged != 1 || added != 2 {
			t.Errorf("the history has %d mergers and %d additions", merged, added)
		}
		if kept := texts(t, f.db, fmt.Sprintf("SELECT digest_id || ' ' || email FROM deliveries WHERE subscriber_id = %d ORDER BY digest_id", s.ID)); !slices.Equal(kept, []string{"1 an address", "2 an address"}) {
			t.Errorf("deliveries %q", kept)
		}
		if all := texts(t, f.db, "SELECT email FROM deliveries ORDER BY email"); !slices.Equal(all, []string{"", "an address", "an address"}) {
			t.Errorf("deliveries %q: the second of a digest is nobody's, and counted", all)
		}
		if a, err := f.db.ByKey(t.Context(), other.Address.Key()); err != nil || a.ID != other.ID {
			t.Errorf("a reader apart: %+v, %v", a, err)
		}
		f.r.UndatedUntil = time.Now().Add(time.Hour)
		// The links in the emails of both work, and end the emails to the one mailbox.
		for _, was := range []subscribers.Subscriber{one, two} {
			if _, err := f.r.Lookup(t.Context(), subscribers.UnsubscribeToken, f.r.Token(subscribers.UnsubscribeToken, was)); err != nil {
				t.Errorf("an unsubscribe link of %s: %v", was.Address, err)
			}
			old := f.r.Keys.Make(subscribers.PreferencesToken, was.PublicID, map[int64]string{one.ID: composed, two.ID: apart}[was.ID])
			if _, err := f.r.Lookup(t.Context(), subscribers.PreferencesToken, old); err != nil {
				t.Errorf("a preferences link of %s: %v", was.Address, err)
			}
		}
		if _, err := f.r.Unsubscribe(t.Context(), f.r.Token(subscribers.UnsubscribeToken, one), "link"); err != nil {
			t.Fatal(err)
		}
		if s, err := f.db.ByPublicID(t.Context(), two.PublicID); err != nil || s.Status != subscribers.Unsubscribed {
			t.Errorf("%+v, %v", s, err)
		}
	})
}

func TestAMergeIsAsStrictAsTheStricter(t *testing.T) {
	for name, test := range map[string]struct {
		prepare func(f former)
		want    subscribers.Status
	}{
		"one unsubscribed": {func(f former) {
			f.reader(composed, composed, subscribers.Confirmed, "engineering", "engineering=1")
			f.reader(apart, apart, subscribers.Unsubscribed, "engineering", "engineering=1")
		}, subscribers.Unsubscribed},
		"one spelling suppressed, the other a reader": {func(f former) {
			f.suppressed(composed, "staff")
			f.reader(apart, apart, subscribers.Confirmed, "engineering", "engineering=1")
		}, subscribers.Suppressed},
		"the other way round": {func(f former) {
			f.suppressed(apart, "complaint")
			f.reader(composed, composed, subscribers.Confirmed, "engineering", "engineering=1")
		}, subscribers.Suppressed},
		"nothing but another form": {func(f former) {
			f.reader(apart, apart, subscribers.Confirmed, "engineering", "engineering=1")
		}, subscribers.Confirmed},
	} {
		t.Run(name, func(t *testing.T) {
			databasetest.OnEach(t, func(t *testing.T, url string) {
				f := formerDatabase(t, url)
				test.prepare(f)
				f.migrate()
				s, err := f.db.ByKey(t.Context(), composed)
				if err != nil || s.Status != test.want {
					t.Errorf("%+v, %v", s, err)
				}
			})
		})
	}
}

// A suppression made under a form of the key that is none any more is found, lifted and
// exported.
func TestSuppressionsOfFormerKeysHold(t *testing.T) {
	databasetest.OnEach(t, func(t *testing.T, url string) {
		f := formerDatabase(t, url)
		f.suppressed(apart, "staff")
		f.suppressed(composed, "bounce")
		f.migrate()
		a, err := subscribers.ParseAddress(composed)
		if err != nil {
			t.Fatal(err)
		}
		kept, err := f.r.Kept(t.Context(), a)
		if err != nil || kept.Status != subscribers.Suppressed || kept.Cause != subscribers.BlockedHere {
			t.Errorf("kept %+v, %v: the graver cause stands", kept, err)
		}
		row := subscribers.Imported{Address: a, Status: subscribers.Confirmed, Preferences: subscribers.Preferences{Cadence: subscribers.Weekly, Categories: []string{"engineering"}}}
		if outcomes, err := f.r.Import(t.Context(), []subscribers.Imported{row}, false); err != nil || outcomes[0] != subscribers.Kept {
			t.Errorf("imported: %v, %v", outcomes, err)
		}
		if _, err := f.r.Lift(t.Context(), a, "staff"); err != nil {
			t.Fatal(err)
		}
		for s, err := range f.db.Suppressions(t.Context()) {
			t.Errorf("after it was lifted: %+v, %v", s, err)
		}
	})
}

func TestAMergeThatIsInterruptedGoesOn(t *testing.T) {
	f := formerDatabase(t, databasetest.SQLite(t))
	for _, name := range []string{"a", "b", "c", "d"} {
		f.reader(name+"\u00e9@example.com", name+"\u00e9@example.com", subscribers.Confirmed, "engineering", "engineering=1")
		f.reader(name+"e\u0301@example.com", name+"e\u0301@example.com", subscribers.Confirmed, "engineering", "engineering=1")
	}
	exec(t, f.db, "CREATE TRIGGER stop BEFORE DELETE ON subscribers WHEN OLD.email LIKE 'c%' BEGIN SELECT RAISE(ABORT, 'the power is off'); END")
	if _, err := f.db.Migrate(context.Background()); err == nil || !strings.Contains(err.Error(), "insights db migrate") {
		t.Fatalf("%v", err)
	}
	if found := texts(t, f.db, "SELECT email FROM subscribers"); len(found) < 5 || len(found) > 8 {
		t.Errorf("half of a merge was stored: %q", found)
	}
	exec(t, f.db, "DROP TRIGGER stop")
	f.migrate()
	if found := texts(t, f.db, "SELECT email FROM subscribers"); len(found) != 4 {
		t.Errorf("%q", found)
	}
}

// Somebody who writes to postmaster and is erased later leaves nothing behind.
func TestErasingReachesMessagesToStaff(t *testing.T) {
	databasetest.OnEach(t, func(t *testing.T, url string) {
		f := formerDatabase(t, url)
		f.migrate()
		for i, from := range []string{"JOSE\u0301@example.com", "eve@example.com"} {
			exec(t, f.db, "INSERT INTO bounces (at, kind, class, code, status, text, hash) VALUES (1, 'other', '', 0, '', ?1, ?2)", "to abuse, from "+from+": Stop: please", fmt.Sprint(i))
		}
		if err := f.db.Forget(t.Context(), composed, time.Now()); !errors.Is(err, subscribers.ErrNotFound) {
			t.Fatal(err)
		}
		if left := texts(t, f.db, "SELECT text FROM bounces"); len(left) != 1 || !strings.Contains(left[0], "eve@") {
			t.Errorf("left: %q", left)
		}
	})
}
