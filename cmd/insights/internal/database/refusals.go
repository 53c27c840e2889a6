package database

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/scaledbydesign/insights/newsletter"
)

// underJudgement lists the readers who get no digest at ?1, because a refusal is to be
// judged.
const underJudgement = `SELECT r.subscriber_id FROM refusals r WHERE r.judged_at = 0 AND r.due_at > ?1`

// These look up a reader's deliveries digest by digest, by their key: SQLite would otherwise
// read all deliveries.
const (
	// provenQuery reports whether reader ?1 is proven for an email that was sent at ?2: they
	// confirmed by a click since ?3, or accepted an email since then and until ?4.
	provenQuery = `SELECT EXISTS (SELECT 1 FROM events WHERE subscriber_id = ?1 AND what = 'confirmed' AND source = 'link' AND at >= ?3 AND at <= ?2)
		OR EXISTS (SELECT 1 FROM digests g CROSS JOIN deliveries o
			WHERE g.active_at >= ?3 AND o.digest_id = g.id AND o.subscriber_id = ?1 AND o.state = 'sent' AND o.lost = 0 AND o.updated_at >= ?3 AND o.updated_at <= ?4)`
	// dueRefusals are the refusals to be judged by ?1, and whether they are superseded.
	dueRefusals = `SELECT ` + refusalColumns + `, EXISTS (SELECT 1 FROM events e WHERE e.subscriber_id = r.subscriber_id AND e.at >= r.at AND e.what IN (?2, ?3, ?4))
			OR EXISTS (SELECT 1 FROM digests g CROSS JOIN deliveries o
				WHERE g.active_at > r.at - ?5 AND o.digest_id = g.id AND o.subscriber_id = r.subscriber_id AND o.state = 'sent' AND o.lost = 0 AND o.updated_at > r.at)
		FROM refusals r LEFT JOIN subscribers s ON s.id = r.subscriber_id
		WHERE r.judged_at = 0 AND r.due_at <= ?1 ORDER BY r.sent_at, r.digest_id, r.message_id, r.subscriber_id`
	// doubtedQuery is when emails to reader ?1 were sent before ?5 whose refusal was in doubt,
	// or is not judged yet.
	doubtedQuery = `SELECT r.sent_at FROM refusals r WHERE r.subscriber_id = ?1 AND r.digest_id > 0 AND (r.verdict = 'in doubt' OR r.judged_at = 0) AND r.sent_at < ?5
		AND r.sent_at > coalesce((SELECT max(o.updated_at) FROM digests g CROSS JOIN deliveries o
			WHERE o.digest_id = g.id AND o.subscriber_id = ?1 AND o.state = 'sent' AND o.lost = 0 AND o.mark <> 'bounced'), 0)
		AND r.sent_at > coalesce((SELECT max(e.at) FROM events e WHERE e.subscriber_id = ?1 AND e.what IN (?2, ?3, ?4)), 0)
		ORDER BY r.sent_at`
)

// RecordRefusal implements newsletter.FeedbackStore.
func (db *DB) RecordRefusal(ctx context.Context, r newsletter.Refusal, j newsletter.Judgement) (recorded newsletter.Refusal, known bool, err error) {
	recorded = r
	err = db.write(ctx, func(tx *sql.Tx) error {
		sent := "SELECT CASE first_at WHEN 0 THEN updated_at ELSE first_at END FROM deliveries WHERE digest_id = ?1 AND subscriber_id = ?2"
		args := []any{r.Ref.Digest, r.Ref.Subscriber}
		if r.Ref.Message != 0 {
			sent, args = "SELECT CASE first_at WHEN 0 THEN updated_at ELSE first_at END FROM messages WHERE id = ?1", []any{r.Ref.Message}
		}
		if err := tx.QueryRowContext(ctx, sent, args...).Scan(instant(&recorded.Sent)); err != nil {
			return err
		}
		// Times have no use for less than a millisecond, and are compared.
		at := millis(recorded.Sent)
		err := tx.QueryRowContext(ctx, provenQuery, r.Reader, at, at-j.ProvenFor.Milliseconds(), at-j.ProvenAfter.Milliseconds()).Scan(&recorded.Proven)
		if err != nil {
			return err
		}
		n, err := affected(tx.ExecContext(ctx, `INSERT INTO refusals (digest_id, message_id, subscriber_id, domain, words, said, proven, sent_at, at, due_at, named)
			VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11) ON CONFLICT (digest_id, message_id, subscriber_id)
			DO UPDATE SET words = excluded.words, said = excluded.said, named = 0 WHERE refusals.named = 1 AND excluded.named = 0 AND refusals.judged_at = 0`,
			r.Ref.Digest, r.Ref.Message, r.Reader, r.Domain, r.Words, r.Said, oneIf(recorded.Proven), at, millis(r.At), millis(r.Due), oneIf(r.Named)))
		known = err == nil && n == 0
		return err
	})
	return recorded, known, err
}

