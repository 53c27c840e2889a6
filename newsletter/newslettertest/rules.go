package newslettertest

import (
	"time"

	"github.com/scaledbydesign/insights/newsletter"
	"github.com/scaledbydesign/insights/subscribers"
)

// The tables of the rules that stores apply to many rows at once, by a statement. The
// tests of a store create every row, and compare.

// States of a delivery whose digest is steered.
var (
	digestStates = []newsletter.DigestState{
		newsletter.DigestPlanned, newsletter.DigestApproved, newsletter.DigestSending, newsletter.DigestPaused,
		newsletter.DigestDone, newsletter.DigestCancelled, newsletter.DigestFailed,
	}
)

// SteerRow is a row of the table of what can be done to a digest.
type SteerRow struct {
	Name    string
	From    newsletter.DigestState
	Steer   func(newsletter.DigestState) (newsletter.DigestState, bool, error)
	To      newsletter.DigestState // "" = ErrState
	Changed bool
}

// SteerRows returns the table.
func SteerRows() (rows []SteerRow) {
	for _, verb := range []struct {
		name  string
		steer func(newsletter.DigestState) (newsletter.DigestState, bool, error)
		to    map[newsletter.DigestState]newsletter.DigestState
	}{
		{"approve", newsletter.DigestState.Approve, map[newsletter.DigestState]newsletter.DigestState{
			"planned": "approved", "approved": "approved", "sending": "sending", "paused": "paused", "done": "done",
		}},
		{"pause", newsletter.DigestState.Pause, map[newsletter.DigestState]newsletter.DigestState{
			"approved": "paused", "sending": "paused", "paused": "paused",
		}},
		{"resume", newsletter.DigestState.Resume, map[newsletter.DigestState]newsletter.DigestState{
			"paused": "approved", "approved": "approved", "sending": "sending",
		}},
		{"cancel", newsletter.DigestState.Cancel, map[newsletter.DigestState]newsletter.DigestState{
			"planned": "cancelled", "approved": "cancelled", "sending": "cancelled", "paused": "cancelled", "cancelled": "cancelled",
		}},
		{"retry", newsletter.DigestState.Retry, map[newsletter.DigestState]newsletter.DigestState{
			"done": "sending", "approved": "approved", "sending": "sending", "paused": "paused",
		}},
	} {
		for _, from := range digestStates {
			to := verb.to[from]
			rows = append(rows, SteerRow{verb.name, from, verb.steer, to, to != "" && to != from})
		}
	}
	return rows
}

// AudienceRow is a row of the table of Audience.Includes.
type AudienceRow struct {
	Name     string
	Audience newsletter.Audience
	Reader   subscribers.Subscriber
	Included bool
}

// AudienceRows returns the table, as of now. Every reader has the id 7.
func AudienceRows(now time.Time) []AudienceRow {
	weekly := subscribers.Subscriber{ID: 7, Status: subscribers.Confirmed, Cadence: subscribers.Weekly}
	with := func(change func(*subscribers.Subscriber)) subscribers.Subscriber {
		s := weekly
		change(&s)
		return s
	}
	return []AudienceRow{
		{"everybody", newsletter.Audience{}, weekly, true},
		{"their cadence", newsletter.Audience{Cadence: subscribers.Weekly}, weekly, true},
		{"another cadence", newsletter.Audience{Cadence: subscribers.Daily}, weekly, false},
		{"only them", newsletter.Audience{Subscriber: 7}, weekly, true},
		{"someone else", newsletter.Audience{Subscriber: 8}, weekly, false},
		{"only them, with another cadence", newsletter.Audience{Subscriber: 7, Cadence: subscribers.Daily}, weekly, false},
		{"pending", newsletter.Audience{}, with(func(s *subscribers.Subscriber) { s.Status = subscribers.Pending }), false},
		{"unsubscribed", newsletter.Audience{}, with(func(s *subscribers.Subscriber) { s.Status = subscribers.Unsubscribed }), false},
		{"suppressed", newsletter.Audience{}, with(func(s *subscribers.Subscriber) { s.Status = subscribers.Suppressed }), false},
		{"paused", newsletter.Audience{}, with(func(s *subscribers.Subscriber) { s.PausedUntil = now.Add(time.Millisecond) }), false},
		{"whose pause ends now", newsletter.Audience{}, with(func(s *subscribers.Subscriber) { s.PausedUntil = now }), true},
		{"whose pause is over", newsletter.Audience{}, with(func(s *subscribers.Subscriber) { s.PausedUntil = now.Add(-time.Hour) }), true},
	}
}

// OnTheWayRow is a row of the table of OnTheWay.
type OnTheWayRow struct {
	Delivery newsletter.DeliveryState
	Digest   newsletter.DigestState
	Is       bool
}

// OnTheWayRows returns the table.
func OnTheWayRows() (rows []OnTheWayRow) {
	promised := map[newsletter.DigestState]bool{"approved": true, "sending": true, "paused": true}
	open := map[newsletter.DeliveryState]bool{"pending": true, "claimed": true, "sending": true, "deferred": true}
	for _, delivery := range newsletter.DeliveryStates {
		for _, digest := range digestStates {
			rows = append(rows, OnTheWayRow{delivery, digest, delivery == newsletter.Uncertain || open[delivery] && promised[digest]})
		}
	}
	return rows
}

// RecoverRow is a row of the table of OnUncertain.Recover. Left is the state in which
// a dead worker left an email of a digest, or a single one if Digest is "".
type RecoverRow struct {
	Policy newsletter.OnUncertain
	Left   newsletter.DeliveryState
	Digest newsletter.DigestState
	Want   newsletter.Result
}

// RecoverRows returns the table, as of now.
func RecoverRows(now time.Time) (rows []RecoverRow) {
	const ended = newsletter.ReasonWorkerDied
	sending := map[newsletter.OnUncertain]newsletter.Result{
		newsletter.Resend: {State: newsletter.Deferred, NextAt: now, Uncertain: true, Reason: ended},
		newsletter.Hold:   {State: newsletter.Uncertain, Uncertain: true, Reason: ended},
		newsletter.Skip:   {State: newsletter.Uncertain, Uncertain: true, Received: true, Reason: ended},
	}
	for policy, uncertain := range sending {
		for _, digest := range []newsletter.DigestState{"", newsletter.DigestSending, newsletter.DigestPaused, newsletter.DigestCancelled, newsletter.DigestFailed} {
			claimed := newsletter.Result{State: newsletter.Pending}
			left := uncertain
			if digest == newsletter.DigestCancelled || digest == newsletter.DigestFailed {
				claimed = newsletter.Result{State: newsletter.Skipped, Reason: newsletter.ReasonCancelled}
				if policy == newsletter.Resend {
					left = newsletter.Result{State: newsletter.Skipped, Uncertain: true, Reason: newsletter.ReasonCancelled}
				}
			}
			rows = append(rows, RecoverRow{policy, newsletter.Claimed, digest, claimed}, RecoverRow{policy, newsletter.Sending, digest, left})
		}
	}
	return rows
}
