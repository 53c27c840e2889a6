package newsletter

import (
	"context"
	"iter"
	"time"

	"github.com/scaledbydesign/insights/subscribers"
)

// Numbered is an insight with the place it has in the order of appearance.
type Numbered struct {
	InsightID string
	Seq       int64  // > 0; never changes, never given twice
	Category  string // slug, frozen with the number
	Email     bool   // false: never in a digest
}

// Visible is an insight that the library shows now, to be numbered.
type Visible struct {
	InsightID string
	Category  string
	Slug      string // by which its id is known again, should a file get another
	Date      time.Time
	Order     int
	Email     bool
}

// Numbering says how to number.
type Numbering struct {
	Grace time.Duration // an insight waits this long after it was first seen
	// Authority: the caller's library is the site's. What it does not show is
	// withdrawn. Without it the caller's library must hold everything that is
	// not withdrawn, else ErrOtherLibrary, so that staff who run a command in the
	// wrong folder number nothing.
	Authority bool
}

// LibraryStore numbers insights. All its methods are safe for concurrent use by
// several processes.
type LibraryStore interface {
	// Number records what is visible and numbers what is due, oldest first. It
	// returns how many it numbered and, if some wait for their grace, when the
	// next is due. The very first library is numbered without grace.
	Number(ctx context.Context, visible []Visible, how Numbering) (numbered int, next time.Time, err error)
	// Sequence returns every numbered insight that is not withdrawn, by number.
	Sequence(ctx context.Context) ([]Numbered, error)
}

// GroupKey is the store's own name for "same categories, same position, the same
// on its way".
type GroupKey struct {
	Mask, Position int64
	OnTheWay       string // "" = nothing
}

// Group is the readers of an audience who have the same categories and the same
// position, and nothing on its way to them.
type Group struct {
	Key        GroupKey
	Categories []string
	Position   Position
	Readers    int
}

// Busy is a reader to whom an earlier mail is still on its way: its insights
// must not be planned again.
type Busy struct {
	Subscriber int64
	Key        GroupKey
	Categories []string
	Position   Position
	OnTheWay   Position // where they will be when those mails have arrived
}

// PlannedGroup says what a group receives.
type PlannedGroup struct {
	Key     GroupKey
	Variant int
	Base    Position // where its readers are
	Target  Position // where they will be
}

// PlannedReaders says what busy readers receive who have one key. Their Base is
// where they will be when what is on its way has arrived.
type PlannedReaders struct {
	PlannedGroup
	Subscribers []int64
}

// PlanStore keeps digests while they are planned.
type PlanStore interface {
	LibraryStore
	Groups(ctx context.Context, a Audience) ([]Group, error)
	Busy(ctx context.Context, a Audience) iter.Seq2[Busy, error]

	// Begin stores a digest in state planning and returns its id.
	Begin(ctx context.Context, d Digest) (int64, error)
	// AddGroups writes a delivery for each reader of the audience that still
	// belongs to one of the groups and has nothing on its way, in chunks.
	AddGroups(ctx context.Context, digest int64, a Audience, groups []PlannedGroup) error
	AddReaders(ctx context.Context, digest int64, readers PlannedReaders) error
	// Freeze makes a planning digest planned (or approved, as d.State says) with
	// its items and variants and counts its readers; the slot is recorded in the
	// same transaction. ErrSlotTaken, and the digest discarded, when the slot is
	// on record already and not failing. Variants no reader was left for are dropped.
	Freeze(ctx context.Context, d Digest, slot *SlotRecord) (Digest, error)
	// Discard removes a digest in state planning, with its rows.
	Discard(ctx context.Context, digest int64) error
}

// SlotRecord is what became of one occurrence of a schedule.
type SlotRecord struct {
	Schedule string
	Key      string // local wall time without offset, or "seq:N" for instant ones
	Due      time.Time
	Outcome  SlotOutcome
	Reason   Reason
	Digest   int64 // 0 = none
	At       time.Time
}

// After is what stays on record of a slot that was on record before: only a failing
// one is replaced, and one that ends without having been planned has failed. ok is
// false if nothing changes.
func (r SlotRecord) After(before SlotRecord) (kept SlotRecord, ok bool) {
	if before.Outcome != SlotFailing {
		return before, false
	}
	r.Due = before.Due
	if r.Outcome == SlotMissed || r.Outcome == SlotLate {
		r.Outcome, r.Reason = SlotFailed, before.Reason+"; "+r.Reason
	}
	return r, true
}

