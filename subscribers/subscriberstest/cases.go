package subscriberstest

import (
	"time"

	"github.com/scaledbydesign/insights/subscribers"
)

// Some rules decide what a store keeps. Their cases are here, so that one table tests
// the rule and what each store makes of it.

// KeptCase is a change of a subscriber and what it leaves of their addresses.
type KeptCase struct {
	Name          string
	Before, After subscribers.Subscriber
	Former        *subscribers.Suppression // of the address they have left; nil: they have not
	Kept          subscribers.Suppression  // of the address they have; the zero value: none
	Changed       bool                     // else it stays
}

// KeptCases are those of KeptAfter and KeptOfFormer.
func KeptCases(now time.Time) []KeptCase {
	then := now.Add(-time.Hour)
	none := subscribers.Suppression{}
	no := subscribers.Suppression{Status: subscribers.Unsubscribed, Reason: subscribers.ReasonForgotten, At: now, UnsubscribedAt: now}
	bounced := subscribers.Suppression{Status: subscribers.Suppressed, Cause: subscribers.Bounced, Reason: "550", At: then}
	complained := subscribers.Suppression{Status: subscribers.Suppressed, Cause: subscribers.Complained, Reason: "spam", At: then, UnsubscribedAt: then}
	alone := func(status subscribers.Status, edits ...func(*subscribers.Subscriber)) subscribers.Subscriber {
		s := caseOf(now, status, edits...)
		s.ID, s.PublicID = 0, ""
		return s
	}
	unknown := subscribers.Subscriber{}
	said := func(s *subscribers.Subscriber) {
		s.Cause, s.Reason, s.UnsubscribedAt = subscribers.Complained, "spam", then
	}
	caused := func(s *subscribers.Subscriber) {
		s.Cause, s.Reason, s.SuppressedAt = subscribers.Bounced, "550", then
	}
	movesTo := func(email string) func(*subscribers.Subscriber) {
		return func(s *subscribers.Subscriber) { s.Address, _ = subscribers.ParseAddress(email) }
	}
	return []KeptCase{
		{"signs up", unknown, caseOf(now, subscribers.Pending), nil, none, false},
		{"is added, confirmed", unknown, caseOf(now, subscribers.Confirmed), nil, none, false},
		{"is imported, unsubscribed", unknown, caseOf(now, subscribers.Unsubscribed), nil, none, false},
		{"is imported, suppressed", unknown, caseOf(now, subscribers.Suppressed), nil, bounced, true},
		{"is suppressed, a stranger", unknown, alone(subscribers.Suppressed), nil, bounced, true},
		{"is suppressed for more, a stranger", alone(subscribers.Suppressed), alone(subscribers.Suppressed, said), nil, complained, true},
		{"is lifted, a stranger", alone(subscribers.Suppressed), alone(""), nil, none, true},
		{"is lifted, a stranger who said no", alone(subscribers.Suppressed, said), alone(subscribers.Unsubscribed), nil, no, true},
		{"signs up after a suppression alone", alone(subscribers.Suppressed), caseOf(now, subscribers.Pending, caused), nil, none, false},
		{"signs up when forgotten", alone(subscribers.Unsubscribed), caseOf(now, subscribers.Pending), nil, none, false},

		{"confirms", caseOf(now, subscribers.Pending), caseOf(now, subscribers.Confirmed), nil, none, true},
		{"confirms after a bounce", caseOf(now, subscribers.Pending, caused), caseOf(now, subscribers.Confirmed), nil, none, true},
		{"chooses", caseOf(now, subscribers.Confirmed), caseOf(now, subscribers.Confirmed, func(s *subscribers.Subscriber) { s.Cadence = subscribers.Daily }), nil, none, false},
		{"unsubscribes", caseOf(now, subscribers.Confirmed), caseOf(now, subscribers.Unsubscribed), nil, none, false},
		{"bounces", caseOf(now, subscribers.Confirmed), caseOf(now, subscribers.Suppressed), nil, bounced, true},
		{"says no when suppressed", caseOf(now, subscribers.Suppressed), caseOf(now, subscribers.Suppressed, said), nil, complained, true},
		{"signs up after a bounce", caseOf(now, subscribers.Suppressed), caseOf(now, subscribers.Pending, caused), nil, none, false},
		{"is lifted", caseOf(now, subscribers.Suppressed), caseOf(now, subscribers.Confirmed), nil, none, true},
		{"is lifted, never confirmed", caseOf(now, subscribers.Suppressed), caseOf(now, subscribers.Pending), nil, none, true},
		{"is lifted, signed up again", caseOf(now, subscribers.Pending, caused), caseOf(now, subscribers.Pending), nil, none, true},

		{"moves", caseOf(now, subscribers.Confirmed), caseOf(now, subscribers.Confirmed, movesTo("moved@example.com")), &no, none, true},
		{"moves within a mailbox", caseOf(now, subscribers.Confirmed), caseOf(now, subscribers.Confirmed, movesTo("CASE@example.com")), nil, none, false},
	}
}

