package newsletter_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/scaledbydesign/insights/newsletter"
	"github.com/scaledbydesign/insights/newsletter/newslettertest"
)

var now = time.UnixMilli(1_800_000_000_000)

func TestSteering(t *testing.T) {
	for _, row := range newslettertest.SteerRows() {
		to, changed, err := row.Steer(row.From)
		if row.To == "" {
			if !errors.Is(err, newsletter.ErrState) || to != row.From || changed {
				t.Errorf("%s a %s digest: %s, %v, %v", row.Name, row.From, to, changed, err)
			}
			continue
		}
		if err != nil || to != row.To || changed != row.Changed {
			t.Errorf("%s a %s digest: %s, %v, %v; want %s", row.Name, row.From, to, changed, err, row.To)
		}
	}
}

func TestAudience(t *testing.T) {
	for _, row := range newslettertest.AudienceRows(now) {
		if got := row.Audience.Includes(row.Reader, now); got != row.Included {
			t.Errorf("%s: %v", row.Name, got)
		}
	}
}

func TestOnTheWay(t *testing.T) {
	for _, row := range newslettertest.OnTheWayRows() {
		if got := newsletter.OnTheWay(row.Delivery, row.Digest); got != row.Is {
			t.Errorf("a %s delivery of a %s digest: %v", row.Delivery, row.Digest, got)
		}
	}
}

func TestRecover(t *testing.T) {
	for _, row := range newslettertest.RecoverRows(now) {
		if diff := cmp.Diff(row.Want, row.Policy.Recover(row.Left, row.Digest.Stopped(), now)); diff != "" {
			t.Errorf("%s, left %s, digest %s:\n%s", row.Policy, row.Left, row.Digest, diff)
		}
	}
}

func TestResultOfAStoppedDigest(t *testing.T) {
	for _, test := range []struct {
		state  newsletter.DeliveryState
		digest newsletter.DigestState
		want   newsletter.DeliveryState
		reason newsletter.Reason
	}{
		{newsletter.Deferred, newsletter.DigestSending, newsletter.Deferred, "450"},
		{newsletter.Deferred, newsletter.DigestPaused, newsletter.Deferred, "450"},
		{newsletter.Deferred, newsletter.DigestCancelled, newsletter.Skipped, "cancelled"},
		{newsletter.Pending, newsletter.DigestFailed, newsletter.Skipped, "failed"},
		{newsletter.Sent, newsletter.DigestCancelled, newsletter.Sent, "450"},
		{newsletter.Failed, newsletter.DigestCancelled, newsletter.Failed, "450"},
		{newsletter.Uncertain, newsletter.DigestCancelled, newsletter.Uncertain, "450"},
	} {
		got := newsletter.Result{State: test.state, Reason: "450"}.IfStopped(test.digest)
		if got.State != test.want || got.Reason != test.reason {
			t.Errorf("%s, digest %s: %s (%s)", test.state, test.digest, got.State, got.Reason)
		}
	}
}

func TestLate(t *testing.T) {
	at := func(hours int) time.Time { return now.Add(time.Duration(hours) * time.Hour) }
	for _, test := range []struct {
		name string
		a    newsletter.Activity
		late bool
	}{
		{"approved just now", newsletter.Activity{Approved: now}, false},
		{"approved a day ago", newsletter.Activity{Approved: at(-24)}, false},
		{"approved longer ago", newsletter.Activity{Approved: at(-25)}, true},
		{"approved long ago, for today", newsletter.Activity{Approved: at(-72), NotBefore: at(-3)}, false},
		{"approved long ago, for later", newsletter.Activity{Approved: at(-72), NotBefore: at(3)}, false},
		{"approved long ago, and something went out", newsletter.Activity{Approved: at(-72), Sent: at(-3)}, false},
		{"something went out long ago", newsletter.Activity{Approved: at(-72), Sent: at(-30)}, true},
	} {
		reason, late := test.a.Late(now, 24*time.Hour)
		if late != test.late {
			t.Errorf("%s: %v (%s)", test.name, late, reason)
		}
	}
	if reason, _ := (newsletter.Activity{Approved: at(-25)}).Late(now, 24*time.Hour); reason != "nothing was sent for 25h0m0s; paused until someone resumes it" {
		t.Errorf("reason %q", reason)
	}
}

func TestStartPosition(t *testing.T) {
	sequence := []newsletter.Numbered{
		{Seq: 8, Category: "a"}, {Seq: 7, Category: "b"}, {Seq: 6, Category: "a", Withdrawal: newsletter.Withdrawal{Since: time.Unix(1, 0)}}, {Seq: 5, Category: "a", Withdrawal: newsletter.Withdrawal{Since: time.Unix(1, 0)}},
		{Seq: 4, Category: "b"}, {Seq: 3, Category: "a"}, {Seq: 1, Category: "c"},
	}
	for _, test := range []struct {
		name       string
		categories []string
		n          int
		want       string
	}{
		{"nothing unread", []string{"a", "b"}, 0, "a=9 b=9"},
		{"the newest", []string{"a", "b"}, 1, "a=7 b=7"},
		{"the newest three that are not withdrawn", []string{"a", "b"}, 3, "a=3 b=3"},
		{"of one category", []string{"a"}, 2, "a=2"},
		{"more than there are", []string{"a"}, 9, "a=0"},
		{"a category without insights", []string{"d"}, 3, "d=0"},
	} {
		if got := newsletter.StartPosition(sequence, 9, test.categories, test.n).String(); got != test.want {
			t.Errorf("%s: %s, want %s", test.name, got, test.want)
		}
	}
}

