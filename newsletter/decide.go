package newsletter

import (
	"slices"
	"time"

	"github.com/scaledbydesign/insights/subscribers"
)

// Action is what happens to an email in the moment before it is sent.
type Action int

const (
	ActionDrop     Action = iota // nothing: another worker has it
	ActionSend                   // it is sent
	ActionReplan                 // it becomes pending again, with fewer insights
	ActionWait                   // it becomes pending again, until later
	ActionGiveBack               // it becomes pending again: its digest, or all sending, has stopped
	ActionSkip                   // it is not sent; what it carried stays unread
)

// Decision is an Action with its details.
type Decision struct {
	Action Action
	Reason Reason    // of ActionWait and ActionSkip
	At     time.Time // of ActionWait: when to decide again
	Seqs   []int64   // of ActionReplan: the remaining insights, in the variant's order
	// Target is the reader's position after the email, if not as planned.
	Target Position
}

// Facts are what the decision about a claimed delivery depends on. Those about the
// reader and about other deliveries are read while the reader's row is locked.
type Facts struct {
	Now    time.Time
	Digest DigestState
	Held   bool // all sending is held
	Reader Reader
	// Looked is when staff approved the digest after looking at it; zero = no one has to.
	Looked time.Time

	// What was planned: the reader's categories and position at the time, and their
	// position after the delivery.
	Categories   []string // sorted
	Base, Target Position
	Items        []Item // of the delivery's variant
	// Withdrawn are those of Items that are withdrawn now, by number.
	Withdrawn map[int64]Withdrawal

	Others []OtherDelivery

	// UnderJudgement says that an email to the reader was refused, which is not judged yet,
	// and that this is neither a further attempt nor one that staff asked for.
	UnderJudgement bool
}

// Reader is what a decision about an email needs to know about its reader. The zero
// Reader is gone.
type Reader struct {
	Status      subscribers.Status
	PausedUntil time.Time
	Categories  []string // sorted
	Position    Position
	Moving      bool // they have asked to change their address
	MayGetLink  bool // as subscribers.MayGetLink says
}

// OtherDelivery is another digest's delivery to the same reader that is on its way:
// see OnTheWay.
type OtherDelivery struct {
	State      DeliveryState
	Unanswered bool // the server never answered the final dot of an earlier attempt
	Earlier    bool // it was planned before this one
	// The reader's position before and after it, as it was planned.
	Base, Target Position
}

// inDoubt reports whether the other delivery may be arriving just now.
func (o OtherDelivery) inDoubt() bool {
	return o.State == Sending || o.State == Uncertain || o.Unanswered
}

// waitForOther is how long a delivery waits for another one to the same reader.
const waitForOther = time.Minute

// Why a delivery waits or is skipped right before it is sent.
const (
	ReasonGone         Reason = "the subscriber is gone"
	ReasonPaused       Reason = "paused"
	ReasonOtherInDoubt Reason = "waiting for another email to this reader"
	ReasonOtherEarlier Reason = "waiting for an earlier email to this reader"
	ReasonOtherFailed  Reason = "an earlier email did not arrive; its insights come with the next digest"
	ReasonNothingLeft  Reason = "already received, or no longer chosen"
	ReasonNotNeeded    Reason = "no longer needed"
	ReasonWithdrawing  Reason = "waiting: an insight it carries is not on the site"
	ReasonWithdrawn    Reason = "what it carried was withdrawn from the site"
)

// AsPlanned reports whether nothing has changed since the delivery was planned, and
// no other email to its reader is in doubt. It is the usual case, for which a store
// may begin the delivery without reading the rest.
func (f *Facts) AsPlanned() bool {
	return f.Digest == DigestSending && !f.Held && !f.UnderJudgement && len(f.Withdrawn) == 0 &&
		f.Reader.Status == subscribers.Confirmed && !f.Reader.PausedUntil.After(f.Now) &&
		slices.Equal(f.Reader.Categories, f.Categories) && f.Reader.Position.String() == f.Base.String() &&
		!slices.ContainsFunc(f.Others, OtherDelivery.inDoubt)
}

