package database

import (
	"context"
	"database/sql"
	"encoding/json"
	"slices"

	"github.com/scaledbydesign/insights/newsletter"
)

// deliveryFacts is what is known of a delivery before it is sent.
type deliveryFacts struct {
	newsletter.Facts
	state      newsletter.DeliveryState
	reason     newsletter.Reason
	variant    int
	readerMask int64
	readerAt   int64 // the reader's position, as the database refers to it
	takesTo    int64 // so for the target
}

// factsQuery reads deliveries that worker ?1 has at ?2. One already in flight was begun by
// this same entry, whose first commit was never answered.
var factsQuery = batch{
	columns: []column{{"digest", integer}, {"subscriber", integer}},
	fixed:   2,
	text: `SELECT o.digest_id, o.subscriber_id, o.state, o.reason, o.variant, o.categories, b.vector, t.vector, o.target_id, w.seqs, g.state, g.withdrawn, CASE g.manual WHEN 1 THEN g.approved_at ELSE 0 END,
			coalesce(s.status, ''), coalesce(s.paused_until, 0), coalesce(s.categories, 0), coalesce(s.position_id, 0), coalesce(p.vector, ''),
			o.attempts = 0 AND o.retried = 0 AND EXISTS (SELECT 1 FROM refusals r WHERE r.subscriber_id = o.subscriber_id AND r.judged_at = 0 AND r.due_at > ?2)
		FROM v CROSS JOIN deliveries o JOIN digests g ON g.id = o.digest_id
		JOIN variants w ON w.digest_id = o.digest_id AND w.number = o.variant JOIN positions b ON b.id = o.base_id JOIN positions t ON t.id = o.target_id
		LEFT JOIN subscribers s ON s.id = o.subscriber_id LEFT JOIN positions p ON p.id = s.position_id
		WHERE o.digest_id = v.digest AND o.subscriber_id = v.subscriber AND o.owner = ?1 AND o.state IN ('claimed', 'sending') /*pg FOR UPDATE OF o */`,
}

// othersQuery reads what other digests have on the way to readers. It runs after the
// statement that locks them.
var othersQuery = batch{
	columns: []column{{"digest", integer}, {"subscriber", integer}},
	text: `SELECT v.digest, v.subscriber, o.digest_id < v.digest, o.state, o.uncertain_at > 0, b.vector, t.vector
		FROM v JOIN subscribers s ON s.id = v.subscriber JOIN deliveries o ON ` + onTheWay + ` JOIN positions b ON b.id = o.base_id JOIN positions t ON t.id = o.target_id
		WHERE o.digest_id <> v.digest`,
}

// itemsQuery reads what digests carry.
var itemsQuery = batch{
	columns: []column{{"digest", integer}},
	text:    `SELECT g.id, g.items FROM v JOIN digests g ON g.id = v.digest`,
}

// facts loads what the decisions about deliveries depend on, in five statements.
// Those that this worker no longer has are omitted.
func (r *recording) facts(ctx context.Context, begins []begin) (map[newsletter.Ref]*deliveryFacts, error) {
	bits, err := readBits(ctx, r.tx)
	if err != nil {
		return nil, err
	}
	var holds bool
	if err := r.tx.QueryRowContext(ctx, "SELECT "+held).Scan(&holds); err != nil {
		return nil, err
	}
	facts := make(map[newsletter.Ref]*deliveryFacts, len(begins))
	ref := func(args []any, b begin) []any { return append(args, b.Ref.Digest, b.Ref.Subscriber) }
	some := false // insights are withdrawn
	err = find(ctx, r.db, r.tx, &factsQuery, []any{r.worker, r.at}, begins, ref, func(rows *sql.Rows) error {
		f := deliveryFacts{Facts: newsletter.Facts{Now: fromMillis(r.at), Held: holds}}
		var key newsletter.Ref
		var planned int64
		var base, target, seqs, withdrawn, position string
		if err := rows.Scan(&key.Digest, &key.Subscriber, &f.state, &f.reason, &f.variant, &planned, &base, &target, &f.takesTo, &seqs, &f.Digest, &withdrawn, instant(&f.Looked),
			&f.Reader.Status, instant(&f.Reader.PausedUntil), &f.readerMask, &f.readerAt, &position, &f.UnderJudgement); err != nil {
			return err
		}
		f.Categories, f.Reader.Categories = bits.slugs(planned), bits.slugs(f.readerMask)
		for _, p := range []struct {
			into *newsletter.Position
			text string
		}{{&f.Base, base}, {&f.Target, target}, {&f.Reader.Position, position}} {
			var err error
			if *p.into, err = newsletter.ParsePosition(p.text); err != nil {
				return err
			}
		}
		facts[key] = &f
		var numbers []int64
		if err := json.Unmarshal([]byte(seqs), &numbers); err != nil {
			return err
		}
		for _, n := range numbers { // their categories follow
			f.Items = append(f.Items, newsletter.Item{Seq: n})
		}
		some = some || withdrawn != ""
		return nil
	})
	if err != nil || len(facts) == 0 {
		return facts, err
	}
	if err := r.addItems(ctx, facts); err != nil {
		return nil, err
	}
	if some {
		if err := r.addWithdrawn(ctx, facts); err != nil {
			return nil, err
		}
	}
	return facts, find(ctx, r.db, r.tx, &othersQuery, nil, begins, ref, func(rows *sql.Rows) error {
		var key newsletter.Ref
		var o newsletter.OtherDelivery
		var base, target string
		err := rows.Scan(&key.Digest, &key.Subscriber, &o.Earlier, &o.State, &o.Unanswered, &base, &target)
		if f := facts[key]; err == nil && f != nil {
			if o.Base, err = newsletter.ParsePosition(base); err == nil {
				o.Target, err = newsletter.ParsePosition(target)
			}
			f.Others = append(f.Others, o)
		}
		return err
	})
}

// addItems replaces the numbers in deliveries' items with the insights.
func (r *recording) addItems(ctx context.Context, facts map[newsletter.Ref]*deliveryFacts) error {
	var ids []int64
	for ref := range facts {
		ids = append(ids, ref.Digest)
	}
	slices.Sort(ids)
	digests := make(map[int64]*newsletter.Digest)
	err := find(ctx, r.db, r.tx, &itemsQuery, nil, slices.Compact(ids), func(args []any, id int64) []any { return append(args, id) }, func(rows *sql.Rows) error {
		var d newsletter.Digest
		var items string
		if err := rows.Scan(&d.ID, &items); err != nil {
			return err
		}
		digests[d.ID] = &d
		return json.Unmarshal([]byte(items), &d.Items)
	})
	if err != nil {
		return err
	}
	for ref, f := range facts {
		var v newsletter.Variant
		for _, item := range f.Items {
			v.Seqs = append(v.Seqs, item.Seq)
		}
		f.Items = digests[ref.Digest].ItemsOf(v)
	}
	return nil
}

// addWithdrawn adds to deliveries which of their insights are withdrawn.
func (r *recording) addWithdrawn(ctx context.Context, facts map[newsletter.Ref]*deliveryFacts) error {
	gone, err := withdrawals(ctx, r.tx)
	if err != nil {
		return err
	}
	for _, f := range facts {
		for _, item := range f.Items {
			if w := gone[item.Seq]; w.Is() {
				if f.Withdrawn == nil {
					f.Withdrawn = make(map[int64]newsletter.Withdrawal)
				}
				f.Withdrawn[item.Seq] = w
			}
		}
	}
	return nil
}