func TestSlotRecordAfter(t *testing.T) {
	record := func(outcome newsletter.SlotOutcome, reason newsletter.Reason) newsletter.SlotRecord {
		return newsletter.SlotRecord{Schedule: "s", Key: "k", Due: now, Outcome: outcome, Reason: reason}
	}
	for _, test := range []struct {
		before, then newsletter.SlotRecord
		want         newsletter.SlotRecord
		changed      bool
	}{
		{record("planned", ""), record("missed", "later"), record("planned", ""), false},
		{record("skipped", "nothing new"), record("planned", ""), record("skipped", "nothing new"), false},
		{record("failing", "down"), record("failing", "still down"), record("failing", "still down"), true},
		{record("failing", "down"), record("planned", ""), record("planned", ""), true},
		{record("failing", "down"), record("skipped", "nothing new"), record("skipped", "nothing new"), true},
		{record("failing", "down"), record("missed", "a later slot was due as well"), record("failed", "down; a later slot was due as well"), true},
		{record("failing", "down"), record("late", "25h late"), record("failed", "down; 25h late"), true},
	} {
		test.then.Due = now.Add(time.Hour) // the slot keeps its due time
		got, changed := test.then.After(test.before)
		if got != test.want || changed != test.changed {
			t.Errorf("%s after %s: %+v, %v", test.then.Outcome, test.before.Outcome, got, changed)
		}
	}
}

func TestRestarts(t *testing.T) {
	for _, test := range []struct {
		before, times string
		want          bool
	}{
		{"0 9 * * 1 UTC", "0 9 * * 1 UTC", false},
		{"0 9 * * 1 UTC", "0 9 * * 2 UTC", true},
		{"", "0 9 * * 1 UTC", false},
	} {
		if got := newsletter.Restarts(test.before, test.times); got != test.want {
			t.Errorf("%q, then %q: %v", test.before, test.times, got)
		}
	}
}

