package database

import (
	"context"
	"database/sql"
	"slices"

	"github.com/scaledbydesign/insights/newsletter"
)

// MailsOf returns every mail that was made for a reader, of digests and else, by when
// its state last changed. It goes by the keys, digest by digest.
func (db *DB) MailsOf(ctx context.Context, subscriber int64) (mails []newsletter.Delivery, err error) {
	for _, query := range []string{
		"SELECT " + deliveryColumns + ` FROM digests g JOIN deliveries d ON d.digest_id = g.id AND d.subscriber_id = ?1
			LEFT JOIN subscribers s ON s.id = d.subscriber_id WHERE g.state <> 'planning'`,
		"SELECT " + messageColumns + " FROM messages m WHERE m.subscriber_id = ?1",
	} {
		err := each(ctx, db.reader, func(rows *sql.Rows) error {
			d, err := scanDelivery(rows.Scan)
			mails = append(mails, d)
			return err
		}, query, subscriber)
		if err != nil {
			return nil, explain(err)
		}
	}
	slices.SortStableFunc(mails, func(a, b newsletter.Delivery) int { return a.UpdatedAt.Compare(b.UpdatedAt) })
	return mails, nil
}

// BouncesOf returns what came back of a reader's mails, oldest first.
func (db *DB) BouncesOf(ctx context.Context, subscriber int64) (bounces []newsletter.Bounce, err error) {
	err = each(ctx, db.reader, func(rows *sql.Rows) error {
		b, err := scanBounce(rows)
		bounces = append(bounces, b)
		return err
	}, "SELECT "+bounceColumns+" WHERE b.subscriber_id = ?1 ORDER BY b.at, b.id", subscriber)
	return bounces, explain(err)
}
