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

// Only who pressed the button can take it back, and only what nobody has said again since.
func TestLeaveRule(t *testing.T) {
	undo := func(nonce string) func(*Subscriber) { return func(s *Subscriber) { s.Undo = nonce } }
	left := all(func(s *Subscriber) { s.Status = Unsubscribed }, refused(now))
	for _, test := range []ruled{
		{"confirmed", subscriber(Confirmed), all(left, undo("fresh")), Change{Event: event("unsubscribed", "link", "")}, ""},
		{"pending", subscriber(Pending), left, Change{Event: event("unsubscribed", "link", "")}, ""},
		{"once more", subscriber(Unsubscribed, undo("first")), undo(""), Change{}, ""},
		{"by staff before", subscriber(Unsubscribed), nil, Change{}, ""},
		{"suppressed", subscriber(Suppressed), refused(now), Change{Event: event("unsubscribed", "link", "")}, ""},
	} {
		test.run(t, func(sub *Subscriber, now time.Time) (Change, error) { return testRules.leave(sub, now), nil })
	}
	for _, source := range []string{"one_click", "mail", "link", "staff", "complaint"} {
		sub := subscriber(Unsubscribed, undo("first"))
		if unsubscribe(&sub, source, now); sub.Undo != "" {
			t.Errorf("unsubscribed once more by %s: the first can be undone", source)
		}
	}
	sub := subscriber(Unsubscribed, undo("first"))
	suppress(&sub, Complained, "spam", "complaint", now)
	if sub.Undo != "" {
		t.Error("an unsubscription can be undone after a complaint")
	}
}

func TestUndoRule(t *testing.T) {
	nonce := func(s *Subscriber) { s.Undo = "nonce" }
	for _, test := range []ruled{
		{"within an hour", subscriber(Unsubscribed, nonce, refused(now.Add(-time.Hour+1))), func(s *Subscriber) { s.Status, s.UnsubscribedAt = Confirmed, time.Time{} },
			Change{Event: event("undone", "link", "the unsubscription was undone"), StartWith: everything}, ""},
		{"an hour later", subscriber(Unsubscribed, nonce, refused(now.Add(-time.Hour))), nil, Change{}, ErrExpired.Error()},
		{"done otherwise", subscriber(Unsubscribed, refused(now)), nil, Change{}, ErrExpired.Error()},
		{"undone before", subscriber(Confirmed), nil, Change{}, ErrExpired.Error()},
		{"pressed twice", subscriber(Confirmed, nonce), nil, Change{}, ""},
		{"pending", subscriber(Pending, nonce, refused(now), func(s *Subscriber) { s.ConfirmedAt = now }), nil, Change{}, ErrExpired.Error()},
		{"suppressed", subscriber(Suppressed, nonce, refused(now)), nil, Change{}, ErrExpired.Error()},
	} {
		test.run(t, undo)
	}
}
