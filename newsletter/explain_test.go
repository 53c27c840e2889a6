package newsletter_test

import (
	"testing"
	"time"

	"github.com/scaledbydesign/insights/content"
	"github.com/scaledbydesign/insights/newsletter"
	"github.com/scaledbydesign/insights/subscribers"
)

func TestEachInsightIsExplained(t *testing.T) {
	now := time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
	day := func(n int) time.Time { return now.AddDate(0, 0, n) }
	base := newsletter.Explainer{
		Reader:   subscribers.Subscriber{Status: subscribers.Confirmed, Cadence: subscribers.Weekly, Categories: []string{"engineering"}},
		Position: newsletter.Position{"engineering": {To: 5}},
		Sequence: map[string]newsletter.Numbered{"old": {Seq: 3, Category: "engineering"}, "new": {Seq: 9, Category: "engineering"}, "other": {Seq: 8, Category: "leadership"}},
		Grace:    time.Hour, FirstSeen: map[string]time.Time{"fresh": now.Add(-time.Minute), "late": day(-1)},
		Next: &newsletter.Slot{Due: day(3)}, Zone: time.UTC,
	}
	insight := func(id string) content.Insight { return content.Insight{ID: id, Date: day(-2), Email: true} }
	carried := func(state newsletter.DeliveryState, digest newsletter.DigestState) func(*newsletter.Explainer) {
		return func(e *newsletter.Explainer) {
			e.Carried = []newsletter.Carried{{Digest: 7, DigestState: digest, State: state, At: day(-1), Seqs: []int64{9}}}
		}
	}
	status := func(s subscribers.Status) func(*newsletter.Explainer) {
		return func(e *newsletter.Explainer) { e.Reader.Status = s }
	}
	for _, test := range []struct {
		name, id string
		change   func(*newsletter.Explainer)
		insight  func(*content.Insight)
		want     newsletter.Standing
	}{
		{"unread", "new", nil, nil, newsletter.StandingIncluded},
		{"published before", "old", nil, nil, newsletter.StandingBefore},
		{"another category", "other", nil, nil, newsletter.StandingNotChosen},
		{"in its grace", "fresh", nil, nil, newsletter.StandingTooNew},
		{"not numbered yet", "late", nil, nil, newsletter.StandingTooNew},
		{"never seen", "unheard", nil, nil, newsletter.StandingTooNew},
		{"a draft", "new", nil, func(in *content.Insight) { in.Draft = true }, newsletter.StandingHidden},
		{"to come", "new", nil, func(in *content.Insight) { in.Date = day(1) }, newsletter.StandingHidden},
		{"email: false", "new", nil, func(in *content.Insight) { in.Email = false }, newsletter.StandingNotEmailed},
		{"received", "new", carried(newsletter.Sent, newsletter.DigestDone), nil, newsletter.StandingReceived},
		{"received, and a draft since", "new", carried(newsletter.Sent, newsletter.DigestDone), func(in *content.Insight) { in.Draft = true }, newsletter.StandingReceived},
		{"deferred", "new", carried(newsletter.Deferred, newsletter.DigestSending), nil, newsletter.StandingOnTheWay},
		{"uncertain", "new", carried(newsletter.Uncertain, newsletter.DigestDone), nil, newsletter.StandingUncertain},
		{"failed", "new", carried(newsletter.Failed, newsletter.DigestDone), nil, newsletter.StandingIncluded},
		{"in a plan that is not approved", "new", carried(newsletter.Pending, newsletter.DigestPlanned), nil, newsletter.StandingIncluded},
		{"pending", "new", status(subscribers.Pending), nil, newsletter.StandingNoEmail},
		{"unsubscribed", "new", status(subscribers.Unsubscribed), nil, newsletter.StandingNoEmail},
		{"suppressed", "new", status(subscribers.Suppressed), nil, newsletter.StandingNoEmail},
		{"no schedule", "new", func(e *newsletter.Explainer) { e.Unserved = true }, nil, newsletter.StandingNoEmail},
		{"paused", "new", func(e *newsletter.Explainer) { e.Reader.PausedUntil = day(1) }, nil, newsletter.StandingNoEmail},
	} {
		e, in := base, insight(test.id)
		if test.change != nil {
			test.change(&e)
		}
		if test.insight != nil {
			test.insight(&in)
		}
		if got := e.Explain(&in, now); got.Standing != test.want || got.Reason == "" {
			t.Errorf("%s: %s, %q; want %s", test.name, got.Standing, got.Reason, test.want)
		}
	}
}