// caseOf is a subscriber who has not confirmed lately.
func caseOf(now time.Time, status subscribers.Status, edits ...func(*subscribers.Subscriber)) subscribers.Subscriber {
	then := now.Add(-time.Hour)
	a, err := subscribers.ParseAddress("case@example.com")
	if err != nil {
		panic(err)
	}
	s := subscribers.Subscriber{
		ID: 1, PublicID: "case", Address: a, Status: status, Cadence: subscribers.Weekly, Categories: []string{"engineering"},
		NonceExpires: now.Add(-1000 * time.Hour), CreatedAt: then, ConfirmedAt: then,
	}
	switch status {
	case subscribers.Pending:
		s.ConfirmedAt = time.Time{}
	case subscribers.Unsubscribed:
		s.UnsubscribedAt = then
	case subscribers.Suppressed:
		s.Cause, s.Reason, s.SuppressedAt = subscribers.Bounced, "550", then
	}
	for _, edit := range edits {
		edit(&s)
	}
	return s
}

// TidiedCase is a subscriber, and what Store.Tidy makes of them.
type TidiedCase struct {
	Name   string
	Before subscribers.Subscriber
	After  subscribers.Subscriber // unless they are forgotten
	Forget bool
	Kept   *subscribers.Suppression // of who is forgotten; nil: no more than there was
}

// TidiedCases are those of Tidied and KeptOfUnconfirmed, for links that ended before now.
func TidiedCases(now time.Time) []TidiedCase {
	no := now.Add(-30 * 24 * time.Hour)
	elsewhere, err := subscribers.ParseAddress("elsewhere@example.com")
	if err != nil {
		panic(err)
	}
	ends := func(at time.Time) func(*subscribers.Subscriber) {
		return func(s *subscribers.Subscriber) { s.NonceExpires = at }
	}
	saidNo := func(s *subscribers.Subscriber) { s.UnsubscribedAt = no }
	confirmed := func(s *subscribers.Subscriber) { s.ConfirmedAt = no }
	moves := func(s *subscribers.Subscriber) { s.NewAddress = elsewhere }
	caused := func(s *subscribers.Subscriber) {
		s.Cause, s.Reason, s.SuppressedAt = subscribers.Bounced, "550", no
	}
	status := func(st subscribers.Status) func(*subscribers.Subscriber) {
		return func(s *subscribers.Subscriber) { s.Status = st }
	}
	noLink := func(s *subscribers.Subscriber) { s.NonceExpires = time.Time{} }
	moment := now.Add(-time.Millisecond) // as exact as a store is
	pending := func(edits ...func(*subscribers.Subscriber)) subscribers.Subscriber {
		return caseOf(now, subscribers.Pending, edits...)
	}
	active := func(edits ...func(*subscribers.Subscriber)) subscribers.Subscriber {
		return caseOf(now, subscribers.Confirmed, edits...)
	}
	left := &subscribers.Suppression{Status: subscribers.Unsubscribed, Reason: subscribers.ReasonForgotten, At: no, UnsubscribedAt: no}
	return []TidiedCase{
		{"pending, in time", pending(ends(now)), pending(ends(now)), false, nil},
		{"pending, late", pending(ends(moment)), subscribers.Subscriber{}, true, nil},
		{"pending, without a link", pending(noLink), subscribers.Subscriber{}, true, nil},
		{"pending, said no, in time", pending(saidNo, confirmed, ends(now)), pending(saidNo, confirmed, ends(now)), false, nil},
		{"pending, said no, confirmed once", pending(saidNo, confirmed), pending(saidNo, confirmed, noLink, status(subscribers.Unsubscribed)), false, nil},
		{"pending, said no, confirmed once, bounced", pending(saidNo, confirmed, caused), pending(saidNo, confirmed, caused, noLink, status(subscribers.Unsubscribed)), false, nil},
		{"pending, said no, never confirmed", pending(saidNo), subscribers.Subscriber{}, true, left},
		{"pending, said no, never confirmed, bounced", pending(saidNo, caused), subscribers.Subscriber{}, true, nil},
		{"pending, confirmed once, bounced", pending(confirmed, caused), subscribers.Subscriber{}, true, nil},
		{"confirmed, late", active(), active(), false, nil},
		{"moves, in time", active(moves, ends(now)), active(moves, ends(now)), false, nil},
		{"moves, late", active(moves, ends(moment)), active(noLink), false, nil},
		{"unsubscribed, late", caseOf(now, subscribers.Unsubscribed), caseOf(now, subscribers.Unsubscribed), false, nil},
		{"unsubscribed while they moved, late", caseOf(now, subscribers.Unsubscribed, moves), caseOf(now, subscribers.Unsubscribed, noLink), false, nil},
		{"suppressed, late", caseOf(now, subscribers.Suppressed), caseOf(now, subscribers.Suppressed), false, nil},
	}
}

