package newsletter

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/scaledbydesign/insights/subscribers"
)

// Refusal is a hard refusal of an email, by the mail server or by a message that came
// back. It is judged once.
type Refusal struct {
	Ref     Ref
	Reader  int64
	Domain  string              // of the address
	Address subscribers.Address // the reader's; zero if they are gone
	Words   string              // see RefusalWords
	Said    string              // what was said, without addresses
	Proven  bool                // the reader is proven to have received emails
	// Named says that nothing but its Message-ID told of which email it was, which goes along
	// when an email is forwarded or answered.
	Named bool

	Sent   time.Time // the first attempt
	At     time.Time // when it was refused
	Due    time.Time // when it is judged
	Judged time.Time // zero = not yet

	Verdict Verdict
	Reason  Reason // of the verdict

	// Superseded says that it no longer counts: since it was refused, the reader has
	// confirmed, moved, had a suppression lifted, or accepted an email that did not come
	// back.
	Superseded bool
}

// Verdict is what became of a refusal.
type Verdict string

const (
	NotJudged         Verdict = ""
	VerdictSuppressed Verdict = "suppressed" // the address is dead
	VerdictInDoubt    Verdict = "in doubt"   // it costs the reader nothing
	VerdictSuperseded Verdict = "superseded" // it no longer counted when it was judged
)

// Says is when a refusal is judged, or what came of it, for staff.
func (r *Refusal) Says(zone *time.Location) string {
	at := func(t time.Time) string { return t.In(zone).Format("2006-01-02 15:04 MST") }
	switch r.Verdict {
	case NotJudged:
		return "to be judged on " + at(r.Due)
	case VerdictSuppressed:
		return "judged on " + at(r.Judged) + ": the address is dead"
	case VerdictInDoubt:
		return "judged on " + at(r.Judged) + ": in doubt, " + string(r.Reason)
	}
	return "judged on " + at(r.Judged) + ": " + string(r.Reason)
}

// RefusalSums counts refusals.
type RefusalSums struct {
	Waiting int       // to be judged
	Next    time.Time // when the first of these is; zero = none waits
	InDoubt int       // judged as in doubt lately, see DoubtsWithin
	Why     Reason    // of the latest in doubt
}

// DoubtsWithin is how far back a status counts refusals in doubt.
const DoubtsWithin = 7 * 24 * time.Hour

// ReasonUnderJudgement is why a reader gets no digest for a while.
const ReasonUnderJudgement Reason = "an email to them was refused, and whether the address is dead is not judged yet; its insights come with a later digest"

// JudgeStore is what a Judge needs. Its methods are safe for several processes.
type JudgeStore interface {
	// DueRefusals returns the refusals that are to be judged by now.
	DueRefusals(ctx context.Context, now time.Time) ([]Refusal, error)
	// FirstAttempts returns the first attempts at emails of digests, or at single ones,
	// that were made in a time, in the order of sending.
	FirstAttempts(ctx context.Context, from, to time.Time, single bool) ([]Attempt, error)
	// Doubted returns when a reader's emails were sent, before a time, whose refusal was in
	// doubt or is not judged yet, oldest first, since an email to them was last accepted and
	// did not come back.
	Doubted(ctx context.Context, reader int64, before time.Time) ([]time.Time, error)
	// Judge records verdicts, of those refusals that have none yet. An email in doubt that
	// was refused in the session becomes pending again if again holds for its digest and
	// the digest was not stopped. It returns how many verdicts are new, and how many
	// emails are sent again.
	Judge(ctx context.Context, judged []Refusal, again func(digest int64) bool) (recorded, pending int, err error)
	Glance(ctx context.Context, digest int64) (Digest, error)
}

// Judge judges hard refusals when they are due. Any number of processes may run one on
// the same database. Its fields are set once.
type Judge struct {
	Store     JudgeStore
	Registry  *subscribers.Registry
	Judgement Judgement
	Schedules []Schedule
	Retry     Retry
	Log       *slog.Logger
	// OnVerdicts, when set, is called with how many refusals were judged.
	OnVerdicts func(v Verdict, n int)
}