// Decide says what happens to a claimed delivery right before it is sent. A reader
// gets nothing that they no longer want or have received meanwhile, and nothing
// while another email to them is in doubt, since it may bring the same.
func Decide(f *Facts) Decision {
	if f.AsPlanned() {
		return Decision{Action: ActionSend}
	}
	switch {
	case f.Digest != DigestSending, f.Held:
		return Decision{Action: ActionGiveBack}
	case f.Reader.Status == "":
		return skip(ReasonGone)
	case f.Reader.Status != subscribers.Confirmed:
		return skip(Reason(f.Reader.Status))
	case f.Reader.PausedUntil.After(f.Now):
		return skip(ReasonPaused)
	case f.UnderJudgement:
		return skip(ReasonUnderJudgement)
	}
	current := f.Reader.Position
	earlier := false
	for _, o := range f.Others {
		switch {
		case o.State == Uncertain: // its outcome stays unknown: it counts as arrived
			current = current.Apply(o.Base, o.Target)
			continue
		case o.inDoubt():
			return f.wait(ReasonOtherInDoubt)
		}
		earlier = earlier || o.Earlier
	}
	left := f.unread(current)
	arrived := !slices.ContainsFunc(left, func(item Item) bool { return current[item.Category].To < f.Base[item.Category].To })
	switch {
	case len(left) == 0:
		return skip(ReasonNothingLeft)
	case !arrived && earlier:
		return f.wait(ReasonOtherEarlier)
	case !arrived:
		return skip(ReasonOtherFailed)
	}
	if d, decided := f.withdrawals(left); decided {
		return d
	}
	shown, target := f.shown(left)
	switch {
	case len(shown) == 0:
		return skip(ReasonWithdrawn)
	case len(shown) < len(f.Items):
		return Decision{Action: ActionReplan, Seqs: seqsOf(shown), Target: target}
	}
	return Decision{Action: ActionSend, Target: f.carried(shown, current)}
}

// withdrawals decides about a delivery because of insights that were withdrawn since it
// was planned. While a withdrawal has not taken effect, they may be back any moment.
// Staff who must look at a digest look at it again without them.
func (f *Facts) withdrawals(left []Item) (d Decision, decided bool) {
	var at time.Time
	for _, item := range left {
		w := f.Withdrawn[item.Seq]
		switch {
		case !w.Is():
		case !w.InEffect(f.Now):
			if w.EffectAt().After(at) {
				at = w.EffectAt()
			}
		case f.Looked.Before(w.EffectAt()) && !f.Looked.IsZero():
			return Decision{Action: ActionGiveBack}, true
		}
	}
	return Decision{Action: ActionWait, Reason: ReasonWithdrawing, At: at}, !at.IsZero()
}

// shown returns the insights that are not withdrawn. If some are, the delivery leads to
// another target, in which they are unread.
func (f *Facts) shown(left []Item) (shown []Item, target Position) {
	for _, item := range left {
		if !f.Withdrawn[item.Seq].Is() {
			shown = append(shown, item)
			continue
		}
		if target == nil {
			target = f.Target
		}
		target = target.Lose(item.Category, item.Seq)
	}
	return shown, target
}

// unread returns the delivery's insights that the reader lacks and still wants.
func (f *Facts) unread(at Position) (left []Item) {
	for _, item := range f.Items {
		if slices.Contains(f.Reader.Categories, item.Category) && !at.Has(item.Category, item.Seq) {
			left = append(left, item)
		}
	}
	return left
}

// carried returns the reader's position after these insights, if it is current before
// them. Only their own categories change: in others, the target may include what another
// delivery was to bring.
func (f *Facts) carried(items []Item, current Position) Position {
	then, after := f.Reader.Position.clone(), current.Apply(f.Base, f.Target)
	for _, item := range items {
		then[item.Category] = after[item.Category]
	}
	return then
}

func (f *Facts) wait(reason Reason) Decision {
	return Decision{Action: ActionWait, Reason: reason, At: f.Now.Add(waitForOther)}
}

func skip(reason Reason) Decision { return Decision{Action: ActionSkip, Reason: reason} }

func seqsOf(items []Item) []int64 {
	seqs := make([]int64, len(items))
	for i, item := range items {
		seqs[i] = item.Seq
	}
	return seqs
}

// MessageFacts are what the decision about a claimed single email depends on.
type MessageFacts struct {
	Kind   MessageKind
	Held   bool
	Ended  bool   // of a ConfirmEmail: there is nothing to confirm any more
	Reader Reader // zero also if the email has none
}

// DecideMessage says what happens to a claimed single email right before it is sent:
// it is sent if its reader is still in the state that it was queued for.
func DecideMessage(f MessageFacts) Decision {
	switch {
	case f.Held:
		return Decision{Action: ActionGiveBack}
	case f.Kind == TestEmail:
	case f.Kind == ConfirmEmail:
		if f.Ended || f.Reader.Status != subscribers.Pending && !(f.Reader.Status == subscribers.Confirmed && f.Reader.Moving) {
			return skip(ReasonNotNeeded)
		}
	case f.Kind == LinkEmail:
		if !f.Reader.MayGetLink {
			return skip(ReasonNotNeeded)
		}
	case f.Reader.Status != subscribers.Confirmed:
		return skip(ReasonNotNeeded)
	}
	return Decision{Action: ActionSend}
}
