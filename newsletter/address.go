package newsletter

import (
	"context"
	"time"

	"github.com/scaledbydesign/insights/content"
)

// Holder is an insight that has a slug, or had it before.
type Holder struct {
	InsightID  string
	Withdrawal Withdrawal
}

// AddressStore knows the addresses that insights had.
type AddressStore interface {
	// AtSlug returns who has a slug, and then who had it before.
	AtSlug(ctx context.Context, slug string) ([]Holder, error)
}

// Forward says what is at an address at which a library shows nothing: the insight that
// had it before, or nothing, for good once a withdrawal has taken effect.
func Forward(lib *content.Library, holders []Holder, now time.Time) (to *content.Insight, gone bool) {
	for _, h := range holders {
		if in, ok := lib.ByID(h.InsightID); ok {
			return in, false
		}
	}
	if len(holders) == 0 {
		return nil, false
	}
	h := holders[0]
	return nil, lib.Withdrawn(h.InsightID) && h.Withdrawal.InEffect(now)
}