const refusalColumns = `r.digest_id, r.message_id, r.subscriber_id, coalesce(s.email, ''), r.domain, r.words, r.said, r.proven, r.named, r.sent_at, r.at, r.due_at, r.judged_at, r.verdict, r.reason`

func scanRefusal(rows *sql.Rows, more ...any) (r newsletter.Refusal, err error) {
	var email string
	err = rows.Scan(append([]any{&r.Ref.Digest, &r.Ref.Message, &r.Reader, &email, &r.Domain, &r.Words, &r.Said, &r.Proven, &r.Named,
		instant(&r.Sent), instant(&r.At), instant(&r.Due), instant(&r.Judged), &r.Verdict, &r.Reason}, more...)...)
	if r.Ref.Message == 0 {
		r.Ref.Subscriber = r.Reader
	}
	r.Address = storedAddress(email)
	return r, err
}

// DueRefusals implements newsletter.JudgeStore.
func (db *DB) DueRefusals(ctx context.Context, at time.Time) (due []newsletter.Refusal, err error) {
	err = each(ctx, db.reader, func(rows *sql.Rows) error {
		var superseded bool
		r, err := scanRefusal(rows, &superseded)
		r.Superseded = superseded
		due = append(due, r)
		return err
	}, dueRefusals, append(append([]any{millis(at)}, freshStarts()...), claimedBefore.Milliseconds())...)
	return due, explain(err)
}

// RefusalsOf implements newsletter.ExplainStore.
func (db *DB) RefusalsOf(ctx context.Context, subscriber int64) (all []newsletter.Refusal, err error) {
	err = each(ctx, db.reader, func(rows *sql.Rows) error {
		r, err := scanRefusal(rows)
		all = append(all, r)
		return err
	}, "SELECT "+refusalColumns+" FROM refusals r LEFT JOIN subscribers s ON s.id = r.subscriber_id WHERE r.subscriber_id = ?1 ORDER BY r.sent_at, r.digest_id, r.message_id", subscriber)
	return all, explain(err)
}

// inDoubt is a refusal that is in doubt still: its reader has received nothing since.
const inDoubt = `r.judged_at > 0 AND r.judged_at >= ?1 AND r.verdict = 'in doubt' AND NOT EXISTS (SELECT 1 FROM digests g CROSS JOIN deliveries o
	WHERE (g.id = r.digest_id OR g.active_at >= r.sent_at) AND o.digest_id = g.id AND o.subscriber_id = r.subscriber_id AND o.state = 'sent' AND o.mark = '' AND o.updated_at > r.sent_at)`

// Refusals implements newsletter.StatusStore.
func (db *DB) Refusals(ctx context.Context, since time.Time) (s newsletter.RefusalSums, err error) {
	err = db.reader.QueryRowContext(ctx, "SELECT count(*), coalesce(min(due_at), 0) FROM refusals WHERE judged_at = 0").Scan(&s.Waiting, instant(&s.Next))
	if err == nil {
		err = db.reader.QueryRowContext(ctx, "SELECT count(*) FROM refusals r WHERE "+inDoubt, millis(since)).Scan(&s.InDoubt)
	}
	if err == nil && s.InDoubt > 0 {
		err = db.reader.QueryRowContext(ctx, "SELECT reason FROM refusals r WHERE "+inDoubt+" ORDER BY judged_at DESC LIMIT 1", millis(since)).Scan(&s.Why)
	}
	return s, explain(err)
}

// FirstAttempts implements newsletter.JudgeStore. It reads the digests that were sent in
// the time, in the order of their key, and sorts what it finds.
func (db *DB) FirstAttempts(ctx context.Context, from, to time.Time, single bool) (attempts []newsletter.Attempt, err error) {
	query := `SELECT o.subscriber_id, o.email, r.subscriber_id IS NOT NULL, coalesce(r.words, ''), coalesce(r.proven, 0)
		FROM digests d JOIN deliveries o ON o.digest_id = d.id
		LEFT JOIN refusals r ON r.digest_id = o.digest_id AND r.message_id = 0 AND r.subscriber_id = o.subscriber_id
		WHERE d.active_at >= ?3 AND o.first_at >= ?1 AND o.first_at <= ?2
		ORDER BY o.first_at, o.digest_id, o.variant, o.subscriber_id`
	args := []any{millis(from), millis(to), millis(from.Add(-claimedBefore))}
	if single {
		query = `SELECT coalesce(m.subscriber_id, 0), m.email, r.subscriber_id IS NOT NULL, coalesce(r.words, ''), coalesce(r.proven, 0)
			FROM messages m LEFT JOIN refusals r ON r.digest_id = 0 AND r.message_id = m.id
			WHERE m.first_at >= ?1 AND m.first_at <= ?2 ORDER BY m.first_at, m.id`
		args = args[:2]
	}
	domains := make(map[string]string) // there are few
	err = each(ctx, db.reader, func(rows *sql.Rows) error {
		var a newsletter.Attempt
		var email string
		if err := rows.Scan(&a.Reader, &email, &a.Refused, &a.Words, &a.Proven); err != nil {
			return err
		}
		at := strings.LastIndexByte(email, '@')
		if at < 0 {
			return nil // erased
		}
		domain := strings.ToLower(email[at+1:])
		if known, ok := domains[domain]; ok {
			domain = known
		} else {
			domains[domain] = domain
		}
		a.Domain = domain
		attempts = append(attempts, a)
		return nil
	}, query, args...)
	return attempts, explain(err)
}

