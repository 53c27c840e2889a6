package subscribers

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// The rules are tested as tables: what a subscriber was, and what a rule makes of it.

const day = 24 * time.Hour

var (
	now       = time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)
	ada       = mustParse("ada@example.com")
	elsewhere = mustParse("ada@new.example")
)

func mustParse(s string) Address {
	a, err := ParseAddress(s)
	if err != nil {
		panic(err)
	}
	return a
}

// testRules give each id the same value.
var testRules = rules{
	startWith: 3, confirmFor: 72 * time.Hour, newID: func() string { return "fresh" },
	limits: Limits{AddressEvery: 15 * time.Minute, AddressADay: 3},
}

// ruled is one row: a subscriber, and what a rule makes of it.
type ruled struct {
	name   string
	before Subscriber
	want   func(*Subscriber) // what is changed of it; nil: nothing
	change Change
	err    string // a part of the error; "": none
}

func (r ruled) run(t *testing.T, apply rule) {
	t.Helper()
	want, got := r.before, r.before
	if r.want != nil {
		r.want(&want)
	}
	change, err := apply(&got, now)
	switch {
	case r.err == "" && err != nil, r.err != "" && (err == nil || !strings.Contains(err.Error(), r.err)):
		t.Errorf("%s: error %v, want %q", r.name, err, r.err)
	case cmp.Diff(r.change, change, exact) != "":
		t.Errorf("%s: change (-want +got):\n%s", r.name, cmp.Diff(r.change, change, exact))
	case cmp.Diff(want, got, exact) != "":
		t.Errorf("%s: subscriber (-want +got):\n%s", r.name, cmp.Diff(want, got, exact))
	}
}

var exact = cmp.Options{cmpopts.EquateComparable(Address{}), cmpopts.EquateEmpty()}

// theirs is the confirmation that a subscriber was sent, of what a stranger can't change.
var theirs = Confirmation{Nonce: "old", To: ada, Name: "Ada", Preferences: Preferences{Weekly, []string{"leadership"}}, Expires: now.Add(day)}

// asks is the confirmation that a rule asks for.
func asks(to Address, name string, cadence Cadence, categories ...string) *Confirmation {
	return &Confirmation{Nonce: "fresh", To: to, Name: name, Preferences: Preferences{cadence, categories}, Asked: now, Expires: now.Add(72 * time.Hour)}
}

// subscriber is one that has been there for a year.
func subscriber(status Status, edits ...func(*Subscriber)) Subscriber {
	s := Subscriber{
		ID: 1, PublicID: "public", Address: ada, Name: "Ada", Status: status, Cadence: Weekly, Categories: []string{"leadership"},
		Confirmations: []Confirmation{theirs}, NonceExpires: now.Add(-300 * day), CreatedAt: now.Add(-365 * day), ConfirmedAt: now.Add(-364 * day), Source: "form",
	}
	switch status {
	case Pending:
		s.ConfirmedAt = time.Time{}
	case Unsubscribed:
		s.UnsubscribedAt = now.Add(-100 * day)
	case Suppressed:
		s.Cause, s.Reason, s.SuppressedAt = Bounced, "550 no such mailbox", now.Add(-100*day)
	}
	for _, edit := range edits {
		edit(&s)
	}
	return s
}

// kept is what outlives a subscriber.
func kept(status Status, edits ...func(*Subscriber)) Subscriber {
	s := Subscriber{Status: status, Reason: ReasonForgotten}
	if status == Unsubscribed {
		s.UnsubscribedAt = now.Add(-100 * day)
	} else {
		s.Cause, s.SuppressedAt = Bounced, now.Add(-100*day)
	}
	for _, edit := range edits {
		edit(&s)
	}
	return s
}

func caused(c Cause) func(*Subscriber) { return func(s *Subscriber) { s.Cause = c } }

func refused(at time.Time) func(*Subscriber) {
	return func(s *Subscriber) { s.UnsubscribedAt = at }
}

func asked(times int, since, last time.Time) func(*Subscriber) {
	return func(s *Subscriber) {
		s.Asked, s.AskedSince, s.NonceExpires = times, since, last.Add(72*time.Hour)
	}
}

func movesTo(a Address) func(*Subscriber) { return func(s *Subscriber) { s.NewAddress = a } }

func event(what, source, detail string) Event {
	return Event{At: now, What: what, Source: source, Detail: detail}
}
