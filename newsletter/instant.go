package newsletter

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"time"

	"github.com/scaledbydesign/insights/content"
)

// runInstant plans one digest for everything that appeared since the last one, or came
// back.
func (s *Scheduler) runInstant(ctx context.Context, lib *content.Library, peers *Peers, schedule *Schedule, now time.Time) (again time.Time, err error) {
	if peers.Leaves(time.Time{}, now) {
		return peers.leavesUntil(time.Time{}), nil
	}
	sequence, err := s.Planner.Store.Sequence(ctx)
	if err != nil {
		return time.Time{}, err
	}
	key := instantKey(sequence, func(n Numbered) bool {
		in, shown := lib.ByID(n.InsightID)
		return shown && in.Email && !n.Withdrawal.Is()
	})
	if key == "" {
		return time.Time{}, nil
	}
	return s.runSlot(ctx, lib, schedule, Slot{Schedule: schedule.Name, Key: key, Due: now}, now)
}

// namedAway is how many missing insights a key lists one by one.
const namedAway = 5

// instantKey names what a digest can carry now: everything numbered up to the newest
// insight, except for what is away, and how often something came back. So each new insight
// makes a slot, and each return: an earlier digest may have left out what came back.
func instantKey(sequence []Numbered, shown func(Numbered) bool) string {
	var newest int64
	var returns int
	var away []int64
	for _, n := range sequence {
		returns += n.Returns
		if shown(n) {
			newest = n.Seq
		} else {
			away = append(away, n.Seq)
		}
	}
	if newest == 0 {
		return ""
	}
	below, _ := slices.BinarySearch(away, newest)
	key := fmt.Sprintf("seq:%d", newest)
	if away = away[:below]; len(away) > namedAway {
		sum := sha256.Sum256(fmt.Append(nil, away))
		key += "-" + hex.EncodeToString(sum[:6])
	} else {
		for _, seq := range away {
			key += fmt.Sprintf("-%d", seq)
		}
	}
	if returns > 0 {
		key += fmt.Sprintf("+%d", returns)
	}
	return key
}