// Run judges what is due until ctx is done.
func (j *Judge) Run(ctx context.Context) error {
	every := max(min(j.Judgement.Wait/1440, time.Minute), 100*time.Millisecond)
	for {
		if err := j.Once(ctx); err != nil && ctx.Err() == nil {
			j.Log.ErrorContext(ctx, "cannot judge refusals", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(every):
		}
	}
}

// Once judges what is due now.
func (j *Judge) Once(ctx context.Context) error {
	due, err := j.Store.DueRefusals(ctx, time.Now())
	if err != nil {
		return fmt.Errorf("read refusals that are due: %w", err)
	}
	var errs []error
	for group := range sentTogether(due, j.Judgement.together()) {
		if err := j.group(ctx, group); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// together is within what time emails were sent whose refusals are judged at once.
func (j *Judgement) together() time.Duration { return j.Wait / 144 }

// dueAfter is when a refusal is judged: rounded up, so that those of a digest are judged a
// few at a time.
func (j *Judgement) dueAfter(at time.Time) time.Time {
	due := at.Add(j.Wait)
	if grain := j.together().Truncate(time.Second); grain > 0 {
		if whole := due.Truncate(grain); whole.Before(due) {
			return whole.Add(grain)
		}
	}
	return due
}

// sentTogether yields refusals of digests, and of single emails, that were sent within a
// short time of each other.
func sentTogether(due []Refusal, within time.Duration) func(yield func([]Refusal) bool) {
	slices.SortStableFunc(due, func(a, b Refusal) int {
		if single := a.Ref.Message != 0; single != (b.Ref.Message != 0) {
			if single {
				return 1
			}
			return -1
		}
		return a.Sent.Compare(b.Sent)
	})
	return func(yield func([]Refusal) bool) {
		for len(due) > 0 {
			first := due[0]
			n := slices.IndexFunc(due, func(r Refusal) bool {
				return (r.Ref.Message != 0) != (first.Ref.Message != 0) || r.Sent.Sub(first.Sent) > within
			})
			if n < 0 {
				n = len(due)
			}
			if !yield(due[:n]) {
				return
			}
			due = due[n:]
		}
	}
}

// group judges refusals of emails that were sent together.
func (j *Judge) group(ctx context.Context, group []Refusal) error {
	single := group[0].Ref.Message != 0
	attempts, err := j.Store.FirstAttempts(ctx, group[0].Sent.Add(-j.Judgement.Wait), group[len(group)-1].Sent.Add(j.Judgement.Wait), single)
	if err != nil {
		return fmt.Errorf("read what was sent around refusals: %w", err)
	}
	doubts := j.Judgement.Doubts(attempts)
	for some := range slices.Chunk(group, judgedAtOnce) {
		for i := range some {
			if err := j.decide(ctx, &some[i], doubts); err != nil {
				return err
			}
		}
		if err := j.record(ctx, some); err != nil {
			return err
		}
	}
	return nil
}

// judgedAtOnce bounds how many verdicts are recorded in one transaction.
const judgedAtOnce = 500

// decide decides about one refusal, and suppresses the reader if it says so: repeating that
// after a crash changes nothing.
func (j *Judge) decide(ctx context.Context, r *Refusal, doubts Doubts) error {
	reason := doubts.Of(Attempt{Reader: r.Reader, Domain: r.Domain, Words: r.Words})
	r.Verdict, r.Reason = VerdictSuppressed, Reason(r.Said)
	var sent []time.Time
	if r.Ref.Digest != 0 {
		var err error
		if sent, err = j.Store.Doubted(ctx, r.Reader, r.Sent); err != nil {
			return fmt.Errorf("count doubts: %w", err)
		}
	}
	switch {
	case reason != "":
	case j.Judgement.StillInDoubt(sent, r.Sent):
		reason = "an earlier refusal is in doubt, and nothing has arrived since"
	case r.Named:
		reason = "the report has no return path, so anybody may have written it to whom the email was forwarded"
	}
	switch {
	case r.Address == (subscribers.Address{}):
		r.Verdict, r.Reason = VerdictSuperseded, ReasonGone
		return nil
	case r.Superseded:
		r.Verdict, r.Reason = VerdictSuperseded, "the reader confirmed, moved, or received an email since"
		return nil
	case reason != "":
		r.Verdict, r.Reason = VerdictInDoubt, reason
		if r.Ref.Digest == 0 {
			return nil
		}
		if !j.Judgement.DoubtsEnough(append(sent, r.Sent)) {
			return nil
		}
		r.Verdict, r.Reason = VerdictSuppressed, Reason(fmt.Sprintf("refused in %d digests, and nothing arrived in between: %s", j.Judgement.Digests, r.Said))
	}
	changed, err := j.Registry.Suppress(ctx, r.Address, subscribers.Bounced, "hard bounce: "+string(r.Reason), string(subscribers.Bounced))
	if err != nil {
		return fmt.Errorf("suppress reader: %w", err)
	}
	if changed {
		j.Log.InfoContext(ctx, "reader suppressed", "subscriber", r.Reader, "cause", subscribers.Bounced, "ref", r.Ref)
	}
	return nil
}

// record records the verdicts, and tells staff which are in doubt.
func (j *Judge) record(ctx context.Context, judged []Refusal) error {
	recorded, pending, err := j.Store.Judge(ctx, judged, func(digest int64) bool {
		d, err := j.Store.Glance(ctx, digest)
		return err == nil && time.Now().Before(deadlineOf(&d, j.Schedules, j.Retry))
	})
	if err != nil {
		return fmt.Errorf("record verdicts: %w", err)
	}
	if recorded == 0 {
		return nil // another process was faster
	}
	counts := make(map[Verdict]int)
	why := make(map[Reason]int)
	for _, r := range judged {
		counts[r.Verdict]++
		if r.Verdict == VerdictInDoubt {
			why[r.Reason]++
		}
	}
	if j.OnVerdicts != nil {
		for v, n := range counts {
			j.OnVerdicts(v, n)
		}
	}
	j.Log.InfoContext(ctx, "refusals judged", "suppressed", counts[VerdictSuppressed], "in_doubt", counts[VerdictInDoubt], "superseded", counts[VerdictSuperseded])
	for reason, n := range why {
		j.Log.WarnContext(ctx, "refusals are in doubt; their readers stay subscribed", "refusals", n, "reason", reason, "sent_again", pending)
	}
	return nil
}

// deadlineOf is when a digest's emails are given up: after Retry's time, or when the next
// digest of its schedule is due, which carries the same insights.
func deadlineOf(d *Digest, schedules []Schedule, retry Retry) time.Time {
	deadline := retry.deadline(d.Opens())
	for i := range schedules {
		if s := &schedules[i]; s.Name == d.Schedule && d.Schedule != "" {
			if next, ok := s.Next(d.Opens()); ok && next.Due.Before(deadline) {
				return next.Due
			}
		}
	}
	return deadline
}
