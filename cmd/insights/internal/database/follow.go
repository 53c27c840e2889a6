package database

import (
	"context"
	"database/sql"
	"strings"
	"time"

	"github.com/scaledbydesign/insights/newsletter"
	"github.com/scaledbydesign/insights/subscribers"
)

// follow records a change's event and queues its notice.
func follow(ctx context.Context, tx *sql.Tx, s subscribers.Subscriber, change subscribers.Change) error {
	if e := change.Event; e.What != "" {
		_, err := tx.ExecContext(ctx, insertEvent+"VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)", eventValues(s.ID, e)...)
		if err != nil {
			return err
		}
	}
	if change.Notice == subscribers.NoNotice {
		return nil
	}
	return queue(ctx, tx, s.ID, change.NoticeTo(s), change)
}

// queue queues a notice to a subscriber. A waiting one that it replaces is treated as
// just requested.
func queue(ctx context.Context, tx *sql.Tx, subscriber int64, to subscribers.Address, change subscribers.Change) error {
	notice, asks, state := change.Notice, change.Asks, newsletter.Pending
	if change.Withheld != "" {
		state = newsletter.Skipped
	}
	var replaced []int64
	err := each(ctx, tx, func(rows *sql.Rows) error {
		var id int64
		var waiting subscribers.Notice
		var email string
		err := rows.Scan(&id, &waiting, &email)
		if notice.Replaces(waiting, to, storedAddress(email)) {
			replaced = append(replaced, id)
		}
		return err
	}, "SELECT id, kind, email FROM messages WHERE subscriber_id = ?1 AND state IN ('pending', 'deferred') /*pg FOR UPDATE */", subscriber)
	if err != nil {
		return err
	}
	for _, id := range replaced {
		if _, err := tx.ExecContext(ctx, "UPDATE messages SET email = ?2, created_at = ?3, updated_at = ?3 WHERE id = ?1", id, to.String(), now()); err != nil {
			return err
		}
	}
	if len(replaced) > 0 {
		return nil
	}
	if asks == nil {
		asks = &subscribers.Confirmation{}
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO messages (kind, subscriber_id, email, state, created_at, updated_at, nonce, expires_at, name, cadence, categories, reason, next_at, back)
		VALUES (?1, ?2, ?3, ?10, ?4, ?4, ?5, ?6, ?7, ?8, ?9, ?11, ?12, ?13)`,
		string(notice), subscriber, to.String(), now(), asks.Nonce, millis(asks.Expires), asks.Name, string(asks.Cadence), strings.Join(asks.Categories, " "), string(state), change.Withheld, millis(change.After), millis(asks.Back))
	return err
}

// insertEvent takes rows of eventValues.
const insertEvent = "INSERT INTO events (subscriber_id, at, what, source, client, version, detail) "

func eventValues(subscriber int64, e subscribers.Event) []any {
	return []any{subscriber, millis(e.At), e.What, e.Source, e.Client, e.Version, e.Detail}
}

// eventsSince counts a subscriber's events after a time, up to subscribers.EventsHourly.
func eventsSince(ctx context.Context, tx *sql.Tx, subscriber int64, since time.Time) (n int, err error) {
	err = tx.QueryRowContext(ctx, "SELECT count(*) FROM (SELECT at FROM events WHERE subscriber_id = ?1 ORDER BY id DESC LIMIT ?2) e WHERE e.at > ?3",
		subscriber, subscribers.EventsHourly, millis(since)).Scan(&n)
	return n, err
}