// SlotOutcome is what became of a slot.
type SlotOutcome string

const (
	SlotPlanned SlotOutcome = "planned" // its digest's state says the rest
	SlotSkipped SlotOutcome = "skipped" // nothing new for anybody
	SlotMissed  SlotOutcome = "missed"  // nobody was there to plan it
	SlotLate    SlotOutcome = "late"    // too late to be sent
	SlotFailing SlotOutcome = "failing" // it could not be planned so far, and is tried again
	SlotFailed  SlotOutcome = "failed"  // it never could
)

// SlotStore keeps slots.
type SlotStore interface {
	// Define records a schedule that is seen for the first time, or whose times have
	// changed: it begins now, and no slot before counts as missed.
	Define(ctx context.Context, schedule, times string, now time.Time) (changed bool, err error)
	// Since returns the due time of the schedule's newest slot on record that is
	// not failing, or when the schedule began, whichever is later; one that nobody
	// has defined begins now.
	Since(ctx context.Context, schedule string, now time.Time) (time.Time, error)
	// RecordSlots stores slots without a digest. What is on record stays as it is,
	// but for a failing slot: it is replaced, as failed and with its reason before
	// the new one if it ends without having been planned.
	RecordSlots(ctx context.Context, slots ...SlotRecord) error
	// Slot returns one slot; ok is false when it is not on record.
	Slot(ctx context.Context, schedule, key string) (r SlotRecord, ok bool, err error)
	// Slots returns the newest slots first.
	Slots(ctx context.Context, limit int) ([]SlotRecord, error)
}

// DigestStore is what staff see and decide.
type DigestStore interface {
	Digest(ctx context.Context, id int64) (Digest, error) // ErrNotFound
	Digests(ctx context.Context, limit int) ([]Digest, error)
	// Approve lets a planned digest be sent. changed is false when it already was.
	Approve(ctx context.Context, id int64) (changed bool, err error)
	// Pause stops an approved or sending digest: no delivery starts until Resume.
	Pause(ctx context.Context, id int64, reason Reason) (changed bool, err error)
	Resume(ctx context.Context, id int64) (changed bool, err error)
	// Cancel ends a digest that is not done: what has not been started is
	// skipped and stays unread; what is in flight ends by itself.
	Cancel(ctx context.Context, id int64) (changed bool, err error)
	// Retry makes a digest's failed or uncertain deliveries pending again and
	// returns how many. A reader who has received them meanwhile, or no longer
	// wants them, gets nothing. ErrState: the digest was never sent.
	Retry(ctx context.Context, id int64, failed, uncertain bool) (int, error)

	// Hold keeps every worker from starting a mail until Release. What is held
	// already keeps its reason.
	Hold(ctx context.Context, reason Reason) error
	// Held returns why sending is held, "" if it is not, and since when.
	Held(ctx context.Context) (reason Reason, since time.Time, err error)
	Release(ctx context.Context) (released bool, err error)

	Deliveries(ctx context.Context, f DeliveryFilter) iter.Seq2[Delivery, error]
	Delivery(ctx context.Context, ref Ref) (Delivery, error) // ErrNotFound
}

// DeliveryFilter chooses mails in the outbox. Zero fields choose all.
type DeliveryFilter struct {
	Digest int64
	State  DeliveryState
	Email  string // an Address key
}

// Task is one claimed mail with what is needed to make it.
type Task struct {
	Ref      Ref
	Kind     MessageKind
	Attempts int       // before this one
	Variant  int       // of a digest
	Created  time.Time // when a message was queued; zero for a digest's mail
	Deadline time.Time // when it is given up; the worker's to say
	// Subscriber is whom it goes to; zero but for the address in a test mail.
	Subscriber subscribers.Subscriber
	// To is the frozen address: set once the mail has been started.
	To      string
	Payload string // of a test mail: its Rendered as JSON
	// Route is the store's own word on where the mail takes its reader; a
	// Result hands it back.
	Change PositionChange
}

// overdue says that it is too late to begin with a mail.
func (t *Task) overdue(now time.Time) bool { return !t.Deadline.IsZero() && now.After(t.Deadline) }

// Route is where a mail finds its reader and where it takes them, as the store
// refers to the two positions.
type PositionChange struct{ Base, Target int64 }

