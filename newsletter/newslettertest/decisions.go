package newslettertest

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/scaledbydesign/insights/newsletter"
	"github.com/scaledbydesign/insights/subscribers"
)

// DecisionRow is a row of the table of newsletter.Decide. A store that is brought
// into the state of its Facts must do to the delivery what Want says.
type DecisionRow struct {
	Name      string
	Facts     newsletter.Facts
	AsPlanned bool // what Facts.AsPlanned says
	Want      newsletter.Decision
}

// DecisionRows returns the table, as of now. Categories are single letters.
func DecisionRows(now time.Time) []DecisionRow {
	send := func(target string) newsletter.Decision {
		return newsletter.Decision{Action: newsletter.ActionSend, Target: at(target)}
	}
	skip := func(reason newsletter.Reason) newsletter.Decision {
		return newsletter.Decision{Action: newsletter.ActionSkip, Reason: reason}
	}
	wait := func(reason newsletter.Reason) newsletter.Decision {
		return newsletter.Decision{Action: newsletter.ActionWait, Reason: reason, At: now.Add(time.Minute)}
	}
	without := func(target string, seqs ...int64) newsletter.Decision {
		return newsletter.Decision{Action: newsletter.ActionReplan, Seqs: seqs, Target: at(target)}
	}
	replan := func(seqs ...int64) newsletter.Decision {
		return newsletter.Decision{Action: newsletter.ActionReplan, Seqs: seqs}
	}
	asPlanned, giveBack := newsletter.Decision{Action: newsletter.ActionSend}, newsletter.Decision{Action: newsletter.ActionGiveBack}

	var rows []DecisionRow
	row := func(name string, want newsletter.Decision, change func(f *newsletter.Facts)) {
		f := newsletter.Facts{
			Now: now, Digest: newsletter.DigestSending,
			Reader:     newsletter.Reader{Status: subscribers.Confirmed, Categories: []string{"a", "b"}, Position: at("a=4 b=4")},
			Categories: []string{"a", "b"}, Base: at("a=4 b=4"), Target: at("a=9 b=9"),
			Items: []newsletter.Item{{Seq: 9, Category: "a"}, {Seq: 8, Category: "b"}, {Seq: 5, Category: "a"}},
		}
		change(&f)
		rows = append(rows, DecisionRow{Name: name, Facts: f, AsPlanned: want.Action == newsletter.ActionSend && want.Target == nil, Want: want})
	}
	other := func(state newsletter.DeliveryState, target string, change ...func(*newsletter.OtherDelivery)) func(*newsletter.Facts) {
		o := newsletter.OtherDelivery{State: state, Target: at(target)}
		for _, c := range change {
			c(&o)
		}
		return func(f *newsletter.Facts) {
			o.Base = f.Reader.Position
			f.Others = append(f.Others, o)
		}
	}
	earlier := func(o *newsletter.OtherDelivery) { o.Earlier = true }
	unanswered := func(o *newsletter.OtherDelivery) { o.Unanswered = true }
	all := func(changes ...func(*newsletter.Facts)) func(*newsletter.Facts) {
		return func(f *newsletter.Facts) {
			for _, change := range changes {
				change(f)
			}
		}
	}
	base := func(s string) func(*newsletter.Facts) { return func(f *newsletter.Facts) { f.Base = at(s) } }
	position := func(s string) func(*newsletter.Facts) {
		return func(f *newsletter.Facts) { f.Reader.Position = at(s) }
	}
	chosen := func(categories ...string) func(*newsletter.Facts) {
		return func(f *newsletter.Facts) { f.Reader.Categories = categories }
	}
	digest := func(s newsletter.DigestState) func(*newsletter.Facts) {
		return func(f *newsletter.Facts) { f.Digest = s }
	}
	status := func(s subscribers.Status) func(*newsletter.Facts) {
		return func(f *newsletter.Facts) { f.Reader.Status = s }
	}
	paused := func(until time.Time) func(*newsletter.Facts) {
		return func(f *newsletter.Facts) { f.Reader.PausedUntil = until }
	}
	held := func(f *newsletter.Facts) { f.Held = true }
	withdrawn := func(w newsletter.Withdrawal, seqs ...int64) func(*newsletter.Facts) {
		return func(f *newsletter.Facts) {
			if f.Withdrawn == nil {
				f.Withdrawn = make(map[int64]newsletter.Withdrawal)
			}
			for _, seq := range seqs {
				f.Withdrawn[seq] = w
			}
		}
	}
	away := func(d time.Duration) newsletter.Withdrawal { return newsletter.Withdrawal{Since: now.Add(-d)} }
	byStaff := newsletter.Withdrawal{Since: now, How: newsletter.WithdrawnByStaff}
	looked := func(d time.Duration) func(*newsletter.Facts) {
		return func(f *newsletter.Facts) { f.Looked = now.Add(-d) }
	}
	until := func(d time.Duration) newsletter.Decision {
		return newsletter.Decision{Action: newsletter.ActionWait, Reason: newsletter.ReasonWithdrawing, At: now.Add(d)}
	}

	row("nothing has changed", asPlanned, all())

	row("the digest is paused", giveBack, digest(newsletter.DigestPaused))
	row("the digest is approved again and not started", giveBack, digest(newsletter.DigestApproved))
	row("the digest is cancelled", giveBack, digest(newsletter.DigestCancelled))
	row("the digest failed", giveBack, digest(newsletter.DigestFailed))
	row("sending is held", giveBack, held)
	row("sending is held and the reader has left", giveBack, all(held, status(subscribers.Unsubscribed)))

	row("the reader is gone", skip(newsletter.ReasonGone), func(f *newsletter.Facts) { f.Reader = newsletter.Reader{} })
	row("the reader must confirm again", skip("pending"), status(subscribers.Pending))
	row("the reader has left", skip("unsubscribed"), status(subscribers.Unsubscribed))
	row("the reader is suppressed", skip("suppressed"), status(subscribers.Suppressed))
	row("the reader has paused", skip(newsletter.ReasonPaused), paused(now.Add(time.Millisecond)))
	row("the reader has paused and received everything", skip(newsletter.ReasonPaused), all(paused(now.Add(time.Hour)), position("a=9 b=9")))
	row("the reader's pause ends now", asPlanned, paused(now))
	row("the reader's pause is over", asPlanned, paused(now.Add(-time.Hour)))

	judged := func(f *newsletter.Facts) { f.UnderJudgement = true }
	row("a refusal is to be judged", skip(newsletter.ReasonUnderJudgement), judged)
	row("a refusal is to be judged and the reader has left", skip("unsubscribed"), all(judged, status(subscribers.Unsubscribed)))
	row("a refusal is to be judged and sending is held", giveBack, all(judged, held))

	row("one was received meanwhile", replan(9, 8), position("a=5 b=4"))
	row("a category was received meanwhile", replan(8), position("a=9 b=4"))
	row("everything was received meanwhile", skip(newsletter.ReasonNothingLeft), position("a=9 b=9"))
	row("more than everything was received meanwhile", skip(newsletter.ReasonNothingLeft), position("a=11 b=10"))
	row("a category was given up", replan(8), chosen("b"))
	row("every category was given up for another", skip(newsletter.ReasonNothingLeft), chosen("c"))
	row("another category was chosen", send("a=9 b=9"), chosen("a", "b", "c"))
	row("another category was received meanwhile", send("a=9 b=9 c=7"), position("a=4 b=4 c=7"))

	row("another is being sent", wait(newsletter.ReasonOtherInDoubt), other(newsletter.Sending, "a=5"))
	row("another earlier one is being sent", wait(newsletter.ReasonOtherInDoubt), other(newsletter.Sending, "a=5", earlier))
	row("another was not answered and is tried again", wait(newsletter.ReasonOtherInDoubt), other(newsletter.Deferred, "a=5", unanswered))
	row("another was not answered and is claimed again", wait(newsletter.ReasonOtherInDoubt), other(newsletter.Claimed, "a=5", unanswered))
	row("another waits", asPlanned, other(newsletter.Pending, "a=9 b=9"))
	row("an earlier one that this one does not count on waits", asPlanned, other(newsletter.Pending, "a=9 b=9", earlier))
	row("another is deferred", asPlanned, other(newsletter.Deferred, "a=9 b=9", earlier))
	row("another is claimed", asPlanned, other(newsletter.Claimed, "a=9 b=9"))
	row("another that carried everything is uncertain", skip(newsletter.ReasonNothingLeft), other(newsletter.Uncertain, "a=9 b=9", unanswered))
	row("another that carried a category is uncertain", replan(8), other(newsletter.Uncertain, "a=9 b=4", unanswered))
	row("another that carried none of these is uncertain", send("a=9 b=9"), other(newsletter.Uncertain, "a=4 b=4", unanswered))
	row("one is uncertain and another is being sent", wait(newsletter.ReasonOtherInDoubt), all(other(newsletter.Uncertain, "a=9 b=9", unanswered), other(newsletter.Sending, "c=1")))

	row("an earlier one has not arrived yet", wait(newsletter.ReasonOtherEarlier), all(base("a=4 b=7"), other(newsletter.Pending, "b=7", earlier)))
	row("an earlier one did not arrive", skip(newsletter.ReasonOtherFailed), base("a=4 b=7"))
	row("an earlier one did not arrive and a later one waits", skip(newsletter.ReasonOtherFailed), all(base("a=4 b=7"), other(newsletter.Pending, "b=9")))
	row("an earlier one did not arrive and one is uncertain", skip(newsletter.ReasonOtherFailed), all(base("a=4 b=7"), other(newsletter.Uncertain, "a=4 b=6", earlier, unanswered)))
	row("an uncertain one brought what this one counts on", send("a=9 b=9"), all(base("a=4 b=7"), other(newsletter.Uncertain, "a=4 b=7", earlier, unanswered)))
	row("what did not arrive is of another category", send("a=9 b=9 c=2"), all(base("a=4 b=4 c=7"), position("a=4 b=4 c=2")))
	row("what did not arrive is of a category given up", replan(9, 5), all(base("a=4 b=7"), chosen("a")))
	row("an earlier one brought more than it should", send("a=9 b=9"), all(base("a=3 b=4"), position("a=4 b=4")))

	row("one came back meanwhile", send("a=9 b=9!3"), position("a=4 b=4!3"))
	row("a hole was planned", asPlanned, all(base("a=9!5 b=9!8"), position("a=9!5 b=9!8"), func(f *newsletter.Facts) { f.Items = f.Items[1:] }))
	row("a hole was planned and received meanwhile", replan(8), all(base("a=9!5 b=9!8"), position("a=9 b=9!8"), func(f *newsletter.Facts) { f.Items = f.Items[1:] }))
	row("a hole was planned and one more came back", send("a=9!2 b=9"), all(base("a=9!5 b=9!8"), position("a=9!2,5 b=9!8"), func(f *newsletter.Facts) { f.Items = f.Items[1:] }))
	row("what was planned as missing was received meanwhile", send("a=9 b=9"), all(position("a=7 b=4"), func(f *newsletter.Facts) { f.Target, f.Items = at("a=9!7 b=9"), f.Items[:2] }))

	row("one was just withdrawn", until(50*time.Second), withdrawn(away(10*time.Second), 8))
	row("two were just withdrawn", until(50*time.Second), all(withdrawn(away(10*time.Second), 8), withdrawn(away(20*time.Second), 9)))
	row("one was withdrawn a minute ago", without("a=9 b=9!8", 9, 5), withdrawn(away(time.Minute), 8))
	row("one was withdrawn and another just now", until(50*time.Second), all(withdrawn(away(time.Hour), 9), withdrawn(away(10*time.Second), 8)))
	row("two were withdrawn", without("a=9!9 b=9!8", 5), withdrawn(away(time.Hour), 8, 9))
	row("all were withdrawn", skip(newsletter.ReasonWithdrawn), withdrawn(away(time.Hour), 5, 8, 9))
	row("staff withdrew one", without("a=9!5 b=9", 9, 8), withdrawn(byStaff, 5))
	row("one was withdrawn and another received", without("a=9 b=9!8", 9), all(withdrawn(away(time.Hour), 8), position("a=5 b=4")))
	row("one was withdrawn that was received", replan(9, 8), all(withdrawn(away(time.Second), 5), position("a=5 b=4")))
	row("one was withdrawn and the reader has left", skip("unsubscribed"), all(withdrawn(away(time.Second), 5), status(subscribers.Unsubscribed)))
	row("one was withdrawn before staff approved it", without("a=9 b=9!8", 9, 5), all(withdrawn(away(time.Hour), 8), looked(time.Minute)))
	row("one was withdrawn since staff approved it", giveBack, all(withdrawn(away(time.Hour), 8), looked(2*time.Hour)))
	row("staff withdrew one since staff approved it", giveBack, all(withdrawn(byStaff, 8), looked(time.Second)))
	row("one was just withdrawn since staff approved it", until(time.Second), all(withdrawn(away(59*time.Second), 8), looked(time.Hour)))
	return rows
}

