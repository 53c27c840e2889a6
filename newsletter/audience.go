package newsletter

import (
	"time"

	"github.com/scaledbydesign/insights/subscribers"
)

// Audience selects confirmed readers who are not paused, narrowed by its fields.
type Audience struct {
	Cadence    subscribers.Cadence // "" = any
	Subscriber int64               // 0 = all
}

// Includes reports whether a subscriber belongs to the audience.
func (a Audience) Includes(s subscribers.Subscriber, now time.Time) bool {
	return s.Status == subscribers.Confirmed && !s.PausedUntil.After(now) &&
		(a.Cadence == "" || s.Cadence == a.Cadence) &&
		(a.Subscriber == 0 || s.ID == a.Subscriber)
}

// StartPosition is where a new reader of these categories starts: before their newest
// n insights, or at the end of the sequence if n is 0. sequence holds the numbered
// insights, newest first; head is the highest number ever assigned.
func StartPosition(sequence []Numbered, head int64, categories []string, n int) Position {
	at := head
	if n > 0 {
		chosen := make(map[string]bool, len(categories))
		for _, c := range categories {
			chosen[c] = true
		}
		at = 0
		for _, in := range sequence {
			if in.Withdrawal.Is() || !chosen[in.Category] {
				continue
			}
			if n--; n == 0 {
				at = in.Seq - 1
				break
			}
		}
	}
	return Position{}.Advance(at, categories)
}
