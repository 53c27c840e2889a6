package database_test

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/scaledbydesign/insights/cmd/insights/internal/database"
	"github.com/scaledbydesign/insights/newsletter"
	"github.com/scaledbydesign/insights/newsletter/newslettertest"
	"github.com/scaledbydesign/insights/subscribers"
)

// state puts a database into a state that is hard to reach by calls.
type state struct {
	*testing.T
	db *database.DB
	at int64 // now
}

func newState(t *testing.T, db *database.DB) state {
	s := state{t, db, time.Now().UnixMilli()}
	for bit, slug := range []string{"a", "b", "c"} {
		exec(t, db, "INSERT INTO categories (bit, slug) VALUES (?1, ?2)", bit, slug)
	}
	exec(t, db, "INSERT INTO workers (id, beat_at) VALUES ('w', ?1), ('other', ?1)", s.at)
	return s
}

func (s state) scan(into []any, query string, args ...any) {
	s.Helper()
	if err := s.db.Writer().QueryRow(query, args...).Scan(into...); err != nil {
		s.Fatal(err)
	}
}

func (s state) position(p newsletter.Position) (id int64) {
	s.Helper()
	exec(s.T, s.db, "INSERT INTO positions (vector) VALUES (?1) ON CONFLICT (vector) DO NOTHING", p.String())
	s.scan([]any{&id}, "SELECT id FROM positions WHERE vector = ?1", p.String())
	return id
}

func (s state) mask(categories []string) (mask int64) {
	for _, slug := range categories {
		mask |= 1 << (slug[0] - 'a')
	}
	return mask
}

func (s state) reader(id int64, r newsletter.Reader) {
	s.Helper()
	moving := ""
	if r.Moving {
		moving = "elsewhere@example.com"
	}
	exec(s.T, s.db, `INSERT INTO subscribers (id, public_id, email, email_key, status, cadence, categories, position_id, paused_until, new_email, created_at)
		VALUES (?1, ?2, ?2, ?2, ?3, 'weekly', ?4, ?5, ?6, ?7, 1)`,
		id, fmt.Sprintf("r%d@example.com", id), string(r.Status), s.mask(r.Categories), s.position(r.Position), millis(r.PausedUntil), moving)
}

func (s state) digest(id int64, state newsletter.DigestState, items []newsletter.Item) {
	s.Helper()
	text, err := json.Marshal(items)
	if err != nil {
		s.Fatal(err)
	}
	var v newsletter.Variant
	for _, item := range items {
		v.Seqs = append(v.Seqs, item.Seq)
	}
	seqs, err := json.Marshal(v.Seqs)
	if err != nil {
		s.Fatal(err)
	}
	exec(s.T, s.db, `INSERT INTO digests (id, uid, state, cadence, category, only_id, schedule, slot, subject, intro, cutoff, max_items, hash, items, created_at)
		VALUES (?1, ?2, ?3, '', '', 0, '', '', '', '', 9, 0, '', ?4, 1)`, id, fmt.Sprint("u", id), string(state), string(text))
	exec(s.T, s.db, "INSERT INTO variants (digest_id, number, seqs, readers) VALUES (?1, 1, ?2, 1)", id, string(seqs))
}

func (s state) delivery(ref newsletter.Ref, owner string, state newsletter.DeliveryState, unanswered bool, categories []string, base, target newsletter.Position) {
	s.Helper()
	next, uncertain := int64(-1), int64(0)
	if state == newsletter.Pending || state == newsletter.Deferred {
		next = s.at
	}
	if state != newsletter.Claimed && state != newsletter.Sending {
		owner = ""
	}
	if unanswered {
		uncertain = s.at - 1000
	}
	exec(s.T, s.db, `INSERT INTO deliveries (digest_id, subscriber_id, variant, categories, base_id, target_id, state, next_at, owner, open, reason, uncertain_at, updated_at)
		VALUES (?1, ?2, 1, ?3, ?4, ?5, ?6, ?7, ?8, ?9, 'before', ?10, 1)`,
		ref.Digest, ref.Subscriber, s.mask(categories), s.position(base), s.position(target), string(state), next, owner, oneIf(state.Open()), uncertain)
}

// withdrawn withdraws insights of a digest, and no others.
func (s state) withdrawn(digest int64, f newsletter.Facts) {
	s.Helper()
	exec(s.T, s.db, "DELETE FROM insights")
	var gone []int64
	for seq, w := range f.Withdrawn {
		exec(s.T, s.db, `INSERT INTO insights (id, category, slug, email, seq, first_seen_at, withdrawn_at, withdrawn_how) VALUES (?1, 'a', '', 1, ?2, 1, ?3, ?4)`,
			fmt.Sprint(seq), seq, millis(w.Since), int(w.How))
		gone = append(gone, seq)
	}
	if len(gone) > 0 {
		text, _ := json.Marshal(gone)
		exec(s.T, s.db, "UPDATE digests SET withdrawn = ?2 WHERE id = ?1", digest, string(text))
	}
	if !f.Looked.IsZero() {
		exec(s.T, s.db, "UPDATE digests SET manual = 1, approved_at = ?2 WHERE id = ?1", digest, millis(f.Looked))
	}
}