// Mark is the durable word that a mail is about to be sent.
type Begin struct {
	Ref       Ref
	To        string
	MessageID string
}

// Result is the durable word on what became of a mail.
type Result struct {
	Ref    Ref
	Change PositionChange // of its Task
	State  DeliveryState  // Sent, Deferred, Failed, Skipped, Uncertain; Waiting = given back unattempted
	NextAt time.Time      // of Deferred and Waiting
	Code   int
	Reason Reason
	// Uncertain: this attempt's dot was never answered, whatever State says.
	Uncertain bool
	// Received: what the mail carried counts as received, so the reader's
	// position moves.
	Received bool
}

// Entry is one entry of the recorder: a Result, a Begin, or the Result of one
// mail and the Mark of the next.
type Entry struct {
	Begin  *Begin
	Result *Result
}

// OnUncertain is what happens to a mail that was found in flight after a crash,
// or whose dot was never answered.
type OnUncertain string

const (
	Resend OnUncertain = "resend" // same bytes again; servers that drop repeats do
	Hold   OnUncertain = "hold"   // staff decide
	Skip   OnUncertain = "skip"   // never again
)

// OutboxStore is the outbox as a worker sees it.
type OutboxStore interface {
	// Attach makes worker the owner of what it will claim and gives back what
	// dead workers left: claimed mails become pending, mails in flight become
	// uncertain or, under Resend, deferred until now. A worker is dead when it
	// has not beaten for ttl. Attach is also the heartbeat.
	Attach(ctx context.Context, worker string, ttl time.Duration, policy OnUncertain) (Recovered, error)
	// Detach gives back what worker has claimed and not started.
	Detach(ctx context.Context, worker string) error
	// Touch records that mails of a digest go out.
	Touch(ctx context.Context, digest int64) error
	// PauseLate pauses every approved or sending digest of which nothing went
	// out (see Touch) for longer than after says of its schedule ("" = planned by
	// staff), and returns their ids: staff are to look at it first.
	PauseLate(ctx context.Context, after func(schedule string) time.Duration) ([]int64, error)
	// Trouble records why an attached worker can't send just now, for staff to
	// see. The zero Trouble says that it can.
	Trouble(ctx context.Context, worker string, t Trouble) error

	// Ready returns the approved and sending digests that may go out, oldest first.
	Ready(ctx context.Context) ([]Digest, error)
	// Start moves an approved digest to sending.
	Start(ctx context.Context, digest int64) error
	// Body returns a variant as it was first rendered; ok is false before.
	Body(ctx context.Context, digest int64, variant int) (r StoredBody, ok bool, err error)
	// SaveBody keeps the first body of a variant and returns the one kept.
	SaveBody(ctx context.Context, digest int64, variant int, r StoredBody) (StoredBody, error)
	// Variant reads one variant of a digest.
	Variant(ctx context.Context, digest int64, number int) (Variant, error)
	// FailDigest ends a digest that can't be rendered.
	FailDigest(ctx context.Context, digest int64, reason Reason) error

	// ClaimMessages and ClaimDeliveries claim up to limit mails that are due; none
	// while sending is held.
	ClaimMessages(ctx context.Context, worker string, limit int) ([]Task, error)
	ClaimDeliveries(ctx context.Context, worker string, digest int64, limit int) ([]Task, error)
	// Record stores entries in one durable transaction and answers each with what
	// happens to the email that it begins: what Decide, or DecideMessage, says of it.
	// Only after ActionSend may it be sent. An Entry without a Begin has no answer.
	//
	// Results come first: what one email has brought a reader is known when the next
	// one to them is decided.
	Record(ctx context.Context, worker string, entries []Entry) ([]Action, error)
	// Finish makes a sending digest done if all its deliveries are terminal.
	Finish(ctx context.Context, digest int64) (bool, error)
	// NextDue is when the next mail or digest that waits for its time is due; zero =
	// none.
	NextDue(ctx context.Context) (time.Time, error)
}

// StoredBody is a variant as it is sent, stored so that the same bytes can be made
// again after a restart or an upgrade.
type StoredBody struct {
	Body
	Date    time.Time
	BaseURL string
}

// Trouble is why a worker sends nothing just now.
type Trouble struct {
	Reason Reason
	Since  time.Time
	Until  time.Time // when it tries again
}

// Recovered counts what Attach gave back.
type Recovered struct{ Claimed, Uncertain int }