func TestRenumber(t *testing.T) {
	visible := func(id string) newsletter.Visible {
		return newsletter.Visible{InsightID: id, Category: "a", Slug: id, Date: now, Email: true}
	}
	known := func(seq int64, age time.Duration) newsletter.Known {
		return newsletter.Known{Seq: seq, FirstSeen: now.Add(-age), Category: "a", Slug: "x", Email: true}
	}
	of := func(k newsletter.Known, change func(*newsletter.Known)) newsletter.Known {
		change(&k)
		return k
	}
	shows := func(change func(*newsletter.Visible)) newsletter.Visible {
		v := visible("x")
		change(&v)
		return v
	}
	gone := func(k *newsletter.Known) { k.Withdrawal.Since = now.Add(-time.Hour) }
	how := func(h newsletter.WithdrawnHow) func(*newsletter.Known) {
		return func(k *newsletter.Known) { k.Withdrawal = newsletter.Withdrawal{Since: now.Add(-time.Hour), How: h} }
	}
	notEmailed := func(k *newsletter.Known) { gone(k); k.Email = false }
	grace := newsletter.Numbering{Grace: time.Minute, Authority: true}
	faulty := newsletter.Numbering{Authority: true, Kept: func(id string) bool { return id == "x" }}
	numbered := map[string]newsletter.Known{"x": known(1, time.Hour)}
	waiting := func(age time.Duration) map[string]newsletter.Known {
		return map[string]newsletter.Known{"x": known(0, age), "y": of(known(1, time.Hour), gone)}
	}
	one := []newsletter.Visible{visible("x")}
	for _, test := range []struct {
		name    string
		known   map[string]newsletter.Known
		visible []newsletter.Visible
		how     newsletter.Numbering
		want    newsletter.Renumbering
		err     error
	}{
		{"the first library has no grace", nil, one, grace, newsletter.Renumbering{Add: one, Number: one, First: true}, nil},
		{"nothing at all", nil, nil, grace, newsletter.Renumbering{First: true}, nil},
		{"nothing has changed", numbered, one, grace, newsletter.Renumbering{}, nil},
		{"a new one waits for its grace", map[string]newsletter.Known{"y": of(known(1, time.Hour), gone)}, one, grace,
			newsletter.Renumbering{Add: one, Next: now.Add(time.Minute)}, nil},
		{"a new one without grace", map[string]newsletter.Known{"y": of(known(1, time.Hour), gone)}, one, newsletter.Numbering{},
			newsletter.Renumbering{Add: one, Number: one}, nil},
		{"its grace is not over", waiting(59 * time.Second), one, grace, newsletter.Renumbering{Next: now.Add(time.Second)}, nil},
		{"its grace is over", waiting(time.Minute), one, grace, newsletter.Renumbering{Number: one}, nil},
		{"one is gone", numbered, nil, grace, newsletter.Renumbering{Withdraw: []newsletter.Gone{{InsightID: "x", Since: now}}}, nil},
		{"one is gone from a folder that is not the site's", numbered, nil, newsletter.Numbering{}, newsletter.Renumbering{}, newsletter.ErrOtherLibrary},
		{"one was withdrawn before", map[string]newsletter.Known{"x": of(known(1, time.Hour), gone)}, nil, newsletter.Numbering{}, newsletter.Renumbering{}, nil},
		{"one is back", map[string]newsletter.Known{"x": of(known(1, time.Hour), gone)}, one, grace, newsletter.Renumbering{Update: one}, nil},
		{"another slug", numbered, []newsletter.Visible{shows(func(v *newsletter.Visible) { v.Slug = "z" })}, grace,
			newsletter.Renumbering{Update: []newsletter.Visible{shows(func(v *newsletter.Visible) { v.Slug = "z" })}}, nil},
		{"no longer for emails", numbered, []newsletter.Visible{shows(func(v *newsletter.Visible) { v.Email = false })}, grace,
			newsletter.Renumbering{Withdraw: []newsletter.Gone{{InsightID: "x", Since: now}}, Update: []newsletter.Visible{shows(func(v *newsletter.Visible) { v.Email = false })}}, nil},
		{"still not for emails", map[string]newsletter.Known{"x": of(known(1, time.Hour), notEmailed)}, []newsletter.Visible{shows(func(v *newsletter.Visible) { v.Email = false })}, grace, newsletter.Renumbering{}, nil},
		{"for emails again", map[string]newsletter.Known{"x": of(known(1, time.Hour), notEmailed)}, one, grace, newsletter.Renumbering{Update: one}, nil},
		{"a file is faulty", numbered, nil, faulty, newsletter.Renumbering{}, nil},
		{"a file is faulty and another one is gone", map[string]newsletter.Known{"x": known(1, time.Hour), "y": known(2, time.Hour)}, nil, faulty, newsletter.Renumbering{Withdraw: []newsletter.Gone{{InsightID: "y", Since: now}}}, nil},
		{"a faulty file says nothing of itself", numbered, nil, newsletter.Numbering{Authority: true, Incomplete: true}, newsletter.Renumbering{}, nil},
		{"a command sees a faulty file", numbered, nil, newsletter.Numbering{Kept: faulty.Kept}, newsletter.Renumbering{}, nil},
		{"staff withdrew one that is still there", map[string]newsletter.Known{"x": of(known(1, time.Hour), how(newsletter.WithdrawnByStaff))}, one, grace, newsletter.Renumbering{}, nil},
		{"staff withdrew one that waits", map[string]newsletter.Known{"x": of(known(0, time.Hour), how(newsletter.WithdrawnByStaff))}, one, grace, newsletter.Renumbering{}, nil},
		{"what staff withdrew is withheld", map[string]newsletter.Known{"x": of(known(1, time.Hour), how(newsletter.WithdrawnByStaff))}, nil, faulty, newsletter.Renumbering{}, nil},
		{"what staff withdrew is away", map[string]newsletter.Known{"x": of(known(1, time.Hour), how(newsletter.WithdrawnByStaff))}, nil, grace, newsletter.Renumbering{Away: []string{"x"}}, nil},
		{"what staff withdrew is away for a command", map[string]newsletter.Known{"x": of(known(1, time.Hour), how(newsletter.WithdrawnByStaff))}, nil, newsletter.Numbering{}, newsletter.Renumbering{}, nil},
		{"what staff withdrew is still away", map[string]newsletter.Known{"x": of(known(1, time.Hour), how(newsletter.WithdrawnAndAway))}, nil, grace, newsletter.Renumbering{}, nil},
		{"what staff withdrew is back", map[string]newsletter.Known{"x": of(known(1, time.Hour), how(newsletter.WithdrawnAndAway))}, one, grace, newsletter.Renumbering{Update: one}, nil},
		{"another category of a numbered one", numbered, []newsletter.Visible{shows(func(v *newsletter.Visible) { v.Category = "b" })}, grace, newsletter.Renumbering{}, nil},
		{"another category of one that waits", waiting(time.Second), []newsletter.Visible{shows(func(v *newsletter.Visible) { v.Category = "b" })}, grace,
			newsletter.Renumbering{Update: []newsletter.Visible{shows(func(v *newsletter.Visible) { v.Category = "b" })}, Next: now.Add(59 * time.Second)}, nil},
	} {
		got, err := newsletter.Renumber(test.known, test.visible, test.how, now)
		if diff := cmp.Diff(test.want, got); diff != "" || !errors.Is(err, test.err) {
			t.Errorf("%s: %v\n%s", test.name, err, diff)
		}
	}
}