// ErasedCase is a subscriber, and what is left of them when they are erased.
type ErasedCase struct {
	Name   string
	Before subscribers.Subscriber
	Kept   subscribers.Suppression
}

// ErasedCases are those of KeptOfErased.
func ErasedCases(now time.Time) []ErasedCase {
	then := now.Add(-time.Hour)
	no := subscribers.Suppression{Status: subscribers.Unsubscribed, Reason: subscribers.ReasonForgotten, At: now, UnsubscribedAt: now}
	bounced := subscribers.Suppression{Status: subscribers.Suppressed, Cause: subscribers.Bounced, Reason: subscribers.ReasonForgotten, At: then, UnsubscribedAt: now}
	complained := bounced
	complained.Cause = subscribers.Complained
	cause := func(c subscribers.Cause) func(*subscribers.Subscriber) {
		return func(s *subscribers.Subscriber) {
			s.Cause, s.Reason, s.SuppressedAt = c, "case@example.com is unknown", then
		}
	}
	return []ErasedCase{
		{"pending", caseOf(now, subscribers.Pending), no},
		{"confirmed", caseOf(now, subscribers.Confirmed), no},
		{"unsubscribed", caseOf(now, subscribers.Unsubscribed), no},
		{"bounced", caseOf(now, subscribers.Suppressed), bounced},
		{"complained", caseOf(now, subscribers.Suppressed, cause(subscribers.Complained)), complained},
		{"signed up after a bounce", caseOf(now, subscribers.Pending, cause(subscribers.Bounced)), bounced},
	}
}

// TakeCase is a subscriber who is given another address.
type TakeCase struct {
	Kept, Holder subscribers.Status // of that address; "": none
	Err          error
}

// TakeCases are those of MayTake.
func TakeCases() []TakeCase {
	return []TakeCase{
		{"", "", nil},
		{"", subscribers.Pending, nil},
		{"", subscribers.Unsubscribed, nil},
		{"", subscribers.Confirmed, subscribers.ErrTaken},
		{subscribers.Unsubscribed, "", nil},
		{subscribers.Unsubscribed, subscribers.Pending, nil},
		{subscribers.Suppressed, "", subscribers.ErrSuppressed},
		{subscribers.Suppressed, subscribers.Pending, subscribers.ErrSuppressed},
		{subscribers.Suppressed, subscribers.Suppressed, subscribers.ErrSuppressed},
	}
}

// NoticeCase is a notice to a subscriber to whom another waits.
type NoticeCase struct {
	Notice, Waiting subscribers.Notice
	To, WaitingTo   string
	Replaces        bool
}

// NoticeCases are those of Notice.Replaces.
func NoticeCases() []NoticeCase {
	const here, elsewhere = "case@example.com", "elsewhere@example.com"
	return []NoticeCase{
		{subscribers.ConfirmNotice, subscribers.ConfirmNotice, here, here, false},
		{subscribers.LinkNotice, subscribers.LinkNotice, here, here, true},
		{subscribers.ConfirmNotice, subscribers.AlreadyNotice, here, here, false},
		{subscribers.AlreadyNotice, subscribers.AlreadyNotice, here, here, true},
		{subscribers.AlreadyNotice, subscribers.MovedNotice, here, here, false},
		{subscribers.MovedNotice, subscribers.ConfirmNotice, here, here, false},
		{subscribers.MovedNotice, subscribers.MovedNotice, here, here, true},
		{subscribers.MovedNotice, subscribers.MovedNotice, here, elsewhere, false},
	}
}
