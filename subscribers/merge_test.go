package subscribers_test

import (
	"slices"
	"testing"
	"time"

	"github.com/scaledbydesign/insights/subscribers"
)

func TestMergeIsAsStrictAsTheStricter(t *testing.T) {
	at := func(day int) time.Time { return time.Date(2026, 3, day, 9, 0, 0, 0, time.UTC) }
	now := at(30)
	reader := func(id int64, status subscribers.Status, change func(*subscribers.Subscriber)) subscribers.Subscriber {
		s := subscribers.Subscriber{ID: id, PublicID: string(rune('a' + id)), Status: status, Categories: []string{string(rune('a' + id))}}
		if status == subscribers.Confirmed {
			s.ConfirmedAt = at(int(id))
		}
		if status == subscribers.Unsubscribed {
			s.UnsubscribedAt = at(10)
		}
		if change != nil {
			change(&s)
		}
		return s
	}
	bounced := func(s *subscribers.Subscriber) { s.Cause, s.SuppressedAt = subscribers.Bounced, at(11) }
	complained := func(s *subscribers.Subscriber) {
		s.Cause, s.SuppressedAt, s.UnsubscribedAt = subscribers.Complained, at(12), at(12)
	}
	kept := func(status subscribers.Status, cause subscribers.Cause) subscribers.Subscriber {
		s := subscribers.Subscriber{Status: status, Cause: cause}
		if status == subscribers.Unsubscribed {
			s.UnsubscribedAt = at(13)
		}
		return s
	}
	const confirmed, pending, gone, suppressed = subscribers.Confirmed, subscribers.Pending, subscribers.Unsubscribed, subscribers.Suppressed
	for name, test := range map[string]struct {
		one, other subscribers.Subscriber
		status     subscribers.Status
		cause      subscribers.Cause
		no         time.Time
		stays      string
	}{
		"both confirmed":                                   {reader(1, confirmed, nil), reader(2, confirmed, nil), confirmed, "", time.Time{}, "c"},
		"confirmed and pending":                            {reader(1, confirmed, nil), reader(2, pending, nil), confirmed, "", time.Time{}, "b"},
		"confirmed and unsubscribed":                       {reader(1, confirmed, nil), reader(2, gone, nil), gone, "", at(10), "b"},
		"confirmed, and said no, then was signed up again": {reader(1, confirmed, nil), reader(2, pending, func(s *subscribers.Subscriber) { s.UnsubscribedAt = at(14) }), gone, "", at(14), "b"},
		"both pending":                                     {reader(1, pending, nil), reader(2, pending, nil), pending, "", time.Time{}, "b"},
		"pending and unsubscribed":                         {reader(1, pending, nil), reader(2, gone, nil), gone, "", at(10), "b"},
		"confirmed and bounced":                            {reader(1, confirmed, nil), reader(2, suppressed, bounced), suppressed, subscribers.Bounced, time.Time{}, "b"},
		"bounced and complained":                           {reader(1, suppressed, bounced), reader(2, suppressed, complained), suppressed, subscribers.Complained, at(12), "b"},
		"unsubscribed and bounced":                         {reader(1, gone, nil), reader(2, suppressed, bounced), suppressed, subscribers.Bounced, at(10), "b"},
		"confirmed and pending until a suppression ends":   {reader(1, confirmed, nil), reader(2, pending, bounced), suppressed, subscribers.Bounced, time.Time{}, "b"},
		"pending and pending until a suppression ends":     {reader(1, pending, nil), reader(2, pending, bounced), pending, subscribers.Bounced, time.Time{}, "b"},
		"confirmed and kept as suppressed":                 {reader(1, confirmed, nil), kept(suppressed, subscribers.BlockedHere), suppressed, subscribers.BlockedHere, time.Time{}, "b"},
		"confirmed and kept as unsubscribed":               {reader(1, confirmed, nil), kept(gone, ""), gone, "", at(13), "b"},
		"two that are kept":                                {kept(gone, ""), kept(suppressed, subscribers.Bounced), suppressed, subscribers.Bounced, at(13), ""},
	} {
		for _, pair := range [][2]subscribers.Subscriber{{test.one, test.other}, {test.other, test.one}} {
			merged, event := subscribers.Merge(pair[0], pair[1], now)
			if merged.Status != test.status || merged.Cause != test.cause || !merged.UnsubscribedAt.Equal(test.no) || merged.PublicID != test.stays {
				t.Errorf("%s: %s, cause %q, no %v, stays %q; want %s, %q, %v, %q", name, merged.Status, merged.Cause, merged.UnsubscribedAt, merged.PublicID, test.status, test.cause, test.no, test.stays)
			}
			if event.What != "merged" || !event.At.Equal(now) {
				t.Errorf("%s: event %+v", name, event)
			}
			if pair[0].PublicID != "" && pair[1].PublicID != "" && len(merged.FormerIDs) != 1 {
				t.Errorf("%s: former ids %q", name, merged.FormerIDs)
			}
		}
	}
	merged, _ := subscribers.Merge(reader(1, confirmed, nil), reader(2, confirmed, nil), now)
	if !slices.Equal(merged.Categories, []string{"b", "c"}) {
		t.Errorf("categories %q", merged.Categories)
	}
}
