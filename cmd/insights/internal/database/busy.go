package database

import (
	"context"
	"database/sql"
	"iter"
	"strconv"

	"github.com/scaledbydesign/insights/newsletter"
)

// These read every reader, or every email on its way, once per plan. The OFFSET keeps
// PostgreSQL from a nested loop over a table that it believes to be empty while it
// grows.
const (
	groupsQuery = `WITH chosen AS (SELECT s.categories, s.position_id, count(*) AS readers FROM subscribers s
		WHERE ` + audience + ` AND NOT EXISTS (SELECT 1 FROM deliveries o WHERE ` + onTheWay + `)
		GROUP BY s.categories, s.position_id)
		SELECT c.categories, c.position_id, c.readers, p.vector FROM chosen c JOIN positions p ON p.id = c.position_id
		ORDER BY c.categories, c.position_id`
	busyQuery = `SELECT s.id, s.categories, s.position_id, p.vector, b.id, b.vector, t.id, t.vector
			FROM deliveries o JOIN subscribers s ON ` + onTheWay + `
			JOIN positions p ON p.id = s.position_id JOIN positions b ON b.id = o.base_id JOIN positions t ON t.id = o.target_id
			WHERE ` + audience + ` ORDER BY s.id, o.digest_id`
	addGroupsStatement = `INSERT INTO deliveries (digest_id, subscriber_id, variant, categories, base_id, target_id, state, updated_at)
		SELECT ?4, s.id, g.variant, s.categories, s.position_id, g.target_id, 'pending', ?1
		FROM subscribers s JOIN digest_groups g ON g.digest_id = ?4 AND g.categories = s.categories AND g.position_id = s.position_id
		WHERE ` + audience + ` AND s.id >= ?5 AND s.id < ?6
		AND NOT EXISTS (SELECT 1 FROM deliveries o WHERE ` + onTheWay + ` LIMIT 1 OFFSET 0)
		ORDER BY s.id`
)

// BusyReaders implements newsletter.PlanStore.
func (db *DB) BusyReaders(ctx context.Context, a newsletter.Audience) iter.Seq2[newsletter.BusyReader, error] {
	b, err := readBits(ctx, db.reader)
	if err != nil {
		return failed[newsletter.BusyReader](err)
	}
	rows := stream(ctx, db.reader, func(rows *sql.Rows) (r busyRow, err error) {
		err = rows.Scan(&r.subscriber, &r.mask, &r.position, &r.at, &r.base, &r.startsAt, &r.target, &r.takesTo)
		return r, err
	}, busyQuery, now(), string(a.Cadence), a.Subscriber)
	return func(yield func(newsletter.BusyReader, error) bool) {
		reading := busyReading{bits: b, known: make(map[newsletter.GroupKey]newsletter.BusyReader)}
		for next, err := range rows {
			if err != nil {
				yield(newsletter.BusyReader{}, err)
				return
			}
			if len(reading.rows) > 0 && reading.rows[0].subscriber != next.subscriber && !yield(reading.reader()) {
				return
			}
			reading.rows = append(reading.rows, next)
		}
		if len(reading.rows) > 0 {
			yield(reading.reader())
		}
	}
}

// busyRow is an email on its way to a reader.
type busyRow struct {
	subscriber, mask, position, base, target int64
	at, startsAt, takesTo                    string // the vectors of position, base and target
}

// busyReading combines the rows of each reader. Many readers are alike, so what they
// have in common is worked out once and shared.
type busyReading struct {
	bits  bits
	rows  []busyRow // of one reader
	known map[newsletter.GroupKey]newsletter.BusyReader
}

// reader returns the reader whose rows were read.
func (r *busyReading) reader() (newsletter.BusyReader, error) {
	rows := r.rows
	r.rows = r.rows[:0]
	var way []byte
	for _, row := range rows {
		way = append(strconv.AppendInt(way, row.base, 10), '>')
		way = append(strconv.AppendInt(way, row.target, 10), ' ')
	}
	key := newsletter.GroupKey{Mask: rows[0].mask, Position: rows[0].position, OnTheWay: string(way)}
	reader, known := r.known[key]
	if !known {
		reader = newsletter.BusyReader{Key: key, Categories: r.bits.slugs(key.Mask)}
		var err error
		if reader.Position, err = newsletter.ParsePosition(rows[0].at); err != nil {
			return reader, err
		}
		reader.Then = reader.Position
		for _, row := range rows {
			base, err := newsletter.ParsePosition(row.startsAt)
			if err != nil {
				return reader, err
			}
			target, err := newsletter.ParsePosition(row.takesTo)
			if err != nil {
				return reader, err
			}
			reader.Then = reader.Then.Apply(base, target)
		}
		r.known[key] = reader
	}
	reader.Subscriber = rows[0].subscriber
	return reader, nil
}