// Doubted implements newsletter.JudgeStore.
func (db *DB) Doubted(ctx context.Context, reader int64, before time.Time) (sent []time.Time, err error) {
	err = each(ctx, db.reader, func(rows *sql.Rows) error {
		var at time.Time
		err := rows.Scan(instant(&at))
		sent = append(sent, at)
		return err
	}, doubtedQuery, append(append([]any{reader}, freshStarts()...), millis(before))...)
	return sent, explain(err)
}

// judgedBatch records verdicts.
var judgedBatch = batch{
	columns: []column{{"digest", integer}, {"message", integer}, {"subscriber", integer}, {"verdict", text}, {"reason", text}},
	key:     3,
	fixed:   1,
	text: `UPDATE refusals SET judged_at = ?1, verdict = v.verdict, reason = v.reason FROM v
		WHERE digest_id = v.digest AND message_id = v.message AND subscriber_id = v.subscriber AND judged_at = 0`,
}

// againBatch makes emails that were refused pending again.
var againBatch = batch{
	columns: []column{{"digest", integer}, {"subscriber", integer}},
	key:     2,
	fixed:   1,
	text: `UPDATE deliveries SET state = 'pending', next_at = 0, open = 1, updated_at = ?1 FROM v
		WHERE digest_id = v.digest AND subscriber_id = v.subscriber AND state = 'failed'`,
}

// Judge implements newsletter.JudgeStore.
func (db *DB) Judge(ctx context.Context, judged []newsletter.Refusal, again func(digest int64) bool) (recorded, pending int, err error) {
	late := make(map[int64]bool) // digests whose deadline has passed; asked outside the transaction, which holds the only writer
	for _, r := range judged {
		if _, asked := late[r.Ref.Digest]; !asked && r.Ref.Digest != 0 {
			late[r.Ref.Digest] = !again(r.Ref.Digest)
		}
	}
	err = db.write(ctx, func(tx *sql.Tx) error {
		recorded, pending = 0, 0
		at := now()
		states := make(map[int64]newsletter.DigestState)
		for _, digest := range digestsOf(judged) { // as a retry, before its rows
			var state newsletter.DigestState
			err := tx.QueryRowContext(ctx, "SELECT state FROM digests WHERE id = ?1 /*pg FOR NO KEY UPDATE */", digest).Scan(&state)
			if err != nil && !errors.Is(err, sql.ErrNoRows) {
				return err
			}
			states[digest] = state
		}
		known := make(map[newsletter.Ref]bool)
		err := update(ctx, db, tx, &judgedBatch, []any{at}, judged, func(args []any, r newsletter.Refusal) []any {
			return append(args, r.Ref.Digest, r.Ref.Message, r.Reader, string(r.Verdict), string(r.Reason))
		}, func(r newsletter.Refusal) error {
			known[r.Ref] = true
			return nil
		})
		if err != nil {
			return err
		}
		recorded = len(judged) - len(known)
		var refs []newsletter.Ref
		for _, r := range judged {
			_, _, stopped := states[r.Ref.Digest].Retry()
			if r.Verdict == newsletter.VerdictInDoubt && r.Ref.Digest != 0 && !known[r.Ref] && !late[r.Ref.Digest] && stopped == nil {
				refs = append(refs, r.Ref)
			}
		}
		pending = len(refs)
		err = update(ctx, db, tx, &againBatch, []any{at}, refs, func(args []any, ref newsletter.Ref) []any {
			return append(args, ref.Digest, ref.Subscriber)
		}, func(newsletter.Ref) error {
			pending-- // it was accepted, and came back
			return nil
		})
		if err != nil || pending == 0 {
			return err
		}
		for digest, state := range states {
			to, changed, err := state.Retry()
			if err != nil || !changed {
				continue
			}
			_, err = tx.ExecContext(ctx, `UPDATE digests SET state = ?2, active_at = ?3, done_at = 0 WHERE id = ?1
				AND EXISTS (SELECT 1 FROM deliveries WHERE digest_id = ?1 AND next_at >= 0)`, digest, string(to), at)
			if err != nil {
				return err
			}
		}
		return nil
	})
	return recorded, pending, err
}

// digestsOf returns the digests of refused emails, lowest id first.
func digestsOf(judged []newsletter.Refusal) (ids []int64) {
	for _, r := range judged {
		if r.Ref.Digest != 0 {
			ids = append(ids, r.Ref.Digest)
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}