func TestAnExplanationSaysWhatCameOfARefusal(t *testing.T) {
	now := time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
	in := content.Insight{ID: "new", Date: now.AddDate(0, 0, -2), Email: true}
	for name, c := range map[string]struct {
		refusal  newsletter.Refusal
		standing newsletter.Standing
		words    string
	}{
		"to be judged": {
			newsletter.Refusal{Due: now.Add(time.Hour)}, newsletter.StandingNoEmail,
			"unread; digest 7 was refused on 2026-11-25 (550 no such user), to be judged on 2026-11-26 13:00 UTC: they get no digest until then",
		},
		"its judgement is overdue": {
			newsletter.Refusal{Due: now.Add(-time.Hour)}, newsletter.StandingIncluded,
			"digest 7 was refused on 2026-11-25 (550 no such user), to be judged on 2026-11-26 11:00 UTC; comes with their next digest",
		},
		"in doubt": {
			newsletter.Refusal{Judged: now, Verdict: newsletter.VerdictInDoubt, Reason: "10 of 12 emails in a row were refused"}, newsletter.StandingIncluded,
			"digest 7 was refused on 2026-11-25 (550 no such user), judged on 2026-11-26 12:00 UTC: in doubt, 10 of 12 emails in a row were refused; comes with their next digest",
		},
		"of another digest": {
			newsletter.Refusal{Ref: newsletter.Ref{Digest: 6}, Judged: now, Verdict: newsletter.VerdictInDoubt}, newsletter.StandingIncluded, "comes with their next digest",
		},
	} {
		if c.refusal.Ref.Digest == 0 {
			c.refusal.Ref.Digest = 7
		}
		c.refusal.At, c.refusal.Said = now.AddDate(0, 0, -1), "550 no such user"
		e := newsletter.Explainer{
			Reader:   subscribers.Subscriber{Status: subscribers.Confirmed, Categories: []string{"engineering"}},
			Sequence: map[string]newsletter.Numbered{"new": {Seq: 9, Category: "engineering"}}, Zone: time.UTC,
			Carried:  []newsletter.Carried{{Digest: 7, DigestState: newsletter.DigestDone, State: newsletter.Failed, Seqs: []int64{9}}},
			Refusals: []newsletter.Refusal{c.refusal},
		}
		if got := e.Explain(&in, now); got.Standing != c.standing || got.Reason != c.words {
			t.Errorf("%s: %s, %q", name, got.Standing, got.Reason)
		}
	}
}

func TestAPausedDigestEnds(t *testing.T) {
	opened := time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC) // a Monday
	weekly := []newsletter.Schedule{{Name: "weekly", Cadence: subscribers.Weekly, Cron: "0 9 * * 1", Zone: time.UTC}}
	for name, c := range map[string]struct {
		schedule string
		paused   time.Time
		want     time.Time
	}{
		"when the next of its schedule is due": {"weekly", opened.Add(time.Hour), opened.AddDate(0, 0, 7)},
		"at its deadline, if made by hand":     {"", opened.Add(time.Hour), opened.Add(72 * time.Hour)},
		"overdue: when the one after is due":   {"weekly", opened.AddDate(0, 0, 9), opened.AddDate(0, 0, 14)},
		"overdue, made by hand":                {"", opened.AddDate(0, 0, 9), opened.AddDate(0, 0, 12)},
		"its schedule is gone":                 {"daily", opened.Add(time.Hour), opened.Add(72 * time.Hour)},
	} {
		d := newsletter.Digest{Schedule: c.schedule, ApprovedAt: opened, PausedAt: c.paused}
		if got := d.PausedUntil(weekly, newsletter.Retry{}); !got.Equal(c.want) {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}
