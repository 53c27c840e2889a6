package subscribers

import (
	"testing"
	"time"
)

func TestUnsubscribeRule(t *testing.T) {
	leaves := Change{Event: event("unsubscribed", "one_click", "")}
	no := refused(now)
	status := func(s *Subscriber) { s.Status = Unsubscribed }
	for _, test := range []ruled{
		{"confirmed", subscriber(Confirmed), all(status, no), leaves, ""},
		{"pending", subscriber(Pending), all(status, no), leaves, ""},
		{"signed up again, once confirmed", subscriber(Unsubscribed, func(s *Subscriber) { s.Status = Pending }), all(status, no, func(s *Subscriber) { s.ConfirmedAt = time.Time{} }), leaves, ""},
		{"already", subscriber(Unsubscribed), nil, Change{}, ""},
		{"suppressed", subscriber(Suppressed), no, leaves, ""},
		{"suppressed, and said no", subscriber(Suppressed, refused(now.Add(-day))), nil, Change{}, ""},
	} {
		test.run(t, func(sub *Subscriber, now time.Time) (Change, error) {
			return unsubscribe(sub, "one_click", now), nil
		})
	}
}

func TestUndoRule(t *testing.T) {
	for _, test := range []ruled{
		{"within a day", subscriber(Unsubscribed, refused(now.Add(-day+1))), func(s *Subscriber) { s.Status, s.UnsubscribedAt = Confirmed, time.Time{} },
			Change{Event: event("undone", "link", "the unsubscription was undone"), StartWith: everything}, ""},
		{"a day later", subscriber(Unsubscribed, refused(now.Add(-day))), nil, Change{}, ErrExpired.Error()},
		{"never confirmed", subscriber(Unsubscribed, refused(now), func(s *Subscriber) { s.ConfirmedAt = time.Time{} }), nil, Change{}, ErrExpired.Error()},
		{"confirmed", subscriber(Confirmed), nil, Change{}, ""},
		{"pending", subscriber(Pending, refused(now), func(s *Subscriber) { s.ConfirmedAt = now }), nil, Change{}, ErrExpired.Error()},
		{"suppressed", subscriber(Suppressed, refused(now)), nil, Change{}, ErrExpired.Error()},
	} {
		test.run(t, undo)
	}
}
