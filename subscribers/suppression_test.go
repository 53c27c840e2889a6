package subscribers

import (
	"testing"
	"time"
)

func TestSuppressRule(t *testing.T) {
	for _, before := range []Subscriber{subscriber(Confirmed), subscriber(Pending), subscriber(Unsubscribed), kept(Unsubscribed), {}} {
		for _, cause := range Causes {
			ruled{string(before.Status) + " " + string(cause), before, func(s *Subscriber) {
				s.Status, s.Cause, s.Reason, s.SuppressedAt = Suppressed, cause, "said so", now
				if (cause == Complained || cause == Declined) && s.UnsubscribedAt.IsZero() {
					s.UnsubscribedAt = now
				}
			}, Change{Event: event("suppressed", "test", string(cause)+": said so")}, ""}.run(t, func(sub *Subscriber, now time.Time) (Change, error) {
				change, changed := suppress(sub, cause, "said so", "test", now)
				if !changed {
					t.Errorf("%s: not changed", before.Status)
				}
				return change, nil
			})
		}
	}
	// What is graver takes the place of what is not.
	for _, test := range []struct {
		was, is Cause
		graver  bool
	}{
		{Bounced, Bounced, false}, {Bounced, BlockedHere, true}, {Bounced, Complained, true}, {Bounced, Declined, true},
		{BlockedHere, Bounced, false}, {BlockedHere, BlockedHere, false}, {BlockedHere, Complained, true}, {BlockedHere, Declined, true},
		{Complained, Bounced, false}, {Complained, BlockedHere, false}, {Complained, Complained, false}, {Complained, Declined, false},
		{Declined, Bounced, false}, {Declined, BlockedHere, false}, {Declined, Complained, false}, {Declined, Declined, false},
	} {
		sub := subscriber(Suppressed, caused(test.was))
		if _, graver := suppress(&sub, test.is, "said so", "test", now); graver != test.graver || (sub.Cause == test.is) != (graver || test.was == test.is) {
			t.Errorf("%s, then %s: %v, %s", test.was, test.is, graver, sub.Cause)
		}
	}
	// One who signed up again after a bounce, and bounces again.
	again := subscriber(Pending, caused(Bounced))
	if _, changed := suppress(&again, Bounced, "said so", "test", now); !changed || again.Status != Suppressed {
		t.Errorf("%+v", again)
	}
}

func TestDeclineRule(t *testing.T) {
	declined := Change{Event: event("suppressed", "link", "owner: its owner asked never to be emailed")}
	never := func(s *Subscriber) {
		s.Status, s.Cause, s.Reason, s.SuppressedAt, s.UnsubscribedAt = Suppressed, Declined, "its owner asked never to be emailed", now, now
	}
	for _, test := range []ruled{
		{"pending", subscriber(Pending), never, declined, ""},
		{"confirmed since", subscriber(Confirmed), func(s *Subscriber) { s.Status, s.UnsubscribedAt = Unsubscribed, now }, Change{Event: event("unsubscribed", "link", "")}, ""},
		{"unsubscribed", subscriber(Unsubscribed), nil, Change{}, ""},
		{"left since, and signed up again by somebody", subscriber(Pending, refused(now.Add(-day+1))), nil, Change{}, ""},
		{"left before, and signed up again", subscriber(Pending, refused(now.Add(-day-1))), all(never, func(s *Subscriber) { s.UnsubscribedAt = now.Add(-day - 1) }), declined, ""},
		{"complained", subscriber(Suppressed, caused(Complained)), nil, Change{}, ""},
		{"unknown", Subscriber{}, all(never, func(s *Subscriber) { s.Address = ada }), declined, ""},
		{"moved or erased since", kept(Unsubscribed, refused(now.Add(-day+1))), nil, Change{}, ""},
		{"erased, and kept", kept(Unsubscribed), all(never, func(s *Subscriber) { s.Address, s.UnsubscribedAt = ada, kept(Unsubscribed).UnsubscribedAt }), declined, ""},
	} {
		test.run(t, func(sub *Subscriber, now time.Time) (Change, error) {
			return decline(sub, ada, now.Add(-day), now), nil
		})
	}
}

func TestLiftRule(t *testing.T) {
	lifts := Change{Event: event("lifted", "staff", "was suppressed, bounce: 550 no such mailbox")}
	back := lifts
	back.StartWith = everything
	lifted := func(s *Subscriber) { s.Cause, s.Reason, s.SuppressedAt = "", "", time.Time{} }
	unknown := func(cause Cause, edits ...func(*Subscriber)) Subscriber {
		return kept(Suppressed, append(edits, func(s *Subscriber) { s.Cause, s.Reason = cause, "550 no such mailbox" })...)
	}
	blocked := lifts
	blocked.Event.Detail = "was suppressed, staff: 550 no such mailbox"
	for _, test := range []ruled{
		{"confirmed before", subscriber(Suppressed), all(lifted, func(s *Subscriber) { s.Status = Confirmed }), back, ""},
		{"said no", subscriber(Suppressed, refused(now.Add(-day))), all(lifted, func(s *Subscriber) { s.Status, s.ConfirmedAt = Unsubscribed, time.Time{} }), lifts, ""},
		{"never confirmed", subscriber(Suppressed, func(s *Subscriber) { s.ConfirmedAt = time.Time{} }), all(lifted, func(s *Subscriber) { s.Status, s.NonceExpires = Pending, now }), lifts, ""},
		{"signed up again since", subscriber(Suppressed, refused(now.Add(-day)), func(s *Subscriber) { s.Status = Pending }), lifted, lifts, ""},
		{"nobody's", unknown(BlockedHere), all(lifted, func(s *Subscriber) { s.Address, s.Status, s.NonceExpires = ada, "", now }), blocked, ""},
		{"nobody's, who said no", unknown(Bounced, refused(now.Add(-day))), all(lifted, func(s *Subscriber) { s.Address, s.Status = ada, Unsubscribed }), lifts, ""},
		{"confirmed", subscriber(Confirmed), nil, Change{}, ErrNotFound.Error()},
		{"pending", subscriber(Pending), nil, Change{}, ErrNotFound.Error()},
		{"unknown", Subscriber{}, nil, Change{}, ErrNotFound.Error()},
	} {
		test.run(t, func(sub *Subscriber, now time.Time) (Change, error) { return lift(sub, ada, "staff", now) })
	}
}