// refused says that an email to a reader was refused, which is to be judged, or was.
func (s state) refused(subscriber int64, judged bool) {
	s.Helper()
	exec(s.T, s.db, `INSERT INTO refusals (digest_id, message_id, subscriber_id, domain, words, said, proven, sent_at, at, due_at, judged_at)
		VALUES (?1, 0, ?1, '', '', '', 0, 1, 1, ?2, ?3)`, subscriber, s.at+1, oneIf(judged))
}

func (s state) hold(held bool) {
	value := ""
	if held {
		value = "held"
	}
	exec(s.T, s.db, "INSERT INTO settings (name, value) VALUES ('held', ?1) ON CONFLICT (name) DO UPDATE SET value = excluded.value", value)
}

func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

func oneIf(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// frozen runs a suite on both engines while time stands still.
func frozen(t *testing.T, suite func(t *testing.T, s state)) {
	for name, url := range engines {
		t.Run(name, func(t *testing.T) {
			address := url(t)
			synctest.Test(t, func(t *testing.T) { suite(t, newState(t, openURL(t, address))) })
		})
	}
}

// TestDecisions puts the database into the state of each row of the table of
// newsletter.Decide, and compares what Record does with what the function says.
func TestDecisions(t *testing.T) {
	frozen(t, func(t *testing.T, s state) {
		for i, row := range newslettertest.DecisionRows(time.Now()) {
			ref := newsletter.Ref{Digest: int64(i)*10 + 5, Subscriber: int64(i) + 1}
			f := row.Facts
			s.digest(ref.Digest, f.Digest, f.Items)
			s.withdrawn(ref.Digest, f)
			s.refused(ref.Subscriber, !f.UnderJudgement)
			if f.Reader.Status != "" {
				s.reader(ref.Subscriber, f.Reader)
			}
			s.delivery(ref, "w", newsletter.Claimed, false, f.Categories, f.Base, f.Target)
			for n, o := range f.Others {
				other := newsletter.Ref{Digest: ref.Digest + 1 + int64(n), Subscriber: ref.Subscriber}
				if o.Earlier {
					other.Digest = ref.Digest - 1 - int64(n)
				}
				s.digest(other.Digest, newsletter.DigestSending, nil)
				s.delivery(other, "other", o.State, o.Unanswered, f.Categories, o.Base, o.Target)
			}
			s.hold(f.Held)
			actions, err := s.db.Record(t.Context(), "w", []newsletter.Entry{{Begin: &newsletter.Begin{Ref: ref, To: "to@example.com", MessageID: "m@example.com"}}})
			if err != nil {
				t.Fatal(err)
			}
			if actions[0] != row.Want.Action {
				t.Errorf("%s: action %d, want %d", row.Name, actions[0], row.Want.Action)
			}
			s.wantDelivery(row, ref)
		}
	})
}

// stored is a delivery as it is in the database.
type stored struct {
	State     newsletter.DeliveryState
	Reason    newsletter.Reason
	Next      int64
	Open      bool
	Attempts  int
	To        string
	Base      string
	Target    string
	Mask      int64
	Seqs      string
	Remaining int // readers of the variant that was planned
}

func (s state) wantDelivery(row newslettertest.DecisionRow, ref newsletter.Ref) {
	s.Helper()
	f := row.Facts
	var numbers []int64
	for _, item := range f.Items {
		numbers = append(numbers, item.Seq)
	}
	seqs, _ := json.Marshal(numbers)
	want := stored{State: newsletter.Pending, Next: s.at, Open: true, Base: f.Base.String(), Target: f.Target.String(), Mask: s.mask(f.Categories), Seqs: string(seqs), Remaining: 1}
	switch row.Want.Action {
	case newsletter.ActionSend:
		want.State, want.Reason, want.Next, want.Attempts, want.To = newsletter.Sending, "before", -1, 1, "to@example.com"
		if row.Want.Target != nil {
			want.Base, want.Target, want.Mask = f.Reader.Position.String(), row.Want.Target.String(), s.mask(f.Reader.Categories)
		}
	case newsletter.ActionReplan:
		left, _ := json.Marshal(row.Want.Seqs)
		want.Reason, want.Next, want.Seqs, want.Remaining = "before", 0, string(left), 0
		if row.Want.Target != nil {
			want.Target = row.Want.Target.String()
		}
	case newsletter.ActionWait:
		want.Reason, want.Next = row.Want.Reason, row.Want.At.UnixMilli()
	case newsletter.ActionSkip:
		want.State, want.Reason, want.Next, want.Open = newsletter.Skipped, row.Want.Reason, -1, false
	}
	var got stored
	s.scan([]any{&got.State, &got.Reason, &got.Next, &got.Open, &got.Attempts, &got.To, &got.Base, &got.Target, &got.Mask, &got.Seqs, &got.Remaining},
		`SELECT o.state, o.reason, o.next_at, o.open = 1, o.attempts, o.email, b.vector, t.vector, o.categories, v.seqs, planned.readers
		FROM deliveries o JOIN positions b ON b.id = o.base_id JOIN positions t ON t.id = o.target_id JOIN variants v ON v.digest_id = o.digest_id AND v.number = o.variant
		JOIN variants planned ON planned.digest_id = o.digest_id AND planned.number = 1
		WHERE o.digest_id = ?1 AND o.subscriber_id = ?2`, ref.Digest, ref.Subscriber)
	if got != want {
		s.Errorf("%s:\n got %+v\nwant %+v", row.Name, got, want)
	}
}

// TestDecisionsTogether records all rows that are not held in one transaction.
func TestDecisionsTogether(t *testing.T) {
	frozen(t, func(t *testing.T, s state) {
		var entries []newsletter.Entry
		rows := slices.DeleteFunc(newslettertest.DecisionRows(time.Now()), func(row newslettertest.DecisionRow) bool {
			return row.Facts.Held || row.Facts.UnderJudgement || len(row.Facts.Others)+len(row.Facts.Withdrawn) > 0
		})
		for i, row := range rows {
			ref := newsletter.Ref{Digest: int64(i) + 1, Subscriber: int64(i) + 1}
			s.digest(ref.Digest, row.Facts.Digest, row.Facts.Items)
			if row.Facts.Reader.Status != "" {
				s.reader(ref.Subscriber, row.Facts.Reader)
			}
			s.delivery(ref, "w", newsletter.Claimed, false, row.Facts.Categories, row.Facts.Base, row.Facts.Target)
			entries = append(entries, newsletter.Entry{Begin: &newsletter.Begin{Ref: ref, To: "to@example.com", MessageID: "m@example.com"}})
		}
		actions, err := s.db.Record(t.Context(), "w", entries)
		if err != nil {
			t.Fatal(err)
		}
		for i, row := range rows {
			if actions[i] != row.Want.Action {
				t.Errorf("%s: action %d, want %d", row.Name, actions[i], row.Want.Action)
			}
			s.wantDelivery(row, entries[i].Begin.Ref)
		}
	})
}

// TestMessageDecisions does for single emails what TestDecisions does for deliveries.
func TestMessageDecisions(t *testing.T) {
	frozen(t, func(t *testing.T, s state) {
		for i, row := range newslettertest.MessageRows() {
			id := int64(i) + 1
			reader := sql.NullInt64{Int64: id, Valid: row.Facts.Reader.Status != ""}
			if reader.Valid {
				s.reader(id, row.Facts.Reader)
			}
			exec(t, s.db, `INSERT INTO messages (id, kind, subscriber_id, email, state, owner, reason, created_at, updated_at, ended) VALUES (?1, ?2, ?3, 'to@example.com', 'claimed', 'w', 'before', 1, 1, ?4)`,
				id, string(row.Facts.Kind), reader, map[bool]int{true: 1}[row.Facts.Ended])
			if row.Facts.Reader.Status == subscribers.Suppressed && !row.Facts.Reader.MayGetLink {
				exec(t, s.db, "UPDATE subscribers SET cause = 'bounce' WHERE id = ?1", id)
			}
			s.hold(row.Facts.Held)
			actions, err := s.db.Record(t.Context(), "w", []newsletter.Entry{{Begin: &newsletter.Begin{Ref: newsletter.Ref{Message: id, Subscriber: reader.Int64}, MessageID: "m@example.com"}}})
			if err != nil {
				t.Fatal(err)
			}
			want, reason := map[newsletter.Action]newsletter.DeliveryState{
				newsletter.ActionSend: newsletter.Sending, newsletter.ActionGiveBack: newsletter.Pending, newsletter.ActionSkip: newsletter.Skipped,
			}[row.Want.Action], row.Want.Reason
			if reason == "" {
				reason = "before"
			}
			var got newsletter.DeliveryState
			var why newsletter.Reason
			s.scan([]any{&got, &why}, "SELECT state, reason FROM messages WHERE id = ?1", id)
			if actions[0] != row.Want.Action || got != want || why != reason {
				t.Errorf("%s: action %d, %s (%s); want %d, %s (%s)", row.Name, actions[0], got, why, row.Want.Action, want, reason)
			}
		}
	})
}
