package subscribers

import (
	"cmp"
	"slices"
	"time"
)

// Merge makes one subscriber of two that turn out to have one mailbox, such as one that
// Unicode writes in two ways. A "no" of either stands: the stricter status wins, and the
// graver cause. The one who confirmed last, or was there first, stays; links of the other
// open theirs. other may be what is kept of an address (see Store.Edit), of which there
// is no subscriber.
func Merge(one, other Subscriber, now time.Time) (merged Subscriber, event Event) {
	if one.PublicID == "" || other.PublicID != "" && before(other, one) {
		one, other = other, one
	}
	merged = one
	no := one.UnsubscribedAt
	if other.UnsubscribedAt.After(no) {
		no = other.UnsubscribedAt
	}
	grave := one
	if other.Cause.weight() > one.Cause.weight() || one.Cause == "" {
		grave = other
	}
	has := func(s Status) bool { return one.Status == s || other.Status == s }
	merged.Cause, merged.Reason, merged.SuppressedAt, merged.UnsubscribedAt = grave.Cause, grave.Reason, grave.SuppressedAt, no
	switch {
	case has(Suppressed), grave.Cause != "" && has(Confirmed):
		merged.Status = Suppressed
		if merged.SuppressedAt.IsZero() {
			merged.SuppressedAt = now
		}
	case has(Unsubscribed), !no.IsZero() && has(Confirmed):
		merged.Status = Unsubscribed
		if no.IsZero() {
			merged.UnsubscribedAt = now
		}
	case has(Confirmed):
		merged.Status = Confirmed
	}
	if merged.Status == Suppressed || merged.Status == Unsubscribed { // no link of a sign-up opens what either has closed
		merged.NonceExpires, merged.NewAddress = time.Time{}, Address{}
	}
	event = Event{At: now, What: "merged", Source: "migration", Detail: "two spellings of one mailbox: " + says(one) + "; " + says(other)}
	if other.PublicID == "" {
		return merged, event
	}
	merged.Name = cmp.Or(one.Name, other.Name)
	if one.Status == Confirmed && other.Status == Confirmed {
		merged.Categories = slices.Compact(slices.Sorted(slices.Values(slices.Concat(one.Categories, other.Categories))))
	}
	if merged.Status == Pending && other.NonceExpires.After(one.NonceExpires) {
		merged.NonceExpires = other.NonceExpires
	}
	for _, later := range []struct{ mine, theirs *time.Time }{
		{&merged.PausedUntil, &other.PausedUntil}, {&merged.NotifiedAt, &other.NotifiedAt}, {&merged.AskedSince, &other.AskedSince},
	} {
		if later.theirs.After(*later.mine) {
			*later.mine = *later.theirs
		}
	}
	merged.Asked = max(one.Asked, other.Asked)
	if other.CreatedAt.Before(one.CreatedAt) {
		merged.CreatedAt = other.CreatedAt
	}
	merged.Confirmations = slices.Concat(one.Confirmations, other.Confirmations)
	merged.FormerIDs = slices.Concat(one.FormerIDs, []string{other.PublicID}, other.FormerIDs)
	return merged, event
}

// before says which of two stays: who confirmed last, else who was there first.
func before(a, b Subscriber) bool {
	if !a.ConfirmedAt.Equal(b.ConfirmedAt) {
		return a.ConfirmedAt.After(b.ConfirmedAt)
	}
	return a.ID < b.ID
}

// says is what a subscriber was, or what was kept of one.
func says(s Subscriber) string {
	if s.PublicID == "" {
		return "kept as " + string(s.Status)
	}
	return "was " + string(s.Status)
}