// MessageRow is a row of the table of newsletter.DecideMessage.
type MessageRow struct {
	Name  string
	Facts newsletter.MessageFacts
	Want  newsletter.Decision
}

// MessageRows returns the table.
func MessageRows() (rows []MessageRow) {
	send := newsletter.Decision{Action: newsletter.ActionSend}
	giveBack := newsletter.Decision{Action: newsletter.ActionGiveBack}
	notNeeded := newsletter.Decision{Action: newsletter.ActionSkip, Reason: newsletter.ReasonNotNeeded}
	for _, kind := range []newsletter.MessageKind{newsletter.ConfirmEmail, newsletter.AlreadyEmail, newsletter.MovedEmail, newsletter.TestEmail} {
		for _, status := range append([]subscribers.Status{""}, subscribers.Statuses[:]...) {
			for _, moving := range []bool{false, true} {
				if moving && status == "" {
					continue
				}
				want := notNeeded
				switch {
				case kind == newsletter.TestEmail,
					kind == newsletter.ConfirmEmail && status == subscribers.Pending,
					kind == newsletter.ConfirmEmail && status == subscribers.Confirmed && moving,
					kind != newsletter.ConfirmEmail && status == subscribers.Confirmed:
					want = send
				}
				name := []string{string(kind), string(status)}
				if status == "" {
					name[1] = "gone"
				}
				if moving {
					name = append(name, "moving")
				}
				facts := newsletter.MessageFacts{Kind: kind, Reader: newsletter.Reader{Status: status, Moving: moving}}
				rows = append(rows, MessageRow{strings.Join(name, " "), facts, want})
				facts.Held = true
				rows = append(rows, MessageRow{strings.Join(append(slices.Clone(name), "held"), " "), facts, giveBack})
				if facts.Held = false; kind == newsletter.ConfirmEmail && want.Action == newsletter.ActionSend {
					facts.Ended = true
					rows = append(rows, MessageRow{strings.Join(append(name, "another was clicked"), " "), facts, notNeeded})
				}
			}
		}
	}
	for status, may := range map[subscribers.Status][]bool{"": {false}, subscribers.Pending: {false}, subscribers.Confirmed: {true}, subscribers.Unsubscribed: {true}, subscribers.Suppressed: {true, false}} {
		for _, may := range may {
			want := notNeeded
			if may {
				want = send
			}
			rows = append(rows, MessageRow{fmt.Sprintf("link %s, may get it: %v", status, may), newsletter.MessageFacts{Kind: newsletter.LinkEmail, Reader: newsletter.Reader{Status: status, MayGetLink: may}}, want})
		}
	}
	return rows
}

// at is a position in a table.
func at(s string) newsletter.Position {
	p, err := newsletter.ParsePosition(s)
	if err != nil {
		panic(err)
	}
	return p
}
